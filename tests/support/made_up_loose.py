"""Loose rows as readers could yield them, well-formed and hostile."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import strategies as st

from schemas.call import CALL_LOOSE
from schemas.complaint import COMPLAINT_LOOSE

ODD = (
    "",
    "  ",
    "\x00",
    "NaN",
    "Infinity",
    "-Infinity",
    "sNaN",
    "1e400",
    "1e-400",
    "-0",
    "1_000",
    "9" * 30,
    "0.1234567890123456789",
    "1" * 400,
    "١٢٣",
    "us",
    " De ",
    "UK",
    "usd",
    "2024-03-01T09:30:00.1234567+01:00",
    "2024-03-01T09:30:00.1234567Z",
    "2024-03-01T09:30:00",
    "2024-02-30T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
    "2024-03-01T09:30:00Z",
    "Callback",
    "VICTIM",
    "inbound",
    "a",
    "x" * 300,
    "+1 888 555 0123",
    "who@example.org",
    "amazon",
    "Amazon Inc",
)


def texts() -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(ODD) | st.text(max_size=12)


def _value(kind: pa.DataType) -> st.SearchStrategy:
    if pa.types.is_list(kind):
        return st.none() | st.lists(_value(kind.value_type), max_size=3)
    if pa.types.is_struct(kind):
        return st.none() | st.fixed_dictionaries({field.name: _value(field.type) for field in kind})
    return texts()


def _row(schema: pa.Schema, sound: dict[str, str]) -> st.SearchStrategy[dict]:
    fields = {}
    for field in schema:
        if field.name in ("source", "format"):
            fields[field.name] = st.just("f")
        elif field.name == "position":
            fields[field.name] = st.integers(1, 2**62)
        elif field.name == "raw":
            fields[field.name] = st.binary(max_size=8)
        elif field.name in sound:
            fields[field.name] = st.just(sound[field.name]) | texts()
        else:
            fields[field.name] = _value(field.type)
    return st.fixed_dictionaries(fields)


SOUND_COMPLAINT = {
    "complaint_id": "c1",
    "source_org": "amazon",
    "received_at": "2024-03-01T09:30:00Z",
    "victim_id": "v1",
    "victim_country": "US",
    "loss_amount": "12.50",
    "loss_currency": "USD",
}

SOUND_CALL = {
    "call_id": "k1",
    "source_org": "amazon",
    "started_at": "2024-03-01T09:30:00Z",
    "duration_seconds": "61.5",
    "direction": "inbound",
}


def complaint(**fields: object) -> dict[str, object]:
    """A sound loose complaint but for `fields`."""
    return _sound(COMPLAINT_LOOSE, SOUND_COMPLAINT) | fields


def call(**fields: object) -> dict[str, object]:
    """A sound loose call but for `fields`."""
    return _sound(CALL_LOOSE, SOUND_CALL) | fields


def _sound(schema: pa.Schema, sound: dict[str, str]) -> dict[str, object]:
    origin = {"source": "f", "format": "jsonl", "position": 1, "raw": b"{}"}
    return dict.fromkeys(schema.names) | origin | sound


COMPLAINT_ROWS = st.lists(_row(COMPLAINT_LOOSE, SOUND_COMPLAINT), max_size=5)

CALL_ROWS = st.lists(_row(CALL_LOOSE, SOUND_CALL), max_size=5)
