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
from reports.figures.graph_layout import WIDE
from schemas.decision import DECISION, DecisionKind
from schemas.enums import Tier
from schemas.manifest import MANIFEST_NAME, SIGNATURE_NAME
from schemas.tables import (
    CALLS,
    CLUSTERS,
    COMPLAINTS,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
    REJECTS,
    TABLES_BY_NAME,
)
from tests.support.leaks import decoded_layers
from tests.support.parsed_page import Page
from tests.support.run_pipeline import read, run

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
        rows = csv.writer(file)
        rows.writerow(DECISION.names)
        for number, (kind, (a, b)) in enumerate(entities.items()):
            other = b if kind in paired else ""
            why = f"{REASON} ({kind})"
            rows.writerow([f"D-{number}", kind, a, other, AUTHOR, why, "2025-01-01T00:00:00Z", ""])
    decided = ["--decisions", folder / "decisions.csv", "--previous", folder / "first"]
    run(folder / "second", *given, *decided)
    return folder / "first", folder / "second", entities


def clusters_of(folder):
    found = {}
    for row in read(folder, MEMBERS).to_pylist():
        found.setdefault(row["cluster_id"], []).append(row["entity_id"])
    return found


def page_of(folder, cluster_id):
    return (folder / "report" / "clusters" / f"{cluster_id}.html").read_text(encoding="utf-8")


def test_every_decision_in_force_is_shown_with_its_author_and_reason(days):
    _, second, entities = days
    of = {one: cluster for cluster, members in clusters_of(second).items() for one in members}
    for kind, (a, b) in entities.items():
        if kind == DecisionKind.LEGITIMATE:
            assert a not in of
            index = Page((second / "report" / "index.html").read_text(encoding="utf-8"))
            assert f"by {AUTHOR}: {REASON} ({kind})" in index.text
            continue
        if kind == DecisionKind.VICTIM_OWNED:
            assert a not in of
            whole = "".join(one.read_text() for one in (second / "report").rglob("*.html"))
            assert a.partition(":")[2] not in whole
            continue
        text = Page(page_of(second, of[a])).text
        shown = text[text.index("Decisions in force") :]
        assert f"{kind} decision" in shown
        assert f"by {AUTHOR}: {REASON} ({kind})" in shown
        if kind in (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK):
            assert (of[a] == of[b]) == (kind == DecisionKind.MUST_LINK)


def places(folder):
    rows = pq.read_table(folder / "graph" / "nodes.parquet").to_pylist()
    return {one["id"]: (one["x"] * WIDE, one["y"]) for one in rows if one["x"] is not None}


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
    assert cli.main(["report", str(second), "--redact", "--output", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}/report/index.html\n"
    records = {
        row["complaint_id"]: row["narrative"] for row in read(second, NARRATIVES).to_pylist()
    }
    calls = read(second, CALLS)["call_id"].to_pylist()
    assert len(records) > 300
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    assert not (out / MANIFEST_NAME).exists()
    for path in files:
        content = (
            str(pq.read_table(path).to_pylist())
            if path.suffix == ".parquet"
            else path.read_text(encoding="utf-8")
        )
        assert AUTHOR not in content, path
        assert REASON not in content, path
        assert not [one for one in (*records, *calls) if one in content], path
        assert not [text for text in records.values() if text[:60] in content], path
    assert (out / "report" / "index.html").is_file()
    assert len(files) > 30
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
    largest = max(read(second, CLUSTERS).to_pylist(), key=lambda row: row["complaints"])
    for page in (page_of(out, largest["cluster_id"]), (out / "report/index.html").read_text()):
        text = Page(page).text
        table = text[text.index("Victims’ countries") :][:400]
        country = largest["countries"][0]["country"]
        assert f"{country}hidden" in table.replace(" ", "")


def test_pages_and_bundles_for_as_many_as_are_asked_for(days, tmp_path):
    _, second, _ = days
    sizes = [row["size"] for row in read(second, CLUSTERS).to_pylist()]
    several = sum(size > 1 for size in sizes)
    for given, pages in (("0", 0), ("3", 3), ("all", several)):
        out = tmp_path / given
        words = ["--pages", given, "--output", str(out)]
        assert cli.main(["report", str(second), *words]) == 0
        made = list((out / "report" / "clusters").glob("c-*.html")) if pages else []
        assert len(made) == pages
        described = pages + min(len(sizes) - several, int(given) if given.isdigit() else len(sizes))
        assert len(list(out.rglob("*.stix.json"))) == described
    inside = list((second / "report" / "clusters").glob("*.html"))
    single = [path for path in inside if path.name.startswith("single-")]
    assert len(inside) - len(single) == several
    anchors = [
        attributes["id"]
        for path in single
        for tag, attributes in Page(path.read_text(encoding="utf-8")).elements
        if tag == "section"
    ]
    assert len(anchors) == len(sizes) - several > 0


def test_the_report_is_shown_and_opened(days, capsys, monkeypatch):
    _, second, _ = days
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert cli.main(["report", str(second)]) == 0
    assert capsys.readouterr().out == f"{second}/report/index.html\n"
    assert opened == []
    assert cli.main(["report", str(second), "--open"]) == 0
    assert opened == [(second / "report" / "index.html").as_uri()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN", "--pages", "many", "--output", "OUT"], "'many' is neither a number nor 'all'"),
        (["RUN", "--pages", "-1", "--output", "OUT"], "neither a number nor 'all'"),
        (["RUN", "--pages", "3"], "need --output DIR"),
        (["URL", "--redact"], "copy it here first"),
        (["RUN", "--redact", "--output", "FULL"], "exists and is not an empty folder"),
        (["RUN", "--redact", "--output", "FILE"], "exists and is not an empty folder"),
        (["RUN", "--redact", "--output", "FILE/below"], "Not a directory"),
        (["EMPTY"], "is not a finished run: it has no manifest.json"),
        (["BROKEN"], "is not JSON; was it edited?"),
        (["BARE"], "has no report/index.html; write one with --output DIR"),
    ],
)
def test_a_mistake_gives_one_line(days, tmp_path, capsys, words, message):
    _, second, _ = days
    names = {
        "RUN": second,
        "URL": second.resolve().as_uri(),
        "OUT": tmp_path / "out",
        "FILE": tmp_path / "file",
    }
    names["FILE"].write_text("x")
    for name in ("FULL", "EMPTY", "BROKEN", "BARE"):
        names[name] = tmp_path / name
        names[name].mkdir()
    (names["FULL"] / "x").write_text("x")
    (names["BROKEN"] / MANIFEST_NAME).write_text("{")
    (names["BARE"] / MANIFEST_NAME).write_bytes((second / MANIFEST_NAME).read_bytes())
    given = [str(names.get(word, word)).replace("FILE", str(names["FILE"])) for word in words]
    try:
        status = cli.main(["report", *given])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("redact", [True, False])
def test_the_workbench_is_written_for_a_disk_also_for_a_reader_outside(days, tmp_path, redact):
    first, second, _ = days
    words = ["report", str(second), "--workbench", "--output", str(tmp_path / "page")]
    assert cli.main([*words, *(["--redact"] if redact else ["--previous", str(first)])]) == 0
    files = [path for path in sorted((tmp_path / "page").rglob("*")) if path.is_file()]
    assert 8 < len(files) < 30
    layers = [one for path in files for one in decoded_layers(path.name, path.read_bytes())]
    whole = b"".join(layers).decode()
    records = {
        row["complaint_id"]: row["narrative"] for row in read(second, NARRATIVES).to_pylist()
    }
    assert not [text for text in records.values() if text[:60] in whole]
    for what in (AUTHOR, REASON, *list(records)[:50]):
        assert (what in whole) != redact, what
    size = sum(path.stat().st_size for path in files if path.name != "cytoscape.min.js")
    rest = [second / name for name in TABLES_BY_NAME]
    assert size < sum(path.stat().st_size for one in rest for path in one.rglob("*"))


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
