"""Collects the numbers that records state as the victim's own, and finds the evidence of them.

A reporter claims that a number is a victim's own, perhaps in a row that was replaced later. The
claim decides the role in all records of this reporter. For other reporters' records it is only kept
as a claim. It also covers addresses and names that contain the number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECT_NUMBER_DIRECTIONS, EntityKind, RecordKind, Role
from schemas.field import INTEGER, TEXT
from schemas.mention import EVIDENCE, MENTIONS, ROW
from transforms.arrow import (
    Array,
    each_once,
    explode,
    hash_text,
    implode,
    row_tuples,
    true_mask,
    with_column,
)
from transforms.decode import mask_rows
from transforms.engine import MAIN, Pure
from transforms.values import NO_RULES, SourceRules, call_reporter_keys, is_of_many, reporter_keys
from transforms.victims.identifier_matcher import (
    CallReadings,
    ComplaintNumbers,
    Patterns,
    RowIdentifiers,
    account_names,
    call_readings,
    complaint_numbers,
    find_identifiers,
    identifier_patterns,
    merge_row_identifiers,
)
from transforms.victims.number_index import (
    NOBODY_NAMED,
    are_victims_numbers,
    find_victim_digits,
    who_claims,
)

STATED_NUMBER = pa.schema(
    [pa.field("entity_id", TEXT, nullable=False), pa.field("reporter", INTEGER)]
)
"""A victim's number, as `phone:` and E.164, and the hash of the reporter who states it.

`reporter` is null for rejected rows, and for calls without a reporter by pseudonym or by rule.
"""

CLAIM = pa.schema({"entity_id": TEXT, "reporter": INTEGER})
"""An identifier, and a reporter who calls it or a number in it a victim's own."""

CLAIMS = "claims"

STATED_FIELDS = r"^(phone_numbers\[|called_number|calling_number|diverted_from)"
"""RE2: fields that say by themselves whose number they have."""

_WORD_KINDS = (EntityKind.EMAIL, EntityKind.HANDLE, EntityKind.DOMAIN, EntityKind.URL)
"""Kinds whose values people choose, so that a number in a value is no accident."""

_PHONE = "phone:"

_RECORD = ("source_org", "record_kind", "record_id")

_CHOSEN = rf"^(?:{'|'.join(_WORD_KINDS)}|account:upi):"
"""RE2: ids of these kinds, and of accounts with chosen names. Other accounts are numbers."""


Numbers = ComplaintNumbers | CallReadings
"""The numbers of a batch of complaints or of calls, as read."""


def read_numbers(batch: pa.RecordBatch, kind: RecordKind) -> Numbers:
    """Normalizes the numbers of COMPLAINT_ACCEPTED or CALL_ACCEPTED rows."""
    return call_readings(batch) if kind is RecordKind.CALL else complaint_numbers(batch)


def stated_victim_numbers(
    batch: pa.RecordBatch,
    kind: RecordKind,
    rules: SourceRules = NO_RULES,
    numbers: Numbers | None = None,
) -> pa.RecordBatch:
    """Returns the victims' numbers that COMPLAINT_ACCEPTED or CALL_ACCEPTED rows state.

    `numbers` are the rows' numbers, if they have been read already.
    """
    stated = stated_by_row(batch, numbers or read_numbers(batch, kind))
    who = stating_reporters(batch, kind, rules).take(stated.rows)
    return stated_numbers_batch(stated.identifiers, who)


def stating_reporters(
    batch: pa.RecordBatch, kind: RecordKind, rules: SourceRules = NO_RULES
) -> pa.Array:
    """Returns the hash of the reporter of each row, null without one."""
    if kind is RecordKind.COMPLAINT:
        org, victim = batch["source_org"], batch["victim_id"]
        keys = reporter_keys(org, victim, batch["received_at"], batch["complaint_id"], rules)
        return pa.array(hash_text(keys))
    keys = call_reporter_keys(batch)
    return pc.if_else(pc.is_valid(keys), pa.array(hash_text(keys)), None)


def stated_by_row(batch: pa.RecordBatch, numbers: Numbers) -> RowIdentifiers:
    """Returns the E.164 numbers that rows state as a victim's, each with its row of the batch."""
    if isinstance(numbers, ComplaintNumbers):
        own = numbers.own
        # A number that is not in E.164 means nothing in other records.
        read = pc.starts_with(own.identifiers, "+")
        return RowIdentifiers(own.rows[true_mask(read)], own.identifiers.filter(read))
    stated = []
    for name, suspects in SUSPECT_NUMBER_DIRECTIONS.items():
        e164 = pc.struct_field(numbers[name], "e164")
        theirs = true_mask(pc.not_equal(batch["direction"], suspects.value))
        theirs &= true_mask(pc.is_valid(e164))
        stated.append(RowIdentifiers(np.flatnonzero(theirs), e164.filter(theirs)))
    return merge_row_identifiers(*stated)


def stated_numbers_batch(e164: pa.Array, who: pa.Array) -> pa.RecordBatch:
    """Makes a STATED_NUMBER batch of distinct pairs of numbers and reporters."""
    ids = pc.binary_join_element_wise(_PHONE, e164, "")
    once = each_once(pa.table([ids, who], schema=STATED_NUMBER), STATED_NUMBER)
    once = once.sort_by([(name, "ascending") for name in STATED_NUMBER.names]).combine_chunks()
    columns = [once[name].combine_chunks() for name in STATED_NUMBER.names]
    return pa.record_batch(columns, STATED_NUMBER)


def contain_victims_number(entity_ids: pa.Array, own: Array) -> Array:
    """Tells which ids without epochs are or contain a victim's number.

    `own` are the victims' numbers, made by `number_index.hash_dial_formats`.
    """
    theirs = np.zeros(len(entity_ids), bool)
    numbers = np.flatnonzero(pc.starts_with(entity_ids, _PHONE))
    ids = entity_ids.take(numbers)
    theirs[numbers] = are_victims_numbers(pc.utf8_slice_codeunits(ids, len(_PHONE)), own)
    words, names = chosen_names(entity_ids)
    theirs[words[find_victim_digits(names, own).rows]] = True
    return theirs


def assign_victim_roles(
    evidence: pa.RecordBatch, claims: Array
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Gives the role `victim` to claimed identifiers, in all records of the claim's reporter.

    A reporter key that stands for many people is excepted, since none of them speaks for the
    others. `claims` are the stated numbers of all victims, made by `number_index.hash_claims`.

    Returns:
        The EVIDENCE rows, and a CLAIM row for each identifier in them and each reporter who calls
        it, or a number that it contains, a victim's own.
    """
    if not claims.shape[-1] or not evidence.num_rows:
        return evidence, _no_claims()
    mentions = explode(evidence, MENTIONS)
    ids = mentions["entity_id"].dictionary_encode()
    claimed, who = _claims_on(ids.dictionary, claims)
    if not len(claimed):
        return evidence, _no_claims()
    named = pc.if_else(who == NOBODY_NAMED, None, pa.array(who))
    rows_of_claims = pa.record_batch([ids.dictionary.take(claimed), named], CLAIM)
    entity = ids.indices.to_numpy()
    rows = np.flatnonzero(np.isin(entity, claimed))
    keys = evidence["reporter_key"].take(mentions[ROW].take(rows))
    one_person = ~true_mask(is_of_many(keys))
    reporter = hash_text(keys)
    said = set(zip(claimed.tolist(), who.tolist(), strict=True))
    pairs = zip(entity[rows].tolist(), reporter.tolist(), strict=True)
    theirs = np.zeros(mentions.num_rows, bool)
    theirs[rows] = one_person & np.fromiter((pair in said for pair in pairs), bool, len(rows))
    role = pc.if_else(theirs, Role.VICTIM, mentions["role"])
    mentions = with_column(mentions, "role", role)
    return implode(evidence, EVIDENCE.field(MENTIONS), mentions), rows_of_claims


def _claims_on(entity_ids: pa.Array, claims: Array) -> tuple[Array, Array]:
    """Returns the distinct pairs of a place of an id and a reporter who calls it a victim's."""
    numbers = np.flatnonzero(pc.starts_with(entity_ids, _PHONE))
    e164 = pc.utf8_slice_codeunits(entity_ids.take(numbers), len(_PHONE))
    places, who = who_claims(hash_text(e164), claims)
    words, names = chosen_names(entity_ids)
    inside, digits = find_victim_digits(names, claims[0])
    within, others = who_claims(hash_text(digits), claims)
    pairs = np.stack([np.append(numbers[places], words[inside[within]]), np.append(who, others)])
    return tuple(np.unique(pairs, axis=1))


def _no_claims() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], CLAIM)


def chosen_names(entity_ids: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the rows of ids that people choose, and the text of each to search for digits."""
    chosen = pc.match_substring_regex(entity_ids, _CHOSEN)
    rows = np.flatnonzero(true_mask(chosen))
    return rows, pc.replace_substring(entity_ids.take(rows), "_", "-")


def hide_withheld_words(mentions: pa.Table, withheld: pa.Table) -> pa.Table:
    """Masks, in the `raw` text of mentions, identifiers that are withheld in the same record.

    A link may contain the victim's address. Phone numbers are left to a search of all records.

    Args:
        mentions: Rows with the columns of a record's key.
        withheld: WITHHELD rows.
    """
    withheld = withheld.filter(pc.invert(pc.starts_with(withheld["entity_id"], _PHONE)))
    if not len(withheld):
        return mentions
    ids: dict[tuple[str, ...], set[str]] = {}
    for *record, entity_id in row_tuples(withheld, *_RECORD, "entity_id"):
        ids.setdefault(tuple(record), set()).add(entity_id)
    near = np.flatnonzero(
        true_mask(pc.is_in(mentions["record_id"], withheld["record_id"].unique()))
    )
    some = mentions.take(near)
    patterns: dict[tuple[str, ...], Patterns] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    texts = row_tuples(some, "raw", *_RECORD)
    for row, (text, *record) in zip(near.tolist(), texts, strict=True):
        if text and (own := ids.get(key := tuple(record))):
            if key not in patterns:
                patterns[key] = identifier_patterns(own) | account_names(own)
            spans[row] = list(find_identifiers(text, patterns[key]))
    return with_column(mentions, "raw", mask_rows(mentions["raw"].combine_chunks(), spans))


@dataclass(eq=False)
class AssignVictimRoles(beam.PTransform):
    """Converts EVIDENCE batches to outputs MAIN (EVIDENCE) and CLAIMS (CLAIM).

    `claims` is the side input from `number_index.VictimClaims`.
    """

    claims: beam.pvalue.AsSingleton

    def expand(self, evidence: beam.PCollection) -> Any:
        """Applies `assign_victim_roles` to each batch."""
        step = beam.ParDo(Pure(_assign_victim_roles), self.claims)
        return evidence | step.with_outputs(CLAIMS, main=MAIN)


def _assign_victim_roles(evidence: pa.RecordBatch, claims: Array) -> Iterator[Any]:
    assigned, claimed = assign_victim_roles(evidence, claims)
    yield assigned
    if claimed.num_rows:
        yield beam.pvalue.TaggedOutput(CLAIMS, claimed)
