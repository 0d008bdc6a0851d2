"""Where a narrative holds a script, and what may be shown of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, RecordKind, Role
from schemas.mention import EVIDENCE
from transforms.call_scripts.families import place_in
from transforms.call_scripts.fingerprints import MARKED, SHINGLE, flat, marks, worded
from transforms.call_scripts.tokens import GAP

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
    by_family = np.lexsort((of, found.row[known]))  # stable: by place within
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
    """READ rows and FAMILY rows to EVIDENCE rows: one for each family that a narrative holds.

    `start` and `end` are where its first and its last shared words stand. `raw` are the words
    between them that `SHOWN` tellers have in common, numbers masked: never one victim's own.
    """
    found = held(rows, family)
    wide = np.flatnonzero(place_in(_wide(family), flat(rows, "values")) >= 0)
    raws = shown(rows, found, _wide(family), worded(rows, wide))
    where = [
        pa.array(flat(rows, name)[found.order[at]], pa.int32())
        for name, at in (("starts", found.first), ("ends", found.last))
    ]
    return _evidence(rows, found, where, raws)


def told_unread(
    rows: pa.RecordBatch, family: pa.RecordBatch, known: pa.RecordBatch
) -> pa.RecordBatch:
    """As `told`, of MARKED rows whose narratives are gone: `start` and `end` are null.

    `known` are the WORDED rows of what is widely shared; what is not in it is a gap.
    """
    found = held(rows, family)
    nowhere = [pa.nulls(len(found.row), pa.int32())] * 2
    return _evidence(rows, found, nowhere, shown(rows, found, _wide(family), known))


def _wide(family: pa.RecordBatch) -> np.ndarray:
    """The fingerprints that `SHOWN` tellers have, sorted."""
    wide: np.ndarray = family["value"].to_numpy()[family["tellers"].to_numpy() >= SHOWN]
    return wide


def shown(rows: pa.RecordBatch, found: Held, wide: np.ndarray, known: pa.RecordBatch) -> pa.Array:
    """The words of each passage that is held, with a `GAP` for those that are not in `wide`.

    `known` are WORDED rows, those of `wide` among them.
    """
    value, word = flat(rows, "values")[found.order], flat(rows, "words")[found.order]
    size = word[found.last] + SHINGLE - word[found.first]
    starts = np.concatenate([[0], np.cumsum(size)])
    counts = found.last - found.first + 1
    of = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(of)) + np.repeat(found.first - np.cumsum(counts) + counts, counts)
    place = starts[of] + word[at] - word[found.first][of]
    which = np.where(
        place_in(wide, value[at]) >= 0, place_in(known["value"].to_numpy(), value[at]), -1
    )
    split = pc.list_flatten(pc.split_pattern(known["words"], " ")).dictionary_encode()
    numbers = split.indices.to_numpy().reshape(-1, SHINGLE)
    number = np.full(starts[-1], -1)
    for step in range(SHINGLE):
        number[place[which >= 0] + step] = numbers[which[which >= 0], step]
    covered = number >= 0
    # Of the words in a row that are not shown, the first stands for all as the gap.
    alone = covered | np.append(True, covered[:-1])[: len(covered)]
    alone[starts[:-1]] = True
    number = np.where(covered, number, len(split.dictionary))[alone]
    spellings = pa.concat_arrays([split.dictionary, pa.array([GAP])])
    bounds = np.concatenate([[0], np.cumsum(alone)])[starts].astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(bounds), spellings.take(pa.array(number)))
    return pc.binary_join(lists, " ")


def _evidence(
    rows: pa.RecordBatch, found: Held, where: list[pa.Array], raws: pa.Array
) -> pa.RecordBatch:
    told_in = rows.select(MARKED.names[:5]).take(pa.array(found.row))
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
        "start": where[0],
        "end": where[1],
        "raw": raws,
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
