"""Which entities were seen together, and how much evidence that is.

A record is one piece of evidence however many entities it names: each pair in a record of k
entities weighs 1/(k-1), so that every entity gets one record's worth of links from it (Newman,
Phys. Rev. E 64, 016132, 2001). What pairs add up to is in `link_weights`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import HARD_ROLES, SUPPLIER_KINDS, RecordKind, Status
from transforms.graph.incidence import incidences, reaches
from transforms.graph.link_weights import MILLION, PAIR, PAIRED, WIDEST, add_up, weigh
from transforms.shuffle import MAIN, Keyed, PerPartition, batches_of


def record_keys(sightings: pa.Table) -> pa.Array:
    """One text a record: kind, organisation and id."""
    return pc.binary_join_element_wise(
        sightings["record_kind"], sightings["source_org"], sightings["record_id"], "|"
    ).combine_chunks()


def pairs(evidence: pa.Table) -> tuple[pa.Table, int]:
    """CLASSIFIED rows of whole groups to PAIR rows, and how many groups were too wide to link.

    Entities that are suppressed link nothing. In a group, an entity is hard if some record of the
    group shows it in a role that the scammer must really hold. Two hard entities make a hard pair.
    A hard and a soft one make a soft pair, and so do two soft ones unless one is a supplier's:
    everybody's carrier beside everybody's caller id says nothing.
    """
    kept = evidence.filter(pc.not_equal(evidence["status"], Status.SUPPRESSED))
    if kept.num_rows == 0:
        return PAIR.empty_table(), 0
    named, groups = _named(kept), _groups(kept)
    named = named.sort_by([("group_id", "ascending"), ("entity_id", "ascending")])
    groups = groups.sort_by("group_id")
    by_group = named.group_by("group_id", use_threads=False)
    sizes = by_group.aggregate([([], "count_all"), ("hard", "sum")]).sort_by("group_id")
    hard_sizes = sizes["hard_sum"].to_numpy().astype(np.int64)
    counts = sizes["count_all"].to_numpy()
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    narrow = (hard_sizes <= WIDEST) & (counts <= 3 * WIDEST) & (counts > 1)
    first, second, group = _combinations(starts, counts, narrow)
    hard = named["hard"].to_numpy(zero_copy_only=False)
    supplier = named["supplier"].to_numpy(zero_copy_only=False)
    both = hard[first] & hard[second]
    telling = both | ~((supplier[first] & ~hard[second]) | (supplier[second] & ~hard[first]))
    first, second, group, both = first[telling], second[telling], group[telling], both[telling]
    micros = np.where(
        both, MILLION // np.maximum(hard_sizes[group] - 1, 1), MILLION // (counts[group] - 1)
    )
    ids = named["entity_id"].combine_chunks().dictionary_encode()
    columns = {
        "entity_a": ids.take(pa.array(first)),
        "entity_b": ids.take(pa.array(second)),
        "hard": both,
        "micros": pa.array(micros, pa.int32()),
    }
    at = pa.array(group)
    columns |= {name: _coded(groups[name].combine_chunks()).take(at) for name in PAIR.names[4:]}
    too_wide = int(((hard_sizes > WIDEST) | (counts > 3 * WIDEST)).sum())
    return pa.table(columns, schema=PAIR), too_wide


def _coded(column: pa.Array) -> pa.Array:
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


def _named(evidence: pa.Table) -> pa.Table:
    """Each (group, entity) once, with whether it is hard there and whether it is a supplier's."""
    hard = pc.is_in(evidence["role"], pa.array([str(role) for role in HARD_ROLES]))
    supplier = pc.is_in(evidence["kind"], pa.array([str(kind) for kind in SUPPLIER_KINDS]))
    table = evidence.select(["group_id", "entity_id"])
    table = table.append_column("hard", hard).append_column("supplier", supplier)
    named = table.group_by(["group_id", "entity_id"], use_threads=False).aggregate(
        [("hard", "any"), ("supplier", "any")]
    )
    return named.rename_columns({"hard_any": "hard", "supplier_any": "supplier"})


def _groups(evidence: pa.Table) -> pa.Table:
    """Each group once, with what a piece of evidence counts for."""
    complaint = pc.equal(evidence["record_kind"], RecordKind.COMPLAINT)
    calls = pc.if_else(complaint, pa.scalar(None, pa.string()), record_keys(evidence))
    table = evidence.select(["group_id", "victim_key", "source_org", "observed_at"])
    table = table.append_column("complaint", complaint).append_column("calls", calls)
    groups = table.group_by("group_id", use_threads=False).aggregate(
        [
            ("complaint", "any"),
            ("calls", "count_distinct"),
            ("victim_key", "min"),
            ("source_org", "min"),
            ("observed_at", "min"),
        ]
    )
    return groups.rename_columns(
        [
            name.removesuffix("_any").removesuffix("_count_distinct").removesuffix("_min")
            for name in groups.column_names
        ]
    )


def _combinations(
    starts: np.ndarray, counts: np.ndarray, use: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of all pairs inside each group in use, and the group of each pair."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for size in np.unique(counts[use]):
        groups = np.flatnonzero(use & (counts == size))
        left, right = np.triu_indices(size, 1)
        parts.append(
            (
                (starts[groups][:, None] + left).ravel(),
                (starts[groups][:, None] + right).ravel(),
                np.repeat(groups, len(left)),
            )
        )
    if not parts:
        none = np.empty(0, np.int64)
        return none, none, none
    first, second, group = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, second, group


INCIDENCES, REACHES, TALLIES = "incidences", "reaches", "tallies"


def _pairs(batch: pa.RecordBatch) -> Iterator[Any]:
    evidence = pa.Table.from_batches([batch])
    found, too_wide = pairs(evidence)
    yield from batches_of(add_up(found))
    yield beam.pvalue.TaggedOutput(TALLIES, (("links", "records_too_wide"), too_wide))
    for rows in batches_of(incidences(evidence, WIDEST)):
        yield beam.pvalue.TaggedOutput(INCIDENCES, rows)
    for rows in batches_of(reaches(evidence)):
        yield beam.pvalue.TaggedOutput(REACHES, rows)


def _links(found: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(weigh(found))


@dataclass(eq=False)
class Link(beam.PTransform):
    """CLASSIFIED batches of whole groups to a dict: `links` (LINK), INCIDENCES, REACHES, TALLIES.

    The links are not yet decided.
    """

    def expand(self, evidence: beam.PCollection) -> dict[str, beam.PCollection]:
        """Pair within each piece of evidence, add up where it is, then weigh each pair."""
        paired = evidence | "Pair" >> beam.FlatMap(_pairs).with_outputs(
            INCIDENCES, REACHES, TALLIES, main=MAIN
        )
        pair = {"pairs": Keyed(PAIRED, ("entity_a", "entity_b"))}
        links = {"pairs": paired[MAIN]} | "Weigh" >> PerPartition(pair, _links)
        beside = {name: paired[name] for name in (INCIDENCES, REACHES, TALLIES)}
        return {"links": links} | beside
