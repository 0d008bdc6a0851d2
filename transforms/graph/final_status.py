"""The final status of each entity and link, from the global step's assignment and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decision import DecisionKind
from schemas.entity import ENTITY, are_withheld, without_epochs
from schemas.enums import EntityKind, Status, Strength
from schemas.facts import Facts, fact, facts_of, reasons_and_facts
from schemas.field import FLAG, INTEGER, NUMBER, TEXT
from transforms.arrow import Array, batch_of_columns, hash_text, row_tuples, true_mask, with_column
from transforms.decisions import NO_DECISIONS, Decision, DecisionsInForce
from transforms.graph.assign import NO_CLUSTER, assigned_rows, cluster_ids, clusters_of
from transforms.graph.incidence import IN_GRAPH

TIE_COUNTS = ("link_reporters", "tying_reporters", "elsewhere")

MEMBERSHIP = pa.schema(
    [
        *ENTITY,
        ("cluster_id", TEXT),
        ("role", TEXT),
        *((name, INTEGER) for name in TIE_COUNTS),
        ("doubted", FLAG),
        ("known_as", TEXT),
    ]
)
"""An infrastructure entity, contested or not, and its cluster.

`TIE_COUNTS` and `doubted` are as in ASSIGNMENT. `known_as` is the entity's own id, which is not
written.
"""

CLUSTER_LINK = pa.schema({"cluster_id": TEXT, "entity_a": TEXT, "entity_b": TEXT, "weight": NUMBER})
"""An accepted link and its cluster."""

MEMBERSHIPS = "memberships"

CLUSTER_LINKS = "cluster_links"

_PUBLIC_KINDS = (EntityKind.PHONE, EntityKind.DOMAIN, EntityKind.URL, EntityKind.EMAIL)
"""Kinds that an organisation's customers name; a hub of another kind is a supplier's or mule's."""

_OF_LINKS = tuple(
    map(
        fact,
        ("soft_inside", "soft", "both_used", "hub_end", "outside_end", "doubted_end", "too_little"),
    )
)
"""Facts of links, in the order in which they are tried."""


def finalize_entities(
    entities: pa.RecordBatch, assignment: pa.RecordBatch, decided: DecisionsInForce = NO_DECISIONS
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Converts CLASSIFIED_ENTITY rows to ENTITY rows, and to MEMBERSHIP rows of cluster members."""
    assigned = assigned_rows(assignment, hash_text(entities["entity_id"]))
    contested = true_mask(pc.equal(entities["status"], Status.CONTESTED))
    in_graph = true_mask(pc.is_in(entities["status"], IN_GRAPH))
    hub = true_mask(assigned["hub"]) & in_graph
    status = pc.if_else(hub & ~contested, Status.SUPPRESSED, entities["status"])
    facts: dict[int, Facts] = {}

    def known(row: int) -> Facts:
        return facts.get(row) or facts_of(entities["facts"][row].as_py())

    for row in np.flatnonzero(hub).tolist():
        spread, people = (assigned[name][row].as_py() for name in ("spread", "tying_reporters"))
        before = known(row) if contested[row] else ()
        code = "ubiquitous" if entities["kind"][row].as_py() in _PUBLIC_KINDS else "hub"
        facts[row] = (*before, fact(code, spread, people, entities["complaints"][row]))
    for row in np.flatnonzero(pc.fill_null(assigned["elsewhere"], 0)).tolist():
        facts[row] = (*known(row), fact("beside_others", assigned["elsewhere"][row].as_py()))
    for row in np.flatnonzero(true_mask(assigned["returned"])).tolist():
        facts[row] = (*known(row), fact("returned"))
    # The words of a decision may name a withheld identifier.
    shown = ~true_mask(are_withheld(entities["entity_id"]))
    for row, about in _decisions_on(entities["known_as"], shown, decided):
        facts[row] = (*known(row), about.as_fact("decided"))
    reason, said = _replaced(entities, facts)
    columns = {name: entities[name] for name in ENTITY.names}
    columns |= {"status": status, "reason": reason, "facts": said}
    final = batch_of_columns(columns, ENTITY)
    columns |= {
        "cluster_id": cluster_ids(clusters_of(assigned)),
        "role": entities["role"],
        **{name: pc.fill_null(assigned[name], 0) for name in TIE_COUNTS},
        "doubted": pc.fill_null(assigned["doubted"], False),
        "known_as": entities["known_as"],
    }
    members = batch_of_columns(columns, MEMBERSHIP)
    return final, members.filter(in_graph & ~hub)


def finalize_links(
    links: pa.RecordBatch, assignment: pa.RecordBatch, decided: DecisionsInForce = NO_DECISIONS
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Adds `accepted` and the reason to LINK rows; also returns CLUSTER_LINK rows if accepted.

    A hard link is accepted if both ends are in one cluster. The reason names a decision that ties
    its ends, or separates their clusters. A soft link only describes, and is never accepted.
    """
    ends = [assigned_rows(assignment, hash_text(links[end])) for end in ("entity_a", "entity_b")]
    cluster_a, cluster_b = (clusters_of(end) for end in ends)
    is_hub, doubted = (
        true_mask(ends[0][mark]) | true_mask(ends[1][mark]) for mark in ("hub", "doubted")
    )
    hard = true_mask(pc.equal(links["strength"], Strength.HARD))
    together = (cluster_a == cluster_b) & (cluster_a != NO_CLUSTER)
    outside = (cluster_a == NO_CLUSTER) | (cluster_b == NO_CLUSTER)
    accepted = hard & together
    masks = [~hard & together, ~hard, accepted, is_hub, outside, doubted]
    which = np.select(masks, range(len(masks)), len(masks))
    facts = {
        row: (about.as_fact("kept_apart"),)
        for row, about in _cannot_links(cluster_a, cluster_b, hard, assignment, decided)
    }
    for row, about in _must_links(links, decided):
        before = facts.get(row) or (_OF_LINKS[which[row]],)
        facts[row] = (*before, about.as_fact("decided"))
    reason, said = reasons_and_facts([(link_fact,) for link_fact in _OF_LINKS])
    columns = {"reason": reason.take(which), "facts": said.take(which)}
    reason, said = _replaced(columns, facts)
    final = with_column(links, "accepted", pa.array(accepted))
    final = with_column(with_column(final, "reason", reason), "facts", said)
    inside = final.append_column("cluster_id", cluster_ids(cluster_a))
    inside = inside.filter(accepted).select(CLUSTER_LINK.names)
    return final, inside.cast(CLUSTER_LINK)


def finalize_batch(
    batch: pa.RecordBatch,
    assignment: pa.RecordBatch,
    decided: DecisionsInForce,
    finalize: Callable[..., tuple[pa.RecordBatch, pa.RecordBatch]],
    beside: str,
) -> Iterator[Any]:
    """Applies `finalize_entities` or `finalize_links`; tags its second result `beside`."""
    final, more = finalize(batch, assignment, decided)
    yield final
    yield beam.pvalue.TaggedOutput(beside, more)


def _replaced(
    columns: Mapping[str, pa.Array] | pa.RecordBatch, facts: Mapping[int, Facts]
) -> tuple[pa.Array, pa.Array]:
    """Returns the columns `reason` and `facts` with the facts of some rows replaced."""
    place = np.arange(len(columns["reason"]))
    place[list(facts)] = len(place) + np.arange(len(facts))
    more = zip(("reason", "facts"), reasons_and_facts(list(facts.values())), strict=True)
    whole = (pa.concat_arrays([columns[name], added]) for name, added in more)
    reason, said = (column.take(place) for column in whole)
    return reason, said


def _decisions_on(
    entity_ids: pa.Array, rows: Array, decided: DecisionsInForce
) -> Iterator[tuple[int, Decision]]:
    """Yields the decisions on each entity of a mask, except `legitimate`, a reason already."""
    named = pa.array(sorted(decided.by_entity), TEXT)
    is_named = true_mask(
        pc.or_(pc.is_in(entity_ids, named), pc.is_in(without_epochs(entity_ids), named))
    )
    for row in np.flatnonzero(is_named & rows).tolist():
        for decision in decided.about(entity_ids[row].as_py()):
            if decision.kind is not DecisionKind.LEGITIMATE:
                yield row, decision


def _cannot_links(
    cluster_a: Array,
    cluster_b: Array,
    hard: Array,
    assignment: pa.RecordBatch,
    decided: DecisionsInForce,
) -> Iterator[tuple[int, Decision]]:
    """Yields the cannot_link decisions that separate the two clusters of hard links."""
    apart = decided.of(DecisionKind.CANNOT_LINK)
    ends = hash_text(pa.array([each for about in apart for each in about.entities], TEXT))
    clusters = clusters_of(assigned_rows(assignment, ends)).reshape(-1, 2)
    pairs = zip(np.sort(clusters).tolist(), apart, strict=True)
    by_pair = {tuple(pair): about for pair, about in pairs if NO_CLUSTER not in pair}
    links = np.sort(np.column_stack([cluster_a, cluster_b]))
    for row in np.flatnonzero(hard & np.isin(links[:, 0], [low for low, _ in by_pair])).tolist():
        if (about := by_pair.get(tuple(links[row].tolist()))) is not None:
            yield row, about


def _must_links(links: pa.RecordBatch, decided: DecisionsInForce) -> Iterator[tuple[int, Decision]]:
    """Yields the must_link decisions on the two ends of links."""
    must = {tuple(sorted(each.entities)): each for each in decided.of(DecisionKind.MUST_LINK)}
    for row, pair in enumerate(row_tuples(links, "entity_a", "entity_b") if must else ()):
        if pair in must:
            yield row, must[pair]
