"""Apply the global step's assignment: the last word on each entity and each link."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decision import DecisionKind
from schemas.entity import ENTITY
from schemas.enums import Status, Strength
from schemas.link import LINK
from transforms.arrow_util import hash_text
from transforms.casts import mask
from transforms.decisions import NO_DECISIONS, InForce
from transforms.graph.assign import ABSENT, cluster_ids, look_up, marked
from transforms.shuffle import MAIN

MEMBERSHIP = pa.schema(
    [
        *ENTITY,
        ("cluster_id", pa.string()),
        ("role", pa.string()),
        ("held", pa.int64()),
    ]
)
"""An infrastructure entity and its cluster."""


CLUSTER_LINK = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("entity_a", pa.string()),
        ("entity_b", pa.string()),
        ("weight", pa.float64()),
    ]
)
"""An accepted link, with the cluster that it helps to hold together."""


RETURNED = "in the cluster of its other epoch: suppliers show that it came back to the same hands"


def decide_entities(
    found: pa.RecordBatch, assignment: pa.RecordBatch, decided: InForce = NO_DECISIONS
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """FOUND rows to final ENTITY rows, and MEMBERSHIP rows of those that are in a cluster."""
    nodes = hash_text(found["entity_id"])
    cluster, hub = look_up(assignment, nodes)
    infrastructure = mask(pc.equal(found["status"], Status.INFRASTRUCTURE))
    hub &= infrastructure
    status = pc.if_else(pa.array(hub), str(Status.SUPPRESSED), found["status"])
    reason = pc.if_else(pa.array(hub), _hub_reasons(found, nodes, assignment), found["reason"])
    back = pa.array(marked(assignment, nodes, "returned"))
    reason = pc.if_else(back, pc.binary_join_element_wise(reason, RETURNED, "; "), reason)
    reason = _with_decisions(reason, found["entity_id"], decided)
    columns = {name: found[name] for name in ENTITY.names} | {"status": status, "reason": reason}
    entities = pa.RecordBatch.from_pydict(columns, schema=ENTITY)
    columns |= {"cluster_id": cluster_ids(cluster), "role": found["role"], "held": found["held"]}
    members = pa.RecordBatch.from_pydict(columns, schema=MEMBERSHIP)
    return entities, members.filter(pa.array(infrastructure & ~hub))


def _with_decisions(reasons: pa.Array, entity_ids: pa.Array, decided: InForce) -> pa.Array:
    """Reasons with the decisions on each entity; a legitimate one is the reason already."""
    named = decided.named()
    at = mask(pc.is_in(entity_ids, pa.array(sorted(named), pa.string())))
    if not at.any():
        return reasons
    told = reasons.to_pylist()
    ids = entity_ids.to_pylist()
    for row in np.flatnonzero(at).tolist():
        others = [one for one in named[ids[row]] if one.kind is not DecisionKind.LEGITIMATE]
        told[row] = "; ".join([told[row], *(f"{one.kind} {one.told()}" for one in others)])
    return pa.array(told, pa.string())


def _hub_reasons(found: pa.RecordBatch, nodes: np.ndarray, assignment: pa.RecordBatch) -> pa.Array:
    known = assignment["node"].to_numpy()
    if not len(known):
        return pa.nulls(found.num_rows, pa.string())
    at = np.minimum(np.searchsorted(known, nodes), len(known) - 1)
    spread = assignment["spread"].to_numpy()[at]
    return pa.array(
        [
            f"hub: {share:.0%} of its links go outside its main cluster; "
            f"seen in {complaints} complaints"
            for share, complaints in zip(spread, found["complaints"].to_pylist(), strict=True)
        ],
        pa.string(),
    )


def decide_links(
    links: pa.RecordBatch, assignment: pa.RecordBatch, decided: InForce = NO_DECISIONS
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """LINK rows with `accepted` and the reason, and CLUSTER_LINK rows of the accepted ones.

    A hard link is accepted when both ends are in one cluster, and the reason names a decision that
    ties its ends, or keeps their clusters apart. A soft link is never accepted: it
    describes, and holds nothing together.
    """
    cluster_a, hub_a = look_up(assignment, hash_text(links["entity_a"]))
    cluster_b, hub_b = look_up(assignment, hash_text(links["entity_b"]))
    hard = mask(pc.equal(links["strength"], Strength.HARD))
    doubted = marked(assignment, hash_text(links["entity_a"]), "doubted")
    doubted |= marked(assignment, hash_text(links["entity_b"]), "doubted")
    together = (cluster_a == cluster_b) & (cluster_a != ABSENT)
    outside = (cluster_a == ABSENT) | (cluster_b == ABSENT)
    accepted = hard & together
    reason = np.select(
        [~hard & together, ~hard, accepted, hub_a | hub_b, outside, doubted],
        [
            "soft: describes the cluster, does not hold it together",
            "soft: a forgeable or shared identifier joins nothing",
            "both held by the suspect in the same records",
            "one end is a hub, seen with many clusters",
            "one end may not be clustered: see its status",
            "too few victims tie it to a line that may be a private person's and was in no call",
        ],
        "too little evidence to join two clusters",
    ).tolist()
    _add_apart(reason, cluster_a, cluster_b, hard, assignment, decided)
    _add_tied(reason, links, decided)
    told = links.set_column(
        links.schema.get_field_index("accepted"), LINK.field("accepted"), pa.array(accepted)
    )
    at = links.schema.get_field_index("reason")
    told = told.set_column(at, LINK.field("reason"), pa.array(reason, pa.string()))
    inside = told.append_column("cluster_id", cluster_ids(cluster_a))
    inside = inside.filter(pa.array(accepted)).select(CLUSTER_LINK.names)
    return told, inside.cast(CLUSTER_LINK)


def _add_apart(
    reason: list[str],
    cluster_a: np.ndarray,
    cluster_b: np.ndarray,
    hard: np.ndarray,
    assignment: pa.RecordBatch,
    decided: InForce,
) -> None:
    """Name the cannot_link decision where it keeps the two clusters of a hard link apart."""
    cannot = decided.of(DecisionKind.CANNOT_LINK)
    near = look_up(assignment, hash_text(pa.array([one.entity_a for one in cannot], pa.string())))
    far = look_up(assignment, hash_text(pa.array([one.entity_b for one in cannot], pa.string())))
    for one, a, b in zip(cannot, near[0].tolist(), far[0].tolist(), strict=True):
        between = ((cluster_a == a) & (cluster_b == b)) | ((cluster_a == b) & (cluster_b == a))
        for row in np.flatnonzero(between & hard & (a != ABSENT) & (b != ABSENT)).tolist():
            reason[row] = f"the two clusters are kept apart by cannot_link {one.told()}"


def _add_tied(reason: list[str], links: pa.RecordBatch, decided: InForce) -> None:
    """Name the must_link decision on the two ends of a link."""
    must = {
        (min(one.entity_a, one.entity_b or ""), max(one.entity_a, one.entity_b or "")): one
        for one in decided.of(DecisionKind.MUST_LINK)
    }
    if not must:
        return
    first = mask(pc.is_in(links["entity_a"], pa.array(sorted({a for a, _ in must}), pa.string())))
    for row in np.flatnonzero(first).tolist():
        one = must.get((links["entity_a"][row].as_py(), links["entity_b"][row].as_py()))
        if one is not None:
            reason[row] = f"{reason[row]}; must_link {one.told()}"


MEMBERSHIPS = "memberships"


CLUSTER_LINKS = "cluster_links"


Decide = Callable[[pa.RecordBatch, pa.RecordBatch, InForce], tuple[pa.RecordBatch, pa.RecordBatch]]


class _Decide(beam.DoFn):
    def __init__(self, decide: Decide, beside: str) -> None:
        self.decide, self.beside = decide, beside

    def process(
        self, batch: pa.RecordBatch, assignment: pa.RecordBatch, decided: InForce
    ) -> Iterator[Any]:
        told, beside = self.decide(batch, assignment, decided)
        yield told
        yield beam.pvalue.TaggedOutput(self.beside, beside)


@dataclass(eq=False)
class DecideEntities(beam.PTransform):
    """FOUND batches to outputs MAIN (ENTITY) and MEMBERSHIPS (MEMBERSHIP)."""

    assignment: beam.pvalue.AsSingleton
    decided: beam.pvalue.AsSingleton

    def expand(self, found: beam.PCollection) -> Any:
        """Row by row; see `decide_entities`."""
        step = beam.ParDo(_Decide(decide_entities, MEMBERSHIPS), self.assignment, self.decided)
        return found | step.with_outputs(MEMBERSHIPS, main=MAIN)


@dataclass(eq=False)
class DecideLinks(beam.PTransform):
    """LINK batches to outputs MAIN (LINK, decided) and CLUSTER_LINKS (CLUSTER_LINK)."""

    assignment: beam.pvalue.AsSingleton
    decided: beam.pvalue.AsSingleton

    def expand(self, links: beam.PCollection) -> Any:
        """Row by row; see `decide_links`."""
        step = beam.ParDo(_Decide(decide_links, CLUSTER_LINKS), self.assignment, self.decided)
        return links | step.with_outputs(CLUSTER_LINKS, main=MAIN)
