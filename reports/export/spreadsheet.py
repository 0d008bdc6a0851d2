"""CSV that a spreadsheet opens as text: hostile text must not become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from reports.export.graph_tables import ClusterExport, left_out_note
from reports.tables import flatten_column_to_seconds
from reports.text import plain
from schemas.enums import Tier

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
    "tier",
    "review",
    "reporters",
    "robustness",
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
    writer.writerows(
        [_harmless(one) if isinstance(one, str) else one for one in row] for row in rows
    )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def cluster_csv(export: ClusterExport) -> Iterator[list[bytes]]:
    """Yields a table of the members of each cluster.

    Where members were left out the last row has no `entity_id`: it counts them in `reason`.
    """
    members = export.batch.members
    columns = (flatten_column_to_seconds(members[name]).to_pylist() for name in _MEMBER_COLUMNS)
    rows = zip(*columns, strict=True)
    for facts in export.batch.facts:
        counted = {
            "cluster_id": facts.row["cluster_id"],
            "tier": str(Tier.VERIFY),
            "reason": left_out_note(facts.left_out),
        }
        last = [[counted.get(name, "") for name in _MEMBER_COLUMNS]] if facts.left_out else []
        yield [csv_bytes(_MEMBER_COLUMNS, chain(islice(rows, len(facts.members)), last))]


@lru_cache(maxsize=16_384)
def _harmless(value: str) -> str:
    text = plain(value, TEXT_LIMIT)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
