"""The final status of each entity and each link, by the global step's assignment and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decision import DecisionKind
from schemas.entity import ENTITY, without_epochs
from schemas.enums import Status, Strength
from schemas.link import LINK
from transforms.arrow_util import batch_of_columns, hash_text, sorted_lookup
from transforms.casts import true_mask
from transforms.decisions import NO_DECISIONS, DecisionsInForce
from transforms.graph.assign import (
    NO_CLUSTER,
    cluster_ids,
    clusters_of_nodes,
    has_mark,
    reporters_of_nodes,
)
from transforms.graph.incidence import IN_GRAPH
from transforms.shuffle import MAIN

TIE_COUNTS = ("link_reporters", "tying_reporters")

MEMBERSHIP = pa.schema(
    [
        *ENTITY,
        ("cluster_id", pa.string()),
        ("role", pa.string()),
        *((name, pa.int64()) for name in TIE_COUNTS),
        ("known_as", pa.string()),
    ]
)
"""An infrastructure entity, contested or not, and its cluster.

`link_reporters` and `tying_reporters` are as ASSIGNMENT has them. `known_as` is its own id, which
is not written.
"""

CLUSTER_LINK = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("entity_a", pa.string()),
        ("entity_b", pa.string()),
        ("weight", pa.float64()),
    ]
)
"""An accepted link and its cluster."""

MEMBERSHIPS = "memberships"

CLUSTER_LINKS = "cluster_links"

RETURNED_REASON = (
    "in the cluster of its other epoch: suppliers show that it came back to the same hands"
)

FinalizeBatch = Callable[
    [pa.RecordBatch, pa.RecordBatch, DecisionsInForce], tuple[pa.RecordBatch, pa.RecordBatch]
]


def finalize_entities(
    found: pa.RecordBatch, assignment: pa.RecordBatch, decided: DecisionsInForce = NO_DECISIONS
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Converts CLASSIFIED_ENTITY rows to ENTITY rows, and to MEMBERSHIP rows where in a cluster."""
    nodes = hash_text(found["entity_id"])
    cluster, hub = clusters_of_nodes(assignment, nodes)
    contested = true_mask(pc.equal(found["status"], Status.CONTESTED))
    in_graph = true_mask(pc.is_in(found["status"], pa.array(IN_GRAPH)))
    hub &= in_graph
    status = pc.if_else(pa.array(hub & ~contested), str(Status.SUPPRESSED), found["status"])
    hubs = _hub_reasons(found, nodes, assignment)
    reason = pc.if_else(pa.array(hub & ~contested), hubs, found["reason"])
    both = pc.binary_join_element_wise(found["reason"], hubs, "; ")
    reason = pc.if_else(pa.array(hub & contested), both, reason)
    back = pa.array(has_mark(assignment, nodes, "returned"))
    reason = pc.if_else(back, pc.binary_join_element_wise(reason, RETURNED_REASON, "; "), reason)
    # The words of a decision may name what is withheld.
    with_decisions = _with_decisions(reason, found["known_as"], decided)
    reason = pc.if_else(pa.array(contested), reason, with_decisions)
    columns = {name: found[name] for name in ENTITY.names} | {"status": status, "reason": reason}
    entities = batch_of_columns(columns, ENTITY)
    columns |= {
        "cluster_id": cluster_ids(cluster),
        "role": found["role"],
        **{name: reporters_of_nodes(assignment, nodes, name) for name in TIE_COUNTS},
        "known_as": found["known_as"],
    }
    members = batch_of_columns(columns, MEMBERSHIP)
    return entities, members.filter(pa.array(in_graph & ~hub))


def finalize_links(
    links: pa.RecordBatch, assignment: pa.RecordBatch, decided: DecisionsInForce = NO_DECISIONS
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns LINK rows with `accepted` and the reason, and CLUSTER_LINK rows of the accepted ones.

    A hard link is accepted when both ends are in one cluster; the reason names a decision that ties
    its ends, or separates their clusters. A soft link describes, and is never accepted.
    """
    cluster_a, hub_a = clusters_of_nodes(assignment, hash_text(links["entity_a"]))
    cluster_b, hub_b = clusters_of_nodes(assignment, hash_text(links["entity_b"]))
    hard = true_mask(pc.equal(links["strength"], Strength.HARD))
    doubted = has_mark(assignment, hash_text(links["entity_a"]), "doubted")
    doubted |= has_mark(assignment, hash_text(links["entity_b"]), "doubted")
    together = (cluster_a == cluster_b) & (cluster_a != NO_CLUSTER)
    outside = (cluster_a == NO_CLUSTER) | (cluster_b == NO_CLUSTER)
    accepted = hard & together
    reason = np.select(
        [~hard & together, ~hard, accepted, hub_a | hub_b, outside, doubted],
        [
            "soft: describes the cluster, does not hold it together",
            "soft: a forgeable or shared identifier joins nothing",
            "both held by the suspect in the same records",
            "one end is a hub, seen with many clusters",
            "one end may not be clustered: see its status",
            "too few reporters tie it to a line that may be a private person's and was in no call",
        ],
        "too little evidence to join two clusters",
    ).tolist()
    _explain_cannot_links(reason, cluster_a, cluster_b, hard, assignment, decided)
    _explain_must_links(reason, links, decided)
    final = links.set_column(
        links.schema.get_field_index("accepted"), LINK.field("accepted"), pa.array(accepted)
    )
    at = links.schema.get_field_index("reason")
    final = final.set_column(at, LINK.field("reason"), pa.array(reason, pa.string()))
    inside = final.append_column("cluster_id", cluster_ids(cluster_a))
    inside = inside.filter(pa.array(accepted)).select(CLUSTER_LINK.names)
    return final, inside.cast(CLUSTER_LINK)


@dataclass(eq=False)
class FinalizeEntities(beam.PTransform):
    """Finalizes CLASSIFIED_ENTITY batches; outputs MAIN (ENTITY), MEMBERSHIPS (MEMBERSHIP)."""

    assignment: beam.pvalue.AsSingleton
    decided: beam.pvalue.AsSingleton

    def expand(self, found: beam.PCollection) -> Any:
        """Applies `finalize_entities` to each batch."""
        step = beam.ParDo(_Finalize(finalize_entities, MEMBERSHIPS), self.assignment, self.decided)
        return found | step.with_outputs(MEMBERSHIPS, main=MAIN)


@dataclass(eq=False)
class FinalizeLinks(beam.PTransform):
    """Finalizes LINK batches; outputs MAIN (LINK) and CLUSTER_LINKS (CLUSTER_LINK)."""

    assignment: beam.pvalue.AsSingleton
    decided: beam.pvalue.AsSingleton

    def expand(self, links: beam.PCollection) -> Any:
        """Applies `finalize_links` to each batch."""
        step = beam.ParDo(_Finalize(finalize_links, CLUSTER_LINKS), self.assignment, self.decided)
        return links | step.with_outputs(CLUSTER_LINKS, main=MAIN)


class _Finalize(beam.DoFn):
    def __init__(self, finalize: FinalizeBatch, beside: str) -> None:
        self.finalize, self.beside = finalize, beside

    def process(
        self, batch: pa.RecordBatch, assignment: pa.RecordBatch, decided: DecisionsInForce
    ) -> Iterator[Any]:
        final, beside = self.finalize(batch, assignment, decided)
        yield final
        yield beam.pvalue.TaggedOutput(self.beside, beside)


def _with_decisions(reasons: pa.Array, entity_ids: pa.Array, decided: DecisionsInForce) -> pa.Array:
    """Returns reasons with the decisions on each entity; a legitimate one is the reason already."""
    named = pa.array(sorted(decided.by_entity()), pa.string())
    at = true_mask(pc.or_(pc.is_in(entity_ids, named), pc.is_in(without_epochs(entity_ids), named)))
    if not len(named) or not at.any():
        return reasons
    texts = reasons.to_pylist()
    ids = entity_ids.to_pylist()
    for row in np.flatnonzero(at).tolist():
        about = decided.about(ids[row])
        others = [one for one in about if one.kind is not DecisionKind.LEGITIMATE]
        texts[row] = "; ".join([texts[row], *(f"{one.kind} {one.describe()}" for one in others)])
    return pa.array(texts, pa.string())


def _hub_reasons(found: pa.RecordBatch, nodes: np.ndarray, assignment: pa.RecordBatch) -> pa.Array:
    if not assignment.num_rows:
        return pa.nulls(found.num_rows, pa.string())
    at, _ = sorted_lookup(assignment["node"].to_numpy(), nodes)
    spread = assignment["spread"].to_numpy()[at]
    return pa.array(
        [
            f"hub: {share:.0%} of its links go outside its main cluster; "
            f"seen in {complaints} complaints"
            for share, complaints in zip(spread, found["complaints"].to_pylist(), strict=True)
        ],
        pa.string(),
    )


def _explain_cannot_links(
    reason: list[str],
    cluster_a: np.ndarray,
    cluster_b: np.ndarray,
    hard: np.ndarray,
    assignment: pa.RecordBatch,
    decided: DecisionsInForce,
) -> None:
    """Names the cannot_link decision that separates the two clusters of a hard link."""
    cannot = decided.of(DecisionKind.CANNOT_LINK)
    near = clusters_of_nodes(
        assignment, hash_text(pa.array([one.entity_a for one in cannot], pa.string()))
    )
    far = clusters_of_nodes(
        assignment, hash_text(pa.array([one.entity_b for one in cannot], pa.string()))
    )
    for one, a, b in zip(cannot, near[0].tolist(), far[0].tolist(), strict=True):
        between = ((cluster_a == a) & (cluster_b == b)) | ((cluster_a == b) & (cluster_b == a))
        for row in np.flatnonzero(between & hard & (a != NO_CLUSTER) & (b != NO_CLUSTER)).tolist():
            reason[row] = f"the two clusters are kept apart by cannot_link {one.describe()}"


def _explain_must_links(
    reason: list[str], links: pa.RecordBatch, decided: DecisionsInForce
) -> None:
    """Names the must_link decision on the two ends of a link."""
    must = {
        (min(one.entity_a, one.entity_b or ""), max(one.entity_a, one.entity_b or "")): one
        for one in decided.of(DecisionKind.MUST_LINK)
    }
    if not must:
        return
    first = true_mask(
        pc.is_in(links["entity_a"], pa.array(sorted({a for a, _ in must}), pa.string()))
    )
    for row in np.flatnonzero(first).tolist():
        one = must.get((links["entity_a"][row].as_py(), links["entity_b"][row].as_py()))
        if one is not None:
            reason[row] = f"{reason[row]}; must_link {one.describe()}"
