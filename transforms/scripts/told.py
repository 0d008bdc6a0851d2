"""Where a narrative holds a script, and what may be shown of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import EntityKind, RecordKind, Role
from schemas.mention import EVIDENCE
from transforms.scripts.families import place_in
from transforms.scripts.fingerprints import SHINGLE
from transforms.scripts.marked import MARKED, flat, marks
from transforms.scripts.spelt import GAP
from transforms.scripts.words import words

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
    raws = shown(rows["narrative"], found, word, widely)
    where = flat(rows, "starts")[order[found.first]], flat(rows, "ends")[order[found.last]]
    return _evidence(rows, found, where, raws)


def shown(texts: pa.Array, found: Held, word: np.ndarray, widely: np.ndarray) -> pa.Array:
    """The words of each passage that is held, with a `GAP` for those that are not widely shared.

    Of each fingerprint in `found.order`, `word` is the number of its first word in its text, and
    `widely` whether `SHINGLE` words from there on are widely shared.
    """
    rows, text = np.unique(found.row, return_inverse=True)
    said = words(texts.take(pa.array(rows)))
    begin = said.bounds[text] + word[found.first]
    size = np.minimum(said.bounds[text] + word[found.last] + SHINGLE, said.bounds[text + 1]) - begin
    starts = np.concatenate([[0], np.cumsum(size)])
    passage = np.repeat(np.arange(len(size)), size)
    covered = np.zeros(starts[-1] + SHINGLE, bool)
    counts = found.last - found.first + 1
    of = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(of)) + np.repeat(found.first - np.cumsum(counts) + counts, counts)
    place = starts[of] + word[at] - word[found.first][of]
    for step in range(SHINGLE):
        covered[place[widely[at]] + step] = True
    covered = covered[: starts[-1]]
    # Of the words in a row that are not shown, the first stands for all as the gap.
    alone = covered | np.append(True, covered[:-1])[: len(covered)]
    alone[starts[:-1]] = True
    number = said.word[np.arange(starts[-1]) + (begin - starts[:-1])[passage]]
    number = np.where(covered, number, len(said.spellings))[alone]
    spellings = pa.concat_arrays([said.spellings, pa.array([GAP])])
    bounds = np.concatenate([[0], np.cumsum(alone)])[starts].astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(bounds), spellings.take(pa.array(number)))
    return pc.binary_join(lists, " ")


def _evidence(
    rows: pa.RecordBatch, found: Held, where: tuple[np.ndarray, np.ndarray], raws: pa.Array
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
