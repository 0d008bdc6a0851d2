"""Reads records once: their mentions, their claims about the scam, and victims' stated numbers.

The records carry their readings along, so that no later step normalizes a number or searches a
narrative again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_READ, E164_COLUMNS
from schemas.complaint import COMPLAINT_READ, COMPLAINT_TEXTS
from schemas.enums import RecordKind, Speaker
from schemas.mention import EVIDENCE, MENTIONS
from transforms.arrow import fill_columns, implode, true_mask, with_items
from transforms.decode import cut_to_search_limit
from transforms.extract.fields import call_mentions, complaint_mentions, count_unreadable_numbers
from transforms.extract.fingerprints import (
    FINGERPRINT_ROW_WITH_WORDS,
    MIN_WORDS,
    fingerprint_rows,
    observation_times,
)
from transforms.extract.impersonation import BRAND, find_impersonation, infer_brands, known_brands
from transforms.extract.sensitive_text import Papers, find_private, papers_in_narratives
from transforms.values import NO_RULES, SourceRules, call_reporter_keys, reporter_keys
from transforms.victims.identifier_matcher import (
    CallReadings,
    ComplaintNumbers,
    call_readings,
    complaint_numbers,
    e164_columns,
)
from transforms.victims.record_texts import (
    addresses_column,
    digits_column,
    find_addresses,
    find_digits,
    record_texts,
)
from transforms.victims.stated_numbers import stated_victim_numbers

_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|\p{L}+"

_BEGINNING = 100
"""Characters in which most narratives already have as many words as a script needs."""


class Extracted(NamedTuple):
    """Records with their readings, and the rows extracted from them.

    COMPLAINT_READ or CALL_READ, EVIDENCE, STATED_NUMBER and FINGERPRINT_ROW_WITH_WORDS rows.
    """

    records: pa.RecordBatch
    evidence: pa.RecordBatch
    stated: pa.RecordBatch
    fingerprints: pa.RecordBatch


OUTPUTS = RECORDS, EVIDENCE_ROWS, STATED, FINGERPRINTS = Extracted._fields
"""The outputs of `Extract`."""


def extract_complaints(complaints: pa.RecordBatch, rules: SourceRules = NO_RULES) -> Extracted:
    """Reads COMPLAINT_ACCEPTED rows."""
    numbers = complaint_numbers(complaints)
    claims = find_impersonation(complaints["claimed_brand"], complaints["narrative"])
    texts = record_texts(complaints, COMPLAINT_TEXTS)
    texts = texts._replace(texts=cut_to_search_limit(texts.texts))
    transcribed = true_mask(pc.equal(complaints["narrative_by"], Speaker.SUSPECT))
    private = find_private(texts, transcribed)
    papers = papers_in_narratives(texts, private)
    read = [
        with_items(complaints["phone_numbers"], numbers.e164),
        count_unreadable_numbers(numbers, len(complaints)),
        claims,
        digits_column(find_digits(texts.texts), texts, len(complaints)),
        private,
        addresses_column(find_addresses(texts.texts), texts, len(complaints)),
    ]
    return Extracted(
        pa.RecordBatch.from_arrays([*complaints.columns, *read], schema=COMPLAINT_READ),
        complaint_evidence(complaints, rules, numbers, claims, papers),
        stated_victim_numbers(complaints, RecordKind.COMPLAINT, rules, numbers),
        fingerprint_rows(complaints),
    )


def extract_calls(calls: pa.RecordBatch) -> Extracted:
    """Reads CALL_ACCEPTED rows."""
    readings = call_readings(calls)
    e164 = e164_columns(readings)
    read = [e164[name] for name in E164_COLUMNS]
    return Extracted(
        pa.RecordBatch.from_arrays([*calls.columns, *read], schema=CALL_READ),
        call_evidence(calls, readings),
        stated_victim_numbers(calls, RecordKind.CALL, numbers=readings),
        pa.RecordBatch.from_pylist([], FINGERPRINT_ROW_WITH_WORDS),
    )


def complaint_evidence(
    complaints: pa.RecordBatch,
    rules: SourceRules = NO_RULES,
    numbers: ComplaintNumbers | None = None,
    claims: pa.Array | None = None,
    papers: Papers | None = None,
) -> pa.RecordBatch:
    """Converts COMPLAINT_ACCEPTED rows with mentions to EVIDENCE rows.

    `numbers`, `claims` of impersonation and the `papers` in narratives are given if they have been
    read already.
    """
    if claims is None:
        claimed, narrative = complaints["claimed_brand"], complaints["narrative"]
        claims = find_impersonation(claimed, narrative, (BRAND,))
    org, ids = complaints["source_org"], complaints["complaint_id"]
    victim, received_at = complaints["victim_id"], complaints["received_at"]
    columns = {
        "record_kind": pa.repeat(RecordKind.COMPLAINT.value, len(complaints)),
        "record_id": ids,
        "observed_at": observation_times(complaints),
        "group_id": pc.binary_join_element_wise(org, ids, "|"),
        "reporter_key": reporter_keys(org, victim, received_at, ids, rules),
        "channel": complaints["channel"],
        "filed_at": received_at,
        "wordless": few_words(complaints["narrative"]),
        "brand": infer_brands(claims),
        "loss_amount": complaints["loss_amount"],
        "loss_currency": complaints["loss_currency"],
    }
    return evidence_of(complaints, columns, complaint_mentions(complaints, numbers, papers))


def call_evidence(calls: pa.RecordBatch, readings: CallReadings | None = None) -> pa.RecordBatch:
    """Converts CALL_ACCEPTED rows with mentions to EVIDENCE rows.

    The brand is the caller name that was shown, if it is a known brand; a call has no loss.
    `readings` of the numbers are given if they have been read already.
    """
    org = calls["source_org"]
    alone = pc.binary_join_element_wise(org, "call", calls["call_id"], "|")
    columns = {
        "record_kind": pa.repeat(RecordKind.CALL.value, len(calls)),
        "record_id": calls["call_id"],
        "observed_at": calls["started_at"],
        "group_id": pc.coalesce(
            pc.binary_join_element_wise(org, calls["complaint_id"], "|"), alone
        ),
        "reporter_key": call_reporter_keys(calls),
    }
    if calls["caller_name"].null_count < len(calls):
        columns["brand"] = known_brands(calls["caller_name"])
    return evidence_of(calls, columns, call_mentions(calls, readings))


def few_words(narratives: pa.Array) -> pa.Array:
    """Masks the narratives with words, but fewer words than a script must have.

    Numbers do not count. In writing without spaces, each sign is a word. A narrative without words
    cannot be a copy: forms that only ask for a number get many reports an hour.
    """
    texts = pc.fill_null(narratives, "")
    words = pc.count_substring_regex(pc.utf8_slice_codeunits(texts, 0, _BEGINNING), _WORD)
    rest = pc.and_(pc.greater(pc.utf8_length(texts), _BEGINNING), pc.less(words, MIN_WORDS))
    if pc.any(rest).as_py():
        words = pc.replace_with_mask(
            words, rest, pc.count_substring_regex(texts.filter(rest), _WORD)
        )
    return pc.and_(pc.greater(words, 0), pc.less(words, MIN_WORDS))


def evidence_of(
    records: pa.RecordBatch, columns: dict[str, pa.Array], mentions: pa.RecordBatch
) -> pa.RecordBatch:
    """Makes EVIDENCE rows from records, given columns and mentions by row.

    A column that is not given is null.
    """
    org = records["source_org"]
    columns |= {
        "source_org": org,
        "victim_country": records["victim_country"],
        "victim_key": pc.binary_join_element_wise(org, records["victim_id"], "|"),
    }
    constant = pa.schema([column for column in EVIDENCE if column.name != MENTIONS])
    rows = fill_columns(len(records), columns, constant)
    return implode(rows, EVIDENCE.field(MENTIONS), mentions)


@dataclass(eq=False)
class Extract(beam.PTransform):
    """Converts batches of unique records of one kind to `Extracted`.

    Output: a dict of RECORDS (COMPLAINT_READ or CALL_READ), EVIDENCE_ROWS (EVIDENCE), STATED
    (STATED_NUMBER) and FINGERPRINTS (FINGERPRINT_ROW_WITH_WORDS; none of calls). `rules` say how
    rows without a pseudonym count as reporters.
    """

    kind: RecordKind
    rules: SourceRules = field(default_factory=dict)

    def expand(self, records: beam.PCollection) -> Any:
        """Reads each batch once."""
        step = beam.FlatMap(_extract, self.kind, self.rules)
        return records | step.with_outputs(*OUTPUTS)


def _extract(batch: pa.RecordBatch, kind: RecordKind, rules: SourceRules) -> Iterator[Any]:
    is_call = kind is RecordKind.CALL
    extracted = extract_calls(batch) if is_call else extract_complaints(batch, rules)
    for name, rows in zip(OUTPUTS, extracted, strict=True):
        if rows.num_rows or name != FINGERPRINTS:
            yield beam.pvalue.TaggedOutput(name, rows)
