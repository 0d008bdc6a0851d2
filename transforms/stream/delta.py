"""Reduces records that arrived together to a delta: their ids and their evidence.

A stream keeps deltas instead of records. They can be split, joined and, in `state`, merged.

A victim's number that a row states is withheld even if the row was replaced, and masked in rejects
if the row was refused. So stated numbers are kept apart from the evidence.

Of a narrative only fingerprints stay, with words only if enough people have a fingerprint. Until
then the people are kept without the words (`prune_phrase_counts`). Each record brings its words
along, so they are known when the last person needed arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.field import FLAG, INTEGER, NUMBER, SMALL_INTEGER, TEXT, TIMESTAMP
from schemas.mention import EVIDENCE, MENTIONS
from transforms.arrow import (
    Array,
    aggregate,
    batch_of_columns,
    explode,
    group_changes,
    group_starts,
    hash_columns,
    hash_text,
    list_column,
    mix_hashes,
    one_batch,
    one_table,
    row_tuples,
    true_mask,
    with_column,
)
from transforms.custody import RECORD_KEY, ErasureList, record_keys
from transforms.decisions import DecisionsInForce
from transforms.engine import partition_numbers, table_of
from transforms.extract import call_scripts, place_or_minus_one
from transforms.extract.evidence import call_evidence, complaint_evidence
from transforms.extract.fingerprints import (
    FINGERPRINT_ROW,
    FINGERPRINT_ROW_WITH_WORDS,
    PHRASE,
    fingerprint_rows,
    flatten_fingerprints,
    phrases,
)
from transforms.graph.replaced import GONE, GONE_ITEM, gone_from_versions
from transforms.redact.rejects import stated_victim_numbers_in_rejects
from transforms.validate import RECORD_ORDER, content_hashes, versions_of, winning_rows
from transforms.values import NO_RULES, SourceRules
from transforms.victims.identifier_matcher import ComplaintNumbers
from transforms.victims.stated_numbers import (
    STATED_NUMBER,
    Numbers,
    read_numbers,
    stated_by_row,
    stating_reporters,
)

PHRASE_COUNT = pa.schema(
    {
        "value": INTEGER,
        "victim": INTEGER,
        "teller": INTEGER,
        "received_at": TIMESTAMP,
        "words": TEXT,
    }
)
"""A person with a fingerprint, and the fingerprint's words if known."""


def phrase_counts(texts: pa.RecordBatch) -> pa.RecordBatch:
    """Converts FINGERPRINT_ROW_WITH_WORDS rows to PHRASE_COUNT rows with all words."""
    flat = flatten_fingerprints(texts)
    known = phrases(texts, np.arange(len(flat.value)))
    places = place_or_minus_one(known["value"].to_numpy(), flat.value)
    columns = [
        pa.array(flat.value),
        *(texts[name].take(flat.row) for name in ("victim", "teller", "received_at")),
        known["words"].take(places),
    ]
    return pa.record_batch(columns, PHRASE_COUNT)


def prune_phrase_counts(rows: pa.RecordBatch, oldest: int) -> pa.RecordBatch:
    """Drops PHRASE_COUNT rows before `oldest` (microseconds), and words that too few people have.

    Words stay if `MIN_TELLERS` victims and as many tellers have them. Both are counted, because
    versions of a record without a pseudonym give a single person several tellers. The newest rows
    that establish this are kept, so the result does not depend on the order of rows.
    """
    rows = rows.filter(_times(rows) >= oldest)
    if not rows.num_rows:
        return rows
    key = PHRASE_COUNT.names[:3]
    people = aggregate(one_table(rows), key, [("received_at", "max")])
    people = people.sort_by([(name, "ascending") for name in key])
    value = people["value"].to_numpy()
    sizes = np.diff(group_starts(value), append=len(value))
    many = np.repeat(sizes > 1, sizes)
    few, wide = _newest_people(people, np.flatnonzero(many))
    kept = np.sort(np.concatenate([np.flatnonzero(~many), few]))
    known = shown_phrases([rows])
    texts = known.filter(np.isin(known["value"].to_numpy(), wide))
    left = people.take(kept).append_column("words", _words_at_first(value[kept], texts))
    return one_batch(left)


def drop_words_not_in(rows: pa.RecordBatch, known: pa.RecordBatch) -> pa.RecordBatch:
    """Drops words of PHRASE_COUNT rows unless a row of `known` has them."""
    kept = np.isin(rows["value"].to_numpy(), shown_phrases([known])["value"].to_numpy())
    # The column is copied: masking would leave the dropped words in its buffer.
    words = rows["words"].take(pa.array(np.arange(len(kept)), mask=~kept))
    return with_column(rows, "words", words)


def without_phrases(rows: pa.RecordBatch, gone: Array) -> pa.RecordBatch:
    """Drops the PHRASE_COUNT rows in a mask; their words move to the next row with the value."""
    left = rows.filter(~gone).sort_by("value")
    words = _words_at_first(left["value"].to_numpy(), shown_phrases([rows]))
    return with_column(left, "words", words)


def shown_phrases(rows: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Converts PHRASE_COUNT rows with words to PHRASE rows of distinct fingerprints."""
    table = table_of(rows, PHRASE_COUNT).select(PHRASE.names)
    there = table.filter(pc.is_valid(table["words"])).combine_chunks()
    value, first = np.unique(there["value"].to_numpy(), return_index=True)
    words = there["words"].take(first).combine_chunks()
    return pa.record_batch([pa.array(value), words], PHRASE)


def _words_at_first(value: Array, known: pa.RecordBatch) -> pa.Array:
    """Returns the words of sorted fingerprints, by PHRASE rows, at the first row of each only."""
    places = np.where(
        group_changes(value), place_or_minus_one(known["value"].to_numpy(), value), -1
    )
    return known["words"].take(pa.array(places, mask=places < 0))


def _times(rows: pa.RecordBatch) -> Array:
    times: Array = rows["received_at"].cast(INTEGER).to_numpy()
    return times


def _newest_people(people: pa.Table, among: Array) -> tuple[Array, Array]:
    """Returns rows of the newest victims and tellers of each value, and the values to be shown.

    `among` are the rows to choose from. `MIN_TELLERS` victims and as many tellers of each value are
    kept: they decide if enough people are unexpired at any later time.
    """
    value, victim, teller, when = (
        column.cast(INTEGER).to_numpy()[among] for column in people.columns
    )
    rows = (_newest(value, victim, teller, when), _newest(value, teller, victim, when))
    shown = [np.unique(value[numbers], return_counts=True) for numbers in rows]
    enough = [values[counts >= call_scripts.MIN_TELLERS] for values, counts in shown]
    return among[np.union1d(*rows)], np.intersect1d(enough[0], enough[1])


def _newest(value: Array, who: Array, partner: Array, when: Array) -> Array:
    """Returns, by value, the newest row of each of the `MIN_TELLERS` newest people in `who`."""
    order = np.lexsort((partner, -when, who, value))
    once = order[group_starts(value[order], who[order])]
    once = once[np.lexsort((who[once], -when[once], value[once]))]
    rank = np.arange(len(once)) - np.searchsorted(value[once], value[once])
    newest: Array = once[rank < call_scripts.MIN_TELLERS]
    return newest


RECORD = pa.schema(
    {
        "record_kind": TEXT,
        "source_org": TEXT,
        "record_id": TEXT,
        "received_at": TIMESTAMP,
        "duration_seconds": NUMBER,
        "content": TEXT,
        "source": TEXT,
        "position": INTEGER,
        "gone": pa.list_(GONE_ITEM),
    }
)
"""An accepted record: its id, and the fields that decide which of two versions wins.

`gone` are the identifiers that replaced versions name and this version does not.
"""

DELTA_EVIDENCE = pa.schema([("row", SMALL_INTEGER), *EVIDENCE])
"""EVIDENCE with its row in the delta's records."""

DELTA_FINGERPRINTS = pa.schema([("row", SMALL_INTEGER), *FINGERPRINT_ROW])
"""FINGERPRINT_ROW with its row in the delta's records."""

STATED_AT = pa.schema(
    [
        *STATED_NUMBER,
        pa.field("refused", FLAG, nullable=False),
        pa.field("stated_at", TIMESTAMP, nullable=False),
    ]
)
"""A victim's number, the reporter who states it, and the last time a row did.

Numbers of a `refused` row are only masked in rejects: such a row decides no identifier's role.
"""

_STATED_KEY = [*STATED_NUMBER.names, "refused"]

DELTA_SCHEMAS = (RECORD, DELTA_EVIDENCE, STATED_AT, DELTA_FINGERPRINTS, PHRASE_COUNT)
"""Schemas of the tables of a delta."""

CHUNK_RECORDS = 8_192
"""Most records of a delta that is stored or sent."""

PHRASES_PER_RECORD = 16
"""Most rows of phrases in a chunk, for each of `CHUNK_RECORDS`."""

PHRASE_PARTITION = 0
"""Partition of all phrases.

Divided by fingerprint, they would split each arriving record into as many deltas as partitions. At
a tick a single worker holds all phrases in any case.
"""


class Delta(NamedTuple):
    """RECORD rows with distinct ids, and their evidence and fingerprints.

    `stated` (STATED_AT) and `phrases` (PHRASE_COUNT) do not belong to these records: the row that
    stated a number may be refused or replaced, and phrases have a partition of their own.
    """

    records: pa.RecordBatch
    evidence: pa.RecordBatch
    stated: pa.RecordBatch
    fingerprints: pa.RecordBatch
    phrases: pa.RecordBatch


def records_to_delta(
    accepted: pa.RecordBatch, kind: RecordKind, rules: SourceRules = NO_RULES
) -> Delta:
    """Reduces COMPLAINT_ACCEPTED or CALL_ACCEPTED rows; of rows with the same id the winner."""
    is_call = kind is RecordKind.CALL
    key, order = RECORD_ORDER[kind]
    table = one_table(accepted)
    winners = winning_rows(table, key, order)
    kept = accepted.take(winners)
    replaced = len(winners) < accepted.num_rows
    absent = pa.nulls(kept.num_rows, NUMBER)
    columns = {
        "record_kind": pa.repeat(str(kind), kept.num_rows),
        "source_org": kept["source_org"],
        "record_id": kept[key[1]],
        "received_at": kept["started_at" if is_call else "received_at"],
        "duration_seconds": kept["duration_seconds"] if is_call else absent,
        "content": content_hashes(one_table(kept), np.arange(kept.num_rows)),
        "source": kept["source"],
        "position": kept["position"],
        "gone": pa.array([[]] * kept.num_rows, RECORD.field("gone").type),
    }
    records = batch_of_columns(columns, RECORD)
    if replaced:
        versions = one_batch(versions_of(table, kind))
        records = with_gone(records, gone_from_versions(versions, kind, rules))
    numbers = read_numbers(kept, kind)
    if isinstance(numbers, ComplaintNumbers):
        mentions = complaint_evidence(kept, rules, numbers)
    else:
        mentions = call_evidence(kept, numbers)
    row = pc.index_in(_names(mentions), _names(records))
    evidence = pa.record_batch([row, *mentions.columns], DELTA_EVIDENCE)
    texts = _empty(FINGERPRINT_ROW_WITH_WORDS) if is_call else fingerprint_rows(kept)
    row = pc.index_in(_names(texts, "complaint_id"), _names(records))
    fingerprints = pa.record_batch(
        [row, *texts.select(FINGERPRINT_ROW.names).columns], schema=DELTA_FINGERPRINTS
    )
    # Phrases of all versions count, since a version may have come in an earlier delta.
    phrases = phrase_counts(fingerprint_rows(accepted) if replaced and not is_call else texts)
    every, read = (accepted, read_numbers(accepted, kind)) if replaced else (kept, numbers)
    stated_once = latest_stated([_stated_in_records(every, read, kind, rules)])
    return Delta(records, evidence, stated_once, fingerprints, phrases)


def with_gone(records: pa.RecordBatch, gone: pa.RecordBatch) -> pa.RecordBatch:
    """Returns RECORD rows, which have distinct ids, with their GONE rows in `gone`."""
    place = pc.index_in(record_keys(gone), record_keys(records)).to_numpy()
    items = [gone[name] for name in GONE_ITEM.names]
    lists = list_column(place, items, RECORD.field("gone").type, records.num_rows)
    return with_column(records, "gone", lists)


def gone_of(records: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the GONE rows of RECORD rows."""
    return explode(records, "gone", RECORD_KEY).select(GONE.names)


def rejects_to_delta(rejects: pa.RecordBatch, now: datetime) -> Delta:
    """Reduces REJECT rows, not yet masked, to the victims' numbers that they state.

    The numbers count as stated `now`, since a refused row may have no time.
    """
    stated = stated_victim_numbers_in_rejects(rejects)
    times = pa.repeat(pa.scalar(now, TIMESTAMP), stated.num_rows)
    return empty_delta()._replace(stated=_stated_at(stated, times, refused=True))


def empty_delta() -> Delta:
    """Returns a delta without rows."""
    return Delta(*(_empty(schema) for schema in DELTA_SCHEMAS))


def split_delta(delta: Delta, partitions: int) -> Iterator[tuple[int, Delta]]:
    """Splits a delta by hash of the record's id or of the stated number into (partition, delta).

    Phrases go to `PHRASE_PARTITION`.
    """
    of_rows = (
        partition_numbers(delta.records, RECORD_KEY, partitions),
        partition_numbers(delta.stated, ("entity_id",), partitions),
        np.full(delta.phrases.num_rows, PHRASE_PARTITION),
    )
    for partition in np.unique(np.concatenate(of_rows)).tolist():
        yield (
            partition,
            _take(delta, *(np.flatnonzero(numbers == partition) for numbers in of_rows)),
        )


def chunk_delta(delta: Delta) -> Iterator[Delta]:
    """Splits a delta into deltas of at most `CHUNK_RECORDS` records; an empty delta gives none."""
    counts = (delta.records.num_rows, delta.stated.num_rows, delta.phrases.num_rows)
    sizes = (CHUNK_RECORDS, CHUNK_RECORDS, CHUNK_RECORDS * PHRASES_PER_RECORD)
    for number in range(max(-(-count // size) for count, size in zip(counts, sizes, strict=True))):
        rows = (
            np.arange(min(number * size, count), min((number + 1) * size, count))
            for count, size in zip(counts, sizes, strict=True)
        )
        yield _take(delta, *rows)


def concat_deltas(deltas: Sequence[Delta]) -> Delta:
    """Concatenates deltas; the result may have an id several times."""
    if not deltas:
        return empty_delta()
    starts = np.cumsum([0, *(delta.records.num_rows for delta in deltas[:-1])]).tolist()
    moved = [
        delta._replace(
            evidence=_shift_rows(delta.evidence, start),
            fingerprints=_shift_rows(delta.fingerprints, start),
        )
        for start, delta in zip(starts, deltas, strict=True)
    ]
    tables = map(table_of, zip(*moved, strict=True), DELTA_SCHEMAS)
    return Delta(*map(one_batch, tables))


def record_groups(delta: Delta) -> Array:
    """Returns the hash of each record's group of evidence, its own if it has no evidence."""
    records, evidence = delta.records, delta.evidence
    complaint = pc.equal(records["record_kind"], RecordKind.COMPLAINT)
    groups = hash_text(pc.if_else(complaint, _names(records), None))
    groups[evidence["row"].to_numpy()] = hash_text(evidence["group_id"])
    return groups


def take_records(delta: Delta, records: Array) -> Delta:
    """Returns records of a delta, by number, with their evidence and fingerprints only."""
    return _take(delta, records, np.empty(0, np.int64), np.empty(0, np.int64))


def select_records(rows: pa.RecordBatch, records: Array, count: int) -> pa.RecordBatch:
    """Selects evidence or fingerprints of the records that stay.

    `records` are the numbers of the staying records, of `count`, in their new order. The column
    `row` is renumbered by this order.
    """
    place = np.full(count, -1, np.int32)
    place[records] = np.arange(len(records), dtype=np.int32)
    now = place[rows["row"].to_numpy()]
    kept = rows.filter(now >= 0)
    return with_column(kept, "row", pa.array(now[now >= 0]))


def latest_stated(stated: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Reduces STATED_AT rows to distinct numbers and reporters, with the last time of each."""
    rows = aggregate(table_of(stated, STATED_AT), _STATED_KEY, [("stated_at", "max")])
    rows = rows.sort_by([(name, "ascending") for name in _STATED_KEY]).combine_chunks()
    columns = [rows[name].combine_chunks() for name in STATED_AT.names]
    return pa.record_batch(columns, STATED_AT)


def stated_since(stated: pa.RecordBatch, newest: datetime | None, days: int) -> pa.RecordBatch:
    """Returns STATED_AT rows at most `days` older than the newest record; all without a record."""
    if newest is None:
        return stated
    oldest = newest - timedelta(days=days)
    return stated.filter(pc.greater_equal(stated["stated_at"], oldest))


def unexpired_stated(
    stated: pa.RecordBatch, decided: DecisionsInForce, days: int
) -> pa.RecordBatch:
    """Returns the STATED_AT rows that have not expired by `decided.newest`."""
    return stated_since(stated, decided.newest, days)


def without_erased(delta: Delta, known: ErasureList) -> tuple[Delta, int]:
    """Removes erased records from a delta; returns the delta and the number of erased records.

    Numbers and phrases that only erased records of a reporter show are removed too.
    """
    records, evidence = delta.records, delta.evidence
    count = records.num_rows
    erased = known.contain(record_keys(records))
    # A call's group of evidence is named after its complaint.
    calls = np.flatnonzero(true_mask(pc.equal(evidence["record_kind"], RecordKind.CALL)))
    groups = evidence["group_id"].take(calls)
    names = pc.binary_join_element_wise(RecordKind.COMPLAINT, groups, "|")
    erased[evidence["row"].to_numpy()[calls[known.contain(names)]]] = True
    if not erased.any():
        return delta, 0
    stay = np.flatnonzero(~erased)
    gone = evidence.filter(erased[evidence["row"].to_numpy()])
    left = select_records(evidence, stay, count)
    fingerprints = select_records(delta.fingerprints, stay, count)
    stated = delta.stated.filter(~_stated_by_erased(delta.stated, gone, left))
    phrases = without_phrases(delta.phrases, _had_by_erased(delta.phrases, gone, fingerprints))
    rows = records.take(stay)
    return Delta(rows, left, stated, fingerprints, phrases), int(erased.sum())


def _stated_by_erased(stated: pa.RecordBatch, gone: pa.RecordBatch, left: pa.RecordBatch) -> Array:
    """Returns a mask of the STATED_AT rows that only erased evidence supports.

    They name a reporter of evidence that is `gone`, and no evidence of this reporter that is `left`
    has the number. Refused rows have no reporter; they go with the last row that states the number.
    """
    named = explode(left, MENTIONS, ("reporter_key",))
    there = mix_hashes(hash_text(named["reporter_key"]), hash_text(named["entity_id"]))
    who = pc.fill_null(stated["reporter"], 0).to_numpy()
    numbers = hash_text(stated["entity_id"])
    of_erased = np.isin(who, hash_text(gone["reporter_key"]))
    refused = true_mask(stated["refused"])
    alone = of_erased & ~refused & ~np.isin(mix_hashes(who, numbers), there)
    known = numbers[~refused & ~alone]
    return alone | (refused & np.isin(numbers, numbers[alone]) & ~np.isin(numbers, known))


def _had_by_erased(phrases: pa.RecordBatch, gone: pa.RecordBatch, left: pa.RecordBatch) -> Array:
    """Returns a mask of the PHRASE_COUNT rows of erased victims without the value in `left`."""
    complaints = gone.filter(pc.equal(gone["record_kind"], RecordKind.COMPLAINT))
    keys = row_tuples(complaints, "source_org", "victim_key")
    persons = pa.array([key and key.removeprefix(f"{org}|") for org, key in keys], TEXT)
    people = [complaints["source_org"], pc.coalesce(persons, complaints["record_id"])]
    victims = hash_columns(pa.table(people, ["org", "person"]), ["org", "person"])
    flat = flatten_fingerprints(left)
    there = mix_hashes(left["victim"].to_numpy()[flat.row], flat.value)
    victim, value = phrases["victim"].to_numpy(), phrases["value"].to_numpy()
    return np.isin(victim, victims) & ~np.isin(mix_hashes(victim, value), there)


def stated_in_records(stated: pa.RecordBatch) -> pa.RecordBatch:
    """Converts STATED_AT rows of accepted records to STATED_NUMBER rows."""
    return stated.filter(pc.invert(stated["refused"])).select(STATED_NUMBER.names)


def _stated_in_records(
    records: pa.RecordBatch, read: Numbers, kind: RecordKind, rules: SourceRules
) -> pa.RecordBatch:
    """Returns the STATED_AT rows of COMPLAINT_ACCEPTED or CALL_ACCEPTED rows."""
    when = records["started_at" if kind is RecordKind.CALL else "received_at"]
    stated = stated_by_row(records, read)
    ids = pc.binary_join_element_wise("phone:", stated.identifiers, "")
    rows = pa.array(stated.rows)
    who = stating_reporters(records, kind, rules).take(rows)
    numbers = pa.record_batch([ids, who], STATED_NUMBER)
    return _stated_at(numbers, when.take(rows).cast(TIMESTAMP), refused=False)


def _stated_at(stated: pa.RecordBatch, times: pa.Array, *, refused: bool) -> pa.RecordBatch:
    """Converts STATED_NUMBER rows to STATED_AT rows."""
    mark = pa.repeat(refused, stated.num_rows)
    return pa.record_batch([*stated.columns, mark, times], STATED_AT)


def _names(rows: pa.RecordBatch, record_id: str = "record_id") -> pa.Array:
    return pc.binary_join_element_wise(rows["source_org"], rows[record_id], "|")


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema)


def _take(delta: Delta, records: Array, stated: Array, phrases: Array) -> Delta:
    count = delta.records.num_rows
    return Delta(
        delta.records.take(records),
        select_records(delta.evidence, records, count),
        delta.stated.take(stated),
        select_records(delta.fingerprints, records, count),
        delta.phrases.take(phrases),
    )


def _shift_rows(rows: pa.RecordBatch, start: int) -> pa.RecordBatch:
    return with_column(rows, "row", pc.add(rows["row"], pa.scalar(start, SMALL_INTEGER)))
