"""The global step: every infrastructure entity to exactly one cluster, or marked as a hub.

It works on integer ids: 63-bit hashes of entity ids and of the evidence that names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import epoch
from schemas.decision import DecisionKind
from schemas.field import TIMESTAMP
from schemas.island import ISLAND
from schemas.kinds import EntityKind, Status
from transforms.decisions.rulings import NO_DECISIONS, InForce
from transforms.graph.assignment import ASSIGNMENT
from transforms.graph.binding import bind
from transforms.graph.communities import communities
from transforms.graph.corroboration import SUPPLIED, Suppliers, supplied, suppliers_by_node
from transforms.graph.incidence import INCIDENCE, numbered
from transforms.graph.islands import Island, Islands, Memo
from transforms.graph.known_islands import known, told, worked
from transforms.graph.reach import REACH, countries_by_node, dialled_by_node
from transforms.graph.returning import epochs
from transforms.graph.witnesses import BUSINESS_LINES, Lines, victims_by_node
from transforms.shuffle import MAIN, batches_of, hash_text, table_of

ISLANDS, TALLIES = "islands", "tallies"

NODE = pa.schema(
    [
        ("node", pa.int64()),
        ("bare", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("held", pa.int64()),
        ("phone", pa.bool_()),
        ("private", pa.bool_()),
        ("told_by", pa.int64()),
    ]
)
"""An infrastructure entity.

`bare` is the hash of the id without its epoch; `held` counts the records that show it in a hard
role, `told_by` the victims who suffered those that are no copied lists; `private` is a phone that a
private person may hold, by its type.
"""


def nodes_of(found: pa.RecordBatch) -> pa.RecordBatch:
    """FOUND rows to NODE rows of those that are infrastructure."""
    kept = found.filter(pc.equal(found["status"], Status.INFRASTRUCTURE))
    business = pc.is_in(kept["line_type"], pa.array(BUSINESS_LINES))
    phone = pc.equal(kept["kind"], str(EntityKind.PHONE))
    ids = kept["entity_id"]
    columns = [
        pa.array(hash_text(ids)),
        pa.array(hash_text(epoch.bare_ids(ids))),
        kept["first_seen"],
        kept["held"],
        phone,
        pc.and_(phone, pc.invert(business)),
        kept["told_by"],
    ]
    return pa.RecordBatch.from_arrays(columns, schema=NODE)


def assign(
    nodes: pa.Table,
    named: pa.Table,
    supplies: pa.Table,
    reached: pa.Table,
    decided: InForce = NO_DECISIONS,
    memo: Memo | None = None,
) -> pa.RecordBatch:
    """NODE, INCIDENCE, SUPPLIED and REACH rows of the whole graph to ASSIGNMENT.

    Decisions bind it; `memo` saves it the search of islands that are known.

    A cluster is named after its anchor, the member seen first (ties: the smallest hash), so that
    its id outlives most changes. Evidence on entities that are not nodes falls away.

    Raises:
        ValueError: if two entities hash alike; their evidence cannot be told apart.
    """
    order = np.argsort(nodes["node"].to_numpy())
    node = nodes["node"].to_numpy()[order]
    if (node[1:] == node[:-1]).any():
        raise ValueError("two entity ids share a 63-bit hash: the graph would confuse them")
    first_seen = nodes["first_seen"].cast(pa.int64()).to_numpy()[order]
    held = nodes["held"].to_numpy()[order]
    evidence = numbered(named, node)
    phone, private = (
        nodes[name].to_numpy(zero_copy_only=False)[order] for name in ("phone", "private")
    )
    alone = nodes["told_by"].to_numpy()[order] - victims_by_node(evidence)
    lines = Lines(phone, private & (dialled_by_node(reached, node) == 0), np.maximum(alone, 0))
    kinds = suppliers_by_node(supplies, node).kinds
    witnesses = Suppliers((*kinds, countries_by_node(reached, node)))
    pairs = epochs(nodes["bare"].to_numpy()[order], first_seen)
    islands = Islands(node, memo or Memo())
    found = communities(evidence, witnesses, held, lines, pairs, islands)
    must, cannot = (
        _numbers(decided.pairs(kind), node)
        for kind in (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK)
    )
    found = bind(found, evidence, must, cannot)
    anchor = _anchors(node, first_seen, found.label)
    columns = (node, anchor, found.hub, found.spread, found.doubted, found.returned)
    return pa.RecordBatch.from_arrays([pa.array(one) for one in columns], schema=ASSIGNMENT)


def _numbers(pairs: Sequence[tuple[str, str]], node: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of entity ids as places in the sorted hashes `node`; those with others fall away."""
    ends = hash_text(pa.array([one for pair in pairs for one in pair], pa.string()))
    at = np.searchsorted(node, ends)
    known = np.append(node, -1)[at] == ends
    return [(int(at[i]), int(at[i + 1])) for i in range(0, len(at), 2) if known[i] and known[i + 1]]


def _anchors(node: np.ndarray, first_seen: np.ndarray, label: np.ndarray) -> np.ndarray:
    order = np.lexsort((node, first_seen, label))
    sorted_labels = label[order]
    firsts = order[np.append(True, sorted_labels[1:] != sorted_labels[:-1])[: len(node)]]
    anchor_of = dict(zip(label[firsts].tolist(), node[firsts].tolist(), strict=True))
    return np.array([anchor_of[one] for one in label.tolist()], np.int64)


class _Cluster(beam.DoFn):
    """Knows the islands of the window before, so that the ticks of a stream need them once."""

    def __init__(self) -> None:
        self._before: Mapping[str, Island] = {}

    def process(
        self, keyed: tuple[int, Mapping[str, Iterable[pa.RecordBatch]]], decided: InForce
    ) -> Iterator[Any]:
        _, parts = keyed
        memo = Memo({**known(table_of(parts["known"], ISLAND)), **self._before})
        yield assign(
            table_of(parts["nodes"], NODE),
            table_of(parts["named"], INCIDENCE),
            table_of(parts["supplies"], SUPPLIED),
            table_of(parts["reached"], REACH),
            decided,
            memo,
        )
        self._before = memo.met
        for batch in batches_of(told(memo.met)):
            yield beam.pvalue.TaggedOutput(ISLANDS, batch)
        for tally in worked(memo):
            yield beam.pvalue.TaggedOutput(TALLIES, tally)


def _started(_: object) -> tuple[int, None]:
    return 0, None


def _together(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    return 0, batch


@dataclass(eq=False)
class Assign(beam.PTransform):
    """FOUND (`entities`), INCIDENCE (`named`), REACH (`reached`), LINK (`links`), ISLAND (`known`).

    To outputs MAIN (one ASSIGNMENT), ISLANDS (ISLAND) and TALLIES. `decided` is the one InForce,
    `start` has one element a window; `known` are the islands of an earlier run.
    """

    decided: beam.pvalue.AsSingleton
    start: beam.PCollection

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Bring the whole graph to one place as integers, and cluster there."""
        parts = {
            "nodes": inputs["entities"] | "Nodes" >> beam.Map(nodes_of),
            "named": inputs["named"],
            "reached": inputs["reached"],
            "known": inputs["known"],
            "supplies": inputs["links"] | "Supplies" >> beam.Map(supplied),
        }
        placed = {
            name: batches | f"One place for {name}" >> beam.Map(_together)
            for name, batches in parts.items()
        }
        # An empty run has an assignment too: the steps that look into it wait for one.
        placed["start"] = self.start | "One place to start" >> beam.Map(_started)
        step = beam.ParDo(_Cluster(), self.decided).with_outputs(ISLANDS, TALLIES, main=MAIN)
        return placed | beam.CoGroupByKey() | "Cluster" >> step
