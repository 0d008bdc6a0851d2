"""Turns records into mentions: every identifier of a record, its place and its role.

Victims' own identifiers are included, so that later steps can keep them out of everything. A number
that cannot be read is no mention; `count_unreadable_numbers` counts it.

First all matches of a batch are found, each with the role that its field gives it. They become
columns of drafts. Then the roles of each identifier within a record are reconciled.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import MAYBE_NUMBERS, Carried, Direction, EntityKind, Role
from schemas.field import SMALL_INTEGER, TEXT
from transforms.arrow import (
    Array,
    distinct_rows,
    fill_columns,
    list_rows,
    map_distinct,
    stable_order,
    with_column,
)
from transforms.decode import SEARCH_LIMIT
from transforms.extract import narrative
from transforms.extract.kinds import domain, email, payment_account, phone_link, remote_access, url
from transforms.extract.mention import NARRATIVE, Match, PlacedMatch, phone_match, phone_matches
from transforms.extract.sensitive_text import Papers, find_papers, paper_spans
from transforms.phone import normalize
from transforms.phone.find import find_numbers_in_text
from transforms.victims import identifier_matcher
from transforms.victims.identifier_matcher import RowIdentifiers, RowPatterns, merge_row_identifiers

MENTION_DRAFT = pa.schema(
    [
        ("row", SMALL_INTEGER),
        ("field", TEXT),
        ("start", SMALL_INTEGER),
        ("end", SMALL_INTEGER),
        ("raw", TEXT),
        ("kind", TEXT),
        ("value", TEXT),
        ("role", TEXT),
        ("stated", pa.bool_()),
        ("confidence", pa.float32()),
        ("region", TEXT),
        ("line_type", TEXT),
        ("how", TEXT),
        ("also_read_as", TEXT),
        ("extension", TEXT),
        ("carried", TEXT),
        ("page", TEXT),
    ]
)
"""One identifier in one field of one row. `stated`: the record states the role."""

FIELD_CONFIDENCE = 0.95
"""Confidence in a reading of a field for such an identifier."""

SIGNALLING_CONFIDENCE = 0.9
"""Confidence in a reading of a call's signalling."""

SEVERAL_CONFIDENCE = 0.8
"""Confidence in each of several numbers in one number field."""

MAX_CARD = 100
"""Characters of a payee that are searched for the number of a card or paper."""

_EMAIL_ROLES = {"reply_to": Role.SENDER, "mentioned": Role.MENTIONED, "victim": Role.VICTIM}
"""Roles of addresses by their name in the input; a sender's role depends on its domain."""

_ROLES = pa.array([str(role) for role in Role], TEXT)

_VICTIM, _MENTIONED, _CALLER_ID, _SENDER, _LURE_SITE, _CALLBACK = map(
    list(Role).index,
    (Role.VICTIM, Role.MENTIONED, Role.CALLER_ID, Role.SENDER, Role.LURE_SITE, Role.CALLBACK),
)

_CARRIED = pa.array([str(way) for way in Carried], TEXT)

_WRITTEN, _FREE, _NAMED = map(list(Carried).index, (Carried.WRITTEN, Carried.FREE, Carried.NAMED))

_MAYBE = [place for place, way in enumerate(Carried) if way in MAYBE_NUMBERS]

_SITES = pa.array([str(kind) for kind in (EntityKind.DOMAIN, EntityKind.URL, EntityKind.IP)], TEXT)

_Item = tuple[Any, ...]
"""The row of a list's item, its place in the list, and its values."""

_Column = Sequence[Any]

_UNNAMED = "bank:"
"""Prefix of the value of an account without a known bank."""

_OWN = (
    r"\b(?:my|our|mi|nuestra|mein\w{0,2}|unser\w{0,2}|mon|ma|notre|mio|mia|meu|minha|mijn|ons|onze"
    r"|mer[aei]|apn[aei])\s(?:(?!to\b|into\b|al?\b|an\b|auf\b|à\b|vers\b|sul?\b|para\b|naar\b)"
    r"[\w'’]{1,20}\W{1,3}){0,4}"
)
"""Words before a number of the writer's own, in the languages of `cues.toml`."""

_CHECKED = ("iban:", "us:", "uk:", "ifsc:")
"""Prefixes of the values of accounts that can be no card."""

_OWN_PAYEE = re.compile(
    rf"^\W{{0,3}}(?:\w{{1,12}} )?{_OWN}\S{{0,40}}\d"
    r"|(?<![^\s(])(?:me|mine|myself|mí mismo|mí misma|moi-même|mich selbst)(?![^\s),])",
    re.IGNORECASE,
)
"""A payee that the writer calls their own."""


def complaint_mentions(
    batch: pa.RecordBatch,
    numbers: identifier_matcher.ComplaintNumbers | None = None,
    papers: Papers | None = None,
) -> pa.RecordBatch:
    """Returns the mentions of COMPLAINT_ACCEPTED rows, in their order, each with its row.

    `numbers` of the rows and `papers` in their narratives are given if they have been read already.
    The number of a paper is no mention.
    """
    numbers = numbers or identifier_matcher.complaint_numbers(batch)
    papers = find_papers(batch["narrative"]) if papers is None else papers
    regions = batch["victim_country"].to_pylist()
    drafts = _number_fields(numbers)
    urls, emails = list_rows(batch["urls"]), list_rows(batch["emails"])
    sessions = list_rows(batch["remote_access"], "tool", "id")
    payments = list_rows(batch["payments"], "method", "payee")
    placed = [
        *_several_in_fields(numbers),
        *_url_fields(urls, regions),
        *_email_fields(emails, batch["email_roles"].to_pylist()),
        *_remote_fields(sessions),
        *_payment_fields(payments, regions, batch["narrative"]),
    ]
    told = narrative.find_in_narratives(
        batch["narrative"], batch["victim_country"], batch["narrative_by"]
    )
    placed += _without_papers(told, papers)
    return _reconcile([drafts, _drafts_from_matches(placed)], numbers.own)


def call_mentions(
    batch: pa.RecordBatch, readings: identifier_matcher.CallReadings | None = None
) -> pa.RecordBatch:
    """Returns the mentions of CALL_ACCEPTED rows, in their order, each with its row.

    If the direction is unknown, either number may be the victim's, and neither is mentioned.
    Signalling belongs to the caller, and is mentioned only if the caller is the suspect. `readings`
    of the numbers are given if they have been read already.
    """
    readings = readings or identifier_matcher.call_readings(batch)
    parts = [*_call_numbers(batch, readings), *_signalling(batch)]
    own = identifier_matcher.victim_sides(batch, identifier_matcher.e164_columns(readings))
    return _reconcile(parts, own)


def count_unreadable_numbers(numbers: identifier_matcher.ComplaintNumbers, rows: int) -> pa.Array:
    """Counts the unreadable numbers of each of `rows` complaints, as int32."""
    filled = pc.not_equal(pc.utf8_trim_whitespace(numbers.raw), "")
    unread = pc.and_(filled, pc.is_null(numbers.e164))
    maybe = _may_be_several(numbers)
    unreadable = [
        row
        for row, raw, region, several in zip(
            *(column.filter(unread).to_pylist() for column in (numbers.rows, numbers.raw)),
            *(column.filter(unread).to_pylist() for column in (numbers.regions, maybe)),
            strict=True,
        )
        if not (several and _several_numbers(raw, region))
    ]
    return pa.array(np.bincount(np.array(unreadable, np.int64), minlength=rows).astype(np.int32))


def _without_papers(told: Sequence[PlacedMatch], papers: Papers) -> list[PlacedMatch]:
    """Drops the matches in narratives that are part of a paper's number."""
    return [
        mention
        for mention in told
        if not any(
            first <= mention.match.start and mention.match.end <= last
            for first, last in papers.get(mention.row, ())
        )
    ]


def _may_be_several(numbers: identifier_matcher.ComplaintNumbers) -> pa.Array:
    reason = pc.struct_field(numbers.readings, "reason")
    return pc.is_in(reason, pa.array(normalize.MAY_BE_TEXT_REASONS))


def _number_fields(numbers: identifier_matcher.ComplaintNumbers) -> pa.RecordBatch:
    """Returns the drafts of number fields that hold a single number."""
    fields, roles = _fields_and_roles(numbers)
    return _drafts_from_numbers(
        numbers.rows, fields, numbers.raw, numbers.readings, roles, FIELD_CONFIDENCE
    )


def _several_in_fields(numbers: identifier_matcher.ComplaintNumbers) -> list[PlacedMatch]:
    """Returns the numbers of fields that hold more than one."""
    maybe = _may_be_several(numbers)
    columns = (numbers.rows, numbers.raw, numbers.regions, *_fields_and_roles(numbers))
    return [
        PlacedMatch(row, field, raw, match, role, SEVERAL_CONFIDENCE, True)
        for row, raw, region, field, role in zip(
            *(column.filter(maybe).to_pylist() for column in columns), strict=True
        )
        for match in (_several_numbers(raw, region) if raw else ())
    ]


def _fields_and_roles(numbers: identifier_matcher.ComplaintNumbers) -> tuple[pa.Array, pa.Array]:
    """Returns the field and the role of each number."""
    fields = pa.array([f"phone_numbers[{place}]" for place in numbers.places], TEXT)
    stated = numbers.role
    return fields, pc.if_else(pc.is_in(stated, _ROLES), stated, Role.MENTIONED.value)


@lru_cache(maxsize=1 << 14)
def _several_numbers(raw: str, region: str | None) -> tuple[Match, ...]:
    """Returns the numbers of a field that holds more than one number."""
    return tuple(phone_matches(find_numbers_in_text(raw, region)))


def _placed(row: int, field: str, text: str, matches: Iterable[Match]) -> Iterator[PlacedMatch]:
    for match in matches:
        sure = match.carried not in MAYBE_NUMBERS
        yield PlacedMatch(row, field, text, match, match.role, FIELD_CONFIDENCE, sure)


def _url_fields(urls: Iterable[_Item], regions: _Column) -> Iterator[PlacedMatch]:
    for row, place, text in urls:
        if text:
            yield from _placed(row, f"urls[{place}]", text, _url_matches(text, regions[row]))


def _email_fields(emails: Iterable[_Item], roles: _Column) -> Iterator[PlacedMatch]:
    """Yields addresses; a reply-to address is the sender's, a shown address may be forged."""
    for row, place, text in emails:
        stated = roles[row] and roles[row][place]
        for match in _email_matches(text) if text else ():
            role = match.role if match.role is Role.VICTIM else _EMAIL_ROLES.get(stated, match.role)
            yield PlacedMatch(row, f"emails[{place}]", text, match, role, FIELD_CONFIDENCE, True)


@lru_cache(maxsize=1 << 14)
def _url_matches(text: str, region: str | None) -> tuple[Match, ...]:
    """Reads a field that should be a web address: a site, or a phone to call."""
    number = phone_link.phone_of_link(text)
    if number is None:
        return tuple(url.from_field(text, region))
    reading = normalize.normalize_number(number, region)
    return (phone_match(0, len(text), reading, Role.CALLBACK),) if reading.e164 else ()


@lru_cache(maxsize=1 << 14)
def _email_matches(text: str) -> tuple[Match, ...]:
    return tuple(email.find(text))


def _remote_fields(sessions: Iterable[_Item]) -> Iterator[PlacedMatch]:
    for row, place, tool, session in sessions:
        if session and (match := remote_access.from_field(tool, session)):
            yield from _placed(row, f"remote_access[{place}].id", session, [match])


def _payment_fields(
    payments: Iterable[_Item], regions: _Column, narratives: pa.Array
) -> Iterator[PlacedMatch]:
    for row, place, method, payee in payments:
        for match in _payee_matches(method, payee, regions[row]) if payee else ():
            own = match.value.startswith(_UNNAMED) and _calls_own(narratives[row], match)
            read = match._replace(role=Role.VICTIM) if own else match
            yield from _placed(row, f"payments[{place}].payee", payee, [read])


@lru_cache(maxsize=1 << 14)
def _payee_matches(method: str | None, payee: str, region: str | None) -> tuple[Match, ...]:
    """Reads a payee; a paper, a card, or whatever the writer calls their own is a victim's."""
    written = payee[:MAX_CARD]
    is_own = _OWN_PAYEE.search(written) is not None
    return tuple(
        match._replace(role=Role.VICTIM)
        if is_own or (_may_be_card(match) and any(paper_spans(written)))
        else match
        for match in payment_account.from_field(method, payee, region)
    )


def _may_be_card(match: Match) -> bool:
    return match.kind is not EntityKind.WALLET and not match.value.startswith(_CHECKED)


def _calls_own(narrative: pa.StringScalar, account: Match) -> bool:
    """Checks whether a narrative calls an account without a known bank the writer's own."""
    number = account.value.removeprefix(_UNNAMED)
    text = (narrative.as_py() or "")[:SEARCH_LIMIT]
    if number not in re.sub(r"[ .-]", "", text):
        return False
    digits = r"[ .-]?".join(map(re.escape, number))
    return bool(re.search(rf"{_OWN}(?<!\d){digits}(?!\d)", text, re.IGNORECASE))


def _call_numbers(
    batch: pa.RecordBatch, readings: identifier_matcher.CallReadings
) -> Iterator[pa.RecordBatch]:
    rows = pa.array(np.arange(len(batch)))
    for name, parts in identifier_matcher.CALL_ROLES.items():
        known = pa.array([way.value for way in parts], TEXT)
        roles = pa.array([role.value for role in parts.values()], TEXT)
        role = roles.take(pc.index_in(batch["direction"], known))
        sided = pc.is_valid(role)
        raw, read = batch[name].filter(sided), readings[name].filter(sided)
        yield _drafts_from_numbers(
            rows.filter(sided), name, raw, read, role.filter(sided), FIELD_CONFIDENCE
        )


def _signalling(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    orgs = batch["source_org"]
    by_suspect = pc.equal(batch["direction"], Direction.INBOUND.value)
    slugs: dict[str, tuple[EntityKind, Callable[[str], str | None]]] = {
        "orig_id": (EntityKind.ORIG_ID, _plain),
        "carrier": (EntityKind.CARRIER, _slug),
        "trunk": (EntityKind.TRUNK, _slug),
        "source_ip": (EntityKind.IP, domain.canonical_ip),
    }
    for name, (kind, canonical) in slugs.items():
        value = map_distinct(batch[name], canonical)
        if kind is EntityKind.TRUNK:  # its name means something in its organisation only
            value = pc.binary_join_element_wise(orgs, value, ":")
        read = pc.fill_null(pc.and_(by_suspect, pc.is_valid(value)), False)
        raw = batch[name].filter(read)
        columns: dict[str, pa.Array | object] = {
            "row": pa.array(np.arange(len(batch))).filter(read),
            "field": name,
            "start": 0,
            "end": pc.utf8_length(raw),
            "raw": raw,
            "kind": kind.value,
            "value": value.filter(read),
            "role": Role.SIGNALLING.value,
            "stated": True,
            "confidence": SIGNALLING_CONFIDENCE,
        }
        yield fill_columns(len(raw), columns, MENTION_DRAFT)


def _plain(text: str) -> str | None:
    return text.strip().lower() or None


def _slug(text: str) -> str | None:
    """Returns a name in one spelling."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-") or None


def _drafts_from_matches(placed: Sequence[PlacedMatch]) -> pa.RecordBatch:
    """Turns matches into `MENTION_DRAFT` rows."""
    if not placed:
        return pa.RecordBatch.from_pylist([], MENTION_DRAFT)
    # Transposing with zip would make an iterator of each tuple, which the garbage collector visits.
    rows, fields, texts, matches, roles, confidence, stated = (
        list(map(itemgetter(field), placed)) for field in range(len(PlacedMatch._fields))
    )
    columns: dict[str, object] = {
        name: list(map(itemgetter(place), matches)) for place, name in enumerate(Match._fields)
    }
    columns |= {
        "row": rows,
        "field": fields,
        "raw": [text[match.start : match.end] for text, match in zip(texts, matches, strict=True)],
        "role": roles,
        "stated": stated,
        "confidence": np.array(confidence, np.float32)
        * np.array(columns.pop("plausibility"), np.float32),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in MENTION_DRAFT]
    return pa.RecordBatch.from_arrays(arrays, schema=MENTION_DRAFT)


def _drafts_from_numbers(
    rows: pa.Array,
    field: pa.Array | str,
    raw: pa.Array,
    readings: pa.StructArray,
    role: pa.Array,
    confidence: float,
) -> pa.RecordBatch:
    """Makes `MENTION_DRAFT` rows from columns of phone fields; skips unreadable numbers.

    Args:
        rows: The row of each number; all arrays have the same length.
        field: The field of each number, or of all.
        raw: The numbers as written.
        readings: The readings of `phone.normalize`.
        role: The role of each number.
        confidence: Confidence in such fields; a reading's own confidence lowers it.
    """
    read = pc.is_valid(pc.struct_field(readings, "e164"))
    every = {
        "row": rows, "raw": raw, "role": role,
        "end": pc.utf8_length(raw),
        "value": pc.struct_field(readings, "e164"),
        "confidence": pc.multiply(
            pc.struct_field(readings, "confidence"), pa.scalar(confidence, pa.float32())
        ),
        **{
            name: pc.struct_field(readings, name)
            for name in ("region", "line_type", "how", "also_read_as", "extension")
        },
    }  # fmt: skip
    columns: dict[str, pa.Array | object] = {n: column.filter(read) for n, column in every.items()}
    columns["field"] = field.filter(read) if isinstance(field, pa.Array) else field
    columns |= {"start": 0, "kind": EntityKind.PHONE.value, "stated": True}
    return fill_columns(pc.sum(read).as_py() or 0, columns, MENTION_DRAFT)


def _reconcile(parts: Sequence[pa.RecordBatch], own: RowIdentifiers) -> pa.RecordBatch:
    """Gives each identifier of a record one role; returns `MENTION_DRAFT` rows with ids, by record.

    An identifier that is the victim's own anywhere in the record is so everywhere. So is one that
    contains a victim's number (`own`), such as an account named after it. Otherwise a role in a
    field decides, and without a field the role in the narrative. There are three exceptions:

    - The narrative says that the victim read, checked or shopped at a site, or calls a number
      genuine: then it is mentioned, although a field makes it a lure or a callback.
    - The narrative says that somebody had to reply to an address: then it is the sender's,
      although a field only shows it.
    - A number in a link gets the role from the rest of the record if it may be an order's, if the
      victim only read or checked the linked site, or if the record also shows it as a caller id
      and a private person may hold it.
    """
    drafts = pa.concat_batches(parts)
    ids = pc.binary_join_element_wise(drafts["kind"], drafts["value"], ":")
    drafts = drafts.append_column("entity_id", ids)
    if not drafts.num_rows:
        return drafts
    rows = drafts["row"].to_numpy().astype(np.int64)
    first, group = distinct_rows((drafts["row"], ids))
    role = pc.index_in(drafts["role"], _ROLES).to_numpy().copy()
    way = pc.fill_null(pc.index_in(drafts["carried"], _CARRIED), -1).to_numpy()
    in_narrative = pc.equal(drafts["field"], NARRATIVE).to_numpy(zero_copy_only=False)
    stated = drafts["stated"].to_numpy(zero_copy_only=False)
    said = in_narrative & stated
    carried = _are_no_statements(drafts, group, role, way, said)
    role[carried & (role != _VICTIM)] = _MENTIONED

    cited = _groups_with(said & (role == _MENTIONED), group)[group]
    role[cited & ((role == _LURE_SITE) | (role == _CALLBACK))] = _MENTIONED
    answered = _groups_with(said & (role == _SENDER), group)[group] & ~cited
    role[answered & ~in_narrative & (role == _CALLER_ID)] = _SENDER

    victims = _groups_with(role == _VICTIM, group)
    victims |= _contains_victims(
        RowIdentifiers(rows[first], drafts["value"].take(pa.array(first))), victims, own
    )

    fields = np.full(len(first), len(rows))
    in_fields = np.flatnonzero(~in_narrative & ~carried)[::-1]
    fields[group[in_fields]] = in_fields
    in_field = fields < len(rows)
    follows = (in_narrative | carried) & in_field[group]
    role[follows] = role[fields[group[follows]]]
    several: defaultdict[int, list[int]] = defaultdict(list)
    alone = (np.bincount(group) > 1) & ~in_field & ~victims
    for place in np.flatnonzero(alone[group]).tolist():
        several[group[place]].append(place)
    for members in several.values():
        by_words = [i for i in members if not carried[i]] or members
        role[members] = _least_harmful_role([(int(role[i]), bool(stated[i])) for i in by_words])
    role[victims[group]] = _VICTIM

    order = stable_order(rows, first[group])
    settled = with_column(drafts, "role", _ROLES.take(pa.array(role)))
    if carried.any():
        named = carried & (way == _NAMED) & (role == _MENTIONED)
        lures = _in_links_to(drafts, named, role == _LURE_SITE)
        called = pc.if_else(pa.array(lures), str(Carried.NAMED), pa.scalar(None, TEXT))
        settled = with_column(settled, "carried", called)
    return settled.take(pa.array(order))


def _groups_with(mask: Array, group: Array) -> Array:
    """Masks the groups with at least one row in a mask of rows."""
    return np.bincount(group, mask) > 0


def _are_no_statements(
    drafts: pa.RecordBatch, group: Array, role: Array, way: Array, said: Array
) -> Array:
    """Masks the numbers of links that have no role of their own; see `_reconcile`.

    `group` numbers the identifiers. `way` says how each number is carried. `said` masks statements
    of narratives.
    """
    mask = np.isin(way, _MAYBE)
    written = way == _WRITTEN
    shown = written | (way == _FREE)
    if shown.any():
        stated = drafts["stated"].to_numpy(zero_copy_only=False) & (way < 0)
        mask |= written & _groups_with(stated & (role == _CALLER_ID), group)[group]
        cited = _groups_with(said & (role == _MENTIONED), group)[group]
        sites = pc.is_in(drafts["kind"], _SITES).to_numpy(zero_copy_only=False)
        mask |= _in_links_to(drafts, shown, cited & sites)
    return mask


def _in_links_to(drafts: pa.RecordBatch, numbers: Array, sites: Array) -> Array:
    """Masks the `numbers` inside a link to one of `sites`; both are masks of drafts."""
    mask = np.zeros(len(drafts), bool)
    places = np.flatnonzero(sites)
    rows, starts, ends = (drafts[name].to_numpy() for name in ("row", "start", "end"))
    fields = drafts["field"].dictionary_encode().indices.to_numpy()
    for number in np.flatnonzero(numbers).tolist():
        beside = (rows[places] == rows[number]) & (fields[places] == fields[number])
        mask[number] = np.any(
            beside & (starts[places] <= starts[number]) & (ends[places] >= ends[number])
        )
    return mask


def _contains_victims(values: RowIdentifiers, victims: Array, own: RowIdentifiers) -> Array:
    """Masks the values that contain a victim's identifier of their row.

    `values` are distinct. `victims` masks values that are the victim's own, which are not masked.
    """
    theirs, others = (
        RowIdentifiers(values.rows[mask], values.identifiers.filter(pa.array(mask)))
        for mask in (victims, ~victims)
    )
    contains = np.zeros(len(victims), bool)
    contains[~victims] = RowPatterns(merge_row_identifiers(theirs), own).are_in(others)
    return contains


def _least_harmful_role(readings: Sequence[tuple[int, bool]]) -> int:
    """Returns the least harmful stated role of an identifier that only the narrative names.

    `readings` are the role of each reading, and whether the text states it.
    """
    stated = {role for role, is_stated in readings if is_stated}
    if not stated:
        return readings[0][0]
    if _MENTIONED in stated:
        return _MENTIONED
    return min(stated - {_CALLER_ID}, default=_CALLER_ID, key=lambda role: str(_ROLES[role]))
