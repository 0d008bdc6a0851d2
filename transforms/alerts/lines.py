"""An alert as one line of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa


def lines(alerts: pa.RecordBatch) -> Iterator[tuple[str, bytes]]:
    """ALERT rows as (alert_id, one line of JSON with sorted keys and its end)."""
    for row in alerts.to_pylist():
        told = {name: _plain(value) for name, value in row.items()}
        yield row["alert_id"], orjson.dumps(told, option=orjson.OPT_SORT_KEYS) + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
