"""Finds the scripts that narratives hold, and the wording of each that may be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, RecordKind, Role
from schemas.mention import EVIDENCE
from transforms.arrow_util import group_starts, sorted_lookup
from transforms.call_scripts.families import place_or_minus_one
from transforms.call_scripts.fingerprints import (
    FINGERPRINT_ROW,
    SHINGLE,
    flatten_fingerprints,
    flatten_list,
    phrases,
)
from transforms.call_scripts.tokens import GAP

MIN_WORDS = 12
"""Shared words that a text must hold of a script; fewer are everybody's phrases."""

MIN_TELLERS = 5
"""Tellers who must have the same words for these to be shown; the rest is a gap."""

CONFIDENCE = 0.9
"""Confidence that the passage was read out from the script; docs/evidence.md."""


@dataclass(frozen=True)
class FamilyMatches:
    """The families of which texts hold `MIN_WORDS` words or more.

    Of each: the row of its text, the family, how many words of it are shared, and from where to
    where its fingerprints stand in `order`, the numbers of all known ones in `FlatFingerprints`.
    """

    row: np.ndarray
    family: np.ndarray
    words: np.ndarray
    first: np.ndarray
    last: np.ndarray
    order: np.ndarray


def script_matches(rows: pa.RecordBatch, family: pa.RecordBatch) -> pa.RecordBatch:
    """Turns FINGERPRINT_ROW_WITH_TEXT rows into EVIDENCE rows, one for each family of a narrative.

    `start` and `end` are where its first and its last shared words stand. `raw` are the words
    between them that `MIN_TELLERS` tellers have in common, numbers masked: never one victim's own.
    """
    found = match_families(rows, family)
    wide = _widely_shared(family)
    _, is_wide = sorted_lookup(wide, flatten_list(rows, "values"))
    raws = visible_wording(rows, found, wide, phrases(rows, np.flatnonzero(is_wide)))
    where = [
        pa.array(flatten_list(rows, name)[found.order[at]], pa.int32())
        for name, at in (("starts", found.first), ("ends", found.last))
    ]
    return _evidence(rows, found, where, raws)


def script_matches_without_text(
    rows: pa.RecordBatch, family: pa.RecordBatch, known: pa.RecordBatch
) -> pa.RecordBatch:
    """As `script_matches`, of rows whose narratives are gone: `start` and `end` are null.

    `known` are the PHRASE rows of what is widely shared; what is not in it is a gap.
    """
    found = match_families(rows, family)
    nowhere = [pa.nulls(len(found.row), pa.int32())] * 2
    return _evidence(
        rows, found, nowhere, visible_wording(rows, found, _widely_shared(family), known)
    )


def match_families(rows: pa.RecordBatch, family: pa.RecordBatch) -> FamilyMatches:
    """Finds the families of FINGERPRINT_ROW rows, by row and family, given the FAMILY rows."""
    flat = flatten_fingerprints(rows)
    at, is_known = sorted_lookup(family["value"].to_numpy(), flat.value)
    known = np.flatnonzero(is_known)
    of = family["family"].to_numpy()[at[known]]
    by_family = np.lexsort((of, flat.row[known]))  # stable: by place within
    order, of = known[by_family], of[by_family]
    row, word = flat.row[order], flatten_list(rows, "words")[order]
    first = group_starts(row, of)
    last = np.append(first[1:], len(row))[: len(first)] - 1
    step = np.minimum(np.diff(word, append=0), SHINGLE)
    step[last] = SHINGLE
    words = np.add.reduceat(step, first) if len(first) else np.empty(0, np.int64)
    long = words >= MIN_WORDS
    first, last = first[long], last[long]
    return FamilyMatches(row[first], of[first], words[long], first, last, order)


def visible_wording(
    rows: pa.RecordBatch, found: FamilyMatches, wide: np.ndarray, known: pa.RecordBatch
) -> pa.Array:
    """Returns the words of each passage that was found, with a `GAP` for those not in `wide`.

    `known` are PHRASE rows, those of `wide` among them.
    """
    value, word = (
        flatten_list(rows, "values")[found.order],
        flatten_list(rows, "words")[found.order],
    )
    size = word[found.last] + SHINGLE - word[found.first]
    starts = np.concatenate([[0], np.cumsum(size)])
    counts = found.last - found.first + 1
    of = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(of)) + np.repeat(found.first - np.cumsum(counts) + counts, counts)
    place = starts[of] + word[at] - word[found.first][of]
    _, is_wide = sorted_lookup(wide, value[at])
    which = np.where(is_wide, place_or_minus_one(known["value"].to_numpy(), value[at]), -1)
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


def _widely_shared(family: pa.RecordBatch) -> np.ndarray:
    """Returns the fingerprints that `MIN_TELLERS` tellers have, sorted."""
    wide: np.ndarray = family["value"].to_numpy()[family["tellers"].to_numpy() >= MIN_TELLERS]
    return wide


def _evidence(
    rows: pa.RecordBatch, found: FamilyMatches, where: list[pa.Array], raws: pa.Array
) -> pa.RecordBatch:
    records = rows.select(FINGERPRINT_ROW.names[:5]).take(pa.array(found.row))
    count = records.num_rows
    values = {
        "entity_id": pa.array([f"{EntityKind.SCRIPT}:{one:016x}" for one in found.family.tolist()]),
        "kind": pa.repeat(str(EntityKind.SCRIPT), count),
        "role": pa.repeat(str(Role.SIGNALLING), count),
        "source_org": records["source_org"],
        "record_kind": pa.repeat(str(RecordKind.COMPLAINT), count),
        "record_id": records["complaint_id"],
        "observed_at": records["observed_at"],
        "victim_country": records["victim_country"],
        "field": pa.repeat("narrative", count),
        "start": where[0],
        "end": where[1],
        "raw": raws,
        "confidence": pa.repeat(pa.scalar(CONFIDENCE, pa.float32()), count),
        "group_id": pc.binary_join_element_wise(
            records["source_org"], records["complaint_id"], "|"
        ),
        "victim_key": pc.binary_join_element_wise(records["source_org"], records["victim_id"], "|"),
    }
    columns = [
        values[field.name].cast(field.type) if field.name in values else pa.nulls(count, field.type)
        for field in EVIDENCE
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVIDENCE)
