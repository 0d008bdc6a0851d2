"""`ringtrace report`, and the report of a run that follows another under analysts' decisions."""

import csv
import json
import shutil
import statistics
import webbrowser
from datetime import datetime

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from reports.figures import WIDE
from schemas.decision import DECISION, DecisionKind
from schemas.enums import Tier
from schemas.manifest import MANIFEST_NAME, SIGNATURE_NAME
from schemas.tables import CALLS, COMPLAINTS, MEMBERS, MENTIONS, NARRATIVES, REJECTS
from tests.support.leaks import decoded_layers
from tests.support.run_pipeline import read, ringtrace, run
from tests.support.written_report import parts, piece, rows

AUTHOR = "Dr Fischer-Lindqvist"

REASON = "as record amazon CO000000007 says"


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Yesterday's run, today's run under five decisions, and what each decided on."""
    folder = tmp_path_factory.mktemp("days")
    simulate(World(seed=5, complaints=700, operations=14), folder / "world")
    given = [f"--{kind}={folder / 'world' / kind}" for kind in ("complaints", "calls")]
    received = sorted(
        datetime.fromisoformat(json.loads(line)["received_at"])
        for path in (folder / "world" / "complaints").iterdir()
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    day = received[len(received) * 9 // 10].isoformat()
    run(folder / "first", *given, "--as-of", day)
    by_size = sorted(clusters_of(folder / "first").values(), key=len)
    entities = dict(
        zip(
            (kind for kind in DecisionKind if kind != DecisionKind.MUST_LINK),
            ((members[0], members[-1]) for members in reversed(by_size)),
            strict=False,
        )
    )
    entities[DecisionKind.MUST_LINK] = (by_size[-5][0], by_size[-6][0])
    paired = (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK)
    with (folder / "decisions.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(DECISION.names)
        for number, (kind, (a, b)) in enumerate(entities.items()):
            other = b if kind in paired else ""
            why = f"{REASON} ({kind})"
            table.writerow([f"D-{number}", kind, a, other, AUTHOR, why, "2025-01-01T00:00:00Z", ""])
    decided = ["--decisions", folder / "decisions.csv", "--previous", folder / "first"]
    run(folder / "second", *given, *decided)
    return folder / "first", folder / "second", entities


def clusters_of(folder):
    found = {}
    for row in read(folder, MEMBERS).to_pylist():
        found.setdefault(row["cluster_id"], []).append(row["entity_id"])
    return found


def data_of(folder):
    data = folder / "report" / "data"
    return {f"report/data/{path.name}": path.read_bytes() for path in data.iterdir()}


def test_every_decision_in_force_is_shown_with_its_author_and_reason(days):
    _, second, entities = days
    of = {one: cluster for cluster, members in clusters_of(second).items() for one in members}
    files = data_of(second)
    told, found = piece(files, "run"), parts(files)
    shown = {one["kind"]: one for one in told["decisions"]}
    for kind, (a, b) in entities.items():
        if kind == DecisionKind.VICTIM_OWNED:
            assert a not in of
            layers = [one for name, data in files.items() for one in decoded_layers(name, data)]
            assert not [one for one in layers if a.partition(":")[2].encode() in one]
            continue
        one = shown[kind]
        assert (one["author"], one["reason"]) == (AUTHOR, f"{REASON} ({kind})")
        said = f"by {AUTHOR}: {REASON} ({kind})"
        if kind == DecisionKind.LEGITIMATE:
            assert a not in of
            assert [row for row in piece(files, "suppressed")["rows"] if said in row[-1]]
            continue
        assert one["in_force"] and a in {one["entity_a"], one["entity_b"]}
        assert a in {each["id"] for each in found[of[a]]["members"]}
        if kind in (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK):
            assert (of[a] == of[b]) == (kind == DecisionKind.MUST_LINK)


def test_a_run_says_what_changed_since_the_run_that_it_follows(days):
    first, second, _ = days
    files = data_of(second)
    told = piece(files, "run")
    assert told["previous"] == json.loads((first / MANIFEST_NAME).read_bytes())["run_id"]
    assert told["compared"]
    before = [one["before"] for one in rows(piece(files, "clusters")) if one["before"]]
    assert len(before) > 5
    assert piece(data_of(first), "run")["previous"] is None


def places(folder):
    nodes = pq.read_table(folder / "graph" / "nodes.parquet").to_pylist()
    return {one["id"]: (one["x"] * WIDE, one["y"]) for one in nodes if one["x"] is not None}


def test_a_figure_keeps_its_positions_from_day_to_day(days):
    first, second, _ = days
    yesterday, today = clusters_of(first), clusters_of(second)
    before, after = places(first), places(second)
    same, grown = 0, []
    for cluster_id in yesterday.keys() & today.keys():
        old, new = set(yesterday[cluster_id]), set(today[cluster_id])
        if len(new) < 3 or len(old & new) * 2 < len(new):
            continue
        moved = [
            sum((a - b) ** 2 for a, b in zip(before[one], after[one], strict=True)) ** 0.5
            for one in sorted(old & new)
        ]
        if new <= old:
            assert max(moved) < 1e-9
            same += 1
        else:
            grown.append(statistics.median(moved))
    assert same > 5
    assert len(grown) > 2
    assert max(grown) < 0.1
    assert statistics.median(grown) < 0.05


def test_a_copy_for_a_reader_outside_holds_no_record_and_nothing_that_analysts_wrote(
    days, tmp_path, capsys
):
    _, second, _ = days
    out = tmp_path / "copy"
    assert ringtrace("report", second, "--redact", "--output", out) == 0
    assert capsys.readouterr().out == f"{out}/report/index.html\n"
    records = {
        row["complaint_id"]: row["narrative"] for row in read(second, NARRATIVES).to_pylist()
    }
    calls = read(second, CALLS)["call_id"].to_pylist()
    assert len(records) > 300
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    assert not (out / MANIFEST_NAME).exists()
    for path in files:
        layers = decoded_layers(path.name, path.read_bytes())
        content = b"\n".join(layers).decode("utf-8", "replace")
        if path.suffix == ".parquet":
            content = str(pq.read_table(path).to_pylist())
        for what in (AUTHOR, REASON):
            assert what not in content, path
        assert not [one for one in (*records, *calls) if one in content], path
        assert not [text for text in records.values() if text[:60] in content], path
    assert (out / "report" / "index.html").is_file()
    # The places of the run's figures; those of members that are left out are not in it.
    core = pc.field("tier") == Tier.CORE
    named = set(read(second, MEMBERS).filter(core)["entity_id"].to_pylist())
    assert places(out) == {one: at for one, at in places(second).items() if one in named}
    assert len(places(out)) > 100


def test_small_counts_by_country_are_hidden_on_demand(days, tmp_path):
    _, second, _ = days
    out = tmp_path / "copy"
    words = ["report", str(second), "--suppress-below", "1000000", "--output", str(out)]
    assert cli.main(words) == 0
    files = data_of(out)
    for one in rows(piece(files, "clusters")):
        assert {number for _, number in one["countries"]} == {None}
    shown = piece(files, "places")
    assert {number for _, number in shown["countries"]} == {None}


def test_a_run_has_few_files_and_its_report_is_smaller_than_its_tables(days):
    _, second, _ = days
    every = [path for path in second.rglob("*") if path.is_file()]
    assert len(every) < 60
    library = second / "report" / "cytoscape.min.js"
    size = {path: path.stat().st_size for path in every if path != library}
    report = sum(
        n for path, n in size.items() if path.relative_to(second).parts[0] in ("report", "graph")
    )
    assert report < 1.5 * (sum(size.values()) - report)
    assert {path.name for path in (second / "graph").iterdir()} == {
        "nodes.parquet",
        "edges.parquet",
    }


def test_the_report_is_shown_and_opened(days, capsys, monkeypatch):
    _, second, _ = days
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert ringtrace("report", second) == 0
    assert capsys.readouterr().out == f"{second}/report/index.html\n"
    assert opened == []
    assert ringtrace("report", second, "--open") == 0
    assert opened == [(second / "report" / "index.html").as_uri()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["URL", "--redact"], "copy it here first"),
        (["BARE"], "has no report/index.html; write one with --output DIR"),
    ],
)
def test_a_mistake_gives_one_line(days, tmp_path, capsys, words, message):
    _, second, _ = days
    names = {"URL": second.resolve().as_uri(), "BARE": tmp_path}
    (tmp_path / MANIFEST_NAME).write_bytes((second / MANIFEST_NAME).read_bytes())
    assert cli.main(["report", *(str(names.get(word, word)) for word in words)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("report", "--output", "{new}"),
        ("rejects", "--output", "{new}"),
        ("exchange", "offer", "--to", "microsoft", "--output", "{new}"),
    ],
)
def test_a_snapshot_without_records_is_refused_in_one_line(days, tmp_path, capsys, command):
    snapshot = tmp_path / "snapshot"
    shutil.copytree(days[1], snapshot)
    gone = tuple(f"{table.name}/" for table in (COMPLAINTS, CALLS, MENTIONS, REJECTS))
    for folder in (*gone, "private"):
        shutil.rmtree(snapshot / folder)
    given = json.loads((snapshot / MANIFEST_NAME).read_bytes())
    given["outputs"] = [one for one in given["outputs"] if not one["name"].startswith(gone)]
    given.pop("private_manifest", None)
    (snapshot / MANIFEST_NAME).write_text(json.dumps(given | {"private": []}))
    (snapshot / SIGNATURE_NAME).unlink(missing_ok=True)
    name, *rest = command
    words = (
        [name, *rest[:1], str(snapshot), *rest[1:]]
        if name == "exchange"
        else [name, str(snapshot), *rest]
    )
    assert cli.main([word.format(new=tmp_path / "new") for word in words]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{snapshot}: has no ")
    assert not (tmp_path / "new").exists()
