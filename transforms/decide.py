"""Apply the global step's assignment: the last word on each entity and each link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.entity import ENTITY
from schemas.kinds import Status, Strength
from schemas.link import LINK
from transforms.assignment import ABSENT, cluster_ids, look_up
from transforms.columns import mask
from transforms.shuffle import MAIN, hash_text

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


def decide_entities(
    found: pa.RecordBatch, assignment: pa.RecordBatch
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """FOUND rows to final ENTITY rows, and MEMBERSHIP rows of those that are in a cluster."""
    nodes = hash_text(found["entity_id"])
    cluster, hub = look_up(assignment, nodes)
    infrastructure = mask(pc.equal(found["status"], Status.INFRASTRUCTURE))
    hub &= infrastructure
    status = pc.if_else(pa.array(hub), str(Status.SUPPRESSED), found["status"])
    reason = pc.if_else(pa.array(hub), _hub_reasons(found, nodes, assignment), found["reason"])
    columns = {name: found[name] for name in ENTITY.names} | {"status": status, "reason": reason}
    entities = pa.RecordBatch.from_pydict(columns, schema=ENTITY)
    columns |= {"cluster_id": cluster_ids(cluster), "role": found["role"], "held": found["held"]}
    members = pa.RecordBatch.from_pydict(columns, schema=MEMBERSHIP)
    return entities, members.filter(pa.array(infrastructure & ~hub))


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
    links: pa.RecordBatch, assignment: pa.RecordBatch
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """LINK rows with `accepted` and the reason, and CLUSTER_LINK rows of the accepted ones.

    A hard link is accepted when both ends are in one cluster. A soft link is never accepted: it
    describes, and holds nothing together.
    """
    cluster_a, hub_a = look_up(assignment, hash_text(links["entity_a"]))
    cluster_b, hub_b = look_up(assignment, hash_text(links["entity_b"]))
    hard = mask(pc.equal(links["strength"], Strength.HARD))
    together = (cluster_a == cluster_b) & (cluster_a != ABSENT)
    outside = (cluster_a == ABSENT) | (cluster_b == ABSENT)
    accepted = hard & together
    reason = np.select(
        [~hard & together, ~hard, accepted, hub_a | hub_b, outside],
        [
            "soft: describes the cluster, does not hold it together",
            "soft: a forgeable or shared identifier joins nothing",
            "both held by the suspect in the same records",
            "one end is a hub, seen with many clusters",
            "one end may not be clustered: see its status",
        ],
        "too little evidence to join two clusters",
    )
    decided = links.set_column(
        links.schema.get_field_index("accepted"), LINK.field("accepted"), pa.array(accepted)
    )
    at = links.schema.get_field_index("reason")
    decided = decided.set_column(at, LINK.field("reason"), pa.array(reason.tolist(), pa.string()))
    inside = decided.append_column("cluster_id", cluster_ids(cluster_a))
    inside = inside.filter(pa.array(accepted)).select(CLUSTER_LINK.names)
    return decided, inside.cast(CLUSTER_LINK)


MEMBERSHIPS = "memberships"


class _DecideEntities(beam.DoFn):
    def process(self, found: pa.RecordBatch, assignment: pa.RecordBatch) -> Iterator[Any]:
        entities, members = decide_entities(found, assignment)
        yield entities
        yield beam.pvalue.TaggedOutput(MEMBERSHIPS, members)


@dataclass(eq=False)
class DecideEntities(beam.PTransform):
    """FOUND batches to outputs MAIN (ENTITY) and MEMBERSHIPS (MEMBERSHIP)."""

    assignment: beam.pvalue.AsSingleton

    def expand(self, found: beam.PCollection) -> Any:
        """Row by row; see `decide_entities`."""
        step = beam.ParDo(_DecideEntities(), self.assignment)
        return found | step.with_outputs(MEMBERSHIPS, main=MAIN)


CLUSTER_LINKS = "cluster_links"


class _DecideLinks(beam.DoFn):
    def process(self, links: pa.RecordBatch, assignment: pa.RecordBatch) -> Iterator[Any]:
        decided, inside = decide_links(links, assignment)
        yield decided
        yield beam.pvalue.TaggedOutput(CLUSTER_LINKS, inside)


@dataclass(eq=False)
class DecideLinks(beam.PTransform):
    """LINK batches to outputs MAIN (LINK, decided) and CLUSTER_LINKS (CLUSTER_LINK)."""

    assignment: beam.pvalue.AsSingleton

    def expand(self, links: beam.PCollection) -> Any:
        """Row by row; see `decide_links`."""
        step = beam.ParDo(_DecideLinks(), self.assignment)
        return links | step.with_outputs(CLUSTER_LINKS, main=MAIN)
