"""Links: the pairs of entities in each piece of evidence, added up and weighed (`link_weights`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind, Status
from schemas.field import SMALL_INTEGER
from schemas.mention import MENTIONS
from transforms.arrow import aggregate, explode, one_table, pairs_within_groups, with_column
from transforms.custody import record_keys
from transforms.engine import MAIN, KeyedInput, PerPartition, Pure, batches_of, tagged_batches
from transforms.graph import incidence
from transforms.graph.link_weights import (
    MAX_HARD_ENTITIES,
    PAIR,
    PAIR_SUM,
    build_links,
    pair_micros,
    sum_pairs,
)
from transforms.values import NO_CROWDS, Crowds

INCIDENCE_ROWS, REACH_ROWS, COUNTERS = "incidences", "reaches", "counters"

_RECORD_COLUMNS = (
    "group_id",
    "source_org",
    "record_kind",
    "record_id",
    "observed_at",
    "victim_country",
    "reporter_key",
    "loss_amount",
    "filed_at",
    "wordless",
)
"""The columns of a record that links need."""


def pair_entities(evidence: pa.Table) -> tuple[pa.Table, int]:
    """Converts mentions of CLASSIFIED, of whole groups, to PAIR rows; counts the groups too wide.

    Suppressed entities link nothing. An entity is hard in a group if some record of the group
    shows it in a role in which the scammer must really hold it. Two hard entities make a hard
    pair. A hard and a soft entity make a soft pair. Two soft entities make a soft pair too, unless
    one is a supplier's: everybody's carrier and everybody's caller id are no evidence.
    """
    rows = evidence.filter(pc.not_equal(evidence["status"], Status.SUPPRESSED))
    if rows.num_rows == 0:
        return PAIR.empty_table(), 0
    named, groups = _entities_by_group(rows), _group_totals(rows)
    named = named.sort_by([("group_id", "ascending"), ("entity_id", "ascending")])
    groups = groups.sort_by("group_id")
    sizes = aggregate(named, "group_id", [([], "count_all"), ("hard", "sum")]).sort_by("group_id")
    hard_sizes = sizes["hard"].to_numpy().astype(np.int64)
    counts = sizes["count_all"].to_numpy()
    starts = np.cumsum(counts) - counts
    narrow = (hard_sizes <= MAX_HARD_ENTITIES) & (counts <= 3 * MAX_HARD_ENTITIES) & (counts > 1)
    first, second, group = pairs_within_groups(starts[narrow], counts[narrow])
    group = np.flatnonzero(narrow)[group]
    hard = named["hard"].to_numpy()
    supplier = named["supplier"].to_numpy()
    both = hard[first] & hard[second]
    kept = both | ~((supplier[first] & ~hard[second]) | (supplier[second] & ~hard[first]))
    first, second, group, both = first[kept], second[kept], group[kept], both[kept]
    micros = pair_micros(np.where(both, hard_sizes[group], counts[group]))
    ids = named["entity_id"].combine_chunks().dictionary_encode()
    columns = {
        "entity_a": ids.take(first),
        "entity_b": ids.take(second),
        "hard": both,
        "micros": pa.array(micros, SMALL_INTEGER),
    }
    encoded = groups.select(PAIR.names[4:]).cast(pa.schema(list(PAIR)[4:]))
    columns |= dict(zip(PAIR.names[4:], encoded.take(group).columns, strict=True))
    too_wide = int(((hard_sizes > MAX_HARD_ENTITIES) | (counts > 3 * MAX_HARD_ENTITIES)).sum())
    return pa.table(columns, schema=PAIR), too_wide


@dataclass(eq=False)
class BuildLinks(beam.PTransform):
    """Links the entities of CLASSIFIED batches of whole groups; nothing is accepted yet.

    Output: a dict of `links` (LINK), INCIDENCE_ROWS, REACH_ROWS and COUNTERS.
    """

    crowds: Crowds = NO_CROWDS

    def expand(self, evidence: beam.PCollection) -> dict[str, beam.PCollection]:
        """Pairs within each piece of evidence, adds up in place, then builds each link."""
        paired = evidence | "Pair" >> beam.ParDo(
            Pure(partial(_pairs, crowds=self.crowds))
        ).with_outputs(INCIDENCE_ROWS, REACH_ROWS, COUNTERS, main=MAIN)
        pair = {"pairs": KeyedInput(PAIR_SUM, ("entity_a", "entity_b"))}
        links = {"pairs": paired[MAIN]} | "Build links" >> PerPartition(
            pair, partial(build_links, crowds=self.crowds)
        )
        beside = {name: paired[name] for name in (INCIDENCE_ROWS, REACH_ROWS, COUNTERS)}
        return {"links": links} | beside


def _pairs(batch: pa.RecordBatch, crowds: Crowds) -> Iterator[Any]:
    evidence = one_table(explode(batch, MENTIONS, _RECORD_COLUMNS))
    pairs, too_wide = pair_entities(evidence)
    shown = incidence.hard_evidence(evidence)
    yield from batches_of(sum_pairs(pairs, crowds))
    yield beam.pvalue.TaggedOutput(COUNTERS, (("links", "records_too_wide"), too_wide))
    named = incidence.incidences(shown, MAX_HARD_ENTITIES, incidence.copied_texts(evidence))
    yield from tagged_batches(INCIDENCE_ROWS, named)
    yield from tagged_batches(REACH_ROWS, incidence.victim_reach(shown))


def _entities_by_group(evidence: pa.Table) -> pa.Table:
    """Returns each (group, entity) once, with the flags `hard` and `supplier`."""
    hard = incidence.are_hard(evidence["role"])
    supplier = incidence.are_suppliers(evidence["kind"])
    table = evidence.select(["group_id", "entity_id"])
    table = table.append_column("hard", hard).append_column("supplier", supplier)
    return aggregate(table, ["group_id", "entity_id"], [("hard", "any"), ("supplier", "any")])


def _group_totals(evidence: pa.Table) -> pa.Table:
    """Returns each group once, with the totals of its records."""
    complaint = pc.equal(evidence["record_kind"], RecordKind.COMPLAINT)
    calls = pc.if_else(complaint, None, record_keys(evidence))
    table = evidence.select(["group_id", "reporter_key", "source_org", "observed_at"])
    table = table.append_column("complaint", complaint).append_column("calls", calls)
    smallest = [(name, "min") for name in ("reporter_key", "source_org", "observed_at")]
    sums = [("complaint", "any"), ("calls", "count_distinct"), *smallest]
    groups = aggregate(table, "group_id", sums)
    return with_column(groups, "reporter_key", incidence.group_reporters(groups))
