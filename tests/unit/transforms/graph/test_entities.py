"""The status of identifiers: the victim's own first withheld, caller ids never enough."""

from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.enums import HARD_ROLES, SUPPLIER_KINDS, Role, Status
from tests.support.graphs import classify_evidence
from tests.support.made_up_evidence import PHONE_ROLES, PHONES, evidence, piece, records
from transforms.extract import allowlist
from transforms.graph.entities import OVERRULE_RATIO

NOBODY = allowlist.parse_allowlist("entity_id,reason\n", "none.csv")

KNOWN = allowlist.parse_allowlist(f"entity_id,reason\n{PHONES[0]},a bank\n", "known.csv")

ROLES = (*PHONE_ROLES, Role.VICTIM)


def only(result):
    (one,) = result.entities.to_pylist()
    return one


def records_of(entity, records, role, field="narrative"):
    return [piece(entity, role, record, field=field) for record in records]


def naive_status(rows, known):
    """Status by entity, by the rules of `determine_status` in plain Python."""
    status = {}
    for entity in {row["entity_id"] for row in rows}:
        mine = [row for row in rows if row["entity_id"] == entity]

        def count(wanted, mine=mine):
            return len({(row["source_org"], row["record_id"]) for row in mine if wanted(row)})

        own = count(lambda row: row["role"] == Role.VICTIM)
        stated = count(
            lambda row: row["role"] == Role.VICTIM and row["field"].startswith("phone_numbers[")
        )
        hard = count(lambda row: row["role"] in HARD_ROLES)
        mine = [row for row in rows if row["entity_id"] == entity]
        users = {row["reporter_key"] for row in mine if row["role"] in HARD_ROLES}
        owners = {row["reporter_key"] for row in mine if row["role"] == Role.VICTIM}
        if entity in known.entity_ids:
            status[entity] = Status.SUPPRESSED
        elif own and (stated or len(users) < OVERRULE_RATIO * len(owners)):
            status[entity] = Status.VICTIM_SIDE
        elif hard and entity.partition(":")[0] not in SUPPLIER_KINDS:
            status[entity] = Status.INFRASTRUCTURE
        else:
            status[entity] = Status.UNCORROBORATED
    return status


def places_of(rows, hidden):
    """WITHHELD rows of what is hidden, as a set of tuples."""
    names = ("source_org", "record_kind", "record_id", "entity_id")
    return {
        (
            *(row[name] for name in names),
            *((row["start"], row["end"]) if row["field"] == "narrative" else (None, None)),
        )
        for row in rows
        if row["entity_id"] in hidden
    }


@settings(max_examples=60, deadline=None)
@given(records(roles=ROLES), st.sampled_from((NOBODY, KNOWN)), st.randoms())
def test_classification_by_the_rules_in_any_order(rows, known, random):
    result = classify_evidence(evidence(rows), known)
    status = naive_status(rows, known)
    hidden = {entity for entity, one in status.items() if one == Status.VICTIM_SIDE}

    shown = {one["entity_id"]: one for one in result.entities.to_pylist()}
    assert len(shown) == len(status)
    for entity in status.keys() - hidden:
        mine = [row for row in rows if row["entity_id"] == entity]
        one = shown[entity]
        assert (one["status"], one["value"]) == (status[entity], entity.partition(":")[2])
        kinds = defaultdict(set)
        for row in mine:
            kinds[row["record_kind"]].add((row["source_org"], row["record_id"]))
        assert (one["complaints"], one["calls"]) == (len(kinds["complaint"]), len(kinds["call"]))
        assert one["victims"] == len({row["victim_key"] for row in mine} - {None})
        assert one["orgs"] == sorted({row["source_org"] for row in mine})
        assert one["first_seen"] == min(row["observed_at"] for row in mine)
        assert one["last_seen"] == max(row["observed_at"] for row in mine)
        users = {row["reporter_key"] for row in mine if row["role"] in HARD_ROLES}
        assert (one["role"] in HARD_ROLES) == bool(users)
        assert one["reporters"] == one["reported_by"] == len(users)

    victims = [one for one in shown.values() if one["status"] == Status.VICTIM_SIDE]
    assert len(victims) == len(hidden)
    written = repr(result.entities.to_pylist()) + repr(result.mentions.to_pylist())
    assert not any(entity.partition(":")[2] in written for entity in hidden)

    withheld = [tuple(row.values()) for row in result.withheld.to_pylist()]
    assert sorted(withheld, key=repr) == sorted(places_of(rows, hidden), key=repr)
    assert result.mentions.num_rows == sum(row["entity_id"] not in hidden for row in rows)

    random.shuffle(rows)
    again = classify_evidence(evidence(rows), known)
    for name in ("entities", "mentions", "withheld"):
        assert sorted(map(repr, getattr(again, name).to_pylist())) == sorted(
            map(repr, getattr(result, name).to_pylist())
        )


def test_one_statement_of_the_organisation_outweighs_any_number_of_suspects():
    rows = records_of(PHONES[0], [f"c{n}" for n in range(50)], Role.CALLBACK)
    rows += records_of(PHONES[0], ["c99"], Role.VICTIM, "phone_numbers[0]")
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] == Status.VICTIM_SIDE


@pytest.mark.parametrize(
    ("held", "status"),
    [(OVERRULE_RATIO - 1, Status.VICTIM_SIDE), (OVERRULE_RATIO, Status.INFRASTRUCTURE)],
)
def test_a_reading_of_a_narrative_can_be_outweighed(held, status):
    rows = records_of(PHONES[0], [f"c{n}" for n in range(held)], Role.CALLBACK)
    rows += records_of(PHONES[0], ["c99"], Role.VICTIM)
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] == status


def test_a_published_line_is_suppressed_even_where_a_record_calls_it_the_victims():
    rows = records_of(PHONES[0], ["c1"], Role.VICTIM, "phone_numbers[0]")
    result = classify_evidence(evidence(rows), KNOWN)
    assert only(result)["status"] == Status.SUPPRESSED
    assert only(result)["reason"] == "known legitimate: a bank"
    assert result.withheld.num_rows == 0


def test_a_caller_id_alone_is_uncorroborated_however_often_it_is_seen():
    rows = records_of(PHONES[0], [f"c{n}" for n in range(500)], Role.CALLER_ID)
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] == Status.UNCORROBORATED


@pytest.mark.parametrize("role", [Role.SIGNALLING, Role.CALLBACK])
def test_a_suppliers_entity_is_never_infrastructure(role):
    rows = records_of("carrier:acme", ["k1", "k2"], role, "carrier")
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] == Status.UNCORROBORATED


def test_two_victims_get_two_withheld_ids():
    rows = records_of(PHONES[0], ["c1"], Role.VICTIM, "phone_numbers[0]")
    rows += records_of(PHONES[1], ["c1"], Role.VICTIM, "phone_numbers[1]")
    ids = classify_evidence(evidence(rows), NOBODY).entities["entity_id"].to_pylist()
    assert len(set(ids)) == 2
    assert all(one.startswith("phone:withheld-") for one in ids)


def test_nothing_in_nothing_out():
    result = classify_evidence(evidence([]), NOBODY)
    assert result.entities.schema.names[:2] == ["entity_id", "kind"]
    assert isinstance(result.mentions, pa.Table)
    assert (result.entities.num_rows, result.withheld.num_rows) == (0, 0)
