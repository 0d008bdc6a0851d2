"""Two people who judge the same: who counts as a second one, and how often they agree."""

import dataclasses
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from schemas.decision import REVIEWING_DECISIONS, DecisionKind
from transforms.decisions import (
    WAITS,
    Decision,
    Person,
    RowSignature,
    await_second_person,
    cohens_kappa,
    compared_name,
    judged_by_two,
    person_name,
    signed_by_their_authors,
)

WHEN = datetime(2026, 3, 1, tzinfo=UTC)

SERVER, ADAS, BENS = "5" * 64, "a" * 64, "b" * 64


def judged(author, key=SERVER, kind="confirm", members=("a:1", "a:2"), **more):
    signature = key and RowSignature("", key, "", known=True)
    row = Decision(
        f"{kind} by {author}", DecisionKind(kind), "a:1", None, author, "read it", WHEN, None,
        members=members, signature=signature, evidence_digest="e1",
    )  # fmt: skip
    return dataclasses.replace(row, **more)


def listed(*people):
    return {compared_name(name): person for person in people for name in person.all_names()}


ADA = Person(id="ada", names=("A. Cole",), roles=frozenset({"analyst"}))
BEN = Person(id="ben", roles=frozenset({"reviewer"}))
CAI = Person(id="cai", roles=frozenset({"analyst"}))
DOT = Person(id="dot", roles=frozenset({"runner", "owner"}))
WITH_KEY = Person(id="ada", roles=ADA.roles, key=ADAS)
PEOPLE = listed(ADA, BEN, CAI, DOT)


@pytest.mark.parametrize(
    ("first", "second", "people", "counts"),
    [
        (judged("ada"), judged("ben"), PEOPLE, True),
        (judged("ada"), judged("ben"), {}, False),  # one key is one person
        (judged("ada"), judged("ben", BENS), {}, True),
        (judged("ada"), judged("ADA", BENS), {}, False),
        (judged("ada"), judged("A. Cole"), PEOPLE, False),
        (judged("ada"), judged("аda"), PEOPLE, False),  # a Cyrillic letter: nobody of the list
        (judged("ada"), judged("cai"), PEOPLE, False),  # no reviewer
        (judged("ben"), judged("dot"), PEOPLE, False),  # may not judge
        (judged("ada"), judged("ben", members=("a:1", "a:2", "a:3")), PEOPLE, False),
        (judged("ada"), judged("ben", members=("a:1",)), PEOPLE, False),
        (judged("ada"), judged("ben", kind="review"), PEOPLE, False),
        (judged("ada"), judged("ben", key=None), PEOPLE, False),  # typed
        (judged("ada"), judged("ben", void="an undone key"), PEOPLE, False),
        (judged("ada"), judged("ben", expires_at=WHEN + timedelta(days=1)), PEOPLE, False),
        (judged("ada"), judged("ben"), listed(WITH_KEY, BEN), False),  # not by her key
        (judged("ada", ADAS), judged("ben"), listed(WITH_KEY, BEN), True),
        (judged("ada", ADAS), judged("ben", ADAS), listed(WITH_KEY, BEN), False),
    ],
)
def test_a_confirm_counts_once_a_second_person_made_the_same(first, second, people, counts):
    rows = signed_by_their_authors([first, second], people)
    (checked, _) = await_second_person(rows, REVIEWING_DECISIONS, people)
    assert (checked.void is None) == counts


def test_a_second_judgement_after_as_of_does_not_count():
    rows = [judged("ada"), judged("ben", decided_at=WHEN + timedelta(days=2))]
    for day, counts in ((1, False), (2, True)):
        as_of = WHEN + timedelta(days=day)
        first, _ = await_second_person(rows, REVIEWING_DECISIONS, PEOPLE, as_of)
        assert (first.void is None) == counts


@pytest.mark.parametrize("kind", ["dispute", "legitimate", "cannot_link", "victim_owned"])
def test_what_protects_holds_alone_whoever_signed_it(kind):
    people = listed(WITH_KEY, BEN)
    rows = signed_by_their_authors([judged("ada", kind=kind), judged("ada")], people)
    protects, accuses = await_second_person(rows, REVIEWING_DECISIONS, people)
    assert protects.void is None
    assert accuses.void not in (None, WAITS)


@pytest.mark.parametrize(
    ("verdicts", "kappa"),
    [
        # J. Cohen's formula by hand: po 0.7, pe 0.5; po 0.6, pe 0.42 + 0.12.
        ([(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15, 0.4),
        ([(1, 1)] * 45 + [(1, 0)] * 15 + [(0, 1)] * 25 + [(0, 0)] * 15, 0.06 / 0.46),
        ([(1, 0)] * 3 + [(0, 1)] * 3, -1),
        ([(1, 1), (0, 0)], 1),
        ([(1, 1)] * 9, None),
        ([], None),
    ],
)
def test_kappa_is_agreement_beyond_chance(verdicts, kappa):
    assert cohens_kappa(verdicts) == (kappa if kappa is None else pytest.approx(kappa))


def test_kappa_is_as_a_table_of_counts_gives_it():
    """Compares with the weights of disagreement, as scikit-learn computes it."""
    chance = Random(49)
    for _ in range(200):
        pairs = [(chance.randrange(3), chance.randrange(3)) for _ in range(chance.randint(2, 60))]
        table = [[pairs.count((row, column)) for column in range(3)] for row in range(3)]
        rows = [sum(row) for row in table]
        columns = [sum(row[n] for row in table) for n in range(3)]
        off = [(n, m) for n in range(3) for m in range(3) if n != m]
        expected = sum(rows[n] * columns[m] / len(pairs) for n, m in off)
        wanted = 1 - sum(table[n][m] for n, m in off) / expected if expected else None
        assert cohens_kappa(pairs) == (wanted if wanted is None else pytest.approx(wanted))


def test_the_first_verdicts_of_two_people_on_the_same_evidence_are_compared():
    later = {"decided_at": WHEN + timedelta(hours=1)}
    rows = [
        judged("ada"),
        judged("A. Cole", kind="dispute", **later),  # the same person
        judged("ben", kind="dispute", **later),
        judged("ben", decided_at=WHEN + timedelta(days=9)),  # once he knew
        judged("cai", evidence_digest="e2"),
        judged("ben", kind="review"),
    ]
    (pair,) = judged_by_two(rows, PEOPLE)
    assert [each.decision_id for each in pair] == ["confirm by ada", "dispute by ben"]


@pytest.mark.parametrize("name", ["Łukasz", "Иван", "अमित", "李雷", "Zoë", "O’Neil-Ng, Anne"])
def test_names_of_all_scripts_are_taken_in_one_form(name):
    import unicodedata

    assert person_name(unicodedata.normalize("NFD", f" {name}  ")) == name


@pytest.mark.parametrize(
    "name",
    ["", "  ", "@ana", "a\nb", "a\tb", "a\0", "a\u202eb", "a\u2066b", "a\u200bb", "a\u00a0b",
     "a\u3000b", "\u3164", "a\u115f", "a\u2800b", "a\ufe0f", "a\u034fb", "\ud800",
     "x" * 81, "...", "\u0301"],
)  # fmt: skip
def test_names_that_mislead_people_or_spreadsheets_are_refused(name):
    assert person_name(name) == ""
