"""`import ringtrace`: it is light, its errors say what was given, and its docs are current and run.

What it returns is what `ringtrace batch` and `ringtrace explain` make of the same records.
"""

import inspect
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import weakref
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from time import perf_counter

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from hypothesis import given, strategies as st

import ringtrace as rt
from pipelines import runner, wiring
from pipelines.cli import main
from pipelines.reference_docs import markdown_page
from schemas.complaint import COMPLAINT_LOOSE
from schemas.manifest import MANIFEST_NAME
from schemas.tables import ALL_TABLES, NARRATIVES, TABLES_BY_NAME
from tests.support.examples import draws
from tests.support.real_data import ROOT
from tests.support.run_pipeline import call, complaint, jsonl, read, run as run_command

pytestmark = pytest.mark.slow

HEAVY = ("apache_beam", "pyarrow", "networkx", "numpy", "phonenumbers", "scipy")

PHONE, MAIL = "phone:+18885550142", "email:billing@amzn-refund.support"

VICTIM = "+12025550143"

OUTCOME = ("entities", "links", "clusters", "members", "suppliers")


def run_python(code, **settings):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        **settings,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Complaints of two companies, with a duplicate and a refused complaint, and calls."""
    folder = tmp_path_factory.mktemp("records")
    numbers = [{"raw": "888-555-0142", "role": "callback"}, {"raw": VICTIM, "role": "victim"}]
    text = "My number is 202-555-0143. Call back 888 555 0142 or pay to billing@amzn-refund.support"
    rows = [
        complaint(1, phone_numbers=numbers, narrative=text, victim_id="v1"),
        complaint(1, phone_numbers=numbers, narrative=text, received_at="2024-02-01T09:30:00Z"),
        complaint(2, source_org="microsoft", emails=["billing@amzn-refund.support"]),
        complaint(3, narrative=f"They rang {VICTIM} and said to call 888-555-0142 at once."),
        complaint(4, received_at="yesterday"),
    ]
    calls = [call(1, calling_number="+18885550142", called_number=VICTIM, direction="inbound")]
    return jsonl(folder / "complaints.jsonl", rows), jsonl(folder / "calls.jsonl", calls)


@pytest.fixture(scope="module")
def run(files, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "run"
    return rt.run_batch(files[0], [files[1]], output=output, progress=False)


def test_import_is_fast_and_loads_nothing_heavy():
    code = f"import sys, ringtrace; print([one for one in {HEAVY} if one in sys.modules])"
    seconds = []
    for _ in range(2):
        start = perf_counter()
        done = run_python(code)
        seconds.append(perf_counter() - start)
        assert done.stdout.strip() == "[]", done
    assert min(seconds) < 0.5


def test_every_public_name_is_there_and_documented():
    assert dir(rt) == rt.__all__
    assert rt.__version__ == metadata.version("ringtrace")
    for name in rt.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(rt, name)), name
    with pytest.raises(AttributeError, match="module 'ringtrace' has no attribute 'run_bach'"):
        rt.run_bach  # noqa: B018


# Single values.


def test_a_number_is_read_as_the_pipeline_reads_it():
    number = rt.normalize_phone("(888) 555-0142", "US")
    assert number and (number.e164, number.line_type) == ("+18885550142", "toll_free")
    assert (number.method, number.confidence, number.reason) == ("national", 1.0, None)
    assert rt.normalize_phone(" (888) 555-0142", " us ") == number
    assert rt.normalize_phone("+18885550142", None).method == "international"
    for raw, reason in (("", "empty"), ("12", "too_short"), ("9" * 10_000, "too_long")):
        refused = rt.normalize_phone(raw, "GB")
        assert not refused and (refused.e164, refused.reason) == (None, reason)
    assert rt.normalize_phone("888 555 0142", None).reason == "no_region"


FRAGMENTS = st.lists(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.sampled_from(
            ["call (888) 555-0142", "hxxps://a[.]refund.support/x", "a.b@amzn-refund.support"]
        ),
    ),
    max_size=6,
)


@draws(40)
@given(FRAGMENTS.map(" ".join))
def test_offsets_are_those_of_the_text(text):
    mentions = rt.extract_identifiers(text, "US")
    assert all(text[mention.start : mention.end] == mention.raw for mention in mentions)
    assert all(mention.entity_id.startswith(f"{mention.kind}:") for mention in mentions)
    assert mentions == sorted(mentions, key=lambda mention: mention.start)


def test_identifiers_are_those_of_a_run(run):
    text = read(Path(run.folder), NARRATIVES).to_pylist()[0]["narrative"]
    mentions = run.table("mentions", where=pc.field("field") == "narrative").to_pylist()
    of_run = {
        (mention["entity_id"], mention["start"], mention["end"], mention["raw"])
        for mention in mentions
        if mention["record_id"] == "c1"
    }
    assert of_run == {
        (mention.entity_id, mention.start, mention.end, mention.raw)
        for mention in rt.extract_identifiers(text, "US")
    }
    (own,) = rt.extract_identifiers("My number is 202-555-0143", "US")
    assert own.role == "victim"


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((None, "US"), TypeError, "give a text, not NoneType"),
        (("888", "UK"), ValueError, "'UK' is not an ISO 3166-1 .*; the United Kingdom is GB"),
        (("888", "x" * 10_000), ValueError, "^.{,150}$"),
        (("888", 1), TypeError, "country: give a code such as 'US', or None, not int"),
        (("a\ud800", "US"), ValueError, "half of a surrogate pair at 1"),
    ],
)
@pytest.mark.parametrize("function", [rt.normalize_phone, rt.extract_identifiers])
def test_a_wrong_argument_is_named(function, arguments, kind, message):
    with pytest.raises(kind, match=message):
        function(*arguments)


def test_a_text_that_would_be_read_in_part_is_refused():
    assert rt.extract_identifiers("x" * 12_000, "US") == []
    with pytest.raises(ValueError, match=r"has 12,001 characters, of which .* the first 12,000"):
        rt.extract_identifiers("x" * 12_001, "US")


# Runs.


def test_run_batch_makes_the_run_of_the_command(run, files, tmp_path, capsys):
    clock = run.manifest["clock"]
    inputs = ["--complaints", files[0], "--calls", files[1]]
    manifest = run_command(tmp_path / "run", *inputs, "--now", clock)
    assert run.manifest == manifest
    assert rt.open_run(f"{run.folder}/") == run
    assert rt.open_run(tmp_path / "run").run_id == run.run_id
    assert rt.open_run(tmp_path / "run") != run
    capsys.readouterr()


def test_a_run_of_nothing_but_rejects_warns_writes_nothing_else_and_frees_its_pipeline(
    tmp_path, monkeypatch, capfd
):
    refused = jsonl(tmp_path / "refused.jsonl", [complaint(1, received_at="yesterday")])
    pipelines, make_pipeline = [], runner.make_pipeline

    def noted(flags):
        pipeline = make_pipeline(flags)
        pipelines.append(weakref.ref(pipeline))
        return pipeline

    monkeypatch.setattr(runner, "make_pipeline", noted)
    with pytest.warns(UserWarning, match="were rejected") as warnings:
        rejected = rt.run_batch(refused, output=tmp_path / "run", progress=False)
    assert capfd.readouterr() == ("", "")
    assert [reference() for reference in pipelines] == [None]
    assert warnings[0].filename == __file__
    assert rejected.table("rejects").num_rows == 1


def test_progress_is_on_stderr_and_a_run_is_overwritten(files, tmp_path, capfd):
    level = logging.getLogger().level
    output = tmp_path / "run"
    output.mkdir()
    (output / MANIFEST_NAME).write_text("{}")
    as_of = datetime(2024, 2, 10, tzinfo=UTC)
    seen = rt.run_batch(files[0], output=output, overwrite=True, as_of=as_of, shards=2)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "ringtrace: reading 1 file\n" in printed.err
    assert f"{output}\n" in printed.err
    assert seen.manifest["counts"]["complaints"]["accepted"] == 1
    assert seen.manifest["options"]["shards"] == 2
    assert logging.getLogger().level == level


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"overwrit": True}, TypeError, r"no option 'overwrit'; did you mean overwrite\?"),
        ({"no_wait": True}, TypeError, "no_wait: it waits for its run"),
        ({"overwrite": "yes"}, TypeError, "overwrite: give True or False, not 'yes'"),
        ({"shards": True}, TypeError, "shards: takes a value, not True"),
        ({"shards": 0}, rt.UsageError, "'0' is not a whole number"),
        ({"previous": ["a", "b"]}, TypeError, "previous: takes one value, not 2"),
        ({"as_of": {}}, TypeError, "as_of: takes text, a number or a path, not dict"),
        ({"as_of": datetime(2024, 1, 1)}, rt.UsageError, "has no zone"),
        ({"runner": "NoSuchRunner"}, rt.UsageError, "NoSuchRunner"),
        ({"complaints": "none.csv"}, rt.UsageError, "none.csv: no such file"),
        ({"complaints": ""}, rt.UsageError, "complaints: the path is empty"),
        ({"complaints": [1]}, TypeError, "complaints: give paths as text or Path, not int"),
        ({"output": None}, TypeError, "output: give paths as text or Path, not NoneType"),
    ],
)
def test_a_wrong_option_is_one_line_and_writes_nothing(files, tmp_path, options, kind, message):
    with pytest.raises(kind, match=message) as error:
        rt.run_batch(**{"complaints": files[0], "output": tmp_path / "run"} | options)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_kept(run, files):
    with pytest.raises(rt.UsageError, match="contains a run already"):
        rt.run_batch(files[0], output=run.folder)
    assert rt.open_run(run.folder) == run


def test_a_failure_says_where_and_no_data(files, tmp_path, monkeypatch, capfd):
    def poisoned(rows, kind, rules):
        raise ValueError(f"cannot read {rows.to_pylist()}")

    monkeypatch.setattr(wiring, "stated_victim_numbers", poisoned)
    with pytest.raises(
        RuntimeError, match="the run failed: ValueError in test_public_api"
    ) as failure:
        rt.run_batch(files[0], output=tmp_path / "run", progress=False)
    assert "8885550142" not in str(failure.value) + "".join(capfd.readouterr())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Exception, match="cannot read"):
        rt.run_batch(files[0], output=tmp_path / "run", progress=False, debug=True)


def test_clusters_and_tables_of_a_run(run):
    assert run.tables == tuple(table.name for table in ALL_TABLES)
    clusters = run.clusters
    assert clusters.schema.names == TABLES_BY_NAME["clusters"].schema.names
    priority = clusters["priority"].to_pylist()
    assert priority == sorted(priority, reverse=True)
    assert clusters["size"][0].as_py() == 2
    assert sorted(run.cluster(clusters["cluster_id"][0].as_py())) == [MAIL, PHONE]


def test_an_unknown_name_lists_those_that_are_known(run):
    (cluster_id, *_) = run.clusters["cluster_id"].to_pylist()
    known = ", ".join(run.tables)
    for wrong, message in (
        (lambda: run.table("cluster"), rf"no table 'cluster'; did you mean 'clusters'.*{known}"),
        (lambda: run.table("x" * 9_999), "^.{,300}$"),
        (lambda: run.table("members", ["role", "size"]), "has no column 'size'; .* cluster_id,"),
        (lambda: run.batches("members", ["Role"]), r"no column 'Role'; did you mean 'role'\?"),
        (lambda: run.cluster(cluster_id[:-1]), rf"; did you mean '{cluster_id}'\?"),
        (lambda: run.cluster(PHONE), f"it is an identifier, of cluster '{cluster_id}'"),
    ):
        with pytest.raises(KeyError, match=message):
            wrong()
    for wrong, message in (
        (lambda: run.table(None), "give the name of a table, not NoneType"),
        (lambda: run.table("members", "role"), "give a list of columns of members/, not str"),
        (lambda: run.table("members", where="role"), "where: give an expression .* not str"),
        (lambda: run.cluster(None), "give the id of a cluster as text, not NoneType"),
        (lambda: run.explain(PHONE, b"x"), "give an identifier as text, not bytes"),
        (lambda: rt.open_run(None), "not NoneType"),
    ):
        with pytest.raises(TypeError, match=message):
            wrong()
    for wrong, message in (
        (lambda: run.table("members", where=pc.field("sze") > 1), "where: .*sze.* members/ has"),
        (lambda: run.explain(""), "give an identifier, not a text of 0 characters"),
        (lambda: run.explain("+1 888 555 0199"), "nothing that this run found"),
        (lambda: run.explain(PHONE, "888-555-0142"), f"are the same: {re.escape(PHONE)}"),
        (lambda: rt.open_run(""), "not an empty text"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            wrong()
        assert "\n" not in str(error.value)


def test_explain_is_the_command(run, capsys):
    for words in (["888-555-0142"], [PHONE, MAIL]):
        assert main(["explain", run.folder, *words]) == 0
        assert capsys.readouterr().out == run.explain(*words) + "\n"


def test_a_run_is_hashed_compared_pickled_and_shown(run):
    again = rt.open_run(run.folder)
    assert again.graph.number_of_nodes()
    copy = pickle.loads(pickle.dumps(again))  # noqa: S301
    assert len({run, again, copy}) == 1
    assert len(pickle.dumps(again)) == len(pickle.dumps(run))
    unsigned = "" if run.is_signed else ", unsigned"
    assert repr(run) == f"<Run {run.run_id} in {run.folder}{unsigned}>"


# Steps of a pipeline of one's own.


def collected(tables, folder):
    """Writes the rows of PCollections by name as JSON Lines, when the pipeline runs."""
    for name, batches in tables.items():
        rows = batches | f"Rows of {name}" >> beam.FlatMap(pa.RecordBatch.to_pylist)
        lines = rows | f"Lines of {name}" >> beam.Map(json.dumps, default=str)
        _ = lines | f"Write {name}" >> beam.io.WriteToText(
            str(folder / name), shard_name_template=""
        )


def sorted_lines(rows):
    return sorted(json.dumps(value, default=str) for value in rows)


def test_the_steps_give_the_tables_of_a_run(run, files, tmp_path):
    with beam.Pipeline("DirectRunner") as pipeline:
        steps = (
            pipeline
            | rt.ReadRecords(complaints=[files[0]], calls=files[1])
            | rt.ValidateRecords()
            | rt.ExtractMentions()
            | rt.FindClusters(as_of=datetime.fromisoformat(run.manifest["clock"]))
        )
        assert set(steps) == set(OUTCOME)
        collected(steps, tmp_path)
    for name in OUTCOME:
        rows = run.table(name).to_pylist()
        assert sorted((tmp_path / name).read_text().splitlines()) == sorted_lines(rows), name
        assert "2025550143" not in (tmp_path / name).read_text()


def test_the_steps_pass_on_what_they_say(files, tmp_path):
    with beam.Pipeline("DirectRunner") as pipeline:
        read = pipeline | rt.ReadRecords(complaints=files[0])
        assert set(read) == {"complaints", "calls", "rejects"}
        valid = read | rt.ValidateRecords(as_of=datetime(2024, 2, 10, tzinfo=UTC))
        assert set(valid) == {"complaints", "calls", "rejects"}
        mentions = {"complaints": valid["complaints"]} | rt.ExtractMentions()
        assert set(mentions) == {"complaints", "mentions", "claims"}
        collected({"rejects": valid["rejects"], **mentions}, tmp_path)

    def rows(name):
        return [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]

    assert [row["complaint_id"] for row in rows("complaints")] == ["c1"]
    assert {row["code"] for row in rows("rejects")} == {"after_as_of", "bad_timestamp"}
    listed = [mention for record in rows("mentions") for mention in record["mentions"]]
    roles = {mention["entity_id"]: mention["role"] for mention in listed}
    assert roles[PHONE] == "callback"
    assert roles[f"phone:{VICTIM}"] == "victim"


def test_mentions_alone_can_be_clustered_with_a_list(tmp_path):
    known = tmp_path / "known.csv"
    known.write_text(f"entity_id,reason\n{PHONE},our own line\n")
    row = complaint(1, narrative="Call back 888-555-0142")
    row |= {"source": "queue", "position": 1, "format": "queue", "raw": b""}
    with beam.Pipeline("DirectRunner") as pipeline:
        batches = pipeline | beam.Create([pa.RecordBatch.from_pylist([row], COMPLAINT_LOOSE)])
        mentions = {"complaints": batches} | rt.ValidateRecords() | rt.ExtractMentions()
        alone = {"mentions": mentions["mentions"]}
        collected(alone | rt.FindClusters(known_legitimate=known), tmp_path)
    (entity,) = map(json.loads, (tmp_path / "entities").read_text().splitlines())
    assert (entity["entity_id"], entity["status"]) == (PHONE, "suppressed")
    assert (tmp_path / "members").read_text() == ""


def test_a_decision_that_waits_for_a_second_person_is_told(tmp_path, capsys):
    decided = tmp_path / "d.csv"
    decided.write_text(
        "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at\n"
        f"d-1,confirm,{PHONE},,Ada,so,2026-03-02T00:00:00Z,\n"
    )
    mentions = beam.Pipeline("DirectRunner") | beam.Create([])
    _ = {"mentions": mentions} | rt.FindClusters(decisions=str(decided), two_person=True)
    assert "1 of its decisions waits for the decision of a second" in capsys.readouterr().err


def test_a_step_that_is_applied_to_something_else_says_so(files, tmp_path):
    pipeline = beam.Pipeline("DirectRunner")
    rows = pipeline | beam.Create([])
    with pytest.raises(TypeError, match="ValidateRecords takes a dict of PCollections named calls"):
        _ = rows | rt.ValidateRecords()
    with pytest.raises(KeyError, match="takes calls, claims, complaints, mentions, not evidence"):
        _ = {"evidence": rows} | rt.FindClusters()
    with pytest.raises(KeyError, match="ExtractMentions needs calls or complaints"):
        _ = {"rejects": rows} | rt.ExtractMentions()
    with pytest.raises(rt.UsageError, match="no such file"):
        _ = pipeline | rt.ReadRecords(complaints="none.csv")
    with pytest.raises(rt.UsageError, match="No such file"):
        _ = {"mentions": rows} | "List" >> rt.FindClusters(known_legitimate=tmp_path / "none.csv")


# The page of the API.


def test_the_page_is_current():
    assert markdown_page(rt) == (ROOT / "docs/api.md").read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(tmp_path, monkeypatch, capsys):
    examples = tmp_path / "examples"
    examples.mkdir()
    for path in (ROOT / "examples").glob("*.csv"):
        heading, *lines = path.read_bytes().splitlines(keepends=True)
        needed = [line for line in lines if b"1447" in line]  # the number of the page
        (examples / path.name).write_bytes(b"".join([heading, *lines[:10], *needed]))
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8").partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {"__name__": "examples_of_the_page"})  # noqa: S102
    printed = capsys.readouterr().out
    assert "in cluster c-" in printed
    clusters = ds.dataset(tmp_path / "runs/api/clusters").to_table()
    assert len((tmp_path / "runs/clusters.txt").read_text().splitlines()) == clusters.num_rows > 0
    assert {"phone:+18885550142", "email:refunds@amzn-refund.support"} <= set(
        re.findall(r"'entity_id': '(.*?)'", printed)
    )
