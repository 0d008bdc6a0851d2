"""One liar moves nothing: any rows of one new reporter, in every kind and role.

What cannot hold is left out on purpose: at a threshold the next reporter decides, whoever it is.
What one honest reporter shows is in the core once another does, and a near miss is one no longer
once its reporters are more than a third of the other's.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.decision import DecisionKind
from schemas.entity import without_epoch
from schemas.enums import HARD_ROLES, EntityKind, Review, Role, Tier
from tests.support.examples import draws
from tests.support.graphs import classify_evidence, decision
from tests.support.made_up_evidence import DAY, evidence, piece
from transforms.decisions import DecisionsInForce
from transforms.extract.allowlist import parse_allowlist
from transforms.extract.kinds.registry import KINDS
from transforms.graph.assign import NODE, assign_clusters, entity_nodes
from transforms.graph.cluster_facts import cluster_records, sum_cluster_records
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
from transforms.graph.robustness import CORE_ROBUSTNESS
from transforms.graph.supplier_likelihood import SUPPLIER_USE, supplier_use

NOBODY = parse_allowlist("entity_id,reason\n", "none.csv")

LIVES = shipped_lifetimes()

KIND_PREFIXES = tuple(
    dict.fromkeys(
        f"{row.kind}:{row.scheme}:" if row.scheme else f"{row.kind}:"
        for row in KINDS
        if row.kind is not EntityKind.SCRIPT
    )
)

POOL = tuple(f"{prefix}+1888555{number:04}" for prefix in KIND_PREFIXES for number in (100, 101))
"""Two identifiers of each kind that differ in one digit, so that either can be a near miss."""

MOST_ROWS = 12

EXAMPLES = 60


def members_of(rows, decided=None):
    """The MEMBER rows by entity id, as a run over this evidence writes them."""
    result = classify_evidence(evidence(rows), NOBODY, LIVES)
    mentions = result.mentions
    links = build_links(sum_pairs(pair_entities(mentions)[0])).combine_chunks()
    nodes = [entity_nodes(batch) for batch in result.entities.combine_chunks().to_batches()]
    uses = [supplier_use(batch) for batch in links.to_batches()]
    decisions = () if decided is None else (decided,)
    assignment = assign_clusters(
        pa.Table.from_batches(nodes, NODE),
        incidences(hard_evidence(mentions), MAX_HARD_ENTITIES),
        pa.Table.from_batches(uses, SUPPLIER_USE),
        victim_reach(hard_evidence(mentions)),
        *decisions,
    )
    members = [
        finalize_entities(batch, assignment, *decisions)[1]
        for batch in result.entities.combine_chunks().to_batches()
    ]
    inside = [finalize_links(batch, assignment, *decisions)[1] for batch in links.to_batches()]
    totals = sum_cluster_records(cluster_records(mentions, assignment)[0])
    _, rows = summarize(
        pa.Table.from_batches(members, MEMBERSHIP),
        pa.Table.from_batches(inside, CLUSTER_LINK),
        totals,
        *decisions,
    )
    return {member["entity_id"]: member for member in rows.to_pylist()}


def core(members):
    """The core members, each with its cluster."""
    return {
        entity_id: row["cluster_id"]
        for entity_id, row in members.items()
        if row["tier"] == str(Tier.CORE)
    }


def hard_role(entity):
    """The hard role in which an identifier of this kind is shown."""
    kind = entity.partition(":")[0]
    roles = {"phone": Role.CALLBACK, "email": Role.SENDER, "remote": Role.OPERATOR}
    lures = dict.fromkeys(("domain", "url", "handle"), Role.LURE_SITE)
    return (roles | lures).get(kind, Role.PAYEE)


def record(who, number, named, *, day=0, org="amazon", call=False):
    """The pieces of one record of reporter `who`, given its identifiers with their roles."""
    key = f"{org}|{who}"
    name = f"{'k' if call else 'c'}{who}-{number}"
    return [
        piece(
            entity, role, name, source_org=org, victim_key=key, reporter_key=key,
            observed_at=DAY + timedelta(days=day), field=f"phone_numbers[{place}]",
        )
        for place, (entity, role) in enumerate(named)
    ]  # fmt: skip


@st.composite
def lies(draw, pool=POOL):
    """Any rows of one reporter: any kinds, roles, days, in complaints and calls."""
    named = st.lists(
        st.tuples(st.sampled_from(pool), st.sampled_from(tuple(Role))), min_size=1, max_size=6
    )
    rows = []
    for number in range(draw(st.integers(1, MOST_ROWS))):
        day, call = draw(st.sampled_from((-4000, -40, 0, 1, 5, 20, 4000))), draw(st.booleans())
        rows += record("liar", number, draw(named), day=day, org="microsoft", call=call)
    return rows


@st.composite
def honest(draw):
    """Any records of up to six honest reporters."""
    rows = []
    ids = draw(st.lists(st.sampled_from(POOL), min_size=2, max_size=8, unique=True))
    for number in range(draw(st.integers(1, 10))):
        who = f"h{draw(st.integers(0, 5))}"
        named = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=4, unique=True))
        soft = draw(st.booleans()) and draw(st.booleans())
        roles = [Role.CALLER_ID if soft else hard_role(entity_id) for entity_id in named]
        pairs = list(zip(named, roles, strict=True))
        rows += record(who, number, pairs, day=draw(st.integers(0, 20)))
    return rows


@st.composite
def rings(draw, least=3):
    """Up to four rings, each identifier of which `least` honest reporters tie to another of it.

    Either each reporter names the whole ring, or each names two of it, along a tree.
    """
    ids = draw(st.permutations(POOL))
    rows = []
    for ring in range(draw(st.integers(1, 4))):
        size = draw(st.integers(2, 5))
        group, ids = ids[:size], ids[size:]
        together = [group]
        if draw(st.booleans()):
            together = [[group[draw(st.integers(0, n - 1))], group[n]] for n in range(1, size)]
        for part, tied in enumerate(together):
            for number in range(draw(st.integers(least, least + 2))):
                named = [(entity_id, hard_role(entity_id)) for entity_id in tied]
                rows += record(f"h{ring}-{part}-{number}", 0, named, day=draw(st.integers(0, 20)))
    return rows


def honest_reporters(rows, entity):
    """The honest reporters who show an identifier in a hard role."""
    return {
        row["reporter_key"]
        for row in rows
        if row["entity_id"] == without_epoch(entity) and row["role"] in HARD_ROLES
    }


def confirmed(members):
    """Decisions of an analyst who confirmed all that a run shows."""
    made = decision(DecisionKind.CONFIRM, min(members)) if members else None
    return DecisionsInForce(
        when=DAY, binding=(replace(made, members=tuple(sorted(members))),) if made else ()
    )


def leaving(members):
    """The members that may leave: core and reviewed."""
    reviewed = (
        entity_id for entity_id, row in members.items() if row["review"] == str(Review.REVIEWED)
    )
    return core(members).keys() & set(reviewed)


def near_misses(members):
    """The members that are near misses."""
    return {entity_id for entity_id, row in members.items() if row["near_miss_of"] is not None}


@pytest.mark.slow
@draws(EXAMPLES)
@given(honest(), lies())
def test_a_liar_adds_no_core_member_that_no_honest_reporter_shows(rows, lied):
    before, after = core(members_of(rows)), core(members_of(rows + lied))
    for entity_id in after.keys() - before.keys():
        assert len(honest_reporters(rows, entity_id)) >= CORE_ROBUSTNESS - 1


@pytest.mark.slow
@draws(EXAMPLES)
@given(honest(), lies())
def test_a_liar_adds_nothing_to_what_may_leave_that_no_analyst_saw(rows, lied):
    decided = confirmed(members_of(rows))
    before, after = members_of(rows, decided), members_of(rows + lied, decided)
    for entity_id in leaving(after) - leaving(before):
        assert entity_id in before
        assert len(honest_reporters(rows, entity_id)) >= CORE_ROBUSTNESS - 1


@pytest.mark.slow
@draws(EXAMPLES)
@given(rings(), lies())
def test_a_liar_moves_nothing_that_three_reporters_tie(rows, lied):
    members, lied_members = members_of(rows), members_of(rows + lied)

    # The liar adds no member to the core or to the members that may leave.
    decided = confirmed(members)
    before, after = members_of(rows, decided), members_of(rows + lied, decided)
    freed = near_misses(before)
    assert core(after).keys() - freed <= core(before).keys()
    assert leaving(after) - freed <= leaving(before)

    # The liar regroups no member of it.
    before, after = core(members), core(lied_members)
    for first, second in combinations(sorted(before.keys() & after.keys()), 2):
        assert (before[first] == before[second]) == (after[first] == after[second])

    # He takes away only what he calls a victim's own: else a core member that others are with
    # stays one, but for a near miss at its threshold.
    claimed = {row["entity_id"] for row in lied if row["role"] == Role.VICTIM}
    size = Counter(before.values())
    for entity_id in before.keys() - claimed - near_misses(lied_members):
        assert entity_id in after or size[before[entity_id]] == 1
