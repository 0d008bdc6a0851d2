"""The STIX bundle of a cluster, checked by the validator and the library of OASIS."""

import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pyarrow.parquet as pq
import pytest
import stix2
from hypothesis import given, strategies as st
from stix2.exceptions import STIXError
from stix2.registry import STIX2_OBJ_MAPS
from stix2validator import ValidationOptions, validate_string

from reports.cluster_data import ClusterFacts, gather_facts
from reports.export import stix
from reports.export.registry import RunExport, leaving_formats
from reports.export.stix import TLP_LEVELS, stix_observable, tlp_marking
from schemas.extras import install_command
from schemas.offer import HubEntry
from tests.support.examples import draws
from tests.support.hostile_text import HOSTILE
from tests.support.report_tables import (
    cluster,
    entity,
    lineage,
    link,
    member,
    supplier,
    world,
    write_run,
)

MOMENT = datetime(2026, 3, 20, 6, 0, tzinfo=UTC)

EVERY_KIND = {
    "phone:+18885550123": "phone-number",
    "domain:amzn-refund.support": "domain-name",
    "url:https://amzn-refund.support/pay": "url",
    "email:x@y.example": "email-addr",
    "remote:anydesk:123456789": "user-account",
    "account:iban:GB29NWBK60161331926819": "bank-account",
    "account:upi:name@okbank": "user-account",
    "wallet:btc:146vRPxNy6nXaQ2HQo2mcKWYrS3jrf6cDD": "cryptocurrency-wallet",
    "handle:telegram:name": "user-account",
    "ip:203.0.113.9": "ipv4-addr",
    "ip:2001:db8::1": "ipv6-addr",
}


def again(bundle: bytes) -> object:
    """The bundle as stix2 writes it, once it has checked every object."""
    return cut(stix2.parse(bundle.decode(), allow_custom=True).serialize())


def cut(text: str) -> object:
    """JSON, fractions of seconds without zeros at their end: stix2 leaves these out of most."""
    return json.loads(
        re.sub(r"(T[0-9:]{8})(\.\d*?)?0*Z", lambda m: m[1] + (m[2] or ".") + "Z", text)
    )


def problems(bundle: bytes) -> list[str]:
    """Return the errors of the strict validator.

    Its check that ids are random is left out: they are UUIDv5 so that the same run gives the same
    bytes, which STIX 2.1 section 2.9 allows. Those of observables are compared with stix2 below.
    """
    options = ValidationOptions(
        strict=True, version="2.1", disabled="uuid-check", enforce_refs=True
    )
    result = validate_string(bundle.decode(), options)
    return [str(problem) for problem in [*result.errors, *result.warnings]]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("stix") / "run", world(6)[0])


def facts_of(folder, ids):
    return gather_facts(folder, ids)


def every_kind(folder, kinds=EVERY_KIND, roles=None, **changed):
    ids = sorted(kinds)
    rows = {
        "clusters": [cluster("c-1", size=len(ids), **changed)],
        "members": [
            member(entity_id, "c-1", **(roles or {}).get(entity_id, {})) for entity_id in ids
        ],
        "entities": [entity(entity_id) for entity_id in ids],
        "links": [link(ids[0], entity_id) for entity_id in ids[1:]],
        "lineage": [lineage("c-1")],
        "suppliers": [supplier("trunk:acme-4", "c-1")],
    }
    return facts_of(write_run(folder, rows), ["c-1"])[0]


def test_clusters_of_a_run_are_strictly_valid_and_repeat(run):
    rows = world(6)[0]["clusters"]
    for facts in facts_of(run, [row["cluster_id"] for row in rows[1:3]]):
        made = stix.stix_bundle(facts, MOMENT, "run-1")
        assert problems(made) == []
        assert again(made) == cut(made.decode())
        assert made == stix.stix_bundle(facts, MOMENT, "run-1")


def test_every_kind_of_member_is_strictly_valid(tmp_path):
    facts = every_kind(tmp_path / "run")
    made = stix.stix_bundle(facts, MOMENT, "run-1")
    assert problems(made) == []
    assert again(made) == cut(made.decode())
    kinds = [stix_object["type"] for stix_object in json.loads(made)["objects"]]
    assert {kind: kinds.count(kind) for kind in set(EVERY_KIND.values())} == {
        kind: list(EVERY_KIND.values()).count(kind) for kind in set(EVERY_KIND.values())
    }
    indicators = [
        stix_object for stix_object in json.loads(made)["objects"] if is_indicating(stix_object)
    ]
    ties = 2 * len(EVERY_KIND) - 1 + kinds.count("attack-pattern") + len(indicators)
    assert kinds.count("relationship") == ties
    assert b"trunk" not in made and b"acme" not in made


def test_ids_of_observables_are_those_that_stix2_gives():
    makers = STIX2_OBJ_MAPS["2.1"]["observables"]
    compared = 0
    for entity_id, kind in EVERY_KIND.items():
        ours = stix_observable(entity_id)
        assert ours["type"] == kind
        if kind in makers:
            values = {k: v for k, v in ours.items() if k not in ("type", "spec_version", "id")}
            assert makers[kind](**values).id == ours["id"]
            compared += 1
    assert compared == 8


TWO_KINDS = sorted(EVERY_KIND)[:2]


def test_the_marking_is_the_published_one_for_every_level(tmp_path):
    facts = every_kind(tmp_path / "run", TWO_KINDS)
    assert TLP_LEVELS == ("clear", "green", "amber", "amber+strict", "red")
    for level in TLP_LEVELS:
        made = stix.stix_bundle(facts, MOMENT, "run-1", tlp=level)
        assert problems(made) == []
        objects = json.loads(made)["objects"]
        assert objects[0] == tlp_marking(level)
        assert all(
            stix_object["object_marking_refs"] == [objects[0]["id"]] for stix_object in objects[1:]
        )


def test_another_run_gives_other_objects_but_the_same_observables(tmp_path):
    facts = every_kind(tmp_path / "run")
    first_ids, second_ids = (
        {each["id"] for each in json.loads(stix.stix_bundle(facts, MOMENT, run))["objects"]}
        for run in ("run-1", "run-2")
    )
    shared = {each.partition("--")[0] for each in first_ids & second_ids}
    assert shared == {*EVERY_KIND.values(), "identity", "marking-definition"}


def test_hostile_names_stay_text(tmp_path):
    for number, nasty in enumerate([*HOSTILE, "x" * 10_000]):
        facts = every_kind(tmp_path / f"run{number}", TWO_KINDS, name=nasty, brands=[nasty])
        made = stix.stix_bundle(facts, MOMENT, "run-1")
        assert problems(made) == []
        assert len(made) < 60_000


def test_only_accepted_links_are_exported(run):
    cluster_id = world(6)[0]["clusters"][0]["cluster_id"]
    (facts,) = facts_of(run, [cluster_id])
    facts.inside[0]["accepted"] = False
    ties = [
        relationship
        for relationship in json.loads(stix.stix_bundle(facts, MOMENT, "run-1"))["objects"]
        if relationship.get("relationship_type") == "related-to"
        and "attack-pattern" not in relationship["target_ref"]
    ]
    assert len(ties) == len(facts.inside) - 1


def test_roles_of_members_have_the_common_names_of_what_they_show(tmp_path):
    phone, session = "phone:+18885550123", "remote:anydesk:123456789"
    roles = {phone: {"role": "callback"}, session: {"role": "operator"}}
    facts = every_kind(tmp_path / "run", roles, roles)
    objects = json.loads(stix.stix_bundle(facts, MOMENT, "run-1"))["objects"]
    patterns = {
        pattern["id"]: pattern for pattern in objects if pattern["type"] == "attack-pattern"
    }
    assert sorted(
        (pattern["name"], *pattern["external_references"]) for pattern in patterns.values()
    ) == [
        ("Phishing for Information", {"source_name": "mitre-attack", "external_id": "T1598"}),
        ("Remote Access Tools", {"source_name": "mitre-attack", "external_id": "T1219"}),
    ]
    tied = [relationship for relationship in objects if relationship.get("target_ref") in patterns]
    assert {relationship["source_ref"].partition("--")[0] for relationship in tied} == {
        "infrastructure"
    }
    assert len({relationship["description"] for relationship in tied}) == 2


TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))

COUNTS = st.integers(1, 10**9 - 1)


@st.composite
def clusters(draw):
    """A cluster of two or more, of any kinds, times and counts that the tables can hold."""
    ids = sorted(draw(st.sets(st.sampled_from(sorted(EVERY_KIND)), min_size=2)))
    orgs = draw(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3, unique=True))

    def seen():
        first, last = sorted((draw(TIMES), draw(TIMES)))
        return {"first_seen": first, "last_seen": last, "orgs": orgs}

    share = st.floats(0, 1)
    counts = {"calls": draw(st.integers(0, 9)), **seen()}
    row = cluster("c-1", size=len(ids), complaints=draw(COUNTS), confidence=draw(share), **counts)
    row |= {"name": draw(st.text(min_size=1, max_size=99)), "brands": draw(st.lists(st.text()))}
    members = [
        entity(entity_id, **seen()) | member(entity_id, "c-1", confidence=draw(share))
        for entity_id in ids
    ]
    inside = [
        link(ids[0], entity_id, accepted=draw(st.booleans()), **seen()) for entity_id in ids[1:]
    ]
    return ClusterFacts(row=row, members=members, inside=inside)


@pytest.mark.slow
@draws(40)
@given(facts=clusters(), moment=TIMES)
def test_every_cluster_is_strictly_valid(facts, moment):
    made = stix.stix_bundle(facts, moment, "run-1")
    assert problems(made) == []
    assert again(made) == cut(made.decode())


def test_indicators_are_of_what_a_pattern_can_name_and_indicate_a_technique(tmp_path):
    facts = every_kind(tmp_path / "run")
    objects = json.loads(stix.stix_bundle(facts, MOMENT, "run-1"))["objects"]
    by_id = {stix_object["id"]: stix_object for stix_object in objects}
    shown = {
        indicator["name"]: indicator for indicator in objects if indicator["type"] == "indicator"
    }
    assert set(shown) == {
        entity_id for entity_id in EVERY_KIND if entity_id.startswith(("domain", "url", "email"))
    }
    assert shown["domain:amzn-refund.support"]["pattern"] == (
        "[domain-name:value = 'amzn-refund.support']"
    )
    assert {
        by_id[relationship["target_ref"]]["type"]
        for relationship in objects
        if is_indicating(relationship)
    } <= {"attack-pattern"}
    # A domain that lapsed can be another's in 80 days; a platform must not block that one.
    (last,) = (row["last_seen"] for row in facts.members if row["entity_id"].startswith("domain"))
    ends = datetime.fromisoformat(shown["domain:amzn-refund.support"]["valid_until"])
    assert ends == last + timedelta(days=80)


def is_indicating(stix_object):
    return stix_object["type"] == "relationship" and stix_object["relationship_type"] == "indicates"


def test_requests_to_sentinel_hold_what_it_takes(tmp_path):
    rows = world(6)[0]
    rows["members"] = [row | {"review": "reviewed"} for row in rows["members"]]
    run = write_run(tmp_path / "run", rows)
    members = pq.read_table(run / "members")["entity_id"].to_pylist()
    export = RunExport(run, "run-1", MOMENT)
    form = leaving_formats()["sentinel"]
    lines = b"".join(export.whole(form)).splitlines()
    bodies = [json.loads(line) for line in lines]
    objects = [value for body in bodies for value in body["stixobjects"]]
    assert all(len(body["stixobjects"]) <= stix.SENTINEL_OBJECTS for body in bodies)
    assert {body["sourcesystem"] for body in bodies} == {"ringtrace"}
    assert {stix_object["type"] for stix_object in objects} <= set(stix.SENTINEL_TYPES)
    ids = {stix_object["id"] for stix_object in objects}
    for stix_object in objects:
        if stix_object["type"] == "relationship":
            assert {stix_object["source_ref"], stix_object["target_ref"]} <= ids
    named = {indicator["name"] for indicator in objects if indicator["type"] == "indicator"}
    assert named and named <= set(members)
    assert len(named) == export.counts(form)[0]


def test_a_bundle_that_is_to_be_sealed_is_checked(tmp_path):
    made = stix.stix_bundle(every_kind(tmp_path / "run"), MOMENT, "run-1")
    assert stix.check_with_stix2(made) == made
    with pytest.raises(STIXError):
        stix.check_with_stix2(made.replace(b'"number_observed":1', b'"number_observed":0'))


def test_without_the_library_the_error_names_the_extra():
    code = (
        "import sys; sys.modules['stix2'] = None\n"
        "from reports.export import stix\n"
        "try: stix.check_with_stix2(b'{}')\n"
        "except stix.MissingStixError as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert install_command("referral") in done.stdout


def entry_of(entity_id, role="callback"):
    return HubEntry("ab" * 16, entity_id, role, "core", 90, 5, "2026-W10", "2026-W12", "analyst")


@pytest.mark.parametrize(
    "entity_id", [entity_id for entity_id in EVERY_KIND if not entity_id.startswith("ip:")]
)
def test_entries_of_a_hub_are_valid_and_withdrawn_ones_say_nothing_of_it(entity_id):
    hub, day = "0" * 64, date(2026, 3, 20)
    made = [*stix.entry_stix(hub, entry_of(entity_id), day, "TLP:AMBER", disputed=False)]
    common = stix.hub_stix(hub, "acx", "TLP:AMBER")
    gone = [stix.withdrawn_stix(stix_object) for stix_object in made if "created" in stix_object]
    for objects in (made, gone):
        bundle = {"type": "bundle", "id": f"bundle--{'0' * 8}-0000-4000-8000-{'0' * 12}"}
        text = json.dumps(bundle | {"objects": [*common, *objects]})
        stix2.parse(text, allow_custom=True)
        result = validate_string(text, ValidationOptions(version="2.1"))
        assert result.is_valid, [str(error) for error in result.errors]
    # Ids that stay do not give the value away: another identifier would have the same ids.
    other_objects = stix.entry_stix(
        hub, entry_of("domain:other.example"), day, "TLP:AMBER", disputed=False
    )
    assert {stix_object["id"] for stix_object in gone} <= {
        stix_object["id"] for stix_object in other_objects
    }
    value = entity_id.partition(":")[2]
    assert value not in json.dumps(gone) and stix_observable(entity_id)["id"] not in str(gone)
