"""How the scripts that a cluster reads out were worded, and what differs between the wordings."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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

    pieces: list[tuple[str, bool]]
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


def wordings(
    run: Run, suppliers: Iterable[Row], cluster_of: Mapping[str, str]
) -> dict[str, Wordings]:
    """For each cluster the wordings told in records that name one of its members."""
    ids = {one["entity_id"] for one in suppliers if one["kind"] == EntityKind.SCRIPT}
    if not ids:
        return {}
    is_script = pc.field("entity_id").isin(pa.array(sorted(ids), pa.string()))
    key = ["source_org", "record_kind", "record_id"]
    told = tables.read(run, MENTIONS, [*key, "entity_id", "raw"], is_script)
    of_record: dict[tuple[str, ...], set[str]] = defaultdict(set)
    records = pc.field("record_id").isin(told["record_id"].unique())
    members = pc.field("entity_id").isin(pa.array(sorted(cluster_of), pa.string()))
    for batch in tables.batches(run, MENTIONS, [*key, "entity_id"], records & members):
        for one in tables.rows(batch):
            of_record[tuple(one[name] for name in key)].add(cluster_of[one["entity_id"]])
    found: dict[str, Wordings] = defaultdict(lambda: defaultdict(Counter))
    for one in tables.rows(told):
        for cluster_id in of_record.get(tuple(one[name] for name in key), ()):
            if one["raw"]:
                found[cluster_id][one["entity_id"]][one["raw"][:SHOWN]] += 1
    return found


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


def _compared(template: str, wording: str) -> list[tuple[str, bool]]:
    words = wording.split()
    matcher = difflib.SequenceMatcher(None, template.split(), words, autojunk=False)
    return [
        (" ".join(words[start:end]), tag != "equal")
        for tag, _, _, start, end in matcher.get_opcodes()
        if end > start
    ]
