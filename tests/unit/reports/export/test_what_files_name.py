"""Files that are made to be passed on name core members, and count the others."""

import csv
import io
import json

import networkx as nx
import pyarrow.parquet as pq
import pytest
from pymisp import MISPEvent

from reports.export.registry import EXPORT_FORMATS
from schemas.facts import fact
from tests.support.leaks import decoded_layers
from tests.support.report_tables import (
    cluster,
    complaint,
    entity,
    lineage,
    link,
    manifest,
    member,
    mention,
    told,
    write_run,
)
from tests.support.written_report import export_files, parts, piece, report_files

PHONE, ACCOUNT = "phone:+18885550123", "account:upi:refund@okbank"

STRANGERS = ("email:jane.roe@gmail.com", "phone:+12125550188", "phone:+18885550132")

VALUES = [stranger.partition(":")[2] for stranger in STRANGERS]

ALONE = "phone:+13125550177"


def liars_run(folder):
    """A cluster with three strangers that one reporter added, two of strangers alone, and one."""
    mail, mobile, slip = STRANGERS
    verify = {"tier": "verify", "reporters": 1, "robustness": 1}
    rows = {
        "entities": [
            entity(PHONE, complaints=4, reporters=4, orgs=["amazon", "microsoft"]),
            entity(
                ACCOUNT,
                complaints=3,
                **told(
                    fact("used", 3), fact("decided", "confirm", "d-2", "A", "jane.roe@gmail.com")
                ),
            ),
            # The liar complains most, so that clusters are named after the strangers.
            entity(mail, complaints=90, orgs=["amazon", "microsoft"]),
            entity(mobile, complaints=80),
            entity(slip, complaints=70),
            entity(ALONE, complaints=60),
            entity("phone:+13125550166", complaints=9),
            entity("phone:+18005550155", status="suppressed", **told(fact("hub", 0.5, 9, 9))),
            entity(
                "phone:+18005550144",
                status="suppressed",
                **told(fact("decided_legitimate", "legitimate", "d-1", "A", "it is Jane's")),
            ),
            entity(
                "phone:+18002801400",
                status="suppressed",
                **told(fact("known_legitimate", "Amazon, amazon.com")),
            ),
        ],
        "members": [
            member(PHONE, "c-1", review="reviewed", reporters=4, robustness=3),
            member(ACCOUNT, "c-1", role="payee"),
            member(mail, "c-1", role="sender", **verify),
            member(mobile, "c-2", **verify),
            member(slip, "c-2", near_miss_of=PHONE, **verify | {"reporters": 2}),
            member(ALONE, "c-3", **verify),
            member("phone:+13125550166", "c-4"),
        ],
        "links": [
            link(PHONE, ACCOUNT),
            link(PHONE, mail, record_ids=["amazon|A-1"]),
            link(mobile, slip),
            link(PHONE, mobile, accepted=False, reason="too little evidence to join two clusters"),
        ],
        "clusters": [
            cluster(
                "c-1",
                name=f"{VALUES[0]} (call_jane_roe)",
                brands=["call_jane_roe", "amazon"],
                size=3,
                priority=50.0,
                weakest_bridges=[
                    {"entity_a": mail, "entity_b": PHONE, "weight": 1.0, "smaller_side": 1}
                ],
            ),
            cluster("c-2", name=VALUES[1], size=2, priority=40.0),
            cluster("c-3", name=ALONE.partition(":")[2]),
            cluster("c-4", name="+13125550166", priority=1.0),
        ],
        "lineage": [lineage(f"c-{n}") for n in (1, 2, 3, 4)],
        "complaints": [
            complaint(
                "A-1",
                narrative=f"call (888) 555-0123 or write to {VALUES[0]}",
                impersonation=[
                    {"what": "brand", "name": "call_jane_roe", "field": "claimed_brand"}
                ],
            )
        ],
        "mentions": [
            mention(PHONE, "A-1", field="narrative", start=5, end=19, raw="(888) 555-0123"),
            mention(mail, "A-1", role="sender"),
            mention(ALONE, "A-2"),
        ],
    }
    return write_run(folder, rows), manifest()


def naming(files, values):
    """The files in which a value stands, as it is or inside."""
    return sorted(
        name
        for name, content in files.items()
        for value in values
        if any(value.encode() in layer for layer in decoded_layers(name, content))
    )


CLUSTERS = ("c-1", "c-2", "c-4")


def test_exports_name_core_members_and_count_the_rest(tmp_path):
    run, whole = liars_run(tmp_path / "r")
    files = export_files(run, whole, CLUSTERS)
    assert naming(files, [*VALUES, "+13125550177", "call_jane_roe"]) == []
    assert naming(files, ["+18885550123"]) == sorted(
        f"{name}.{form.suffix}"
        for name in ("all", "c-1")
        for form in EXPORT_FORMATS
        if not form.kinds or "phone" in form.kinds
    )
    graph = nx.read_graphml(io.BytesIO(files["c-1.graphml"]))
    assert graph.graph["members_left_out"] == 1
    marked = {
        attributes["label"]: (attributes["tier"], attributes["review"])
        for _, attributes in graph.nodes(data=True)
    }
    assert marked == {PHONE: ("core", "reviewed"), ACCOUNT: ("core", "unreviewed")}
    assert nx.read_graphml(io.BytesIO(files["all.graphml"])).graph["members_left_out"] == 4
    assert b"<description>2 identifiers are left out" in files["c-2.gexf"]
    assert len(nx.read_gexf(io.BytesIO(files["c-2.gexf"]))) == 0
    rows = list(csv.DictReader(io.StringIO(files["c-1.csv"].decode("utf-8-sig"))))
    assert [row["entity_id"] for row in rows] == [PHONE, ACCOUNT, ""]
    assert [row["review"] for row in rows] == ["reviewed", "unreviewed", ""]
    assert "1 identifier is left out" in rows[-1]["reason"]
    # The run's own report and tables of its graph name all.
    own = report_files(run, whole)
    assert naming(own, VALUES[:1]) != [] and naming(own, [ALONE.partition(":")[2]]) != []


def test_stix_and_misp_name_those_alone_that_were_reviewed(tmp_path):
    files = export_files(*liars_run(tmp_path / "r"), CLUSTERS)
    for name, values, left_out in (("c-1", ["+18885550123"], 2), ("c-2", [], 2), ("c-4", [], 1)):
        bundle = json.loads(files[f"{name}.stix.json"])["objects"]
        seen = [stix_object for stix_object in bundle if stix_object["type"] == "observed-data"]
        assert [stix_object["value"] for stix_object in bundle if "value" in stix_object] == values
        assert len(seen) == len(values)
        (note,) = (
            stix_object["content"] for stix_object in bundle if stix_object["type"] == "note"
        )
        assert f"{left_out} of the identifiers are left out" in note
        event = MISPEvent()
        event.load(files[f"{name}.misp.json"].decode())
        assert [attribute.value for attribute in event.attributes] == values
        assert not any(attribute.to_ids for attribute in event.attributes)
        assert f"{left_out} identifier{'' if left_out == 1 else 's'} left out" in event.info


def test_ones_own_files_name_all_and_mark_each(tmp_path):
    files = export_files(*liars_run(tmp_path / "r"), CLUSTERS, include_verify=True)
    rows = list(csv.DictReader(io.StringIO(files["c-1.csv"].decode("utf-8-sig"))))
    assert {row["entity_id"]: row["tier"] for row in rows} == {
        STRANGERS[0]: "verify",
        PHONE: "core",
        ACCOUNT: "core",
    }
    for kind in ("graphml", "gexf"):
        read = getattr(nx, f"read_{kind}")
        graph = read(io.BytesIO(files[f"all.{kind}"]))
        assert (
            sorted(attributes["tier"] for _, attributes in graph.nodes(data=True))
            == ["core"] * 3 + ["verify"] * 4
        )
    # An analyst's own export names nobody unreviewed in a format for others' platforms.
    ends = ("stix.json", "misp.json", "case.jsonld", "sentinel.jsonl", "misp-feed.zip", "gse.json")
    for end in ends:
        assert naming({"x": files[f"c-1.{end}"]}, [*VALUES, "refund@okbank"]) == []


def test_a_redacted_copy_names_core_members_alone(tmp_path):
    files = report_files(*liars_run(tmp_path / "r"), redact=True, suppress_below=5)
    hidden = [*VALUES, "+13125550177", "call_jane_roe", "A-1", "5550155", "5550144"]
    hidden += ["decision d-1", "decision d-2"]
    assert naming(files, hidden) == []
    seen = naming(files, ["+18885550123"])
    for name in ("report/data/clusters.js", "report/data/part-0.js", "graph/nodes.parquet"):
        assert name in seen
    told = piece(files, "run")
    assert told["redacted"] and not {"decisions", "contested"} & told.keys()
    clusters = parts(files)
    assert {
        cluster_id: facts["left_out"] for cluster_id, facts in clusters.items() if facts["left_out"]
    } == {"c-1": 1, "c-2": 2, "c-3": 1}
    assert [row["review"] for row in clusters["c-1"]["members"]] == ["reviewed", "unreviewed"]
    table = pq.read_table(io.BytesIO(files["graph/edges.parquet"]))
    assert table["target"].to_pylist() == [PHONE]


@pytest.mark.parametrize("redact", [False, True])
def test_a_report_says_how_well_each_member_is_attested(tmp_path, redact):
    clusters = parts(report_files(*liars_run(tmp_path / "r"), redact=redact))
    members = {row["id"]: row for facts in clusters.values() for row in facts["members"]}
    told = ("tier", "review", "reporters", "robustness")
    assert [members[PHONE][name] for name in told] == ["core", "reviewed", 4, 3]
    assert (STRANGERS[0] in members) is (not redact)
    slip = members.get(STRANGERS[2])
    assert slip is None if redact else slip["near"] == PHONE
