"""A phone's bare digits in links of two people are what they were to call; other digits are not."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.enums import Role, Status
from tests.support.graphs import classify_evidence
from tests.support.made_up_evidence import mentions_of
from tests.support.made_up_records import complaints, number
from transforms.extract.allowlist import parse_allowlist
from transforms.extract.evidence import complaint_evidence
from transforms.graph.link_weights import MAX_HARD_ENTITIES
from transforms.victims.stated_numbers import CLAIM

NOBODY = parse_allowlist("entity_id,reason\n", "none.csv")

PHONE, SITE = "phone:+12025550143", "domain:x1.z13.web.core.windows.net"

DIGITS = PHONE[-10:]


def link(key="bcda", more=""):
    return f"https://{SITE[7:]}/w1n/index.html?{key}={DIGITS}{more}"


def carried(victim, **fields):
    """A complaint of a person whose pop-up's address carries the number."""
    return {"victim_id": victim, "urls": [link()]} | fields


def classify(rows, known=NOBODY, **more):
    rows = complaint_evidence(complaints(*rows))
    return classify_evidence(pa.Table.from_batches([mentions_of(rows)]), known, **more)


def use(rows, **more):
    """Its status, who shows it used, and its roles in records."""
    result = classify(rows, **more)
    (entity,) = [row for row in result.entities.to_pylist() if row["known_as"] == PHONE]
    mentions = result.mentions.to_pylist()
    roles = [row["role"] for row in mentions if row["kind"] == "phone"]
    return entity["status"], entity["reporters"], roles


BOTH = [carried("v1"), carried("v2")]


@pytest.mark.parametrize("key", ["bcda", "Anph", "phone", "Phone_Number", "tel", "rufnummer"])
def test_two_people_whose_links_carry_it_make_a_callback_of_it(key):
    rows = [carried(who, urls=[link(key)]) for who in ("v1", "v2")]
    assert use(rows) == (Status.INFRASTRUCTURE, 2, [Role.CALLBACK] * 2)


def test_the_narrative_of_one_and_the_field_of_another_are_two():
    words = f"A pop-up sent me to {link('phone')} and locked the screen."
    rows = [BOTH[0], carried("v2", urls=[], narrative=words)]
    assert use(rows) == (Status.INFRASTRUCTURE, 2, [Role.CALLBACK] * 2)


def test_a_person_is_counted_once_and_a_day_between_is_none():
    rows = [*BOTH, carried("v2"), carried("v3", narrative=f"It said to call {DIGITS}.")]
    status, reporters, _ = use(rows)
    assert (status, reporters) == (Status.INFRASTRUCTURE, 3)


ELSEWHERE = f"https://harborview-gazette.com/?phone={DIGITS}"

LOOKED_UP = f"I looked the number up on {ELSEWHERE} and others had reported it."

PEOPLE = ("v1", "v2", "v3")


@pytest.mark.parametrize(
    "rows",
    [
        [carried("v1")] * 20,
        [carried("v1"), carried("v1", source_org="microsoft")],
        [carried(None), carried(None), carried("v1")],
        [carried(who, urls=[link(key)]) for who in PEOPLE for key in ("id", "order", "n", "num")],
        [carried(who, urls=[link(more="&e=jo@home.org")]) for who in PEOPLE],
        [carried(who, urls=[ELSEWHERE], narrative=LOOKED_UP) for who in PEOPLE],
        [carried(who, urls=["https://800notes.com/?phone=" + DIGITS]) for who in PEOPLE],
        [carried(who, phone_numbers=[number(f"888555{n:04}", "callback")
                                     for n in range(100, 100 + MAX_HARD_ENTITIES)])
         for who in PEOPLE],
    ],
    ids=["one person", "one person at two organisations", "nobody by pseudonym", "an id",
         "a reader's own link", "looked up", "a known site", "a copied list"],
)  # fmt: skip
def test_it_stays_a_mention_where_it_may_be_anything_else(rows):
    status, reporters, roles = use(rows)
    assert (status, reporters) == (Status.UNCORROBORATED, 0)
    assert Role.MENTIONED in roles


@pytest.mark.parametrize(
    "more",
    [
        {"phone_numbers": [number(DIGITS, "victim")]},
        {"narrative": f"My number is {DIGITS}, call me."},
        {"phone_numbers": [number(DIGITS, "caller_id")]},
        {"narrative": f"They called me from {DIGITS}."},
    ],
)
def test_what_anybody_calls_a_victims_or_saw_as_a_callers_is_no_callback(more):
    status, reporters, roles = use([*BOTH, {"victim_id": "v3"} | more])
    assert status in (Status.VICTIM_SIDE, Status.UNCORROBORATED)
    assert (reporters, Role.CALLBACK in roles) == (0, False)


def test_what_a_row_that_is_gone_calls_a_victims_is_no_callback():
    claims = pa.Table.from_pylist([{"entity_id": PHONE, "reporter": 7}], CLAIM)
    assert use(BOTH, claims=claims)[0] == Status.VICTIM_SIDE


def test_what_is_known_to_be_legitimate_stays_suppressed():
    known = parse_allowlist(f"entity_id,reason\n{PHONE},a shop's\n", "known.csv")
    assert use(BOTH, known=known)[0] == Status.SUPPRESSED
