"""CSV that a spreadsheet opens as text: hostile text must not become a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from functools import lru_cache

from reports.text import plain

TEXT_LIMIT = 1_000


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""First characters that spreadsheets take for a formula (OWASP, CSV Injection)."""


def write(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """RFC 4180, UTF-8 with the mark by which spreadsheets know it."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(one) for one in row] for row in rows)
    return b"\xef\xbb\xbf" + held.getvalue().encode()


def _cell(value: object) -> object:
    return _harmless(value) if isinstance(value, str) else value


@lru_cache(maxsize=16_384)
def _harmless(value: str) -> str:
    text = plain(value, TEXT_LIMIT)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
