"""Records to sightings: every identifier of a record, where it stands and the part it plays.

Victim-side sightings are among them, so that later steps can keep those identifiers out of
everything. A number that cannot be read is no sighting; `unread_counts` counts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, RecordKind, Role
from schemas.mention import SIGHTING
from transforms.arrow_util import Items, items
from transforms.extract import mention, narrative
from transforms.extract.kinds import domain, email, payment_account, remote_access, url
from transforms.extract.mention import SIGHTED, Found, One
from transforms.extract.reconcile import settle
from transforms.phone import normalize
from transforms.victims import own_numbers

FIELD_CONFIDENCE = 0.95
"""A reading of a field that the organisation filled in for it."""


SIGNALLING_CONFIDENCE = 0.9
"""A reading of a call's signalling."""


SEVERAL_CONFIDENCE = 0.8
"""A number found beside others in one number field."""


_ROLES = pa.array([str(role) for role in Role])


def complaint_sightings(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The sightings of a batch of `COMPLAINT_ACCEPTED`, as `SIGHTING`, in the order of its rows."""
    numbers = own_numbers.of_complaints(batch)
    found = [
        *_number_fields(numbers),
        mention.of_found(
            [
                *_address_fields(batch),
                *_remote_fields(batch),
                *_payment_fields(batch),
            ]
        ),
        narrative.find_in_narratives(
            batch["narrative"], batch["victim_country"], batch["source_org"]
        ),
    ]
    columns = {
        "record_kind": pa.repeat(RecordKind.COMPLAINT.value, len(batch)),
        "record_id": batch["complaint_id"],
        "observed_at": observed_at(batch),
        "group_id": pc.binary_join_element_wise(batch["source_org"], batch["complaint_id"], "|"),
    }
    return _table(batch, settle(_joined(found), numbers.own()), columns)


def call_sightings(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The sightings of a batch of `CALL_ACCEPTED`, as `SIGHTING`, in the order of its rows.

    Where the direction is unknown either number may be the victim's: neither is sighted.
    """
    readings = own_numbers.of_calls(batch)
    found = [*_call_numbers(batch, readings), *_signalling(batch)]
    alone = pc.binary_join_element_wise(batch["source_org"], "call", batch["call_id"], "|")
    joint = pc.binary_join_element_wise(batch["source_org"], batch["complaint_id"], "|")
    columns = {
        "record_kind": pa.repeat(RecordKind.CALL.value, len(batch)),
        "record_id": batch["call_id"],
        "observed_at": batch["started_at"],
        "group_id": pc.coalesce(joint, alone),
    }
    return _table(batch, settle(_joined(found), own_numbers.sides(batch, readings)), columns)


def unread_counts(numbers: own_numbers.Numbers, rows: int) -> pa.Array:
    """Numbers that could not be read, of each of `rows` complaints, int32."""
    said = pc.not_equal(pc.utf8_trim_whitespace(numbers.raw), "")
    unread = pc.and_(said, pc.is_null(pc.struct_field(numbers.readings, "e164")))
    maybe = _may_be_several(numbers)
    at = [
        row
        for row, raw, region, several in zip(
            *(one.filter(unread).to_pylist() for one in (numbers.rows, numbers.raw)),
            *(one.filter(unread).to_pylist() for one in (numbers.regions, maybe)),
            strict=True,
        )
        if not (several and _several(raw, region))
    ]
    return pa.array(np.bincount(np.array(at, np.int64), minlength=rows).astype(np.int32))


def _may_be_several(numbers: own_numbers.Numbers) -> pa.Array:
    reason = pc.struct_field(numbers.readings, "reason")
    return pc.is_in(reason, pa.array(normalize.MAY_BE_SEVERAL))


def _number_fields(numbers: own_numbers.Numbers) -> Iterator[pa.RecordBatch]:
    listed, rows, regions, readings = numbers
    raws, given = numbers.raw, listed.field("role")
    roles = pc.if_else(pc.is_in(given, _ROLES), given, Role.MENTIONED.value)
    fields = mention.places("phone_numbers", listed)
    yield mention.of_numbers(rows, fields, raws, readings, roles, FIELD_CONFIDENCE)
    maybe = _may_be_several(numbers)
    columns = (rows, fields, raws, regions, roles)
    yield mention.of_found(
        (row, name, raw, one, role, SEVERAL_CONFIDENCE, True)
        for row, name, raw, region, role in zip(
            *(column.filter(maybe).to_pylist() for column in columns), strict=True
        )
        for one in (_several(raw, region) if raw else ())
    )


@lru_cache(maxsize=1 << 14)
def _several(raw: str, region: str | None) -> tuple[Found, ...]:
    """The numbers of a field that holds more than one number."""
    return tuple(narrative.numbers(raw, region))


def _address_fields(batch: pa.RecordBatch) -> Iterator[One]:
    regions = batch["victim_country"].to_pylist()
    for row, name, text in _texts(batch, "urls"):
        for found in _of_url(text, regions[row]):
            yield row, name, text, found, found.role, FIELD_CONFIDENCE, True
    for row, name, text in _texts(batch, "emails"):
        for found in _of_email(text):
            yield row, name, text, found, found.role, FIELD_CONFIDENCE, True


@lru_cache(maxsize=1 << 14)
def _of_url(text: str, region: str | None) -> tuple[Found, ...]:
    """What a field that should be a web address names: a site, or a phone to call."""
    number = url.phone_of(text)
    if number is None:
        return tuple(url.from_field(text))
    reading = normalize.read_one(number, region)
    return (mention.found(0, len(text), reading, Role.CALLBACK),) if reading.e164 else ()


@lru_cache(maxsize=1 << 14)
def _of_email(text: str) -> tuple[Found, ...]:
    return tuple(email.in_text(text))


def _texts(batch: pa.RecordBatch, column: str) -> Iterator[tuple[int, str, str]]:
    listed = items(batch[column])
    for row, place, text in zip(listed.rows, listed.places, listed.values.to_pylist(), strict=True):
        if text:
            yield row, f"{column}[{place}]", text


def _remote_fields(batch: pa.RecordBatch) -> Iterator[One]:
    remote = items(batch["remote_access"])
    for row, place, tool, session in _pairs(remote, "tool", "id"):
        if session and (found := remote_access.from_field(tool, session)):
            yield (
                row,
                f"remote_access[{place}].id",
                session,
                found,
                found.role,
                FIELD_CONFIDENCE,
                True,
            )


def _payment_fields(batch: pa.RecordBatch) -> Iterator[One]:
    regions = batch["victim_country"].to_pylist()
    for row, place, method, payee in _pairs(items(batch["payments"]), "method", "payee"):
        if payee and (found := _payee(method, payee, regions[row])):
            yield row, f"payments[{place}].payee", payee, found, found.role, FIELD_CONFIDENCE, True


_payee = lru_cache(maxsize=1 << 14)(payment_account.from_field)


def _pairs(of: Items, first: str, second: str) -> Iterator[tuple[int, int, str | None, str | None]]:
    values = of.field(first).to_pylist(), of.field(second).to_pylist()
    yield from zip(of.rows, of.places, *values, strict=True)


def _call_numbers(
    batch: pa.RecordBatch, readings: dict[str, pa.StructArray]
) -> Iterator[pa.RecordBatch]:
    rows = pa.array(np.arange(len(batch)))
    for name, parts in own_numbers.SIDES.items():
        known = pa.array([way.value for way in parts], pa.string())
        roles = pa.array([role.value for role in parts.values()], pa.string())
        role = roles.take(pc.index_in(batch["direction"], known))
        sided = pc.is_valid(role)
        raw, read = batch[name].filter(sided), readings[name].filter(sided)
        yield mention.of_numbers(
            rows.filter(sided), name, raw, read, role.filter(sided), FIELD_CONFIDENCE
        )


def _signalling(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    orgs = batch["source_org"]
    slugs: dict[str, tuple[EntityKind, Callable[[str], str | None]]] = {
        "orig_id": (EntityKind.ORIG_ID, _plain),
        "carrier": (EntityKind.CARRIER, _slug),
        "trunk": (EntityKind.TRUNK, _slug),
        "source_ip": (EntityKind.IP, domain.canonical_ip),
    }
    for name, (kind, canonical) in slugs.items():
        encoded = batch[name].dictionary_encode()
        distinct = [canonical(text) for text in encoded.dictionary.to_pylist()]
        value = pa.array(distinct, pa.string()).take(encoded.indices)
        if kind is EntityKind.TRUNK:
            value = pc.binary_join_element_wise(orgs, value, ":")
        read = pc.is_valid(value)
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
        yield mention.of_columns(len(raw), columns)


def _plain(text: str) -> str | None:
    return text.strip().lower() or None


def _slug(text: str) -> str | None:
    """A name in one spelling; a trunk's means something in its own organisation only."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-") or None


def observed_at(batch: pa.RecordBatch) -> pa.Array:
    """When the scam happened, where that is said and not later than its report."""
    said = pc.fill_null(pc.less_equal(batch["occurred_at"], batch["received_at"]), False)
    return pc.if_else(said, batch["occurred_at"], batch["received_at"])


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The parts one after the other."""
    table = pa.Table.from_batches(parts, schema=SIGHTED).combine_chunks()
    return pa.RecordBatch.from_arrays(
        [c.chunk(0) if c.num_chunks else pa.array([], c.type) for c in table.columns],
        schema=SIGHTED,
    )


def _table(
    batch: pa.RecordBatch, found: pa.RecordBatch, of_record: dict[str, pa.Array]
) -> pa.RecordBatch:
    rows = found["row"]
    columns = {name: found[name] for name in SIGHTED.names if name in SIGHTING.names}
    columns |= {
        "entity_id": pc.binary_join_element_wise(found["kind"], found["value"], ":"),
        "source_org": batch["source_org"].take(rows),
        "victim_country": batch["victim_country"].take(rows),
        "victim_key": pc.binary_join_element_wise(
            batch["source_org"], batch["victim_id"], "|"
        ).take(rows),
        **{name: column.take(rows) for name, column in of_record.items()},
    }
    return pa.RecordBatch.from_arrays([columns[f.name] for f in SIGHTING], schema=SIGHTING)
