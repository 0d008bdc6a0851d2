"""The file that names the clusters that were referred, and when."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from pipelines.options import UsageError
from pipelines.plan import read_text
from transforms.graph.assignment import cluster_number

COLUMNS = ("cluster_id", "referred_at")


def read_referred(path: str | None) -> dict[str, datetime]:
    """Cluster id to the time of its last referral; nothing without a file.

    Raises:
        UsageError: naming the file, the row, the field and what to do.
    """
    if path is None:
        return {}
    reader = csv.DictReader(io.StringIO(read_text(path)))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UsageError(f"{path}: the first line must be {','.join(COLUMNS)}")
    found: dict[str, datetime] = {}
    for row in reader:
        place = f"{path}, row {reader.line_num}"
        name = (row["cluster_id"] or "").strip()
        try:
            cluster_number(name)
        except ValueError:
            raise UsageError(
                f"{place}, cluster_id: {name[:40]!r} is no cluster id; copy it from the report"
            ) from None
        when = _moment(row["referred_at"], place)
        found[name] = max(when, found.get(name, when))
    return found


def _moment(text: str | None, place: str) -> datetime:
    try:
        when = datetime.fromisoformat((text or "").strip())
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise UsageError(
            f"{place}, referred_at: is not an ISO 8601 time with a zone, such as "
            "2026-03-01T00:00:00Z"
        )
    return when.astimezone(UTC)
