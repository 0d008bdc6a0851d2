"""Numbers and texts a second, ours against phonenumbers in the same run.

`python -m benchmarks.phones`

Fields: the numbers of the FTC file; phonenumbers parses, validates, formats and types each one.
Texts: simulated narratives and the FTC's transcripts, each with its region; phonenumbers runs
PhoneNumberMatcher at VALID. Whole records: everything that `complaint_mentions` and
`call_mentions` do. CPU seconds of one core, the best of several runs, caches emptied before each.
"""

from __future__ import annotations

import csv
import gc
import platform
import time
from collections.abc import Callable

import phonenumbers as pn
import pyarrow as pa

from benchmarks.records import REAL, simulated
from transforms.extract.fields import call_mentions, complaint_mentions
from transforms.phone import find, normalize

RUNS = 3

COMPLAINTS = 20_000

TEXTS = 5_000
"""Texts that the matcher is given: it is slow."""


def by_phonenumbers(raw: str, region: str | None) -> tuple[str, int, str | None] | None:
    """E.164, type and region of one valid number: the four calls that everybody makes."""
    try:
        number = pn.parse(raw, region)
    except pn.NumberParseException:
        return None
    if not pn.is_valid_number(number):
        return None
    return (
        pn.format_number(number, pn.PhoneNumberFormat.E164),
        pn.number_type(number),
        pn.region_code_for_number(number),
    )


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the best of RUNS runs, none of which remembers an earlier one."""
    best = float("inf")
    for _ in range(RUNS):
        normalize._normalize_cached.cache_clear()
        gc.collect()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def fields(raw: list[str]) -> tuple[float, float]:
    """Seconds of phonenumbers and of ours for one column of US numbers."""
    column, region = pa.array(raw), pa.array(["US"] * len(raw))
    return (
        seconds(lambda: [by_phonenumbers(text, "US") for text in raw]),
        seconds(lambda: normalize.normalize_numbers(column, region)),
    )


def texts(narrative: pa.Array, region: pa.Array) -> tuple[float, float]:
    """Seconds of the matcher and of ours for one column of texts."""
    pairs = list(zip(narrative.to_pylist(), region.to_pylist(), strict=True))
    return (
        seconds(lambda: [list(pn.PhoneNumberMatcher(text, where)) for text, where in pairs]),
        seconds(lambda: find.find_numbers(narrative, region)),
    )


def _line(what: str, count: int, theirs: float | None, ours: float) -> None:
    rate = f"{count / theirs:,.0f}" if theirs else ""
    ratio = f"{theirs / ours:.1f}" if theirs else ""
    print(f"| {what} | {count:,} | {rate} | {count / ours:,.0f} | {ratio} |")


def main() -> None:
    """Print the machine and a Markdown table."""
    print(f"phonenumbers {pn.__version__}, Python {platform.python_version()}, one core\n")
    print("| what | count | phonenumbers, a second | ringtrace, a second | times |")
    print("|---|---|---|---|---|")
    path = REAL / "ftc_dnc" / "dnc_complaint_numbers_2019-12-16.csv"
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            raw = [row["Company_Phone_Number"] for row in csv.DictReader(file)]
        _line("numbers of the FTC file", len(raw), *fields(raw))
        _line("the same, each once", len(set(raw)), *fields(list(dict.fromkeys(raw))))
    complaints, calls = simulated(COMPLAINTS)
    some = complaints.slice(0, TEXTS)
    _line("simulated narratives", len(some), *texts(some["narrative"], some["victim_country"]))
    path = REAL / "robocall_transcripts" / "transcripts.csv"
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            spoken = pa.array([row["transcript"] for row in csv.DictReader(file)])
        _line("transcripts", len(spoken), *texts(spoken, pa.array(["US"] * len(spoken))))
    for what, records, work in (
        ("complaints, all identifiers", complaints, complaint_mentions),
        ("calls, all identifiers", calls, call_mentions),
    ):
        _line(what, len(records), None, seconds(lambda w=work, r=records: w(r)))


if __name__ == "__main__":
    main()
