"""Countries are counted once a reporter, and calls confirm, whatever the order."""

from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from schemas.enums import HARD_ROLES, Role, Status
from tests.support.examples import draws
from tests.support.made_up_evidence import classified, piece, records, with_statuses
from transforms.arrow import hash_text
from transforms.graph.incidence import (
    call_confirmed_by_node,
    countries_by_node,
    hard_evidence,
    victim_reach,
)


@draws(60)
@given(records(), st.randoms())
def test_every_reporter_counts_once(drawn, random):
    rows = with_statuses(drawn, set())
    held = [
        row for row in rows if row["status"] == Status.INFRASTRUCTURE and row["role"] in HARD_ROLES
    ]
    who = {}
    for row in held:
        key = row["entity_id"], row["group_id"]
        who[key] = min(row["reporter_key"], who.get(key, row["reporter_key"]))
    country, called = {}, set()
    for row in held:
        key = row["entity_id"], who[row["entity_id"], row["group_id"]]
        country[key] = min(row["victim_country"], country.get(key, "ZZ"))
        if row["record_kind"] == "call":
            called.add(row["entity_id"])
    names = sorted({entity for entity, _ in country})
    node = np.sort(hash_text(pa.array(names, pa.string())))
    reach = victim_reach(hard_evidence(classified(rows)))
    by = countries_by_node(reach, node).sum(axis=1)
    confirmed = call_confirmed_by_node(reach, node)
    many = Counter(entity_id for entity_id, _ in country)
    for name in names:
        place = int(np.searchsorted(node, hash_text(pa.array([name]))[0]))
        assert (by[place], confirmed[place]) == (many[name], name in called)
    assert countries_by_node(reach, node).shape[1] <= 2
    random.shuffle(rows)
    order = [("node", "ascending"), ("reporter", "ascending")]
    assert victim_reach(hard_evidence(classified(rows))).sort_by(order) == reach.sort_by(order)


def test_a_country_that_is_not_known_tells_nothing():
    rows = [piece("phone:+18885550100", Role.CALLBACK, victim_country=None)]
    reach = victim_reach(hard_evidence(classified(rows)))
    assert reach["country"].to_pylist() == [None]
    node = hash_text(pa.array(["phone:+18885550100"]))
    assert countries_by_node(reach, node).shape == (1, 0)
    assert countries_by_node(reach, node[:0]).shape == (0, 0)
