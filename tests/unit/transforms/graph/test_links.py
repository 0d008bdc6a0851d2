"""Pairs and weights against the rules in plain Python, row by row."""

from collections import defaultdict
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.enums import HARD_ROLES, SUPPLIER_KINDS, Role, Status, Strength
from tests.support.examples import draws
from tests.support.made_up_evidence import PHONES, classified, piece, records, with_statuses
from transforms.graph.link_weights import MAX_HARD_ENTITIES, MILLION, PAIR, build_links, sum_pairs
from transforms.graph.links import pair_entities
from transforms.values import NO_PSEUDONYM


def naive_pairs(rows):
    groups = defaultdict(list)
    for row in rows:
        if row["status"] != Status.SUPPRESSED:
            groups[row["group_id"]].append(row)
    pairs = []
    for group, mentions in groups.items():
        hard = {row["entity_id"] for row in mentions if row["role"] in HARD_ROLES}
        named = sorted({row["entity_id"] for row in mentions})
        if len(hard) > MAX_HARD_ENTITIES or len(named) > 3 * MAX_HARD_ENTITIES:
            continue
        calls = {row["record_id"] for row in mentions if row["record_kind"] == "call"}
        facts = {
            "group_id": group,
            "complaint": any(row["record_kind"] == "complaint" for row in mentions),
            "calls": len(calls),
            "reporter_key": min(row["reporter_key"] for row in mentions),
            "source_org": min(row["source_org"] for row in mentions),
            "observed_at": min(row["observed_at"] for row in mentions),
        }
        for a, b in combinations(named, 2):
            sides = [(a in hard, kind_of(a)), (b in hard, kind_of(b))]
            both = a in hard and b in hard
            lone = any(
                kind in SUPPLIER_KINDS and not other_hard
                for (_, kind), (other_hard, _) in (sides, sides[::-1])
            )
            if lone and not both:
                continue
            micros = MILLION // (len(hard) - 1 if both else len(named) - 1)
            pairs.append({"entity_a": a, "entity_b": b, "hard": both, "micros": micros} | facts)
    return pairs


def kind_of(entity):
    return entity.partition(":")[0]


def naive_links(pairs):
    by_pair = defaultdict(list)
    for row in pairs:
        by_pair[row["entity_a"], row["entity_b"]].append(row)
    links = []
    for (a, b), rows in sorted(by_pair.items()):
        telling = [row for row in rows if row["hard"]] or rows
        worth = defaultdict(int)
        for row in telling:
            who = row["reporter_key"]
            worth[who] = max(worth[who], row["micros"])
        groups = sorted({row["group_id"] for row in rows})
        reporters = {row["reporter_key"] for row in rows}
        links.append(
            {
                "entity_a": a,
                "entity_b": b,
                "weight": sum(worth.values()) / MILLION,
                "complaints": sum(row["complaint"] for row in rows),
                "calls": sum(row["calls"] for row in rows),
                "victims": len(
                    {reporter for reporter in reporters if NO_PSEUDONYM not in reporter}
                ),
                "reporters": len(reporters),
                "orgs": sorted({row["source_org"] for row in rows}),
                "first_seen": min(row["observed_at"] for row in rows),
                "last_seen": max(row["observed_at"] for row in rows),
                "strength": Strength.HARD if any(row["hard"] for row in rows) else Strength.SOFT,
                "record_ids": groups[:10],
                "records": len(groups),
                "accepted": False,
                "reason": "",
                "facts": [],
            }
        )
    return links


def by_pair(table):
    return sorted(
        table.to_pylist(), key=lambda row: (row["entity_a"], row["entity_b"], row.get("group_id"))
    )


def links_of(rows):
    return build_links(sum_pairs(pair_entities(classified(rows))[0]))


SUPPRESSED = st.sets(st.sampled_from(PHONES), max_size=2)


@draws(50)
@given(records(), SUPPRESSED)
def test_pairs_and_links_are_those_of_the_rules(rows, suppressed):
    rows = with_statuses(rows, suppressed)
    pairs, too_wide = pair_entities(classified(rows))
    assert too_wide == 0
    expected = naive_pairs(rows)
    assert by_pair(pairs) == by_pair(pa.Table.from_pylist(expected, PAIR))
    assert by_pair(build_links(sum_pairs(pairs))) == naive_links(expected)


@draws(50)
@given(records(), st.randoms())
def test_the_order_of_the_rows_never_matters(rows, random):
    rows = with_statuses(rows, set())
    first = pair_entities(classified(rows))[0]
    random.shuffle(rows)
    assert by_pair(pair_entities(classified(rows))[0]) == by_pair(first)
    turned = first.take(pa.array(random.sample(range(first.num_rows), first.num_rows), pa.int64()))
    assert by_pair(build_links(sum_pairs(turned))) == by_pair(build_links(sum_pairs(first)))


@draws(50)
@given(records(), st.integers(1, 4), st.randoms())
def test_any_shares_of_the_records_add_up_to_the_same_links(rows, shares, random):
    rows = with_statuses(rows, set())
    share = {row["group_id"]: random.randrange(shares) for row in rows}
    parts = [[row for row in rows if share[row["group_id"]] == n] for n in range(shares)]
    added = pa.concat_tables([sum_pairs(pair_entities(classified(part))[0]) for part in parts])
    turned = added.take(pa.array(random.sample(range(added.num_rows), added.num_rows), pa.int64()))
    assert by_pair(build_links(turned)) == naive_links(naive_pairs(rows))


def test_a_pair_of_many_calls_travels_as_its_reporters():
    rows = [
        piece(entity, role, f"k{n}", victim_key=f"amazon|v{n % 40}")
        for n in range(1000)
        for entity, role in ((PHONES[0], Role.CALLBACK), ("carrier:acme", Role.SIGNALLING))
    ]
    (added,) = sum_pairs(pair_entities(classified(rows))[0]).to_pylist()
    assert (added["records"], len(added["reporters"]), len(added["group_ids"])) == (1000, 40, 10)
    (link,) = links_of(rows).to_pylist()
    assert (link["records"], link["victims"], link["weight"]) == (1000, 40, 40)


@draws(50)
@given(records(roles=(Role.CALLER_ID, Role.MENTIONED)))
def test_caller_ids_and_mentions_alone_never_make_a_hard_pair(rows):
    pairs, _ = pair_entities(classified(with_statuses(rows, set())))
    assert not any(pairs["hard"].to_pylist())
    assert set(build_links(sum_pairs(pairs))["strength"].to_pylist()) <= {Strength.SOFT}


@draws(50)
@given(records(), SUPPRESSED)
def test_suppressed_entities_link_nothing_and_carry_nothing(rows, suppressed):
    rows = with_statuses(rows, suppressed)
    left = [row for row in rows if row["entity_id"] not in suppressed]
    with_them, without = (links_of(mentions) for mentions in (rows, left))
    assert by_pair(with_them) == by_pair(without)


@pytest.mark.parametrize("k", [2, 3, 7, MAX_HARD_ENTITIES])
def test_a_record_of_k_entities_gives_each_of_them_one_records_worth(k):
    rows = [piece(f"phone:+1888555{n:04d}", Role.CALLBACK) for n in range(k)]
    links = links_of(rows).to_pylist()
    assert len(links) == k * (k - 1) // 2
    worth = defaultdict(float)
    for link in links:
        worth[link["entity_a"]] += link["weight"]
        worth[link["entity_b"]] += link["weight"]
    assert len(worth) == k
    assert all(total == pytest.approx(1, abs=k / MILLION) for total in worth.values())


def test_a_copied_list_is_counted_and_links_nothing():
    rows = [piece(f"phone:+1888555{n:04d}", Role.CALLBACK) for n in range(MAX_HARD_ENTITIES + 1)]
    pairs, too_wide = pair_entities(classified(rows))
    assert (pairs.num_rows, too_wide) == (0, 1)
    rows = [
        piece(f"phone:+1888555{n:04d}", Role.MENTIONED) for n in range(3 * MAX_HARD_ENTITIES + 1)
    ]
    pairs, too_wide = pair_entities(classified(rows))
    assert (pairs.num_rows, too_wide) == (0, 1)


def weight_of(*reports):
    rows = [
        piece(entity, Role.CALLBACK, record, victim_key=who)
        for record, who in reports
        for entity in PHONES[:2]
    ]
    (link,) = links_of(rows).to_pylist()
    return link


def test_a_victim_who_reports_twice_counts_once():
    assert weight_of(("c1", "amazon|v1"), ("c2", "amazon|v1"))["weight"] == 1
    assert weight_of(("c1", "amazon|v1"), ("c2", "amazon|v2"))["weight"] == 2
    assert weight_of(("c1", None), ("c2", None))["weight"] == 2
    both = weight_of(("c1", "amazon|v1"), ("c2", "amazon|v1"))
    assert (both["records"], both["victims"], both["complaints"]) == (2, 1, 2)


def test_soft_evidence_adds_no_weight_to_a_hard_pair_but_is_counted():
    a, b = PHONES[:2]
    rows = [piece(a, Role.CALLBACK), piece(b, Role.CALLBACK)]
    rows += [piece(a, Role.CALLBACK, "c2"), piece(b, Role.CALLER_ID, "c2")]
    (link,) = links_of(rows).to_pylist()
    assert (link["weight"], link["strength"]) == (1, Strength.HARD)
    assert (link["records"], link["complaints"], link["record_ids"]) == (
        2,
        2,
        ["amazon|c1", "amazon|c2"],
    )


def test_a_call_and_its_complaint_are_one_piece_of_evidence():
    rows = [piece(PHONES[0], Role.CALLBACK)]
    rows += [piece(PHONES[1], Role.CALLBACK, "k1", group_id="amazon|c1")]
    (link,) = links_of(rows).to_pylist()
    assert (link["weight"], link["records"], link["complaints"], link["calls"]) == (1, 1, 1, 1)


def test_nothing_in_nothing_out():
    pairs, too_wide = pair_entities(classified([]))
    assert (pairs.num_rows, too_wide, build_links(sum_pairs(pairs)).num_rows) == (0, 0, 0)
