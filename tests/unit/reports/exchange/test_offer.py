"""Identifiers that may leave, and the counting of people, on tables small enough to check."""

import re
from datetime import UTC, date, datetime
from itertools import combinations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st
from msgspec import UNSET

from reports.exchange import offer as offers
from reports.exchange.offer import (
    Account,
    OfferSource,
    make_offer,
    offer_lines,
    own_words,
    shipped_policy,
    three_own_accounts,
)
from reports.letters import parse_file
from reports.signing import canonical_json
from schemas.cluster import MEMBER
from schemas.mention import EVIDENCE_MENTION, MENTION
from schemas.offer import Offer
from tests.support.changed import replace
from tests.support.real_data import ROOT
from tests.support.report_tables import member
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.values import OF_DAY, UNNAMED

PARTIES = ("amazon", "microsoft", datetime(2026, 6, 1, tzinfo=UTC))

RULES = replace(shipped_policy(), least_reports=1, confidence_floor=0.5)

FIRST_SEEN = datetime(2026, 3, 1, tzinfo=UTC)

A, B, C, D = (f"phone:+1888555010{n}" for n in range(4))


def evidence(*reports, role="callback", record_kind="complaint"):
    """Reports as (number, who, day, identifiers), each a complaint or a call."""
    return pa.Table.from_pylist(
        [
            {
                "entity_id": entity_id,
                "kind": entity_id.partition(":")[0],
                "role": role,
                "source_org": "amazon",
                "record_kind": record_kind,
                "record_id": f"r{number}",
                "observed_at": datetime(2026, 3, day, tzinfo=UTC),
                "confidence": 0.9,
                "group_id": f"amazon|r{number}",
                "victim_key": who and f"amazon|{who}",
                "reporter_key": f"amazon|{who or f'{UNNAMED}2026-03-{day:02d}'}",
                "victim_country": "US",
            }
            for number, who, day, ids in reports
            for entity_id in ids
        ],
        EVIDENCE_MENTION,
    )


def offer(
    rows,
    clusters=None,
    rules=RULES,
    private=(),
    status=None,
    words=None,
    returned=(),
    registered=None,
    **changed,
):
    clusters = clusters or {A: "c-1", B: "c-1", C: "c-2", D: "c-2"}
    changed = {"review": "reviewed"} | changed
    members = [member(name, cluster, **changed) for name, cluster in clusters.items()]
    states = {"c-1": "candidate", "c-2": "candidate"} | (status or {})
    source = OfferSource(
        members=pa.Table.from_pylist(members, MEMBER),
        entities=pa.table(
            {
                "entity_id": [*clusters],
                "status": ["infrastructure"] * len(clusters),
                "first_seen": [FIRST_SEEN] * len(clusters),
            }
        ),
        registered=registered or {},
        clusters=pa.table({"cluster_id": list(states), "status": list(states.values())}),
        evidence=rows,
        private=frozenset(private),
        words=words or {},
        returned=frozenset(returned),
    )
    return make_offer(source, rules, *PARTIES)


def counts(made):
    ids = [entity.entity_id for entity in made.entities]
    return [
        (
            row.week,
            "".join("ABCD"[(A, B, C, D).index(ids[place])] for place in row.entities),
            row.reports,
        )
        for row in made.evidence
    ]


ALL = [(n, f"v{n}", 2, [A, B, C, D]) for n in range(9, 12)]


@pytest.mark.parametrize("letter", ["\u017f", "\u0131", "i\u0307"])
def test_an_address_that_no_recipient_reads_does_not_have_the_offer_refused(letter):
    """Of these letters a run makes an address, which is an s or an i where case is ignored."""
    odd = f"email:help{letter}desk@evil.example"
    reports = [(1, "v1", 2, [A, odd]), (2, "v2", 9, [A, odd]), (3, "v3", 16, [A, odd])]
    made, left = offer(evidence(*reports), {A: "c-1", odd: "c-1"})
    assert [entity.entity_id for entity in made.entities] == [A]
    assert left.reasons["kind that does not leave"] == 1
    assert parse_file(canonical_json(made), "amazon", Offer) == made


def test_reports_of_the_same_things_in_one_week_are_one_count():
    made, _ = offer(evidence((1, "v1", 2, [A, B]), (2, "v2", 4, [B, A]), (3, "v3", 11, [A, B])))
    assert counts(made) == [("2026-W10", "AB", 2), ("2026-W11", "AB", 1)]


def test_a_person_counts_once_in_a_cluster_by_all_reports_of_it():
    made, _ = offer(evidence((1, "v1", 2, [A]), (2, "v1", 4, [A, B]), (3, "v1", 5, [B])))
    assert counts(made) == [("2026-W10", "AB", 1)]
    whole = {A: "c-1", B: "c-1", C: "c-1", D: "c-2"}
    made, _ = offer(evidence((1, "v1", 2, [A, B]), (2, "v1", 5, [C]), (3, "v2", 9, [C])), whole)
    assert counts(made) == [("2026-W10", "ABC", 1), ("2026-W11", "C", 1)]


def test_nobody_is_said_to_have_named_anything_in_a_week_in_which_they_did_not():
    """A number can have another holder by then; and two epochs of one are never in one record."""
    made, _ = offer(evidence((1, "v1", 2, [A]), (2, "v1", 9, [A, B]), (3, "v1", 16, [B])))
    assert counts(made) == [("2026-W11", "AB", 1)]
    again = f"{B}#2"
    rows = evidence((1, "v1", 2, [A, B]), (2, "v1", 28, [A, again]), (3, "v2", 28, [A, again]))
    made, _ = offer(rows, {A: "c-1", B: "c-1", again: "c-1"})
    assert [(row.week, row.entities) for row in made.evidence] == [
        ("2026-W10", (0, 1)),
        ("2026-W13", (0, 2)),
    ]


@pytest.mark.parametrize("key", [f"{UNNAMED}2026-03-02", f"{UNNAMED}mail", f"{OF_DAY}2026-03-02"])
def test_what_strangers_under_one_key_named_apart_nobody_named_together(key):
    rows = evidence((1, "v1", 2, [A, B]), (2, "v1", 2, [C]), (3, "v1", 2, [D]))
    same = pa.repeat(f"amazon|{key}", rows.num_rows)
    rows = rows.set_column(rows.schema.get_field_index("reporter_key"), "reporter_key", same)
    made, _ = offer(rows, dict.fromkeys((A, B, C, D), "c-1"))
    assert counts(made) == [("2026-W10", "AB", 1)]


def test_a_person_of_two_clusters_counts_in_each_but_never_ties_them_twice():
    apart, _ = offer(evidence((1, "v1", 2, [A, B]), (2, "v1", 9, [C, D])))
    assert counts(apart) == [("2026-W10", "AB", 1), ("2026-W11", "CD", 1)]
    twice, _ = offer(evidence((1, "v1", 2, [A, B, C]), (2, "v1", 4, [A, D])))
    assert counts(twice) == [("2026-W10", "ABCD", 1)]
    late, _ = offer(evidence((1, "v1", 2, [A, B]), (2, "v1", 3, [C, D]), (3, "v1", 4, [B, C])))
    assert counts(late) == [("2026-W10", "ABCD", 1)]


def test_the_reports_of_one_person_do_not_add_up_to_a_list():
    """Long lists do not show what belongs together: past the limit the fullest report counts."""
    many = {f"phone:+1888555{n:04d}": "c-1" for n in range(200, 230)}
    ids = list(many)
    made, _ = offer(evidence((1, "v1", 2, ids[:12]), (2, "v1", 4, ids[12:20])), many)
    assert [len(row.entities) for row in made.evidence] == [min(20, MAX_HARD_ENTITIES)]
    made, _ = offer(evidence((1, "v1", 2, ids[:12]), (2, "v1", 4, ids[12:])), many)
    assert [len(row.entities) for row in made.evidence] == [18]
    assert sum(row.reports for row in made.evidence) == 1


def test_an_offer_tells_which_numbers_a_call_record_confirms():
    rows = evidence((1, "v1", 2, [A, B]), (2, "v2", 9, [A, B]), (3, "v3", 9, [C, D]))
    calls = evidence((1, "v1", 2, [B]), record_kind="call")
    made, _ = offer(pa.concat_tables([rows, calls]))
    assert [made.entities[place].entity_id for place in made.called] == [B]
    assert [line for line in offer_lines(made) if "call record" in line] == [
        f"  {B}  callback  0.90  in a call record"
    ]
    assert counts(made) == [("2026-W10", "AB", 1), ("2026-W11", "AB", 1), ("2026-W11", "CD", 1)]
    nobodys = calls.set_column(calls.schema.get_field_index("reporter_key"), "reporter_key",
                               pa.nulls(1, pa.string())).cast(EVIDENCE_MENTION)  # fmt: skip
    assert offer(pa.concat_tables([rows, nobodys]))[0].called is UNSET
    assert offer(rows)[0].called is UNSET
    only = rows.filter(pc.equal(rows["group_id"], "amazon|r1"))
    alone, _ = offer(pa.concat_tables([only, calls]), returned=[A, B])
    assert counts(alone) == [("2026-W10", "AB", 1)]
    assert alone.called is UNSET, "it would tell that the one person who reported it called"


def test_without_a_pseudonym_all_reports_of_a_day_are_one_persons():
    made, _ = offer(evidence((1, None, 2, [A, B]), (2, None, 2, [A, B]), (3, None, 4, [A, B])))
    assert counts(made) == [("2026-W10", "AB", 2)]


def test_a_report_that_copies_a_list_is_no_evidence():
    many = {f"phone:+1888555{n:04d}": "c-1" for n in range(200, 230)}
    made, _ = offer(
        evidence((1, "v1", 2, list(many)), *((2 + n, f"w{n}", 2, [e]) for n, e in enumerate(many))),
        many,
    )
    assert max(len(row.entities) for row in made.evidence) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": {"c-2": "disputed"}}, "disputed or not confirmed cluster"),
        ({"private": [C, D]}, "a victim's own, or holds an id of a victim or a record"),
        (
            {"rules": replace(RULES, confirmed_only=True), "status": {"c-1": "confirmed"}},
            "disputed or not confirmed cluster",
        ),
    ],
)
def test_what_must_not_leave_stays_and_is_counted(changes, reason):
    made, left = offer(evidence(*ALL), **changes)
    assert [entity.entity_id for entity in made.entities] == [A, B]
    assert left.reasons == {reason: 2}
    assert [cluster.number for cluster in made.clusters] == [1]
    assert C not in repr(made)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confidence": 0.49, "review": "unreviewed"}, "below the confidence floor"),
        ({"rules": replace(RULES, kinds=("domain",))}, "kind that does not leave"),
        ({"rules": replace(RULES, least_reports=4)}, "too few reporters"),
        ({"tier": "verify"}, "to be verified before use"),
    ],
)
def test_what_is_unsure_or_not_wanted_stays(changes, reason):
    made, left = offer(evidence(*ALL), **changes)
    assert made.entities == made.evidence == made.clusters == ()
    assert left.reasons == {reason: 4}


def test_a_victims_epoch_is_the_victims_too():
    made, _ = offer(evidence((1, "v1", 2, [f"{A}#2", B])), {f"{A}#2": "c-1", B: "c-1"}, private=[A])
    assert [entity.entity_id for entity in made.entities] == [B]


def test_soft_roles_are_no_evidence_of_holding():
    made, left = offer(evidence(*ALL, role="caller_id"))
    assert made.entities == ()
    assert left.reasons == {"too few reporters": 4}


CORE = {"review": "unreviewed"}

TOLD = {
    f"amazon|r{number}": frozenset(range(10 * number, 10 * number + 8)) for number in range(1, 20)
}
"""Words of everybody's own."""

THREE = [(n, f"v{n}", n, [A]) for n in (1, 2, 3)]


def test_what_the_recipient_offered_is_returned_with_ones_own_counts_of_it():
    rows = evidence((1, "v1", 2, [A, B]), (2, "v2", 2, [C, D]))
    rules, weak = replace(RULES, least_reports=2), {"tier": "verify", "confidence": 0.4} | CORE
    made, left = offer(rows, rules=rules, returned=[A, B, "phone:+18005550199"], **weak)
    assert [entity.entity_id for entity in made.entities] == [A, B]
    assert made.terms.confidence_floor == 40
    assert counts(made) == [("2026-W10", "AB", 1)]
    assert left.reasons == {"to be verified before use": 2}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"private": [A]}, "a victim's own, or holds an id of a victim or a record"),
        ({"status": {"c-1": "disputed"}}, "disputed or not confirmed cluster"),
        ({"rules": replace(RULES, kinds=("url",))}, "kind that does not leave"),
        ({"role": "caller_id"}, "not infrastructure"),
        ({"clusters": {f"{A}#2": "c-1"}, "tier": "verify"}, "to be verified before use"),
    ],
)
def test_what_must_not_leave_is_not_returned_either(changes, reason):
    changes = {"clusters": {A: "c-1"}} | changes
    made, left = offer(evidence(*ALL, (13, "v13", 2, [f"{A}#2"])), returned=[A], **changes)
    assert made.entities == ()
    assert left.reasons == {reason: 1}


@pytest.mark.parametrize(
    ("reports", "words", "leaves"),
    [
        (THREE, TOLD, True),
        (THREE[:2], TOLD, False),
        ([(n, "v1", n, [A]) for n in (1, 2, 3, 4, 5)], TOLD, False),
        ([(n, f"v{n}", 7, [A]) for n in (1, 2, 3)], TOLD, False),
        (THREE, TOLD | {"amazon|r3": TOLD["amazon|r1"]}, False),
        (THREE, TOLD | {"amazon|r3": frozenset([*range(10, 14), *range(900, 904)])}, False),
        (THREE, TOLD | {"amazon|r3": frozenset([*range(10, 13), *range(900, 905)])}, True),
        (THREE, {}, False),
        ([(n, None, n, [A]) for n in (1, 2, 3)], TOLD, False),
    ],
)
def test_an_unreviewed_one_leaves_by_three_accounts_in_own_words(reports, words, leaves):
    made, left = offer(evidence(*reports), {A: "c-1", B: "c-1"}, words=words, **CORE)
    assert [entity.entity_id for entity in made.entities] == ([A] if leaves else [])
    assert left.clusters == (0 if leaves else 1)
    asks_more, _ = offer(
        evidence(*reports),
        {A: "c-1", B: "c-1"},
        rules=replace(RULES, confirmed_only=True),
        status={"c-1": "confirmed"},
        words=words,
        **CORE,
    )
    assert asks_more.entities == ()


@pytest.mark.parametrize(
    ("site", "registered", "leaves"),
    [
        ("domain:lakeside-clinic.org", None, False),
        ("domain:lakeside-clinic.org", date(2025, 12, 1), True),
        ("domain:lakeside-clinic.org", date(2025, 11, 30), False),
        ("email:desk@lakeside-clinic.org", None, False),
        ("email:desk@lakeside-clinic.org", date(2026, 2, 1), True),
        ("email:desk@gmail.com", None, True),
        ("domain:amazon-refund.support", None, True),
        ("domain:amazon-refund.lakeside.org", None, True),
        ("domain:lakeside.weebly.com", None, False),
    ],
)
def test_a_site_that_may_be_an_organisations_leaves_after_a_review(site, registered, leaves):
    """Three own accounts are not enough, unless it imitates a brand or was young."""
    reports = evidence(*((n, who, day, [site, B]) for n, who, day, _ in THREE))
    known = {"domain:lakeside-clinic.org": registered} if registered else {}
    both = {site: "c-1", B: "c-1"}
    made, left = offer(reports, both, words=TOLD, registered=known, **CORE)
    assert [entity.entity_id for entity in made.entities if entity.entity_id == site] == (
        [site] if leaves else []
    )
    why = "not reviewed, and may be an organisation's site"
    assert left.reasons == ({} if leaves else {why: 1})
    made, _ = offer(reports, both)
    assert site in {entity.entity_id for entity in made.entities}


def test_a_single_identifier_leaves_after_a_review_alone():
    alone, left = offer(evidence(*THREE), {A: "c-1"}, words=TOLD, **CORE)
    assert alone.entities == ()
    assert left.reasons == {"not reviewed, and linked to no other": 1}
    reviewed, _ = offer(evidence(*THREE), {A: "c-1"}, words=TOLD)
    assert [entity.entity_id for entity in reviewed.entities] == [A]


def test_where_no_words_remain_a_call_of_ones_own_is_needed():
    told = evidence(*THREE)
    calls = evidence((9, "v3", 5, [A]), record_kind="call")
    without, _ = offer(told, {A: "c-1", B: "c-1"}, words=TOLD | {"amazon|r3": frozenset()}, **CORE)
    assert without.entities == ()
    with_call, _ = offer(
        pa.concat_tables([told, calls]),
        {A: "c-1", B: "c-1"},
        words=TOLD | {"amazon|r3": frozenset()},
        **CORE,
    )
    assert [entity.entity_id for entity in with_call.entities] == [A]


NOTICE = "Anybody who had such a call should ring the town's tip line at {} and give no details"

NARRATIVE_MENTION = ("source_org", "record_id", "field", "start", "end", "entity_id")


@pytest.mark.parametrize("own", [False, True])
def test_a_notice_that_three_copied_is_no_account_of_what_stands_in_it(own):
    beginnings = (
        "My husband fell for this in spring and we told nobody until our son saw the statement.",
        "I hung up at once but somebody from our church paid them with cards from a drugstore.",
        "They kept me on the line for four hours while it rained and the bank was about to close.",
    )
    texts = [f"{beginning} {NOTICE.format('(888) 555-0123')}." for beginning in beginnings]
    if own:
        texts = [
            f"I had to ring (888) 555-0123, it was bad. {beginning}" for beginning in beginnings
        ]
    mentions = pa.Table.from_pylist(
        [
            dict(
                zip(
                    NARRATIVE_MENTION,
                    ("amazon", f"r{n}", "narrative", start, start + 14, A),
                    strict=True,
                )
            )
            for n, text in enumerate(texts, 1)
            for start in [text.index("(888)")]
        ],
        pa.schema([MENTION.field(n) for n in NARRATIVE_MENTION]),
    )
    told = {"source_org": ["amazon"] * 3, "complaint_id": ["r1", "r2", "r3"], "narrative": texts}
    words = own_words(pa.table(told), mentions)
    made, _ = offer(evidence(*THREE), {A: "c-1", B: "c-1"}, words=words, **CORE)
    assert [entity.entity_id for entity in made.entities] == ([A] if own else [])


ACCOUNTS = st.lists(
    st.builds(
        Account,
        st.sampled_from("abcde"),
        st.integers(1, 4).map(lambda day: date(2026, 3, day)),
        st.sampled_from(
            [frozenset(range(start, start + 4)) for start in (0, 1, 2, 3, 4, 8)] + [frozenset()]
        ),
        st.booleans(),
    ),
    max_size=9,
)


def are_apart(first, second):
    if first.reporter == second.reporter or first.day == second.day:
        return False
    shorter = min(len(first.words), len(second.words))
    return not shorter or len(first.words & second.words) < 0.5 * shorter


@given(ACCOUNTS, ACCOUNTS)
def test_three_accounts_are_found_where_there_are_three(accounts, more):
    known = [account for account in accounts if account.words or account.called]
    there_are = any(
        all(are_apart(*two) for two in combinations(three, 2)) for three in combinations(known, 3)
    )
    assert three_own_accounts(accounts) is there_are
    # Nobody takes an account of others away by adding to them.
    assert three_own_accounts([*accounts, *more]) >= there_are


@given(ACCOUNTS, st.lists(st.integers(1, 28), max_size=60))
def test_one_reporter_adds_no_account_but_one(accounts, days):
    flood = [
        Account("liar", date(2026, 4, day), frozenset(range(9 * n, 9 * n + 5)))
        for n, day in enumerate(days)
    ]
    two = [account for account in accounts if account.reporter in "ab"]
    assert not three_own_accounts(
        [*flood, *(account for account in two if account.reporter == "a")]
    )


def test_own_words_are_what_remains_without_numbers_identifiers_and_scripts():
    said = (
        "This is Amazon press one. He shouted at my mother, 3 times, then rang (888) 555-0123 again"
    )
    script, number = said.index("."), said.index("(")
    mentions = pa.Table.from_pylist(
        [
            {"source_org": "amazon", "record_id": "r1", "field": "narrative"}
            | {"start": a, "end": b, "entity_id": entity_id}
            for a, b, entity_id in ((0, script, "script:1"), (number, number + 14, A))
        ],
        pa.schema([MENTION.field(n) for n in NARRATIVE_MENTION]),
    )
    plain = pa.table(
        {
            "source_org": ["amazon"] * 4,
            "complaint_id": ["r1", "r2", "r3", "r4"],
            "narrative": [
                said,
                "he shouted at my mother times then rang again",
                "he rang at 9:45",
                None,
            ],
        }
    )
    quoted = own_words(plain, mentions)
    assert quoted["amazon|r1"] == quoted["amazon|r2"] != frozenset()
    assert quoted["amazon|r3"] == quoted["amazon|r4"] == frozenset()
    # A script that stands somewhere, and it is not known where, leaves nothing.
    nowhere = mentions.set_column(3, mentions.schema.field("start"), pa.nulls(2, pa.int32()))
    assert own_words(plain, nowhere)["amazon|r1"] == frozenset()


def test_the_measure_is_the_one_that_the_page_on_evidence_states():
    page = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"`offer\.([A-Z_]+)` = ([\d.]+)", page))
    assert len(stated) == 5
    for name, value in stated.items():
        assert getattr(offers, name) == float(value)
