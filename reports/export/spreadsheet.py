"""CSV that a spreadsheet opens as text: hostile text must not become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from reports.export.graph_tables import ClusterExport
from reports.tables import flatten_column_to_seconds
from reports.text import plain

TEXT_LIMIT = 1_000

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""First characters that spreadsheets take for a formula (OWASP, CSV Injection)."""

_MEMBER_COLUMNS = (
    "cluster_id",
    "entity_id",
    "kind",
    "role",
    "status",
    "confidence",
    "bridge",
    "complaints",
    "calls",
    "victims",
    "region",
    "line_type",
    "orgs",
    "first_seen",
    "last_seen",
    "reason",
)


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Returns a table as RFC 4180 has it, in UTF-8 with the mark by which spreadsheets know it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(one) for one in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def cluster_csv(export: ClusterExport) -> Iterator[list[bytes]]:
    """Yields a table of the members of each cluster."""
    members = export.batch.members
    columns = (flatten_column_to_seconds(members[name]).to_pylist() for name in _MEMBER_COLUMNS)
    rows = zip(*columns, strict=True)
    for count in export.node_counts:
        yield [csv_bytes(_MEMBER_COLUMNS, islice(rows, count))]


def _cell(value: object) -> object:
    return _harmless(value) if isinstance(value, str) else value


@lru_cache(maxsize=16_384)
def _harmless(value: str) -> str:
    text = plain(value, TEXT_LIMIT)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
