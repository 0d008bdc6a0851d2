"""Turns records into mentions: every identifier of a record, its place and its role.

The victim's own are among them, so that later steps can keep those identifiers out of everything. A
number that cannot be read is no mention; `count_unreadable_numbers` counts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import MAYBE_NUMBERS, Direction, EntityKind, Role
from schemas.field import TEXT
from transforms.arrow import fill_columns, list_items, map_distinct
from transforms.decode import SEARCH_LIMIT
from transforms.extract import mention, narrative
from transforms.extract.kinds import domain, email, payment_account, phone_link, remote_access, url
from transforms.extract.mention import MENTION_DRAFT, Match, PlacedMatch, reconcile
from transforms.extract.sensitive_text import Papers, find_papers, paper_spans
from transforms.phone import normalize
from transforms.victims import identifier_matcher

FIELD_CONFIDENCE = 0.95
"""A reading of a field that the organisation filled in for it."""

SIGNALLING_CONFIDENCE = 0.9
"""A reading of a call's signalling."""

SEVERAL_CONFIDENCE = 0.8
"""A number found beside others in one number field."""

MAX_CARD = 100
"""Characters of a payee in which the number of a card or paper is looked for."""

_EMAIL_ROLES = {"reply_to": Role.SENDER, "mentioned": Role.MENTIONED, "victim": Role.VICTIM}
"""Roles of addresses by what the input calls them; a sender's is as its domain says."""

_ROLES = pa.array([str(role) for role in Role])


_UNNAMED = "bank:"
"""Begins the value of an account whose bank nothing names."""

_OWN = (
    r"\b(?:my|our|mi|nuestra|mein\w{0,2}|unser\w{0,2}|mon|ma|notre|mio|mia|meu|minha|mijn|ons|onze"
    r"|mer[aei]|apn[aei])\s(?:(?!to\b|into\b|al?\b|an\b|auf\b|à\b|vers\b|sul?\b|para\b|naar\b)"
    r"[\w'’]{1,20}\W{1,3}){0,4}"
)
"""Words before a number that is the writer's, in the languages of `cues.toml`."""

_CHECKED = ("iban:", "us:", "uk:", "ifsc:")
"""Begins the values of accounts as which no card is read."""

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

    `numbers`, and the `papers` in their narratives, are theirs, where they have been read already.
    What is the number of a paper is no mention.
    """
    numbers = numbers or identifier_matcher.complaint_numbers(batch)
    parts = [
        *_number_fields(numbers),
        mention.drafts_from_matches(
            chain(
                _url_fields(batch),
                _email_fields(batch),
                _remote_fields(batch),
                _payment_fields(batch),
            )
        ),
        _without_papers(
            narrative.find_in_narratives(
                batch["narrative"], batch["victim_country"], batch["narrative_by"]
            ),
            find_papers(batch["narrative"]) if papers is None else papers,
        ),
    ]
    return _with_entity_ids(reconcile(_concat(parts), numbers.own()))


def call_mentions(
    batch: pa.RecordBatch, readings: identifier_matcher.CallReadings | None = None
) -> pa.RecordBatch:
    """Returns the mentions of CALL_ACCEPTED rows, in their order, each with its row.

    Where the direction is unknown either number may be the victim's: neither is mentioned.
    Signalling is that of whoever called: only where that is the suspect is it mentioned.
    `readings` are those of their numbers, where they have been read already.
    """
    readings = readings or identifier_matcher.call_readings(batch)
    parts = [*_call_numbers(batch, readings), *_signalling(batch)]
    own = identifier_matcher.victim_sides(batch, identifier_matcher.e164_columns(readings))
    return _with_entity_ids(reconcile(_concat(parts), own))


def count_unreadable_numbers(numbers: identifier_matcher.ComplaintNumbers, rows: int) -> pa.Array:
    """Counts the numbers that could not be read, of each of `rows` complaints, as int32."""
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


def _without_papers(mentions: pa.RecordBatch, papers: Papers) -> pa.RecordBatch:
    """Drops the mentions in narratives that are within a paper's number."""
    columns = (mentions[name].to_pylist() for name in ("row", "start", "end"))
    kept = [
        not any(first <= start and end <= last for first, last in papers.get(row, ()))
        for row, start, end in zip(*columns, strict=True)
    ]
    return mentions.filter(pa.array(kept, pa.bool_()))


def _may_be_several(numbers: identifier_matcher.ComplaintNumbers) -> pa.Array:
    reason = pc.struct_field(numbers.readings, "reason")
    return pc.is_in(reason, pa.array(normalize.MAY_BE_TEXT_REASONS))


def _number_fields(numbers: identifier_matcher.ComplaintNumbers) -> Iterator[pa.RecordBatch]:
    listed, rows, regions, readings = numbers
    raws, stated = numbers.raw, listed.field("role")
    roles = pc.if_else(pc.is_in(stated, _ROLES), stated, Role.MENTIONED.value)
    fields = pa.array([f"phone_numbers[{place}]" for place in listed.places], TEXT)
    yield mention.drafts_from_numbers(rows, fields, raws, readings, roles, FIELD_CONFIDENCE)
    maybe = _may_be_several(numbers)
    columns = (rows, fields, raws, regions, roles)
    yield mention.drafts_from_matches(
        (row, name, raw, match, role, SEVERAL_CONFIDENCE, True)
        for row, name, raw, region, role in zip(
            *(column.filter(maybe).to_pylist() for column in columns), strict=True
        )
        for match in (_several_numbers(raw, region) if raw else ())
    )


@lru_cache(maxsize=1 << 14)
def _several_numbers(raw: str, region: str | None) -> tuple[Match, ...]:
    """Returns the numbers of a field that holds more than one number."""
    return tuple(narrative.find_phone_numbers(raw, region))


def _placed(row: int, field: str, text: str, matches: Iterable[Match]) -> Iterator[PlacedMatch]:
    for match in matches:
        sure = match.carried not in MAYBE_NUMBERS
        yield row, field, text, match, match.role, FIELD_CONFIDENCE, sure


def _listed(batch: pa.RecordBatch, name: str, *parts: str) -> Iterator[tuple[Any, ...]]:
    """Yields the row and the place of each item of a list column, and the item or parts of it."""
    items = list_items(batch[name])
    columns = [items.field(part) for part in parts] or [items.values]
    values = (column.to_pylist() for column in columns)
    yield from zip(items.rows, items.places, *values, strict=True)


def _url_fields(batch: pa.RecordBatch) -> Iterator[PlacedMatch]:
    regions = batch["victim_country"].to_pylist()
    for row, place, text in _listed(batch, "urls"):
        if text:
            yield from _placed(row, f"urls[{place}]", text, _url_matches(text, regions[row]))


def _email_fields(batch: pa.RecordBatch) -> Iterator[PlacedMatch]:
    """Yields addresses: one to reply to is the sender's, one that was shown may be forged."""
    roles = batch["email_roles"].to_pylist()
    for row, place, text in _listed(batch, "emails"):
        stated = roles[row] and roles[row][place]
        for match in _email_matches(text) if text else ():
            role = _EMAIL_ROLES.get(stated) or narrative.sender_role(match.value)
            role = match.role if match.role is Role.VICTIM else role
            yield row, f"emails[{place}]", text, match, role, FIELD_CONFIDENCE, True


@lru_cache(maxsize=1 << 14)
def _url_matches(text: str, region: str | None) -> tuple[Match, ...]:
    """Reads a field that should be a web address: a site, or a phone to call."""
    number = phone_link.phone_of_link(text)
    if number is None:
        return tuple(url.from_field(text, region))
    reading = normalize.normalize_number(number, region)
    return (mention.phone_match(0, len(text), reading, Role.CALLBACK),) if reading.e164 else ()


@lru_cache(maxsize=1 << 14)
def _email_matches(text: str) -> tuple[Match, ...]:
    return tuple(email.find(text))


def _remote_fields(batch: pa.RecordBatch) -> Iterator[PlacedMatch]:
    for row, place, tool, session in _listed(batch, "remote_access", "tool", "id"):
        if session and (match := remote_access.from_field(tool, session)):
            yield from _placed(row, f"remote_access[{place}].id", session, [match])


def _payment_fields(batch: pa.RecordBatch) -> Iterator[PlacedMatch]:
    regions = batch["victim_country"].to_pylist()
    for row, place, method, payee in _listed(batch, "payments", "method", "payee"):
        for match in _payee_matches(method, payee, regions[row]) if payee else ():
            narrated = batch["narrative"][row]
            own = match.value.startswith(_UNNAMED) and _calls_own(narrated, match)
            read = match._replace(role=Role.VICTIM) if own else match
            yield from _placed(row, f"payments[{place}].payee", payee, [read])


@lru_cache(maxsize=1 << 14)
def _payee_matches(method: str | None, payee: str, region: str | None) -> tuple[Match, ...]:
    """Reads a payee; a paper or card is that of who paid with it, and so is what they call so."""
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
    """Checks whether a victim calls the account of no bank that a field names their own."""
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
        yield mention.drafts_from_numbers(
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
        if kind is EntityKind.TRUNK:
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
    """Returns a name in one spelling; a trunk's means something in its own organisation only."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-") or None


def _concat(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Concatenates batches."""
    table = pa.Table.from_batches(parts, schema=MENTION_DRAFT).combine_chunks()
    return pa.RecordBatch.from_arrays(
        [c.chunk(0) if c.num_chunks else pa.array([], c.type) for c in table.columns],
        schema=MENTION_DRAFT,
    )


def _with_entity_ids(mentions: pa.RecordBatch) -> pa.RecordBatch:
    ids = pc.binary_join_element_wise(mentions["kind"], mentions["value"], ":")
    return mentions.append_column("entity_id", ids)
