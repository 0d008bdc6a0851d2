"""`ringtrace export`: what may leave is in the file, others read it, and the rest is counted."""

from __future__ import annotations

import csv
import io
import json
import stat
import zipfile
from datetime import datetime

import networkx as nx
import pytest
from case_utils.case_validate import validate as case_validate
from pymisp import MISPEvent
from pymisp.tools import feed_meta_generator

from schemas.tables import MEMBERS
from tests.support.run_pipeline import (
    callbacks,
    complaint,
    error_of,
    execute,
    json_of,
    jsonl,
    manifest_of,
    run,
    table_rows,
    write_decisions,
)

REVIEWED = ("stix", "misp", "misp-feed", "gse", "case")

FORMATS = ("graphml", "gexf", "csv", *REVIEWED)

RINGS = {"a": ("(888) 555-0123", "(877) 555-0188"), "b": ("(888) 555-0145", "(866) 555-0170")}


def reports_on(ring, reporters, first=0):
    return [
        complaint(
            first + number,
            received_at=f"2026-03-{1 + number:02d}T09:30:00Z",
            victim_id=f"{ring}{number}",
            phone_numbers=callbacks(*RINGS[ring]),
        )
        for number in range(reporters)
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two rings, of which an analyst confirmed the first, and of one reporter's number."""
    folder = tmp_path_factory.mktemp("export")
    alone = complaint(90, victim_id="x", phone_numbers=callbacks("888-555-0199"))
    records = jsonl(
        folder / "complaints.jsonl", [*reports_on("a", 4), *reports_on("b", 3, 10), alone]
    )
    decisions = write_decisions(
        folder / "decisions.csv",
        "C-1,confirm,phone:+18885550123,,ann,rang it,2026-03-20T00:00:00Z,",
    )
    flags = ["--decisions", decisions, "--now", "2026-04-21T00:00:00Z"]
    run(folder / "run", "--complaints", records, *flags)
    return folder / "run"


def exported(finished, tmp_path, *words):
    out = tmp_path / "out"
    return out, execute("export", finished, *words, "--output", out).out


def feed_files(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def values_in(path, form):
    if form == "graphml":
        return {label for _, label in nx.read_graphml(path).nodes(data="label")}
    if form == "gexf":
        return set(nx.read_gexf(path))
    if form == "misp-feed":
        events = [json.loads(content) for name, content in feed_files(path).items() if "-" in name]
        return {f"phone:{a['value']}" for event in events for a in event["Event"]["Attribute"]}
    text = path.read_text(encoding="utf-8-sig")
    if form == "gse":
        return {f"{signal['extra_data']['kind']}:{signal['signal']}" for signal in json.loads(text)}
    if form == "csv":
        return {row["entity_id"] for row in csv.DictReader(io.StringIO(text))}
    if form == "misp":
        events = json.loads(text)["response"]
        return {f"phone:{a['value']}" for event in events for a in event["Event"]["Attribute"]}
    if form == "case":
        objects = [node for each in json.loads(text)["@graph"] for node in each["core:object"]]
        phones = [node for node in objects if node["@type"] == "observable:PhoneAccount"]
        return {phone["core:name"] for phone in phones}
    objects = json.loads(text)["objects"]
    assert len({stix["id"] for stix in objects}) == len(objects)
    return {f"phone:{stix['value']}" for stix in objects if stix["type"] == "phone-number"}


def members_of(finished, **wanted):
    rows = table_rows(finished, MEMBERS)
    return {row["entity_id"] for row in rows if all(row[name] == it for name, it in wanted.items())}


def cluster_of(finished, entity_id):
    rows = table_rows(finished, MEMBERS)
    return next(row["cluster_id"] for row in rows if row["entity_id"] == entity_id)


@pytest.mark.parametrize("form", FORMATS)
def test_all_that_may_leave_is_in_one_file_and_the_rest_is_counted(finished, tmp_path, form):
    wanted = {"tier": "core"} | ({"review": "reviewed"} if form in REVIEWED else {})
    out, said = exported(finished, tmp_path, "--all", "--format", form)
    core, every = members_of(finished, **wanted), members_of(finished)
    assert len(core) == (2 if form in REVIEWED else 4) and len(every) == 5
    assert values_in(out, form) == core
    assert f"{len(core)} members; {len(every) - len(core)} left out" in said
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_an_event_of_one_cluster_says_what_it_is(finished, tmp_path):
    cluster_id = cluster_of(finished, "phone:+18885550123")
    out, _ = exported(finished, tmp_path, "--cluster", cluster_id, "--format", "misp")
    event = MISPEvent()
    event.load(out.read_text(encoding="utf-8"))
    assert {attribute.value for attribute in event.attributes} == {"+18885550123", "+18775550188"}
    assert not any(attribute.to_ids for attribute in event.attributes)
    assert [tag.name for tag in event.tags] == ["tlp:amber"]


def test_a_feed_is_what_misps_own_generator_makes_of_its_events(finished, tmp_path):
    out, _ = exported(finished, tmp_path, "--all", "--format", "misp-feed")
    files = feed_files(out)
    folder = tmp_path / "feed"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (event,) = [name for name in files if name not in ("manifest.json", "hashes.csv")]
    assert json.loads(files[event])["Event"]["uuid"] == event.removesuffix(".json")
    feed_meta_generator(folder)
    made = manifest_of(folder)
    ours = json.loads(files["manifest.json"])
    assert made.keys() == ours.keys()
    for uuid, listed in made.items():
        assert listed | {"Tag": []} == ours[uuid] | {"Tag": []}
        assert [tag["name"] for tag in listed["Tag"]] == [tag["name"] for tag in ours[uuid]["Tag"]]
    assert sorted((folder / "hashes.csv").read_bytes().split()) == sorted(
        files["hashes.csv"].split()
    )
    # The next run's event takes the place of this one's; a run's own events do not.
    again = tmp_path / "again"
    run(again, "--complaints", finished.parent / "complaints.jsonl", "--decisions",
        finished.parent / "decisions.csv", "--now", "2026-04-22T00:00:00Z")  # fmt: skip
    words = ["export", str(again), "--all", "--format", "misp-feed", "--output"]
    execute(*words, tmp_path / "next")
    assert feed_files(tmp_path / "next").keys() == files.keys()


def test_signals_have_the_fields_that_the_exchange_documents(finished, tmp_path):
    """As globalsignalexchange.org/docs has them, "Sending Signals", read on 2026-11-28."""
    out, _ = exported(finished, tmp_path, "--all", "--format", "gse")
    signals = json_of(out)
    assert {signal["signal"] for signal in signals} == {"+18885550123", "+18775550188"}
    for signal in signals:
        assert signal.keys() - {"signal_type"} == {
            "signal", "report_date", "abuse_type", "predictive", "confidence_score", "extra_data",
        }  # fmt: skip
        assert datetime.strptime(signal["report_date"], "%Y-%m-%d %H:%M:%S")
        assert signal["abuse_type"] == "impersonation" and signal["predictive"] is False
        assert type(signal["confidence_score"]) is int and 0 <= signal["confidence_score"] <= 100
        assert signal.get("signal_type") in (None, "url", "hostname", "domain name", "ip address")
        assert signal["extra_data"] == {
            "kind": "phone", "role": "callback", "reviewed_by_analyst": True,
        }  # fmt: skip


def test_a_bundle_of_all_clusters_is_valid_case(finished, tmp_path):
    out, _ = exported(finished, tmp_path, "--all", "--format", "case")
    said = case_validate(str(out.rename(out.with_name("all.jsonld"))))
    assert said.conforms, said.text


def test_for_ones_own_use_verify_members_are_in_it_and_marked(finished, tmp_path):
    out, said = exported(finished, tmp_path, "--all", "--format", "csv", "--include-verify")
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"))))
    assert {row["entity_id"] for row in rows} == members_of(finished)
    assert {row["tier"] for row in rows} == {"core", "verify"}
    assert said.endswith("5 members\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--cluster", "phone:+18885550199", "--format", "csv"], "no member of the core"),
        (["--cluster", "phone:+18885550145", "--format", "stix"], "no member that may leave as"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_written(finished, tmp_path, words, why):
    out = tmp_path / "out"
    words = [words[0], cluster_of(finished, words[1]), *words[2:]]
    said = error_of("export", finished, *words, "--output", out)
    assert why in said and "Traceback" not in said
    assert not list(tmp_path.iterdir())
