"""Redacts accepted records and mentions: masks the victim's own identifiers.

Two kinds of identifiers are masked: the identifiers in the record's WITHHELD rows, and every number
that any record states as a victim's. They are masked in every field, however written, and each mask
is as long as the text that it hides.

Extraction kept all digits of the texts with their places, and a hash of each possible address whose
signs are spelled out or obfuscated. Both are looked up here. Only identifiers with letters are
searched for in the text itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import complaint
from schemas.call import CALL, CALL_KEY, CALL_READ, E164_COLUMNS
from schemas.enums import EntityKind, RecordKind, Role
from schemas.field import TEXT
from schemas.mention import CLASSIFIED, MENTION, MENTIONS
from transforms.arrow import (
    Array,
    batch_of_columns,
    distinct_rows,
    explode,
    list_items,
    row_tuples,
    sorted_lookup,
    true_mask,
)
from transforms.decode import (
    SEARCH_LIMIT,
    cut_to_search_limit,
    hash_spans,
    mask_rows,
    mask_spans_fully,
    stuck_spans,
    truncate_unsearched,
)
from transforms.decode.escapes import Span
from transforms.decode.readings import whole_spans
from transforms.engine import KeyedInput, PerPartition, batches_of
from transforms.extract.impersonation import known_brands
from transforms.extract.kinds.gift_card import drop_gift_card_payees
from transforms.extract.kinds.url import mask_link_addresses
from transforms.extract.sensitive_text import hash_link_tokens, mask_papers
from transforms.graph.entities import WITHHELD
from transforms.victims import identifier_matcher, record_texts
from transforms.victims.identifier_matcher import (
    MIN_IDENTIFIER_LENGTH,
    NO_IDENTIFIERS,
    RowIdentifiers,
    RowPatterns,
    find_identifiers,
    find_in_digits,
    find_in_words,
    merge_row_identifiers,
    plain_digits,
)
from transforms.victims.number_index import (
    NO_NUMBERS,
    find_victim_digits,
    find_victim_numbers,
    victim_digits_among,
)

_CALL_TEXTS = ("victim_id", "complaint_id", "suspect_number", "orig_id", "carrier", "trunk")
"""Fields of a call that can contain a victim's number."""

_SIGNALLING = ("orig_id", "carrier", "trunk", "source_ip")
"""Fields of a call that describe the caller: the victim, unless the suspect called."""

_ADDRESS_AS_WRITTEN = re.compile(r"[^\s<>\"'(:;,@＠]{1,64}[@＠][^\s<>\"'):;,@＠]{1,255}")

_LEAST_OF_PAPER = 9
"""Least digits of a document's number that is searched for in the whole record.

A social security number has nine.
"""


@dataclass(eq=False)
class RedactRecords(beam.PTransform):
    """Redacts a dict of `records` (unique batches) and `withheld` (WITHHELD batches).

    `numbers` is the side input from `number_index.VictimNumbers`.
    """

    kind: RecordKind
    numbers: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Joins each record with its WITHHELD rows, and redacts it."""
        withheld = KeyedInput(WITHHELD, ("source_org", "record_id"))
        schema, key, redact = (
            (CALL_READ, CALL_KEY, redact_calls)
            if self.kind is RecordKind.CALL
            else (complaint.COMPLAINT_READ, complaint.COMPLAINT_KEY, redact_complaints)
        )
        keyed = {"records": KeyedInput(schema, key), "withheld": withheld}
        return inputs | PerPartition(keyed, redact, side=self.numbers)


def redact_mentions(classified: pa.RecordBatch, own: Array) -> pa.RecordBatch:
    """Turns CLASSIFIED rows into MENTION rows, and drops mentions on the victim's side.

    The text around an identifier, such as the rest of a web address, can contain private data.
    Masked in it are the numbers of `own` (`number_index.hash_dial_formats`), addresses and opaque
    tokens in a link, and document numbers. A less plausible reading that is in `own` becomes null.
    """
    of_record = [name for name in MENTION.names if name in CLASSIFIED.names]
    others = explode(classified, MENTIONS, of_record)
    others = others.filter(pc.not_equal(others["role"], Role.VICTIM))
    is_phone = pc.equal(others["kind"], EntityKind.PHONE)
    first, back = distinct_rows((others["raw"], is_phone))
    raw = others["raw"].take(first)
    around = pc.if_else(is_phone.take(first), None, raw)
    masked = mask_rows(raw, find_victim_numbers(around, own), mask_spans_fully)
    masked = mask_papers(mask_link_addresses(masked), around)
    theirs = np.zeros(len(others), bool)
    theirs[find_victim_digits(others["also_read_as"], own).rows] = True
    columns = {name: others[name] for name in MENTION.names}
    columns["also_read_as"] = pc.if_else(theirs, None, others["also_read_as"])
    columns["raw"] = hash_link_tokens(masked, raw).take(back)
    return batch_of_columns(columns, MENTION)


def redact_complaints(
    complaints: pa.Table, withheld: pa.Table, numbers: Array
) -> Iterator[pa.RecordBatch]:
    """Turns COMPLAINT_READ and WITHHELD rows of the same records into COMPLAINT rows.

    `numbers` contains all victims' numbers (`number_index.hash_dial_formats`), so the numbers of
    other records' victims are masked too.
    """
    for batch in batches_of(complaints):
        own = _withheld_from(batch, "complaint_id", RecordKind.COMPLAINT, withheld)
        yield withhold_from_complaints(batch, *own, numbers)


def redact_calls(calls: pa.Table, withheld: pa.Table, numbers: Array) -> Iterator[pa.RecordBatch]:
    """Turns CALL_READ and WITHHELD rows of the same records into CALL rows."""
    for batch in batches_of(calls):
        hidden, _ = _withheld_from(batch, "call_id", RecordKind.CALL, withheld)
        yield withhold_from_calls(batch, hidden, numbers)


def withhold_from_complaints(
    batch: pa.RecordBatch,
    victims: RowIdentifiers,
    narrative_spans: Mapping[int, Iterable[Span]] | None = None,
    numbers: Array = NO_NUMBERS,
) -> pa.RecordBatch:
    """Takes the victim's identifiers out of complaints: COMPLAINT_READ to COMPLAINT.

    Phone numbers with the role `victim` in the complaint are dropped, readable or not. Addresses
    with this role are masked whole, because no finder recognizes a mistyped address.
    `numbers_withheld` counts the dropped entries of phone_numbers; it is at least 1 if the
    narrative contains a withheld identifier. Private spans and text beyond the search limit are
    masked.

    Args:
        batch: Complaints.
        victims: The victim-side identifiers of each row, E.164 or entity ids.
        narrative_spans: The spans of these identifiers in the narrative, by row, in characters.
            Only these find numbers in words or letters, and obfuscated numbers.
        numbers: All victims' numbers and addresses, made by `number_index.hash_dial_formats`.
    """
    texts = record_texts.record_texts(batch, complaint.COMPLAINT_TEXTS)
    narratives = texts.of_field("narrative")
    whole = {int(narratives[row]): list(spans) for row, spans in (narrative_spans or {}).items()}
    for number, span in _victims_addresses_in(batch, texts, numbers):
        whole.setdefault(number, []).append(span)
    private = _private_spans(batch, texts, whole)
    runs = record_texts.digits_of_column(batch["digits"], texts)
    papers = _numbers_of_papers(batch, texts)
    victims = merge_row_identifiers(victims, _victims_numbers_in(texts, runs, numbers), papers)
    theirs = list(_victims_addresses(batch, texts))
    victims = merge_row_identifiers(victims, _addresses_as_written(texts, theirs))
    wanted = RowPatterns(victims, identifier_matcher.own_numbers(batch))
    texts_of_own = {number for number, _, own in private if own}
    every = _forms_with_wanted(texts, runs, wanted, [*whole, *texts_of_own])
    forms = [form.without(whole.get(form.text, ())) for form in every if not form.in_words]
    for number, span, own in private:
        if own:
            whole.setdefault(number, []).append(span)
    forms += [form.without(whole[form.text]) for form in forms if form.text in texts_of_own]
    partly = find_wanted(texts, forms, wanted)
    in_words = [form for form in every if form.in_words]
    for number, spans in _find_numbers(texts, in_words, wanted).items():
        whole.setdefault(number, []).extend(spans)
    changed = np.zeros(len(texts.texts), bool)
    changed[[*whole, *partly]] = True
    for number in narratives[changed[narratives]].tolist():
        spans = [*whole.get(number, ()), *partly.get(number, ())]
        partly.setdefault(number, []).extend(stuck_spans(texts.texts[number].as_py(), spans))
    for number, span, own in private:
        if not own:
            partly.setdefault(number, []).append(span)
    for number in theirs:
        partly.setdefault(number, []).append((0, len(texts.texts[number].as_py())))
    masked = mask_rows(mask_rows(texts.texts, whole, mask_spans_fully), partly)
    masked = mask_rows(masked, _opaque_spans(batch, texts), hash_spans)
    columns = {name: batch[name] for name in batch.schema.names}
    columns |= record_texts.columns_with_texts(
        batch, texts._replace(texts=truncate_unsearched(masked))
    )
    numbers_ = list_items(batch["phone_numbers"])
    keep = ~true_mask(pc.equal(numbers_.field("role"), Role.VICTIM))
    keep &= ~changed[texts.of_field("phone_numbers", "raw")]
    columns["phone_numbers"], withheld = _keep_items(columns["phone_numbers"], keep)
    columns["payments"] = _drop_gift_card_codes(columns["payments"])
    columns["numbers_withheld"] = np.maximum(withheld, changed[narratives])
    return batch_of_columns(
        {name: columns[name] for name in complaint.COMPLAINT.names}, complaint.COMPLAINT
    )


def _victims_addresses(batch: pa.RecordBatch, texts: record_texts.RecordTexts) -> Iterator[int]:
    """Yields the texts in `emails` to which their complaint gives the role `victim`."""
    addresses, roles = list_items(batch["emails"]), list_items(batch["email_roles"])
    listed = zip(roles.rows, roles.places, roles.values.to_pylist(), strict=True)
    theirs = {(row, place) for row, place, role in listed if role == Role.VICTIM}
    places = zip(addresses.rows, addresses.places, strict=True)
    for number, place in zip(texts.of_field("emails").tolist(), places, strict=True):
        if place in theirs and texts.texts[number].is_valid:
            yield number


def _addresses_as_written(texts: record_texts.RecordTexts, theirs: Iterable[int]) -> RowIdentifiers:
    """Returns the addresses in texts, also `jane@gmail.con`, which other finders do not read."""
    return _row_identifiers(
        (int(texts.rows[number]), f"{EntityKind.EMAIL}:{address}")
        for number in theirs
        for address in _ADDRESS_AS_WRITTEN.findall(texts.texts[number].as_py())
    )


def _row_identifiers(pairs: Iterable[tuple[int, str]]) -> RowIdentifiers:
    """Makes columns of rows and their identifiers."""
    ordered = sorted(pairs)
    rows, identifiers = zip(*ordered, strict=True) if ordered else ((), ())
    return RowIdentifiers(np.array(rows, np.int64), pa.array(identifiers, TEXT))


def withhold_from_calls(
    batch: pa.RecordBatch, victims: RowIdentifiers = NO_IDENTIFIERS, numbers: Array = NO_NUMBERS
) -> pa.RecordBatch:
    """Takes the victim's side out of calls: CALL_READ to CALL.

    The suspect's number is in E.164 if it can be read, else as recorded. It is null if the
    direction is unknown, if both sides are the same number, or if it is spoofed, that is a victim's
    own. Signalling is null unless the suspect called, since it then describes the victim. The rest
    is as in `withhold_from_complaints`.
    """
    inbound = pc.fill_null(pc.equal(batch["direction"], "inbound"), False)
    outbound = pc.fill_null(pc.equal(batch["direction"], "outbound"), False)
    e164 = {name: batch[column] for name, column in E164_COLUMNS.items()}
    calling, called = (
        pc.coalesce(e164[name], batch[name]) for name in ("calling_number", "called_number")
    )
    by_direction = pc.make_struct(inbound, outbound)
    suspect = pc.case_when(by_direction, calling, called)
    victim = pc.case_when(by_direction, called, calling)
    known = pc.invert(pc.fill_null(pc.equal(suspect, victim), False))
    columns = {name: batch[name] for name in batch.schema.names}
    columns["suspect_number"] = _without_spoofed(pc.if_else(known, suspect, None), victims)
    columns["suspect_role"] = pc.case_when(by_direction, Role.CALLER_ID, Role.CALLBACK)
    columns |= {name: pc.if_else(inbound, batch[name], None) for name in _SIGNALLING}
    columns["brand"] = known_brands(batch["caller_name"])
    kept = batch_of_columns({name: columns[name] for name in CALL.names}, CALL)
    texts = record_texts.record_texts(kept, _CALL_TEXTS)
    runs = record_texts.find_digits(cut_to_search_limit(texts.texts))
    victims = merge_row_identifiers(victims, _victims_numbers_in(texts, runs, numbers))
    theirs = identifier_matcher.victim_sides(batch, e164)
    wanted = RowPatterns(victims, theirs)
    forms = _forms_with_wanted(texts, runs, wanted)
    whole = _find_numbers(texts, [form for form in forms if form.in_words], wanted)
    partly = find_wanted(texts, [form for form in forms if not form.in_words], wanted)
    masked = mask_rows(mask_rows(texts.texts, whole, mask_spans_fully), partly)
    masked = truncate_unsearched(masked)
    columns |= record_texts.columns_with_texts(kept, texts._replace(texts=masked))
    return batch_of_columns({name: columns[name] for name in CALL.names}, CALL)


def _forms_with_wanted(
    texts: record_texts.RecordTexts,
    runs: record_texts.DigitRuns,
    wanted: RowPatterns,
    masked: Iterable[int] = (),
) -> list[record_texts.DigitForm]:
    """Returns the forms of digits that may contain a number wanted in their row.

    All forms of a text in `masked` are kept, because masking joins the digits around the mask.
    """
    form, digits = record_texts.digits_by_form(runs)
    text = form // record_texts.FORMS
    kept = wanted.may_be_in(digits, texts.rows[text]) | np.isin(text, list(masked))
    return record_texts.digit_forms(runs.take(np.flatnonzero(np.isin(runs.form, form[kept]))))


def find_wanted(
    texts: record_texts.RecordTexts, forms: Sequence[record_texts.DigitForm], wanted: RowPatterns
) -> dict[int, list[Span]]:
    """Returns, by text, the spans of the identifiers wanted in its row.

    Numbers are searched for among the digits of `forms`. Identifiers with letters are searched for
    in the texts of their row, which are few. Texts without a hit are left out.
    """
    spans = _find_numbers(texts, forms, wanted)
    # No identifier is shorter, and no text has more characters than bytes.
    long = pc.fill_null(pc.binary_length(texts.texts), 0).to_numpy() >= MIN_IDENTIFIER_LENGTH
    lettered = np.flatnonzero(np.isin(texts.rows, wanted.lettered) & long)
    columns = texts.rows[lettered].tolist(), texts.texts.take(lettered).to_pylist()
    for number, row, written in zip(lettered.tolist(), *columns, strict=True):
        if hits := list(find_identifiers(written[:SEARCH_LIMIT], wanted.patterns(row)[2])):
            spans.setdefault(number, []).extend(hits)
    return spans


def _find_numbers(
    texts: record_texts.RecordTexts, forms: Sequence[record_texts.DigitForm], wanted: RowPatterns
) -> dict[int, list[Span]]:
    """Returns, by text, the spans of wanted numbers; forms in words are searched in the text."""
    spans: dict[int, list[Span]] = {}
    rows = texts.rows[[form.text for form in forms]]
    digits = pa.array([form.digits for form in forms], TEXT)
    for number in np.flatnonzero(wanted.may_be_in(digits, rows)).tolist():
        form = forms[number]
        patterns, *_ = wanted.patterns(int(rows[number]))
        written = texts.texts[form.text].as_py()
        if form.in_words:
            places = list(find_in_words(written, patterns))
        else:
            hits = find_in_digits(form.digits, form.places, patterns)
            places = list(whole_spans(written, hits))
        if places:
            spans.setdefault(form.text, []).extend(places)
    return spans


def _withheld_from(
    batch: pa.RecordBatch, id_field: str, kind: RecordKind, withheld: pa.Table
) -> tuple[RowIdentifiers, dict[int, list[Span]]]:
    """Returns the identifiers in records' WITHHELD rows, and their spans in narratives by row."""
    numbers = defaultdict[tuple[str, str], list[int]](list)
    for row, key in enumerate(row_tuples(batch, "source_org", id_field)):
        numbers[key].append(row)
    identifiers: list[tuple[int, str]] = []
    spans = defaultdict[int, list[Span]](list)
    names = ("source_org", "record_id", "record_kind", "entity_id", "start", "end")
    for org, record_id, of_kind, entity_id, start, end in row_tuples(withheld, *names):
        for row in numbers.get((org, record_id), ()):
            if of_kind == kind:
                identifiers.append((row, entity_id))
            if start is not None:
                spans[row].append((start, end))
    return _row_identifiers(identifiers), spans


def _victims_numbers_in(
    texts: record_texts.RecordTexts, runs: record_texts.DigitRuns, numbers: Array
) -> RowIdentifiers:
    """Returns the digits of victims' numbers in the texts of each row."""
    if not len(numbers):
        return NO_IDENTIFIERS
    of_text, candidates = record_texts.candidate_digits(runs)
    return victim_digits_among(texts.rows[of_text], candidates, numbers)


def _victims_addresses_in(
    batch: pa.RecordBatch, texts: record_texts.RecordTexts, numbers: Array
) -> Iterator[tuple[int, Span]]:
    """Yields the text and span of each obfuscated or spelled-out form of a victim's address."""
    places, items = texts.of_column(batch["addresses"])
    _, theirs = sorted_lookup(numbers, items.field("hash").to_numpy())
    spans = items.filter(pa.array(theirs))
    columns = (spans.field(name).to_pylist() for name in ("start", "end"))
    for number, start, end in zip(places[theirs].tolist(), *columns, strict=True):
        yield number, (start, end)


def _numbers_of_papers(batch: pa.RecordBatch, texts: record_texts.RecordTexts) -> RowIdentifiers:
    """Returns the digits of each row's documents and cards, to find them elsewhere in the row.

    A second occurrence may stand without the words that identified the first.
    """
    papers = set()
    for number, start, end, sort in _private_items(batch, texts):
        if sort == complaint.PAPER:
            digits = plain_digits(texts.texts[number].as_py()[start:end])
            if len(digits) >= _LEAST_OF_PAPER:
                papers.add((int(texts.rows[number]), digits))
    return _row_identifiers(papers)


def _private_items(
    batch: pa.RecordBatch, texts: record_texts.RecordTexts
) -> Iterator[tuple[int, int, int, str]]:
    """Yields the text, start, end and sort of each private item."""
    numbers, items = texts.of_column(batch["private"])
    fields = (pc.struct_field(items, name).to_pylist() for name in ("start", "end", "what"))
    yield from zip(numbers.tolist(), *fields, strict=True)


def _opaque_spans(batch: pa.RecordBatch, texts: record_texts.RecordTexts) -> dict[int, list[Span]]:
    """Returns the places of opaque tokens of links, by text."""
    spans = defaultdict[int, list[Span]](list)
    for text, start, end, sort in _private_items(batch, texts):
        if sort == complaint.OPAQUE:
            spans[text].append((start, end))
    return spans


def _private_spans(
    batch: pa.RecordBatch, texts: record_texts.RecordTexts, withheld: Mapping[int, list[Span]]
) -> list[tuple[int, Span, bool]]:
    """Returns the text and span of each private item, and whether it is stated as one's own.

    Spans in `withheld`, by text, are cut out of an item that is one's own. Of an address all parts
    around them are returned, of a number only the part before the first.
    """
    spans: list[tuple[int, Span, bool]] = []
    for text, start, end, sort in _private_items(batch, texts):
        if sort in (complaint.PAPER, complaint.OTHER_PRIVATE):
            spans.append((text, (start, end), False))
        if sort not in (complaint.OWN_NUMBER, complaint.OWN_ADDRESS):
            continue
        inside = [span for span in withheld.get(text, ()) if span[0] < end and span[1] > start]
        edges = [start, *chain.from_iterable(sorted(inside)), end]
        around = list(zip(edges[::2], edges[1::2], strict=True))
        of_own = around[:1] if sort == complaint.OWN_NUMBER else around
        spans += [(text, span, True) for span in of_own if span[0] < span[1]]
    return spans


def _keep_items(lists: pa.ListArray, keep: Array) -> tuple[pa.ListArray, Array]:
    """Returns lists with only the items to keep, and how many items each list lost."""
    items = list_items(lists)
    rows = np.array(items.rows, np.int64)
    went = np.bincount(rows[~keep], minlength=len(lists)).astype(np.int32)
    counts = np.bincount(rows[keep], minlength=len(lists))
    return record_texts.lists_like(lists, items.values.filter(keep), counts), went


def _without_spoofed(suspects: pa.Array, own: RowIdentifiers) -> pa.Array:
    """Returns suspects' numbers, null where the row's victim has the same number."""
    theirs = pc.binary_join_element_wise("phone:", suspects.take(own.rows), "")
    spoofed = np.zeros(len(suspects), bool)
    spoofed[own.rows[true_mask(pc.equal(theirs, own.identifiers))]] = True
    return pc.if_else(spoofed, None, suspects)


def _drop_gift_card_codes(payments: pa.Array) -> pa.Array:
    """Drops the codes of gift cards from a column of lists of payments."""
    listed = list_items(payments)
    if not len(listed.values):
        return payments
    counts = np.bincount(np.array(listed.rows, np.int64), minlength=len(payments))
    return record_texts.lists_like(payments, drop_gift_card_payees(listed.values), counts)
