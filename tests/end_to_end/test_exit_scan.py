"""A file that names what the run withheld, as a mask failed, is held back and named."""

import io
import shutil
import stat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from reports import pieces, workbench
from schemas.tables import HELD_FOLDER
from tests.support.examples import some
from tests.support.run_pipeline import (
    call,
    callbacks,
    complaint,
    error_of,
    execute,
    jsonl,
    refusal_of,
    run,
    write_decisions,
)
from transforms.redact import records
from transforms.write import job_pool

VICTIM = "(202) 456-2131"
"""The number of the victim, which all records call theirs."""

SUSPECT = "888-222-3344"


def inputs(folder):
    """Complaints of four people on one number and one site, and calls."""
    rows = [
        complaint(
            number,
            victim_id=f"v{number}",
            received_at=f"2024-03-0{number}T09:30:00Z",
            narrative=f"They told me to call {SUSPECT}. My number is {VICTIM}. My card was "
            f"4111 1111 1111 1111.",
            phone_numbers=[{"raw": SUSPECT, "role": "callback"}, {"raw": VICTIM, "role": "victim"}],
            urls=["https://amzn-help-desk.com/a"],
        )
        for number in range(1, 5)
    ]
    calls = [call(1, direction="outbound", calling_number=VICTIM, called_number=SUSPECT)]
    files = jsonl(folder / "complaints.jsonl", rows), jsonl(folder / "calls.jsonl", calls)
    return "--complaints", files[0], "--calls", files[1]


PIECE, TABLE = "/data/part-", ".parquet"
"""Within the names of files of a report and of a graph."""


def planted(monkeypatch, texts):
    """Makes every file that a report writes end in the text of its kind."""
    write = job_pool.write_local_file

    def leaking(folder, name, chunks):
        if name.endswith(TABLE) and TABLE in texts:
            table = pa.table({"label": [texts[TABLE]]})
            sink = io.BytesIO()
            pq.write_table(table, sink)
            chunks = [sink.getvalue()]
        chunks = [
            *chunks,
            *(texts[kind].encode() for kind in texts.keys() - {TABLE} if kind in name),
        ]
        return write(folder, name, chunks)

    monkeypatch.setattr(job_pool, "write_local_file", leaking)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run(folder / "run", *inputs(folder))
    return folder / "run"


@pytest.fixture
def clean(finished, tmp_path):
    """A run without a leak, for a test to change."""
    return shutil.copytree(finished, tmp_path / "run")


def health(folder):
    texts = execute("health", folder, status=None)
    return texts.status, texts.out


def names_a_victim(text):
    """Search longer pieces: three digits stand by chance in a fingerprint or a folder's name."""
    return any(piece in text for piece in ("456-2131", "4562131", "41111111"))


def test_a_run_without_a_leak_holds_nothing_back(clean):
    assert not (clean / HELD_FOLDER).exists()
    assert health(clean) == (0, "well\n")


KINDS = (PIECE, "/data/run", "/data/clusters", TABLE)

NUMBER, CARD = "%28202%29 456-2131", "4111111111111111"


@pytest.mark.parametrize(
    "values", some([(NUMBER, CARD, CARD, NUMBER), (CARD, NUMBER, NUMBER, CARD)])
)
def test_a_file_of_a_run_with_a_victims_value_is_held_back(tmp_path, monkeypatch, capsys, values):
    texts = {kind: f"\n{value}" for kind, value in zip(KINDS, values, strict=True)}
    planted(monkeypatch, texts)
    manifest = run(tmp_path / "run", *inputs(tmp_path), status=1)
    said = capsys.readouterr().err
    given_out = [line["name"] for line in manifest["outputs"]]
    leaky = [name for name in given_out if name.startswith(("report/", "graph/"))]
    held = {line["name"]: line["rows"] for line in manifest["private"]}
    held = {name: rows for name, rows in held.items() if name.startswith(HELD_FOLDER)}
    for kind in KINDS:
        assert not [name for name in leaky if kind in name]
        assert [name for name in held if kind in name]
    assert set(held.values()) == {1}
    for name in held:
        assert stat.S_IMODE((tmp_path / "run" / name).stat().st_mode) == 0o600
    assert "warning: held back: " in said and "1 withheld value" in said
    assert not names_a_victim(said)
    status, told = health(tmp_path / "run")
    assert status == 1 and told.count("held: ") == len(held) and not names_a_victim(told)


@pytest.mark.parametrize("value", [NUMBER, CARD])
def test_a_piece_of_the_workbench_with_a_victims_value_is_held_back(
    clean, tmp_path, monkeypatch, value
):
    words = ["report", str(clean), "--output"]
    execute(*words, tmp_path / "clean")
    encode = pieces.encode_piece
    leaking = lambda name, facts, *rest: encode(name, facts | {"more": value}, *rest)  # noqa: E731
    for module in (pieces, workbench):
        monkeypatch.setattr(module, "encode_piece", leaking)
    said = error_of(*words, tmp_path / "page")
    assert "held back" in said and not names_a_victim(said)
    assert not list((tmp_path / "page" / "report" / "data").iterdir())
    assert (tmp_path / "page" / "report" / "index.html").exists()


def test_a_line_of_the_log_that_names_a_victim_is_left_out(tmp_path, capsys):
    words = inputs(tmp_path)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "complaints.jsonl").write_bytes(words[1].read_bytes())
    (tmp_path / "more" / "photo 2024562131.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    run(tmp_path / "run", "--complaints", tmp_path / "more")
    said = capsys.readouterr().err
    assert "a line with 1 withheld value left out" in said and not names_a_victim(said)


def test_a_mask_that_fails_gives_nothing_out(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "mask_rows", lambda texts, *_: texts)
    main = run(tmp_path / "run", *inputs(tmp_path), "--keep-narratives", status=1)
    for file in main["outputs"]:
        if file["name"].startswith(("report/", "graph/")):
            content = (tmp_path / "run" / file["name"]).read_bytes()
            assert b"456-2131" not in content and b"4111 1111" not in content, file["name"]
    assert any(file["name"].startswith("complaints/") for file in main["outputs"])


def test_what_is_contested_is_a_leak_until_a_decision_publishes_it(tmp_path, monkeypatch):
    rows = [
        complaint(
            number,
            victim_id=f"v{number}",
            phone_numbers=[{"raw": VICTIM, "role": role}, {"raw": SUSPECT, "role": "callback"}],
        )
        for number, role in enumerate(("victim", "callback", "victim", "callback"))
    ]
    inputs_of_run = "--complaints", jsonl(tmp_path / "complaints.jsonl", rows)
    decisions = write_decisions(
        tmp_path / "decisions.csv",
        "D-1,suspect_held,phone:+12024562131,,Ann,the ring's own,2026-05-01T00:00:00Z,",
    )
    planted(monkeypatch, {PIECE: VICTIM})
    run(tmp_path / "one", *inputs_of_run, status=1)
    assert list((tmp_path / "one" / HELD_FOLDER).rglob("*.js"))
    after = "--previous", tmp_path / "one", "--decisions", decisions
    run(tmp_path / "two", *inputs_of_run, *after)
    assert not (tmp_path / "two" / HELD_FOLDER).exists()


def test_a_suspects_own_values_are_no_leak(tmp_path, monkeypatch):
    planted(monkeypatch, {PIECE: f" {SUSPECT} amzn-help-desk.com 2024562131999"})
    run(tmp_path / "run", *inputs(tmp_path))


def test_a_report_for_others_goes_without_a_file_that_names_a_victim(clean, monkeypatch):
    planted(monkeypatch, {PIECE: f"\n{VICTIM}"})
    out = clean.with_name("out")
    said = refusal_of("report", clean, "--redact", "--output", out)
    assert "held back" in said and "1 withheld value" in said
    assert not names_a_victim(said)
    there = [path.name for path in out.rglob("*") if path.is_file()]
    assert "index.html" in there and not [name for name in there if name.startswith("part-")]
    held = [path for path in (clean / HELD_FOLDER).rglob("*") if path.is_file()]
    assert held and {stat.S_IMODE(path.stat().st_mode) for path in held} == {0o600}
    status, told = health(clean)
    assert status == 1 and told.count("held: ") == len(held)


def test_without_a_key_only_what_is_contested_is_known(clean, monkeypatch):
    planted(monkeypatch, {PIECE: f"\n{VICTIM}"})
    out = clean.with_name("out")
    words = ["report", str(clean), "--redact", "--output", str(out), "--no-register"]
    assert cli.main(words) == 0


def test_what_is_within_an_address_that_is_shown_is_no_leak(tmp_path):
    """A form's number can pass the check of a card, and somebody can call it theirs."""
    form = "243067027834874"
    rows = [
        complaint(
            number,
            victim_id=f"v{number}",
            narrative=f"They told me to call {SUSPECT}. " + ("My card is " + form) * (number == 1),
            phone_numbers=callbacks(SUSPECT),
            urls=[f"https://form.jotform.com/{form}"],
        )
        for number in range(1, 4)
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows))
    assert not (tmp_path / "run" / HELD_FOLDER).exists()
    ids = pq.read_table(tmp_path / "run" / "graph" / "nodes.parquet")["id"].to_pylist()
    assert f"url:form.jotform.com/{form}" in ids


def test_an_id_that_is_its_own_victims_number_is_a_leak(tmp_path):
    """Only the words of the record say whose number it is: no check of its fields sees it."""
    own = f"My number is {VICTIM}. "
    rows = [
        complaint(
            number,
            complaint_id=f"20245{number}2131",
            victim_id=f"v{number}",
            narrative=f"They told me to call {SUSPECT}. " + own * (number == 6),
            phone_numbers=[{"raw": SUSPECT, "role": "callback"}],
        )
        for number in (5, 6, 7)
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows), status=1)
    assert (tmp_path / "run" / HELD_FOLDER).exists()
    rows[0]["narrative"], rows[1]["narrative"] = rows[1]["narrative"], rows[0]["narrative"]
    run(tmp_path / "other", "--complaints", jsonl(tmp_path / "others.jsonl", rows))
    assert not (tmp_path / "other" / HELD_FOLDER).exists()


LIES = (
    "My passport number is CO123421. My passport number is 20240301. My number is (202) 403-0109. "
)


def test_a_liar_holds_nothing_back_by_an_id_or_a_day_that_pages_show(tmp_path):
    rows = [
        complaint(
            number,
            complaint_id=f"CO1234{number}1",
            victim_id=f"v{number}",
            narrative=f"They told me to call {SUSPECT}. " + LIES * (number == 3),
            phone_numbers=callbacks(SUSPECT),
            urls=["https://amzn-help-desk.com/a"],
        )
        for number in range(1, 4)
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows))
    assert not (tmp_path / "run" / HELD_FOLDER).exists()
