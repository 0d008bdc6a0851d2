"""Cuts the excerpts in this folder from the whole public files.

    python examples/make_excerpts.py [SOURCES] [TARGET]

SOURCES defaults to shared/data beside the checkout, TARGET to this folder. The same sources
always give the same bytes: rows are kept whole and in their order, never edited, but for the
one column of the transcripts that README.md names.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent

DNC_ROWS = 3_000
FOIA_ROWS = 2_000

SHOWN = (b"3152328257", b"7144064370", b"9494475846")
"""Called back from recordings and complained about by consumers: the demo's find."""
IRS_LINE = b"800,8291040"
"""The real IRS line, which scammers spoof: the demo's suppressed number."""

_NANP = re.compile(r"\(?([2-9]\d{2})\)?[ .-]?(\d{3})[ .-]?(\d{4})(?!\d)")


def thin(rows: list[bytes], wanted: int, keep: Callable[[bytes], bool]) -> list[bytes]:
    """Returns every row that `keep` wants, and evenly spaced others up to `wanted`, in order."""
    kept = {place for place, row in enumerate(rows) if keep(row)}
    others = [place for place in range(len(rows)) if place not in kept]
    room = max(wanted - len(kept), 0)
    kept.update(others[k * len(others) // room] for k in range(room))
    return [rows[place] for place in sorted(kept)]


def spoken_numbers(transcripts: bytes) -> set[bytes]:
    """Returns the ten-digit North American numbers that are written in the transcripts."""
    return {"".join(groups).encode() for groups in _NANP.findall(transcripts.decode())}


def do_not_call(whole: bytes, called_back: set[bytes]) -> bytes:
    """Keeps the numbers that recordings ask to call, exact copies and unreadable numbers."""
    header, *rows = whole.splitlines(keepends=True)
    copies = Counter(rows)

    def keep(row: bytes) -> bool:
        number = row.split(b",", 1)[0]
        odd = number != b"" and len(number) != len(b"8005550123")
        return number[-10:] in called_back or copies[row] > 1 or odd

    return b"".join([header, *thin(rows, DNC_ROWS, keep)])


def foia(whole: bytes) -> bytes:
    """Keeps the rows with several numbers, the IRS line and letters outside ASCII."""
    header, *rows = whole.splitlines(keepends=True)

    def keep(row: bytes) -> bool:
        several = re.search(rb"\d\|\d", row) is not None
        return several or IRS_LINE in row or not row.isascii()

    return b"".join([header, *thin(rows, FOIA_ROWS, keep)])


def transcripts_without_labels(whole: bytes) -> bytes:
    """Returns every transcript, with campaign_id emptied: the labels are not the FTC's work."""
    header, *rows = csv.reader(io.StringIO(whole.decode(), newline=""))
    column = header.index("campaign_id")
    for row in rows:
        row[column] = ""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def main(sources: Path, target: Path) -> None:
    """Writes the three excerpts into `target`; raises FileNotFoundError for a missing source."""
    dnc = (sources / "ftc_dnc/dnc_complaint_numbers_2019-12-16.csv").read_bytes()
    irs = (sources / "ftc_foia/FTC_5114-71014.csv").read_bytes()
    spoken = (sources / "robocall_transcripts/transcripts.csv").read_bytes()
    called_back = spoken_numbers(spoken) | set(SHOWN)
    (target / "ftc_dnc_excerpt.csv").write_bytes(do_not_call(dnc, called_back))
    (target / "ftc_foia_irs_excerpt.csv").write_bytes(foia(irs))
    (target / "ftc_point_of_no_entry_excerpt.csv").write_bytes(transcripts_without_labels(spoken))


if __name__ == "__main__":
    arguments = [Path(a) for a in sys.argv[1:]]
    if len(arguments) > 2:
        sys.exit("usage: python examples/make_excerpts.py [SOURCES] [TARGET]")
    main(*arguments, *(HERE.parent.parent / "shared/data", HERE)[len(arguments) :])
