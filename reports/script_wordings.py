"""How the scripts that a cluster reads out were worded, and what differs between the wordings."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.kinds import EntityKind
from schemas.tables import MENTIONS

Row = Mapping[str, Any]
Wordings = dict[str, Counter[str]]
"""By script, how often each wording was told; a wording has only words that many victims share."""

VARIANTS = 6
SHOWN = 2_000
"""Characters of a wording that are compared."""


@dataclass(frozen=True)
class Variant:
    """One wording: pieces as (text, whether the template has them otherwise)."""

    pieces: tuple[tuple[str, bool], ...]
    told: int


@dataclass(frozen=True)
class Script:
    """A script that a cluster shares: its template, and the commonest wordings told here."""

    entity_id: str
    template: str
    records: int
    clusters: int
    variants: list[Variant]
    more: int


def wordings(run: Run, suppliers: Iterable[Row], members: pa.Table) -> dict[str, Wordings]:
    """For each cluster the wordings told in records that name one of its members.

    `members` are those of the clusters, with columns `entity_id` and `cluster_id`.
    """
    ids = {one["entity_id"] for one in suppliers if one["kind"] == EntityKind.SCRIPT}
    if not ids:
        return {}
    told = _told(run, pa.array(sorted(ids), pa.string()))
    naming = _naming(run, told["record_id"].unique(), members.select(["entity_id", "cluster_id"]))
    both = told.join(naming, keys=_RECORD, join_type="inner")
    counted = both.group_by(["cluster_id", "entity_id", "raw"]).aggregate([([], "count_all")])
    found: dict[str, Wordings] = defaultdict(lambda: defaultdict(Counter))
    columns = (counted[name].to_pylist() for name in counted.column_names)
    for cluster_id, script, raw, count in zip(*columns, strict=True):
        found[cluster_id][script][raw] = count
    return found


_RECORD = ["source_org", "record_kind", "record_id"]


def _told(run: Run, scripts: pa.Array) -> pa.Table:
    """Where these scripts were read, and as far as it is compared, what was told there."""
    where = pc.field("entity_id").isin(scripts) & (pc.binary_length(pc.field("raw")) > 0)
    names = [*_RECORD, "entity_id", "raw"]
    found = tables.batches(run, MENTIONS, names, where)
    schema = pa.schema([MENTIONS.schema.field(one) for one in names])
    rows = pa.Table.from_batches(found, schema)
    shown = pc.utf8_slice_codeunits(rows["raw"], 0, SHOWN)
    return rows.set_column(names.index("raw"), "raw", shown)


def _naming(run: Run, records: pa.Array, members: pa.Table) -> pa.Table:
    """Which of these records name members of which clusters, each once."""
    ids = members["entity_id"].combine_chunks()
    where = pc.field("record_id").isin(records) & pc.field("entity_id").isin(ids)
    names = [*_RECORD, "cluster_id"]
    schema = pa.schema([(one, pa.string()) for one in names])
    found = schema.empty_table()
    for batch in tables.batches(run, MENTIONS, [*_RECORD, "entity_id"], where):
        of = members["cluster_id"].take(pc.index_in(batch["entity_id"], ids))
        part = pa.table([*(batch[one] for one in _RECORD), of], schema=schema)
        found = pa.concat_tables([found, part.group_by(names).aggregate([])])
    return found.group_by(names).aggregate([])


def scripts(suppliers: Iterable[Row], told: Wordings) -> list[Script]:
    """The scripts among a cluster's suppliers, with what was told of each."""
    found = []
    for one in suppliers:
        if one["kind"] != EntityKind.SCRIPT:
            continue
        counted = told.get(one["entity_id"], Counter())
        order = sorted(counted.items(), key=lambda wording: (-wording[1], wording[0]))
        template = (one["template"] or (order[0][0] if order else ""))[:SHOWN]
        variants = [Variant(_compared(template, raw), count) for raw, count in order[:VARIANTS]]
        found.append(
            Script(
                entity_id=one["entity_id"],
                template=template,
                records=one["records"],
                clusters=one["clusters"],
                variants=variants,
                more=max(len(order) - VARIANTS, 0),
            )
        )
    return found


@lru_cache(maxsize=1_024)
def _compared(template: str, wording: str) -> tuple[tuple[str, bool], ...]:
    """A script is read out for many clusters: most wordings come again."""
    words = wording.split()
    matcher = difflib.SequenceMatcher(None, template.split(), words, autojunk=False)
    return tuple(
        (" ".join(words[start:end]), tag != "equal")
        for tag, _, _, start, end in matcher.get_opcodes()
        if end > start
    )
