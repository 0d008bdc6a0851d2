"""The status of identifiers: the victim's own first withheld, caller ids never enough."""

from collections import defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.decision import DecisionKind
from schemas.entity import is_withheld
from schemas.enums import HARD_ROLES, SUPPLIER_KINDS, Role, Status
from tests.support.examples import draws
from tests.support.graphs import classify_evidence, decision
from tests.support.made_up_evidence import DAY, PHONE_ROLES, PHONES, evidence, piece, records
from transforms.decisions import decisions_in_force
from transforms.extract import allowlist
from transforms.graph.ownership import MOST_IN_WORDS, settle_roles
from transforms.victims.stated_numbers import CLAIM

NOBODY = allowlist.parse_allowlist("entity_id,reason\n", "none.csv")

KNOWN = allowlist.parse_allowlist(f"entity_id,reason\n{PHONES[0]},a bank\n", "known.csv")

ROLES = (*PHONE_ROLES, Role.VICTIM)


def only(result):
    (entity,) = result.entities.to_pylist()
    return entity


def records_of(entity, records, role, field="narrative"):
    return [piece(entity, role, record, field=field) for record in records]


def sides(rows, entity):
    """Reporters who show a suspect using it, and those who call it a victim's, by plain Python."""
    mine = [row for row in rows if row["entity_id"] == entity]
    owned = {row["group_id"] for row in mine if row["role"] == Role.VICTIM}
    owners = {row["reporter_key"] for row in mine if row["group_id"] in owned}
    users = {
        row["reporter_key"]
        for row in mine
        if row["role"] in HARD_ROLES and row["group_id"] not in owned
    }
    return users - owners, owners


def owners_counted(rows, entity):
    """The number of owners that count: all who say so in a field, two more at most."""
    mine = [row for row in rows if row["entity_id"] == entity]
    owned = {row["group_id"] for row in mine if row["role"] == Role.VICTIM}
    owning = [row for row in mine if row["group_id"] in owned]
    in_fields = {row["reporter_key"] for row in owning if row["field"] != "narrative"}
    return min(len({row["reporter_key"] for row in owning}), len(in_fields) + MOST_IN_WORDS)


def naive_status(rows, known):
    """Status by entity, by the rules of `determine_status` in plain Python."""
    status = {}
    for entity in {row["entity_id"] for row in rows}:
        users, owners = len(sides(rows, entity)[0]), owners_counted(rows, entity)
        if entity in known.why:
            status[entity] = Status.SUPPRESSED
        elif owners and users and owners < max(3, 3 * users):
            status[entity] = Status.CONTESTED
        elif owners:
            status[entity] = Status.VICTIM_SIDE
        elif users and entity.partition(":")[0] not in SUPPLIER_KINDS:
            status[entity] = Status.INFRASTRUCTURE
        else:
            status[entity] = Status.UNCORROBORATED
    return status


def unclaimed_of(rows, status):
    """Identifiers that nothing but mentions name, and that a private person may hold."""
    roles = defaultdict(set)
    for row in rows:
        roles[row["entity_id"]].add(row["role"])
    return {
        entity
        for entity, own_roles in roles.items()
        if own_roles == {Role.MENTIONED}
        and status[entity] == Status.UNCORROBORATED
        and entity.partition(":")[0] not in (*SUPPLIER_KINDS, "domain", "url")
    }


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


@draws(60)
@given(records(roles=ROLES), st.sampled_from((NOBODY, KNOWN)), st.randoms())
def test_classification_by_the_rules_in_any_order(rows, known, random):
    result = classify_evidence(evidence(rows), known)
    status = naive_status(rows, known)
    victims, contested = (
        {entity for entity, own_status in status.items() if own_status == wanted}
        for wanted in (Status.VICTIM_SIDE, Status.CONTESTED)
    )
    unclaimed = unclaimed_of(rows, status)
    hidden = victims | contested | unclaimed

    shown = {row["known_as"]: row for row in result.entities.to_pylist()}
    assert shown.keys() == status.keys()
    values = {}
    for entity, entity_row in shown.items():
        mine = [row for row in rows if row["entity_id"] == entity]
        value = None if entity in hidden else entity.partition(":")[2]
        assert (entity_row["status"], entity_row["value"]) == (status[entity], value)
        assert (entity_row["entity_id"] == entity) == (entity not in hidden)
        assert (entity_row["line"] is None) == (entity_row["line_type"] is None) or entity in hidden
        kinds = defaultdict(set)
        for row in mine:
            kinds[row["record_kind"]].add((row["source_org"], row["record_id"]))
        assert (entity_row["complaints"], entity_row["calls"]) == (
            len(kinds["complaint"]),
            len(kinds["call"]),
        )
        assert entity_row["victims"] == len({row["victim_key"] for row in mine} - {None})
        assert entity_row["orgs"] == sorted({row["source_org"] for row in mine})
        assert entity_row["first_seen"] == min(row["observed_at"] for row in mine)
        assert entity_row["last_seen"] == max(row["observed_at"] for row in mine)
        users, _ = sides(rows, entity)
        assert entity_row["reporters"] == entity_row["reported_by"] == len(users)
        if entity in contested:
            counts = len(users), owners_counted(rows, entity)
            values[entity_row["entity_id"]] = (entity.partition(":")[2], *counts)

    written = result.entities.drop(["known_as"]).to_pylist() + result.mentions.to_pylist()
    assert not any(entity.partition(":")[2] in repr(written) for entity in hidden)
    told = {
        row["entity_id"]: (row["value"], row["suspect_reporters"], row["victim_reporters"])
        for row in result.contested.to_pylist()
    }
    assert told == values

    withheld = [tuple(row.values()) for row in result.withheld.to_pylist()]
    assert sorted(withheld, key=repr) == sorted(places_of(rows, hidden), key=repr)
    evidence_of_use = [
        row
        for row in settle_roles(evidence(rows)).to_pylist()
        if row["entity_id"] not in victims
        and (row["role"] != Role.VICTIM or row["entity_id"] not in contested)
    ]
    assert result.mentions.num_rows == len(evidence_of_use)

    random.shuffle(rows)
    again = classify_evidence(evidence(rows), known)
    for name in ("entities", "mentions", "withheld"):
        assert sorted(map(repr, getattr(again, name).to_pylist())) == sorted(
            map(repr, getattr(result, name).to_pylist())
        )


@pytest.mark.parametrize("line", ["mobile", "fixed_line_or_mobile", "voip", None, "toll_free"])
def test_what_is_only_mentioned_is_withheld_where_a_private_person_may_hold_it(line):
    mentions = records_of(PHONES[0], [f"c{n}" for n in range(30)], Role.MENTIONED)
    for row in mentions:
        row["line_type"] = line
    entity = only(classify_evidence(evidence(mentions), NOBODY))
    assert is_withheld(entity["entity_id"]) == (line != "toll_free")
    assert entity["status"] == Status.UNCORROBORATED

    shown = (*HARD_ROLES, Role.CALLER_ID)
    for role in shown:
        rows = [*mentions, *records_of(PHONES[0], ["c99"], role)]
        assert only(classify_evidence(evidence(rows), NOBODY))["entity_id"] == PHONES[0]


@pytest.mark.parametrize(
    ("entity", "hidden"),
    [
        ("email:someone@example.org", True),
        ("handle:cashapp:$someone", True),
        ("account:iban:GB29NWBK60161331926819", True),
        ("remote:anydesk:123456789", True),
        ("wallet:btc:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", True),
        ("handle:agent:john-smith:1234", False),
        ("domain:somebodys-shop.com", False),
        ("url:sites.google.com/view/x", False),
    ],
)
def test_which_kinds_are_withheld_while_they_are_only_mentioned(entity, hidden):
    row = only(classify_evidence(evidence(records_of(entity, ["c1"], Role.MENTIONED)), NOBODY))
    assert is_withheld(row["entity_id"]) == hidden


@pytest.mark.parametrize("field", ["phone_numbers[0]", "narrative"])
def test_one_statement_contests_what_any_number_of_others_show(field):
    rows = records_of(PHONES[0], [f"c{n}" for n in range(50)], Role.CALLBACK)
    rows += records_of(PHONES[0], ["c99"], Role.VICTIM, field)
    result = classify_evidence(evidence(rows), NOBODY)
    entity = only(result)
    assert (entity["status"], entity["reporters"], entity["value"]) == (Status.CONTESTED, 50, None)
    assert entity["reason"] == (
        "contested: 1 reporter calls it a victim's own, 50 show a suspect using it"
    )
    (hidden,) = result.contested.to_pylist()
    assert hidden == {
        "entity_id": entity["entity_id"],
        "kind": "phone",
        "value": PHONES[0].partition(":")[2],
        "suspect_reporters": 50,
        "victim_reporters": 1,
        "first_seen": entity["first_seen"],
    }
    assert set(result.mentions["entity_id"].to_pylist()) == {entity["entity_id"]}
    assert result.mentions["raw"].null_count == result.mentions.num_rows == 50


@pytest.mark.parametrize(
    ("victims", "suspects", "line", "status"),
    [
        (1, 0, "mobile", Status.VICTIM_SIDE),
        (2, 1, "mobile", Status.CONTESTED),
        (3, 1, "mobile", Status.VICTIM_SIDE),
        (5, 2, "mobile", Status.CONTESTED),
        (6, 2, "mobile", Status.VICTIM_SIDE),
        (1, 9, "mobile", Status.CONTESTED),
        (1, 2, "toll_free", Status.CONTESTED),
        (1, 3, "toll_free", Status.INFRASTRUCTURE),
        (2, 5, "premium_rate", Status.CONTESTED),
        (2, 6, "premium_rate", Status.INFRASTRUCTURE),
        (3, 1, "toll_free", Status.VICTIM_SIDE),
    ],
)
def test_clearly_more_reporters_settle_who_holds_it(victims, suspects, line, status):
    rows = records_of(PHONES[0], [f"c{n}" for n in range(suspects)], Role.CALLBACK)
    claims = [f"c{50 + n}" for n in range(victims)]
    rows += records_of(PHONES[0], claims, Role.VICTIM, "phone_numbers[0]")
    rows = [row | {"line_type": line} for row in rows]
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] == status


@pytest.mark.parametrize("line", ["mobile", "toll_free"])
def test_no_words_of_many_make_a_suspects_identifier_a_victims(line):
    """A ring signs its mails with the number to call, and whoever pastes one seems to sign it."""
    shown = records_of(PHONES[0], ["c1"], Role.CALLBACK)
    pasted = records_of(PHONES[0], [f"c{50 + n}" for n in range(20)], Role.VICTIM, "narrative")
    stated = records_of(PHONES[0], ["c90"], Role.VICTIM, "phone_numbers[0]")
    for rows, status in (
        ([*shown, *pasted], Status.CONTESTED),
        ([*shown, *pasted, *stated], Status.VICTIM_SIDE),  # three people, one says so in a field
        (pasted, Status.VICTIM_SIDE),
    ):
        of_line = evidence([row | {"line_type": line} for row in rows])
        assert only(classify_evidence(of_line, NOBODY))["status"] == status


def test_no_few_show_a_business_line_to_be_a_suspects_against_many_words():
    owned = records_of(PHONES[0], [f"c{50 + n}" for n in range(5)], Role.VICTIM, "narrative")
    for users in (6, 14, 15):
        rows = [*owned, *records_of(PHONES[0], [f"c{n}" for n in range(users)], Role.CALLBACK)]
        of_line = evidence([row | {"line_type": "toll_free"} for row in rows])
        settled = Status.INFRASTRUCTURE if users == 15 else Status.CONTESTED
        assert only(classify_evidence(of_line, NOBODY))["status"] == settled


def test_who_is_on_both_sides_is_on_the_victims():
    both = {"victim_key": "amazon|v1"}
    rows = [
        piece(PHONES[0], Role.CALLBACK, "c1", **both),
        piece(PHONES[0], Role.VICTIM, "c2", **both),
    ]
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] == Status.VICTIM_SIDE
    rows.append(piece(PHONES[0], Role.CALLBACK, "c3"))
    result = classify_evidence(evidence(rows), NOBODY)
    assert (only(result)["status"], only(result)["reporters"]) == (Status.CONTESTED, 1)


def test_a_claim_counts_though_no_record_shows_it():
    rows = records_of(PHONES[0], ["c1", "c2"], Role.CALLBACK)
    claims = pa.Table.from_pylist([{"entity_id": PHONES[0], "reporter": 7}], CLAIM)
    result = classify_evidence(evidence(rows), NOBODY, claims=claims)
    assert only(result)["status"] == Status.CONTESTED
    mentioned = records_of(PHONES[0], ["c1", "c2"], Role.CALLER_ID)
    result = classify_evidence(evidence(mentioned), NOBODY, claims=claims)
    assert only(result)["status"] == Status.VICTIM_SIDE


SIDES = st.sampled_from((Role.VICTIM, *PHONE_ROLES))


@draws(80)
@given(
    st.lists(st.tuples(SIDES, st.booleans(), st.integers(0, 3)), min_size=1, max_size=8),
    st.integers(0, 7),
    st.integers(0, 5),
    st.sampled_from(("mobile", "toll_free")),
)
def test_one_reporter_can_only_make_a_suspects_identifier_contested(told, users, owners, line):
    """Whatever rows of whatever role one reporter files, he erases nothing and exports nobody."""
    honest = records_of(PHONES[0], [f"c{n}" for n in range(users)], Role.CALLBACK)
    honest += records_of(PHONES[0], [f"c{50 + n}" for n in range(owners)], Role.VICTIM)
    lies = [
        piece(PHONES[0], role, f"{'k' if call else 'c'}{100 + n}", victim_key="amazon|liar")
        for n, (role, call, _) in enumerate(told)
    ]
    rows = [row | {"line_type": line} for row in honest + lies]
    before = naive_before(honest, line)
    after = only(classify_evidence(evidence(rows), NOBODY))["status"]
    if before == Status.INFRASTRUCTURE and not owners:
        assert after in (Status.INFRASTRUCTURE, Status.CONTESTED)
    if before in (Status.VICTIM_SIDE, Status.CONTESTED):
        assert after != Status.INFRASTRUCTURE or (line == "toll_free" and users + 1 >= 3 * owners)


def naive_before(rows, line):
    """The status without the liar, None where nobody else names it."""
    if not rows:
        return None
    rows = [row | {"line_type": line} for row in rows]
    return only(classify_evidence(evidence(rows), NOBODY))["status"]


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
    assert all(entity_id.startswith("phone:withheld-") for entity_id in ids)


def test_the_platform_of_a_tenant_is_named_unless_it_is_a_victims_own():
    for entity, platform in [
        ("domain:x.z13.web.core.windows.net", "Azure Storage"),
        ("url:sites.google.com/view/x", "Google Sites"),
        ("domain:evil.example", None),
    ]:
        used = evidence(records_of(entity, ["r1"], Role.LURE_SITE))
        assert only(classify_evidence(used, NOBODY))["hosted_by"] == platform
        own = evidence(records_of(entity, ["r1"], Role.VICTIM))
        assert only(classify_evidence(own, NOBODY))["hosted_by"] is None


def test_nothing_in_nothing_out():
    result = classify_evidence(evidence([]), NOBODY)
    assert result.entities.schema.names[:2] == ["entity_id", "kind"]
    assert isinstance(result.mentions, pa.Table)
    assert (result.entities.num_rows, result.withheld.num_rows) == (0, 0)


def test_a_mailbox_that_one_reporter_names_says_so_until_a_second_does():
    for reports, facts in ((["c1"], ["used", "named_by_one"]), (["c1", "c2"], ["used"])):
        used = evidence(records_of("email:refund.desk@gmail.com", reports, Role.SENDER))
        entity = only(classify_evidence(used, NOBODY))
        assert [cause["code"] for cause in entity["facts"]] == facts
        assert is_withheld(entity["entity_id"]) == ("named_by_one" in facts)


def test_what_an_analyst_decided_is_legitimate_names_the_decision():
    banks_line = decision(DecisionKind.LEGITIMATE, PHONES[0])
    known = decisions_in_force([banks_line], None, DAY).add_to(KNOWN)
    used = evidence(records_of(PHONES[0], ["c1"], Role.CALLBACK))
    (cause,) = only(classify_evidence(used, known))["facts"]
    assert (cause["code"], cause["arguments"][1:3]) == ("decided_legitimate", ["d1", "ann"])


@pytest.mark.parametrize("epoch", ["", "#2"])
def test_what_an_earlier_run_withheld_stays_contested(epoch):
    """A join reads the withheld ids of a run's own tables, and has no value for them."""
    shown = f"phone:withheld-0123456789abcdef{epoch}"
    result = classify_evidence(evidence(records_of(shown, ["c1", "c2"], Role.CALLBACK)), NOBODY)
    entity = only(result)
    assert (entity["status"], entity["entity_id"], entity["value"]) == (
        Status.CONTESTED,
        shown,
        None,
    )
    assert result.mentions["entity_id"].to_pylist() == [shown] * 2
    assert result.contested.num_rows == 0


@pytest.mark.parametrize("chosen", ["carrier", "handle:telegram"])
def test_a_name_that_somebody_chose_is_no_withheld_id(chosen):
    rows = records_of(f"{chosen}:withheld-0123456789abcdef", ["c1", "c2"], Role.CALLBACK)
    assert only(classify_evidence(evidence(rows), NOBODY))["status"] != Status.CONTESTED
