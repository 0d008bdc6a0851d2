"""Records to sightings: every identifier of a record, where it stands and the part it plays.

Victim-side sightings are among them, so that later steps can keep those identifiers out of
everything. A number that cannot be read is no sighting; `unread_counts` counts it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.kinds import EntityKind, RecordKind, Role
from schemas.mention import SIGHTING
from transforms import domains, emails, narratives, payees, phones, remote_access, urls
from transforms.agreement import NARRATIVE, Sighting, settle
from transforms.found import Found
from transforms.lists import Items, items

FIELD_CONFIDENCE = 0.95
"""A reading of a field that the organisation filled in for it."""
SIGNALLING_CONFIDENCE = 0.9
"""A reading of a call's signalling."""
SEVERAL_CONFIDENCE = 0.8
"""A number found beside others in one number field."""

_ROLES = {str(role): role for role in Role}


def complaint_sightings(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The sightings of a batch of `COMPLAINT_ACCEPTED`, as `SIGHTING`, in the order of its rows."""
    sightings = [
        *_number_fields(batch),
        *_address_fields(batch),
        *_remote_fields(batch),
        *_payment_fields(batch),
        *_narratives(batch),
    ]
    columns = {
        "record_kind": pa.array([RecordKind.COMPLAINT] * len(batch), pa.string()),
        "record_id": batch["complaint_id"],
        "observed_at": _observed_at(batch),
        "group_id": pc.binary_join_element_wise(batch["source_org"], batch["complaint_id"], "|"),
    }
    return _table(batch, settle(sightings, own_numbers(batch)), columns)


def call_sightings(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The sightings of a batch of `CALL_ACCEPTED`, as `SIGHTING`, in the order of its rows.

    Where the direction is unknown either number may be the victim's: neither is sighted.
    """
    sightings = [*_call_numbers(batch), *_signalling(batch)]
    own = pc.binary_join_element_wise(batch["source_org"], "call", batch["call_id"], "|")
    joint = pc.binary_join_element_wise(batch["source_org"], batch["complaint_id"], "|")
    columns = {
        "record_kind": pa.array([RecordKind.CALL] * len(batch), pa.string()),
        "record_id": batch["call_id"],
        "observed_at": batch["started_at"],
        "group_id": pc.coalesce(joint, own),
    }
    return _table(batch, settle(sightings, victim_sides(batch)), columns)


def unread_counts(batch: pa.RecordBatch) -> pa.Array:
    """Numbers of each complaint's phone_numbers that could not be read, int32."""
    numbers = items(batch["phone_numbers"])
    seen = {(s.row, s.field) for s in _number_fields(batch)}
    raws = numbers.field("raw").to_pylist()
    counts = np.zeros(len(batch), np.int32)
    for row, place, raw in zip(numbers.rows, numbers.places, raws, strict=True):
        if raw and raw.strip() and (row, f"phone_numbers[{place}]") not in seen:
            counts[row] += 1
    return pa.array(counts)


def own_numbers(batch: pa.RecordBatch) -> list[list[str]]:
    """Each complaint's numbers that it gives the role `victim`: E.164, else as written."""
    own: list[list[str]] = [[] for _ in range(len(batch))]
    regions = batch["victim_country"].to_pylist()
    for row, _, raw, role in _pairs(items(batch["phone_numbers"]), "raw", "role"):
        if role == Role.VICTIM and raw:
            own[row].append(phones.read_one(raw, regions[row]).e164 or raw)
    return own


def victim_sides(batch: pa.RecordBatch) -> list[list[str]]:
    """Each call's numbers that are, or may be, the victim's: E.164, else as written."""
    sides: list[list[str]] = [[] for _ in range(len(batch))]
    directions = batch["direction"].to_pylist()
    for name, suspects in (("calling_number", "inbound"), ("called_number", "outbound")):
        readings = phones.normalise(batch[name], batch["victim_country"])
        read = pc.struct_field(readings, "e164").to_pylist()
        for row, raw in enumerate(batch[name].to_pylist()):
            if raw and directions[row] != suspects:
                sides[row].append(read[row] or raw)
    return sides


def _number_fields(batch: pa.RecordBatch) -> Iterator[Sighting]:
    numbers = items(batch["phone_numbers"])
    regions = batch["victim_country"].take(pa.array(numbers.rows, pa.int64()))
    raws = numbers.field("raw")
    readings = phones.normalise(raws, regions).to_pylist()
    for row, place, raw, role, region, reading in zip(
        numbers.rows,
        numbers.places,
        raws.to_pylist(),
        numbers.field("role").to_pylist(),
        regions.to_pylist(),
        readings,
        strict=True,
    ):
        part = _ROLES.get(role, Role.MENTIONED)
        name = f"phone_numbers[{place}]"
        if reading["e164"]:
            found = phones.found(0, len(raw), phones.Reading(**reading), part)
            yield Sighting(row, name, raw, found, FIELD_CONFIDENCE)
        elif raw and reading["reason"] in phones.MAY_BE_SEVERAL:
            for found in narratives.numbers(raw, region):
                one = found._replace(role=part)
                yield Sighting(row, name, raw, one, SEVERAL_CONFIDENCE)


def _address_fields(batch: pa.RecordBatch) -> Iterator[Sighting]:
    regions = batch["victim_country"].to_pylist()
    for row, name, text in _texts(batch, "urls"):
        number = urls.phone_of(text)
        found = None if number else urls.from_field(text)
        if number:
            reading = phones.read_one(number, regions[row])
            if reading.e164:
                found = phones.found(0, len(text), reading, Role.CALLBACK)
        if found:
            yield Sighting(row, name, text, found, FIELD_CONFIDENCE)
    for row, name, text in _texts(batch, "emails"):
        for found in emails.in_text(text):
            yield Sighting(row, name, text, found, FIELD_CONFIDENCE)


def _texts(batch: pa.RecordBatch, column: str) -> Iterator[tuple[int, str, str]]:
    listed = items(batch[column])
    for row, place, text in zip(listed.rows, listed.places, listed.values.to_pylist(), strict=True):
        if text:
            yield row, f"{column}[{place}]", text


def _remote_fields(batch: pa.RecordBatch) -> Iterator[Sighting]:
    remote = items(batch["remote_access"])
    for row, place, tool, session in _pairs(remote, "tool", "id"):
        if session and (found := remote_access.from_field(tool, session)):
            yield Sighting(row, f"remote_access[{place}].id", session, found, FIELD_CONFIDENCE)


def _payment_fields(batch: pa.RecordBatch) -> Iterator[Sighting]:
    regions = batch["victim_country"].to_pylist()
    for row, place, method, payee in _pairs(items(batch["payments"]), "method", "payee"):
        if payee and (found := payees.from_field(method, payee, regions[row])):
            yield Sighting(row, f"payments[{place}].payee", payee, found, FIELD_CONFIDENCE)


def _pairs(of: Items, first: str, second: str) -> Iterator[tuple[int, int, str | None, str | None]]:
    values = of.field(first).to_pylist(), of.field(second).to_pylist()
    yield from zip(of.rows, of.places, *values, strict=True)


def _narratives(batch: pa.RecordBatch) -> Iterator[Sighting]:
    for hit in narratives.find(batch["narrative"], batch["victim_country"], batch["source_org"]):
        yield Sighting(hit.row, NARRATIVE, hit.text, hit.found, hit.confidence, hit.stated)


def _call_numbers(batch: pa.RecordBatch) -> Iterator[Sighting]:
    parts = {
        "inbound": {"calling_number": Role.CALLER_ID, "called_number": Role.VICTIM},
        "outbound": {"calling_number": Role.VICTIM, "called_number": Role.CALLBACK},
    }
    directions = batch["direction"].to_pylist()
    for name in ("calling_number", "called_number"):
        raws = batch[name].to_pylist()
        readings = phones.normalise(batch[name], batch["victim_country"]).to_pylist()
        for row, (direction, raw, reading) in enumerate(
            zip(directions, raws, readings, strict=True)
        ):
            if direction in parts and reading["e164"]:
                role = parts[direction][name]
                found = phones.found(0, len(raw), phones.Reading(**reading), role)
                yield Sighting(row, name, raw, found, FIELD_CONFIDENCE)


def _signalling(batch: pa.RecordBatch) -> Iterator[Sighting]:
    orgs = batch["source_org"].to_pylist()
    for name, kind in (
        ("orig_id", EntityKind.ORIG_ID),
        ("carrier", EntityKind.CARRIER),
        ("trunk", EntityKind.TRUNK),
        ("source_ip", EntityKind.IP),
    ):
        for row, raw in enumerate(batch[name].to_pylist()):
            value = _signal(kind, raw, orgs[row]) if raw else None
            if value:
                found = Found(0, len(raw), kind, value, Role.SIGNALLING)
                yield Sighting(row, name, raw, found, SIGNALLING_CONFIDENCE)


def _signal(kind: EntityKind, raw: str, org: str) -> str | None:
    """The canonical value; a trunk's name means something in its own organisation only."""
    if kind is EntityKind.IP:
        return domains.canonical_ip(raw)
    if kind is EntityKind.ORIG_ID:
        return raw.strip().lower() or None
    slug = re.sub(r"[\W_]+", "-", raw.lower()).strip("-")
    return (f"{org}:{slug}" if kind is EntityKind.TRUNK else slug) if slug else None


def _observed_at(batch: pa.RecordBatch) -> pa.Array:
    """When the scam happened, where that is said and not later than its report."""
    said = pc.fill_null(pc.less_equal(batch["occurred_at"], batch["received_at"]), False)
    return pc.if_else(said, batch["occurred_at"], batch["received_at"])


def _table(
    batch: pa.RecordBatch, sightings: list[Sighting], of_record: dict[str, pa.Array]
) -> pa.RecordBatch:
    rows = pa.array([s.row for s in sightings], pa.int32())
    found = [s.found for s in sightings]
    columns: dict[str, pa.Array | list[object]] = {
        "entity_id": [f.entity_id for f in found],
        "kind": [f.kind for f in found],
        "role": [f.role for f in found],
        "field": [s.field for s in sightings],
        "start": [f.start for f in found],
        "end": [f.end for f in found],
        "raw": [s.text[s.found.start : s.found.end] for s in sightings],
        "confidence": [s.confidence * s.found.plausibility for s in sightings],
        "region": [f.region for f in found],
        "line_type": [f.line_type for f in found],
        "source_org": batch["source_org"].take(rows),
        "victim_country": batch["victim_country"].take(rows),
        "victim_key": pc.binary_join_element_wise(
            batch["source_org"], batch["victim_id"], "|"
        ).take(rows),
        **{name: column.take(rows) for name, column in of_record.items()},
    }
    arrays = [
        pa.array(columns[f.name], f.type) if isinstance(columns[f.name], list) else columns[f.name]
        for f in SIGHTING
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=SIGHTING)
