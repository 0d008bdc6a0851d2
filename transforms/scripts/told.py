"""Where a narrative holds a script, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import EntityKind, RecordKind, Role
from schemas.mention import EVIDENCE
from transforms.scripts.families import place_in
from transforms.scripts.fingerprints import SHINGLE
from transforms.scripts.marked import MARKED, flat, marks
from transforms.scripts.words import GAP, spelt

SHORTEST = 12
"""Shared words that a text must hold of a script; fewer are everybody's phrases."""

SHOWN = 5
"""Tellers who must have the same words for these to be shown; the rest is a gap."""

CONFIDENCE = 0.9
"""That the passage was read out from the script; docs/evidence.md."""


@dataclass(frozen=True)
class Held:
    """Which families the texts of MARKED rows hold, `SHORTEST` words or more of each.

    Of each: the row of its text, the family, how many words of it are shared, and from where to
    where its fingerprints stand in `order`, the numbers of all known ones in `marks`.
    """

    row: np.ndarray
    family: np.ndarray
    words: np.ndarray
    first: np.ndarray
    last: np.ndarray
    order: np.ndarray


def held(rows: pa.RecordBatch, family: pa.RecordBatch) -> Held:
    """MARKED rows and FAMILY rows to what is held, by row and family."""
    found = marks(rows)
    at = place_in(family["value"].to_numpy(), found.value)
    known = np.flatnonzero(at >= 0)
    of = family["family"].to_numpy()[at[known]]
    by_family = np.lexsort((known, of, found.row[known]))
    order, of = known[by_family], of[by_family]
    row, word = found.row[order], flat(rows, "words")[order]
    first = np.flatnonzero(np.append(True, (row[1:] != row[:-1]) | (of[1:] != of[:-1]))[: len(row)])
    last = np.append(first[1:], len(row))[: len(first)] - 1
    step = np.minimum(np.diff(word, append=0), SHINGLE)
    step[last] = SHINGLE
    words = np.add.reduceat(step, first) if len(first) else np.empty(0, np.int64)
    long = words >= SHORTEST
    first, last = first[long], last[long]
    return Held(row[first], of[first], words[long], first, last, order)


def told(rows: pa.RecordBatch, family: pa.RecordBatch) -> pa.RecordBatch:
    """MARKED rows and FAMILY rows to EVIDENCE rows: one for each family that a narrative holds.

    `start` and `end` are where its first and its last shared words stand. `raw` are the words
    between them that `SHOWN` tellers have in common, numbers masked: never one victim's own.
    """
    found = held(rows, family)
    word, order = flat(rows, "words")[found.order], found.order
    at = place_in(family["value"].to_numpy(), flat(rows, "values")[order])
    widely = family["tellers"].to_numpy()[at] >= SHOWN
    texts = rows["narrative"].to_pylist()
    raws = [
        shown(texts[row], word[i : j + 1].tolist(), widely[i : j + 1].tolist())
        for row, i, j in zip(
            found.row.tolist(), found.first.tolist(), found.last.tolist(), strict=True
        )
    ]
    where = flat(rows, "starts")[order[found.first]], flat(rows, "ends")[order[found.last]]
    return _evidence(rows, found, where, raws)


def shown(text: str, places: Sequence[int], widely: Sequence[bool]) -> str:
    """The words at each of `places` (`SHINGLE` from there on) that are widely shared."""
    covered = {
        place + step
        for place, common in zip(places, widely, strict=True)
        if common
        for step in range(SHINGLE)
    }
    said: list[str] = []
    for number, (word, _, _) in enumerate(spelt(text)[: places[-1] + SHINGLE]):
        if number < places[0]:
            continue
        if number in covered:
            said.append(word)
        elif not said or said[-1] != GAP:
            said.append(GAP)
    return " ".join(said)


def _evidence(
    rows: pa.RecordBatch, found: Held, where: tuple[np.ndarray, np.ndarray], raws: list[str]
) -> pa.RecordBatch:
    told_in = rows.select(MARKED.names[:6]).take(pa.array(found.row))
    count = told_in.num_rows
    values = {
        "entity_id": pa.array([f"{EntityKind.SCRIPT}:{one:016x}" for one in found.family.tolist()]),
        "kind": pa.repeat(str(EntityKind.SCRIPT), count),
        "role": pa.repeat(str(Role.SIGNALLING), count),
        "source_org": told_in["source_org"],
        "record_kind": pa.repeat(str(RecordKind.COMPLAINT), count),
        "record_id": told_in["complaint_id"],
        "observed_at": told_in["observed_at"],
        "victim_country": told_in["victim_country"],
        "field": pa.repeat("narrative", count),
        "start": pa.array(where[0], pa.int32()),
        "end": pa.array(where[1], pa.int32()),
        "raw": pa.array(raws, pa.string()),
        "confidence": pa.repeat(pa.scalar(CONFIDENCE, pa.float32()), count),
        "group_id": pc.binary_join_element_wise(
            told_in["source_org"], told_in["complaint_id"], "|"
        ),
        "victim_key": pc.binary_join_element_wise(told_in["source_org"], told_in["victim_id"], "|"),
    }
    columns = [
        values[field.name].cast(field.type) if field.name in values else pa.nulls(count, field.type)
        for field in EVIDENCE
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVIDENCE)
