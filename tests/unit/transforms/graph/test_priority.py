"""Priority: its parts add up, each moves it the right way, and the file says how much."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from schemas.field import microseconds_of
from schemas.records import RecordError, read_toml_record
from tests.support.made_up_evidence import DAY
from transforms.graph.priority import (
    PRIORITY_PARTS,
    PartWeights,
    PriorityWeights,
    priority_parts,
    shipped_weights,
    total_priority,
)

BASE = {
    "reporters": 4,
    "losses": [{"currency": "USD", "amount": Decimal(500), "complaints": 1}],
    "orgs": ["amazon"],
    "last_seen": DAY,
    "confidence": 0.5,
}

NUMBER = {"kind": "phone", "role": "callback", "region": "GB"}

SEEN = [DAY - timedelta(days=20)]

WHEN = DAY + timedelta(days=7)


def points(members=(NUMBER,), complaint_times=SEEN, when=WHEN, by=None, **fields):
    moments = Counter(microseconds_of(moment) for moment in complaint_times)
    parts = priority_parts(BASE | fields, members, moments, when, by or shipped_weights())
    assert [part["part"] for part in parts] == list(PRIORITY_PARTS)
    return total_priority(parts), {part["part"]: part for part in parts}


@given(
    st.integers(0, 10**7),
    st.decimals(0, 10**12, places=2),
    st.sampled_from((["amazon"], ["amazon", "microsoft"])),
    st.floats(0, 1),
    st.integers(-400, 400),
    st.dictionaries(st.sampled_from(PRIORITY_PARTS), st.floats(0.01, 10), min_size=7),
)
def test_the_points_add_up_and_stay_in_bounds(victims, lost, orgs, sure, days, weights):
    by = structs.replace(shipped_weights(), weights=PartWeights(**weights))
    losses = [{"currency": "USD", "amount": lost, "complaints": 1}]
    when = DAY + timedelta(days=days)
    priority, parts = points(
        victims=victims, losses=losses, orgs=orgs, confidence=sure, when=when, by=by
    )
    assert 0 <= priority <= 100
    assert sum(part["points"] for part in parts.values()) == pytest.approx(priority)
    assert all(0 <= part["value"] <= 1 for part in parts.values())


@pytest.mark.parametrize(
    ("part", "more"),
    [
        ("victims", {"reporters": 9}),
        ("losses", {"losses": [{"currency": "GBP", "amount": Decimal(500), "complaints": 1}]}),
        ("companies", {"orgs": ["amazon", "microsoft"]}),
        ("recency", {"last_seen": DAY + timedelta(days=1)}),
        ("growth", {"complaint_times": [*SEEN, WHEN]}),
        ("confidence", {"confidence": 0.6}),
        ("jurisdiction", {"members": [NUMBER, NUMBER | {"region": "US"}]}),
        ("jurisdiction", {"members": [NUMBER, NUMBER | {"role": "caller_id", "region": "ZZ"}]}),
    ],
)
def test_each_part_moves_it_alone(part, more):
    few = (NUMBER | {"region": "ZZ"}, NUMBER)
    low, before = points(members=few)
    high, after = points(**({"members": few} | more))
    assert high > low
    assert [name for name in PRIORITY_PARTS if before[name] != after[name]] == [part]


def test_runs_of_one_day_agree_in_whatever_order_losses_come():
    losses = [{"currency": code, "amount": amount} for code, amount in
              (("USD", 0.1), ("EUR", 0.2), ("GBP", 0.3), ("CAD", 1e6))]  # fmt: skip
    times = [WHEN - timedelta(days=14), WHEN - timedelta(days=13, hours=12)]
    runs = [
        points(when=WHEN + later, losses=order, complaint_times=times, last_seen=WHEN)
        for later, order in ((timedelta(), losses), (timedelta(hours=23.9), losses[::-1]))
    ]
    assert runs[0] == runs[1] != points(when=WHEN + timedelta(days=1), complaint_times=times)


def test_recency_halves_in_its_half_life():
    assert points(when=DAY)[1]["recency"]["value"] == 1
    assert points(when=DAY + timedelta(days=14))[1]["recency"]["value"] == 0.5
    assert points(when=DAY - timedelta(days=14))[1]["recency"]["value"] == 1


def test_a_currency_without_a_rate_counts_nothing():
    lost = [{"currency": "ZWG", "amount": Decimal(10**9), "complaints": 1}]
    assert points(losses=lost)[1]["losses"]["value"] == 0


GOOD = """
[weights]
victims = 1
losses = 0
companies = 0
recency = 0
growth = 0
confidence = 0
jurisdiction = 0
[scale]
victims = 10
losses = 10
half_life_days = 1
growth_days = 1
[usd]
[jurisdiction]
default = 0
"""


def test_weights_can_be_changed():
    only_victims = read_toml_record(PriorityWeights, GOOD, "w.toml")
    priority, parts = points(by=only_victims, reporters=10)
    assert priority == 100
    assert parts["victims"]["points"] == 100


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("victims = 1\n", "victims = -1\n", "weights.victims: Expected `float` >= 0.0"),
        ("victims = 1\n", "victims = true\n", "weights.victims: Expected `float`, got `bool`"),
        ("victims = 1\n", "victims = 0\n", "weights are all 0"),
        ("victims = 1\n", "", "Object missing required field `victims`"),
        ("victims = 1\n", "victims = 1\nvictim = 1\n", "unknown field `victim`"),
        (
            "half_life_days = 1",
            "half_life_days = 0",
            "scale.half_life_days: Expected `float` > 0.0",
        ),
        ("default = 0", "US = 1", "jurisdiction has no default"),
        ("[usd]", "[eur]", "unknown field `eur`"),
        ("[usd]", "[usd", "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(old, new, says):
    with pytest.raises(RecordError, match=r"^w\.toml: ") as error:
        read_toml_record(PriorityWeights, GOOD.replace(old, new, 1), "w.toml")
    assert says in str(error.value)
