"""`ringtrace report`, and the report of a run that follows another under analysts' decisions."""

import json
import shutil
import statistics
import webbrowser
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines import cli
from reports.figures import WIDE
from reports.workbench import STATIC_FILES
from schemas.decision import DecisionKind
from schemas.enums import Tier
from schemas.manifest import MANIFEST_NAME, SIGNATURE_NAME
from schemas.tables import CALLS, COMPLAINTS, MEMBERS, MENTIONS, NARRATIVES, REJECTS
from tests.support.leaks import decoded_layers
from tests.support.run_pipeline import (
    column,
    execute,
    manifest_of,
    read,
    refusal_of,
    run,
    simulated,
    table_rows,
    write_decisions,
)
from tests.support.written_report import parts, piece, rows

AUTHOR = "Dr Fischer-Lindqvist"

REASON = "as record amazon CO000000007 says"


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Yesterday's run, today's run under five decisions, and what each decided on."""
    folder = tmp_path_factory.mktemp("days")
    inputs = simulated(folder / "world", seed=5, complaints=700, operations=14)
    received = sorted(
        datetime.fromisoformat(json.loads(line)["received_at"])
        for path in (folder / "world" / "complaints").iterdir()
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    day = received[len(received) * 9 // 10].isoformat()
    run(folder / "first", *inputs, "--as-of", day)
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
    typed = [
        f'D-{n},{kind},"{a}","{b if kind in paired else ""}",{AUTHOR},{REASON} ({kind}),'
        "2025-01-01T00:00:00Z,"
        for n, (kind, (a, b)) in enumerate(entities.items())
    ]
    file = write_decisions(folder / "decisions.csv", *typed)
    decided = ["--decisions", file, "--previous", folder / "first"]
    run(folder / "second", *inputs, *decided)
    return folder / "first", folder / "second", entities


def clusters_of(folder):
    clusters = {}
    for row in table_rows(folder, MEMBERS):
        clusters.setdefault(row["cluster_id"], []).append(row["entity_id"])
    return clusters


def data_of(folder):
    data = folder / "report" / "data"
    return {f"report/data/{path.name}": path.read_bytes() for path in data.iterdir()}


def test_every_decision_in_force_is_shown_with_its_author_and_reason(days):
    _, second, entities = days
    cluster_of = {
        entity_id: cluster
        for cluster, members in clusters_of(second).items()
        for entity_id in members
    }
    files = data_of(second)
    told, clusters = piece(files, "run"), parts(files)
    shown = {decision["kind"]: decision for decision in told["decisions"]}
    for kind, (a, b) in entities.items():
        if kind == DecisionKind.VICTIM_OWNED:
            assert a not in cluster_of
            layers = [layer for name, data in files.items() for layer in decoded_layers(name, data)]
            assert not [layer for layer in layers if a.partition(":")[2].encode() in layer]
            continue
        decision = shown[kind]
        assert (decision["author"], decision["reason"]) == (AUTHOR, f"{REASON} ({kind})")
        said = f"by {AUTHOR}: {REASON} ({kind})"
        if kind == DecisionKind.LEGITIMATE:
            assert a not in cluster_of
            assert [row for row in piece(files, "suppressed")["rows"] if said in row[-1]]
            continue
        assert decision["in_force"] and a in {decision["entity_a"], decision["entity_b"]}
        assert a in {each["id"] for each in clusters[cluster_of[a]]["members"]}
        if kind in (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK):
            assert (cluster_of[a] == cluster_of[b]) == (kind == DecisionKind.MUST_LINK)


def test_a_run_says_what_changed_since_the_run_that_it_follows(days):
    first, second, _ = days
    files = data_of(second)
    told = piece(files, "run")
    assert told["previous"] == manifest_of(first)["run_id"]
    assert told["compared"]
    before = [row["before"] for row in rows(piece(files, "clusters")) if row["before"]]
    assert len(before) > 5
    assert piece(data_of(first), "run")["previous"] is None


def places(folder):
    nodes = pq.read_table(folder / "graph" / "nodes.parquet").to_pylist()
    return {node["id"]: (node["x"] * WIDE, node["y"]) for node in nodes if node["x"] is not None}


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
            sum((a - b) ** 2 for a, b in zip(before[entity_id], after[entity_id], strict=True))
            ** 0.5
            for entity_id in sorted(old & new)
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
    days, tmp_path
):
    _, second, _ = days
    out = tmp_path / "copy"
    assert (
        execute("report", second, "--redact", "--output", out).out == f"{out}/report/index.html\n"
    )
    records = {row["complaint_id"]: row["narrative"] for row in table_rows(second, NARRATIVES)}
    calls = column(second, CALLS, "call_id")
    assert len(records) > 300
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    assert not (out / MANIFEST_NAME).exists()
    for path in files:
        layers = decoded_layers(path.name, path.read_bytes())
        content = b"\n".join(layers).decode("utf-8", "replace")
        if path.suffix == ".parquet":
            content = str(pq.read_table(path).to_pylist())
        for secret in (AUTHOR, REASON):
            assert secret not in content, path
        assert not [record_id for record_id in (*records, *calls) if record_id in content], path
        assert not [text for text in records.values() if text[:60] in content], path
    assert (out / "report" / "index.html").is_file()
    # The places of the run's figures; those of members that are left out are not in it.
    core = pc.field("tier") == Tier.CORE
    named = set(read(second, MEMBERS).filter(core)["entity_id"].to_pylist())
    assert places(out) == {
        entity_id: position for entity_id, position in places(second).items() if entity_id in named
    }
    assert len(places(out)) > 100


def test_small_counts_by_country_are_hidden_on_demand(days, tmp_path):
    _, second, _ = days
    out = tmp_path / "copy"
    words = ["report", str(second), "--suppress-below", "1000000", "--output", str(out)]
    assert cli.main(words) == 0
    files = data_of(out)
    for row in rows(piece(files, "clusters")):
        assert {number for _, number in row["countries"]} == {None}
    shown = piece(files, "places")
    assert {number for _, number in shown["countries"]} == {None}


def test_a_run_has_few_files_and_its_report_is_smaller_than_its_tables(days):
    _, second, _ = days
    every = [path for path in second.rglob("*") if path.is_file()]
    assert len(every) < 60
    application = {Path(name).name for name in STATIC_FILES}
    size = {path: path.stat().st_size for path in every if path.name not in application}
    report = sum(
        n for path, n in size.items() if path.relative_to(second).parts[0] in ("report", "graph")
    )
    assert report < sum(size.values()) - report
    assert {path.name for path in (second / "graph").iterdir()} == {
        "nodes.parquet",
        "edges.parquet",
    }


def test_the_report_is_shown_and_opened(days, monkeypatch):
    _, second, _ = days
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert execute("report", second).out == f"{second}/report/index.html\n"
    assert opened == []
    execute("report", second, "--open")
    assert opened == [(second / "report" / "index.html").as_uri()]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["URL", "--redact"], "copy it here first"),
        (["BARE"], "has no report/index.html; write one with --output DIR"),
    ],
)
def test_a_mistake_gives_one_line(days, tmp_path, words, message):
    _, second, _ = days
    names = {"URL": second.resolve().as_uri(), "BARE": tmp_path}
    (tmp_path / MANIFEST_NAME).write_bytes((second / MANIFEST_NAME).read_bytes())
    error = refusal_of("report", *(str(names.get(word, word)) for word in words))
    assert message in error


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
    manifest = manifest_of(snapshot)
    manifest["outputs"] = [
        file for file in manifest["outputs"] if not file["name"].startswith(gone)
    ]
    manifest.pop("private_manifest", None)
    (snapshot / MANIFEST_NAME).write_text(json.dumps(manifest | {"private": []}))
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
