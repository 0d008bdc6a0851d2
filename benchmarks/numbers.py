"""Outcomes of the numbers of the real sources, and the speed of reading.

`python -m benchmarks.numbers` prints the tables of docs/numbers.md; with the word `speed` that part
alone.
"""

from __future__ import annotations

import gc
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import measured
from benchmarks.readings import csv_rows, print_impersonation
from benchmarks.worlds import REAL, accepted, simulated
from transforms.arrow import list_items
from transforms.extract.fields import call_mentions, complaint_mentions
from transforms.phone import find, normalize
from transforms.read.files import ReadOptions

RUNS = 3

COMPLAINTS = 20_000

TEXTS = 5_000
"""Texts that the matcher is given: it is slow."""


SOURCES = (
    ("FTC Do Not Call", "ftc_dnc/dnc_complaint_numbers_2019-12-16.csv", None),
    ("FTC Sentinel (FOIA)", "ftc_foia/FTC_5114-71014.csv", None),
    ("FCC unwanted calls", "fcc/fcc_unwanted_calls_2rows.json", None),
    ("Asterisk CDR", "cdr/cdr.csv", "asterisk"),
    ("SHAKEN PASSporTs", "passports/passports_decoded.jsonl", "passport"),
)
"""Name and file of each source, and the format of those that have calls."""


def columns() -> Iterator[tuple[str, pa.Array, pa.Array]]:
    """Every phone column of the sources: its name, the numbers, and the region of each."""
    for name, path, calls_format in SOURCES:
        options = ReadOptions(calls_format=calls_format, source_org="acme")
        source = [str(REAL / path)]
        files = ([], source) if calls_format else (source, [])
        rows = pa.concat_batches([batch for _, batch in accepted(*files, options)])
        region = rows["victim_country"]
        if calls_format:
            for side in ("calling_number", "called_number"):
                yield f"{name}, {side}", rows[side], region
        else:
            numbers = list_items(rows["phone_numbers"])
            of_numbers = region.take(pa.array(numbers.rows, pa.int64()))
            yield f"{name}, phone_numbers", numbers.field("raw"), of_numbers
    spanish = (REAL / "phone_lists" / "es_reported.txt").read_text("utf-8").split()
    yield "Spanish list of reported numbers", pa.array(spanish), pa.array(["ES"] * len(spanish))


def outcomes(raw: pa.Array, region: pa.Array) -> Counter[str]:
    """Counts the numbers of a column by the way they were read, or the reason of refusal."""
    read = normalize.normalize_numbers(raw, region)
    outcome = pc.coalesce(
        pc.binary_join_element_wise("read", pc.struct_field(read, "how"), ": "),
        pc.binary_join_element_wise("refused", pc.struct_field(read, "reason"), ": "),
    )
    return Counter(outcome.to_pylist())


def _outcome_table() -> None:
    counted = {name: outcomes(raw, region) for name, raw, region in columns()}
    kinds = sorted({kind for counts in counted.values() for kind in counts})
    rows = [[kind, *(f"{counts[kind]:,}" for counts in counted.values())] for kind in kinds]
    rows.append(["all", *(f"{counts.total():,}" for counts in counted.values())])
    measured.print_table(["outcome", *counted], rows)


def _cases(name: str) -> Iterator[dict]:
    with (REAL / "libphonenumber" / name).open(encoding="utf-8") as lines:
        yield from (case for case in map(json.loads, lines) if case["same_in_both"])


def _agreement() -> None:
    """The cases of libphonenumber's own tests whose result does not depend on the metadata."""
    print("\n## libphonenumber's own cases\n")
    parsed, rows = 0, []
    for case in _cases("parse_cases.jsonl"):
        expected, region = case["expected_real_metadata"], _region(case)
        wanted = expected.get("e164") if expected.get("valid") else None
        ours = normalize.normalize_number(case["input"] or "", region)
        parsed += 1
        if ours.e164 != wanted:
            reading = ours.e164 or ours.reason
            rows.append((f"`{case['input']}`", region, wanted, reading, _why(case["input"])))
    cases = missed = 0
    for case in _cases("matcher_cases_small.jsonl"):
        if case["leniency"] != "VALID":
            continue
        read = find.find_numbers_in_text(case["text"], _region(case))
        hits = [{"start": s.start, "end": s.end, "e164": r.e164} for s, r in read]
        cases += 1
        missed += hits != [
            {name: expected[name] for name in ("start", "end", "e164")}
            for expected in case["expected_real_metadata"]
        ]
    print(f"Parse: {parsed} cases, {parsed - len(rows)} agree. Matcher at VALID: {cases} cases,")
    print(f"{cases - missed} agree. What differs, and why ours is better:\n")
    measured.print_table(("input", "region", "libphonenumber", "ringtrace", "why"), rows)


def _region(case: dict) -> str | None:
    return None if case["region"] == "ZZ" else case["region"]


def _why(text: str) -> str:
    if "x" in text:
        return "x stands for a digit that is not given"
    return "a letter behind or amid a whole number is a slip, not a keypad's letter"


def _recall() -> None:
    """Compares the numbers that the matcher and we find in the transcripts."""
    batches = [
        batch for _, batch in accepted([str(REAL / "robocall_transcripts" / "transcripts.csv")], [])
    ]
    ours: Counter[str] = Counter()
    theirs: Counter[str] = Counter()
    for batch in batches:
        narratives, regions = pc.fill_null(batch["narrative"], ""), batch["victim_country"]
        hits = find.find_numbers(narratives, regions)
        ours.update(str(reading.e164) for _, numbers in hits for _, reading in numbers)
        pairs = zip(narratives.to_pylist(), regions.to_pylist(), strict=True)
        theirs.update(
            pn.format_number(match.number, pn.PhoneNumberFormat.E164)
            for text, region in pairs
            for match in pn.PhoneNumberMatcher(text, region)
        )
    more, fewer = sorted(ours.keys() - theirs.keys()), sorted(theirs.keys() - ours.keys())
    print("\n## The transcripts\n")
    print(f"PhoneNumberMatcher at VALID finds {theirs.total()} numbers, {len(theirs)} distinct;")
    print(
        f"ringtrace finds {ours.total()}, {len(ours)} distinct. Only ringtrace: {more or 'none'}. "
    )
    print(f"Only the matcher: {fewer or 'none'}.")


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
    """Seconds of ours and of phonenumbers for one column of US numbers."""
    column, region = pa.array(raw), pa.array(["US"] * len(raw))
    return (
        seconds(lambda: normalize.normalize_numbers(column, region)),
        seconds(lambda: [by_phonenumbers(text, "US") for text in raw]),
    )


def texts(narrative: pa.Array, region: pa.Array) -> tuple[float, float]:
    """Seconds of ours and of the matcher for one column of texts."""
    pairs = list(zip(narrative.to_pylist(), region.to_pylist(), strict=True))
    return (
        seconds(lambda: list(find.find_numbers(narrative, region))),
        seconds(lambda: [list(pn.PhoneNumberMatcher(text, where)) for text, where in pairs]),
    )


def _line(
    label: str, count: int, ours: float, theirs: float | None = None
) -> tuple[str, str, str, str, str]:
    rate, ratio = (f"{count / theirs:,.0f}", f"{theirs / ours:.1f}") if theirs else ("", "")
    return label, f"{count:,}", rate, f"{count / ours:,.0f}", ratio


def _speed_lines() -> Iterator[tuple[str, ...]]:
    if rows := _csv_rows("ftc_dnc", "dnc_complaint_numbers_2019-12-16.csv"):
        raw = [row["Company_Phone_Number"] for row in rows]
        yield _line("numbers of the FTC file", len(raw), *fields(raw))
        yield _line("the same, each once", len(set(raw)), *fields(list(dict.fromkeys(raw))))
    complaints, calls = simulated(COMPLAINTS)
    some = complaints.slice(0, TEXTS)
    timed = texts(some["narrative"], some["victim_country"])
    yield _line("simulated narratives", len(some), *timed)
    if rows := _csv_rows("robocall_transcripts", "transcripts.csv"):
        spoken = pa.array([row["transcript"] for row in rows])
        yield _line("transcripts", len(rows), *texts(spoken, pa.array(["US"] * len(rows))))
    for label, records, work in (
        ("complaints, all identifiers", complaints, complaint_mentions),
        ("calls, all identifiers", calls, call_mentions),
    ):
        yield _line(label, len(records), seconds(partial(work, records)))


def _csv_rows(*place: str) -> list[dict[str, str]]:
    path = REAL.joinpath(*place)
    return csv_rows(path) if path.exists() else []


def speed() -> None:
    """Prints numbers and texts a second, ours against phonenumbers in the same run.

    Fields: the numbers of the FTC file; phonenumbers parses, validates, formats and types each one.
    Texts: simulated narratives and the FTC's transcripts, each with its region; phonenumbers runs
    PhoneNumberMatcher at VALID. Whole records: everything that `complaint_mentions` and
    `call_mentions` do. CPU seconds of one core, the best of several runs, caches emptied before
    each.
    """
    print(f"phonenumbers {pn.__version__}, Python {platform.python_version()}, one core\n")
    heads = ("what", "count", "phonenumbers, a second", "ringtrace, a second", "times")
    measured.print_table(heads, _speed_lines())


def main(words: list[str] | None = None) -> None:
    """Prints the tables, or the one about speed."""
    parser = measured.Parser("benchmarks.numbers", __doc__)
    parser.add_argument("part", metavar="speed", nargs="?", choices=("speed",), help="that alone")
    if parser.parse_args(words).part:
        speed()
        return
    if not REAL.exists():
        sys.exit(f"the real sources are not at {REAL}")
    _outcome_table()
    _agreement()
    _recall()
    print("\n## Speed\n")
    speed()
    print("\n## Impersonation, on the labelled transcripts\n")
    print_impersonation()


if __name__ == "__main__":
    main()
