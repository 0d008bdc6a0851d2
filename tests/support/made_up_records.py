"""Small accepted records for tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.call import CALL_ACCEPTED
from schemas.complaint import COMPLAINT_ACCEPTED
from transforms.extract.evidence import extract_calls, extract_complaints
from transforms.redact.records import withhold_from_complaints
from transforms.victims.identifier_matcher import RowIdentifiers

RECEIVED = datetime(2024, 3, 1, 12, tzinfo=UTC)

_ORIGIN = {"source_org": "amazon", "source": "f", "position": 1, "format": "jsonl"}


def number(raw: str | None, role: str | None = None) -> dict[str, str | None]:
    return {"raw": raw, "role": role}


def complaints(*rows: dict[str, Any]) -> pa.RecordBatch:
    """A COMPLAINT_ACCEPTED batch; rows name only what matters."""
    defaults = _ORIGIN | {"received_at": RECEIVED, "victim_country": "US"}
    filled = [defaults | {"complaint_id": f"c{i}"} | row for i, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(filled, schema=COMPLAINT_ACCEPTED)


def calls(*rows: dict[str, Any]) -> pa.RecordBatch:
    """A CALL_ACCEPTED batch; rows name only what matters."""
    defaults = _ORIGIN | {"started_at": RECEIVED, "victim_country": "US"}
    filled = [defaults | {"call_id": f"k{i}"} | row for i, row in enumerate(rows)]
    return pa.RecordBatch.from_pylist(filled, schema=CALL_ACCEPTED)


def read_complaints(*rows: dict[str, Any]) -> pa.RecordBatch:
    """The same as a COMPLAINT_READ batch."""
    return extract_complaints(complaints(*rows)).records


def read_calls(*rows: dict[str, Any]) -> pa.RecordBatch:
    """The same as a CALL_READ batch."""
    return extract_calls(calls(*rows)).records


def victims(by_row: Sequence[Collection[str]]) -> RowIdentifiers:
    """The identifiers of victims that each row must not show."""
    rows = np.repeat(
        np.arange(len(by_row)), np.array([len(identifiers) for identifiers in by_row], np.int64)
    )
    return RowIdentifiers(rows, pa.array(chain.from_iterable(by_row), pa.string()))


def withheld_from(
    *rows: dict[str, Any], own: Sequence[Collection[str]] = (), **options: Any
) -> pa.RecordBatch:
    """Redacted complaints; `own` are the identifiers of the victim of each."""
    hidden = victims(own or [()] * len(rows))
    return withhold_from_complaints(read_complaints(*rows), hidden, **options)
