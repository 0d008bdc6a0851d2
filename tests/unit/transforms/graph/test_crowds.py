"""People whom one reporter stands for count as if each were a reporter with a record."""

from datetime import timedelta
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.cluster import ClusterFlag
from schemas.enums import Role
from tests.support.examples import draws
from tests.support.graphs import classify_evidence
from tests.support.made_up_evidence import DAY, evidence, piece
from transforms.extract.allowlist import parse_allowlist
from transforms.graph.assign import NODE, assign_clusters, entity_nodes
from transforms.graph.cluster_facts import cluster_facts, cluster_records, sum_cluster_records
from transforms.graph.cluster_summary import summarize
from transforms.graph.epochs import shipped_lifetimes
from transforms.graph.final_status import (
    CLUSTER_LINK,
    MEMBERSHIP,
    finalize_entities,
    finalize_links,
)
from transforms.graph.incidence import hard_evidence, incidences, victim_reach
from transforms.graph.link_weights import MAX_HARD_ENTITIES, build_links, sum_pairs
from transforms.graph.links import pair_entities
from transforms.graph.supplier_likelihood import SUPPLIER_USE
from transforms.values import NO_CROWDS, Crowds

NOBODY = parse_allowlist("entity_id,reason\n", "none.csv")

# Lines of businesses and private ones, near misses of each other, and a mailbox of anybody's.
IDS = (
    *(f"phone:+1888555010{digit}" for digit in range(5)),
    *(f"phone:+9198765432{digit}0" for digit in range(3)),
    "account:iban:DE89370400440532013000",
    "email:scam@gmail.com",
)

WEEK = timedelta(weeks=1)

NAMES = st.sets(st.sampled_from(IDS), min_size=1, max_size=4)

OWN = st.tuples(NAMES, st.integers(0, 3), st.sampled_from((0, 1, 60)))
"""Whom a record of our own names, which of four people filed it, and in which week."""

OFFERED = st.tuples(
    NAMES, st.sampled_from((1, 1, 2, 3, 7, 40)), st.sampled_from((0, 1, 60)), st.booleans()
)
"""Whom so many people report in which week, by calls or complaints."""


def rows_of(own, offered, *, expand):
    """Evidence of both, and the crowds in it: a row each, or one for each person."""
    rows, people = [], {}
    for place, (named, who, week) in enumerate(own):
        filed = {"victim_key": f"amazon|v{who}", "observed_at": DAY + week * WEEK}
        rows += [
            piece(entity_id, role_of(entity_id), f"c{place}", **filed)
            for entity_id in sorted(named)
        ]
    for place, (named, count, week, call) in enumerate(offered):
        for number in range(count if expand else 1):
            record = f"offer-{place}-{number + 1}"
            key = f"microsoft|{record}"
            group = f"microsoft|call|{record}" if call else key
            if not expand:
                people[key] = count
            for entity_id in sorted(named):
                row = piece(entity_id, role_of(entity_id), record, source_org="microsoft",
                            victim_key=key, observed_at=DAY + week * WEEK,
                            victim_country=None)  # fmt: skip
                rows.append(row | {"record_kind": "call" if call else "complaint",
                                   "group_id": group})  # fmt: skip
    return evidence(rows), Crowds.of(people) if people else NO_CROWDS


def role_of(entity):
    kind = entity.partition(":")[0]
    return {"phone": Role.CALLBACK, "account": Role.PAYEE}.get(kind, Role.SENDER)


def tables_of(mentions, crowds):
    """ENTITY, LINK, CLUSTER and MEMBER rows, as a joint run over this evidence writes them."""
    result = classify_evidence(mentions, NOBODY, shipped_lifetimes(), crowds=crowds)
    pairs = sum_pairs(pair_entities(result.mentions)[0], crowds)
    links = build_links(pairs, crowds).combine_chunks()
    batches = result.entities.combine_chunks().to_batches()
    shown = hard_evidence(result.mentions)
    assignment = assign_clusters(
        pa.Table.from_batches(map(entity_nodes, batches), NODE),
        incidences(shown, MAX_HARD_ENTITIES),
        SUPPLIER_USE.empty_table(),
        victim_reach(shown),
        crowds=crowds,
    )
    final = [finalize_entities(batch, assignment) for batch in batches]
    linked = [finalize_links(batch, assignment) for batch in links.to_batches()]
    totals = sum_cluster_records(cluster_records(result.mentions, assignment)[0], crowds)
    clusters, members = summarize(
        pa.Table.from_batches([batch for _, batch in final], MEMBERSHIP),
        pa.Table.from_batches([batch for _, batch in linked], CLUSTER_LINK),
        totals,
        crowds=crowds,
    )
    entities = [row for batch, _ in final for row in batch.to_pylist()]
    links = [row | {"record_ids": None} for batch, _ in linked for row in batch.to_pylist()]
    result = entities, links, clusters.to_pylist(), members.to_pylist()
    for cluster in result[2]:
        # People whom an offer counts have a week and no hour: only rows of them could be a burst.
        cluster["flags"] = [flag for flag in cluster["flags"] if flag != ClusterFlag.BURST]
    return [sorted(table, key=key_of) for table in result]


def key_of(row):
    """The ids of a row, by which tables are written in order."""
    return [
        row[name] for name in ("entity_id", "entity_a", "entity_b", "cluster_id") if name in row
    ]


@pytest.mark.slow
@draws(100)
@given(st.lists(OWN, max_size=5), st.lists(OFFERED, min_size=1, max_size=6))
def test_weights_give_the_tables_that_rows_give(own, offered):
    # A day's people are a burst only as rows: an offer has weeks.
    with patch("transforms.graph.incidence.BRIEF_SPAN", -1):
        by_rows = tables_of(*rows_of(own, offered, expand=True))
    by_weights = tables_of(*rows_of(own, offered, expand=False))
    for rows, weighted in zip(by_rows, by_weights, strict=True):
        assert weighted == [approximately(row) for row in rows]


def approximately(row):
    """Floats to the last bits: a sum of thirds rounds by the order of its terms."""
    if isinstance(row, float):
        return pytest.approx(row, rel=1e-9)
    if isinstance(row, dict):
        return {name: approximately(value) for name, value in row.items()}
    return [approximately(value) for value in row] if isinstance(row, list) else row


def test_ten_million_cost_what_one_costs():
    """No step has a row of each: this ends at once."""
    offered = [({IDS[0], IDS[1]}, 10_000_000, 0, False), ({IDS[1], IDS[5]}, 9_999_999, 1, True)]
    mentions, crowds = rows_of([], offered, expand=False)
    entities, links, (cluster,), _ = tables_of(mentions, crowds)
    assert mentions.num_rows == 4
    assert [link["reporters"] for link in links] == [10_000_000, 9_999_999]
    assert (cluster["complaints"], cluster["calls"]) == (10_000_000, 9_999_999)
    assert cluster["reporters"] == cluster["victims"] == 19_999_999
    assert max(entity["complaints"] for entity in entities) == 10_000_000


def test_a_crowd_is_several_at_the_last_moment():
    """No reporter alone moves when a cluster was last seen; two people are not one."""
    moments = []
    for count in (1, 2):
        mentions, crowds = rows_of([({IDS[0]}, 0, 0), ({IDS[0]}, 1, 0)],
                                   [({IDS[0]}, count, 1, False)], expand=False)  # fmt: skip
        result = classify_evidence(mentions, NOBODY, crowds=crowds)
        batches = result.entities.combine_chunks().to_batches()
        shown = hard_evidence(result.mentions)
        assignment = assign_clusters(
            pa.Table.from_batches(map(entity_nodes, batches), NODE),
            incidences(shown, MAX_HARD_ENTITIES),
            SUPPLIER_USE.empty_table(),
            victim_reach(shown),
            crowds=crowds,
        )
        records = cluster_records(result.mentions, assignment)[0]
        (facts,) = cluster_facts(sum_cluster_records(records, crowds), crowds).values()
        moments.append(facts.ranked_by["last_seen"])
    assert moments == [DAY, DAY + WEEK]


def test_a_single_identifier_rests_on_no_more_people_than_bear_it():
    """A sender with a bad record makes no core member alone, however many people it claims."""
    for bearing, tier, robustness in ((1, "verify", 1), (0, "verify", 1), (8, "core", 8)):
        mentions, crowds = rows_of([], [({IDS[0]}, 1000, 0, False)], expand=False)
        crowds = Crowds(crowds.hashes, crowds.people, crowds.bearing * 0 + bearing)
        _, _, (cluster,), (member,) = tables_of(mentions, crowds)
        assert (cluster["reporters"], member["reporters"]) == (1000, 1000)  # counts stay whole
        assert (member["tier"], member["robustness"]) == (tier, robustness)
    # One of our own beside it is another.
    mentions, crowds = rows_of([({IDS[0]}, 0, 0)], [({IDS[0]}, 1000, 0, False)], expand=False)
    crowds = Crowds(crowds.hashes, crowds.people, crowds.bearing * 0 + 1)
    *_, (member,) = tables_of(mentions, crowds)
    assert (member["tier"], member["robustness"]) == ("core", 2)
