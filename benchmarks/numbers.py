"""Outcomes of the numbers of the real sources, and the speed of reading.

`python -m benchmarks.numbers > docs/numbers.md`; with the word `speed` that part alone.
"""

from __future__ import annotations

import csv
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
from benchmarks.readings import print_impersonation
from benchmarks.worlds import REAL, accepted, simulated
from schemas.enums import RecordKind
from transforms.arrow_util import list_items
from transforms.extract.fields import call_mentions, complaint_mentions
from transforms.phone import find, normalize
from transforms.read.files import ReadOptions

ABOUT = """\
# Numbers of the real sources, by outcome

For the engineer or analyst who asks which phone numbers and claims ringtrace reads, which it
refuses, and how often it is right. Written by `python -m benchmarks.numbers > docs/numbers.md` from
the complete files of the public records that `examples/README.md` names.

A number is read only where it is valid in exactly one plausible numbering plan; everything else is
refused with the reason, and no E.164 number is guessed. For example, a German victim's `(202)
456-1414` is grouped as only North America groups it, and lacks the zero of Wuppertal's `(0202)
4561414`. It is read as the North American number, with lower confidence, and the other reading is
kept beside it. `202-456-1414` and `91 98765 43210`, which could belong to either plan, are refused
for a German victim.

`international` and `national` are literal readings. The other ways, and the confidence of each, are
in `transforms.phone.normalize.ReadingMethod`. A refused number stays on its complaint, is counted
in `numbers_unread`, and enters no graph. Fields that are `too_long` or `not_a_number` are then
searched for several numbers.
"""

RUNS = 3

COMPLAINTS = 20_000

TEXTS = 5_000
"""Texts that the matcher is given: it is slow."""


SOURCES = (
    ("FTC Do Not Call", "ftc_dnc/dnc_complaint_numbers_2019-12-16.csv", RecordKind.COMPLAINT),
    ("FTC Sentinel (FOIA)", "ftc_foia/FTC_5114-71014.csv", RecordKind.COMPLAINT),
    ("FCC unwanted calls", "fcc/fcc_unwanted_calls_2rows.json", RecordKind.COMPLAINT),
    ("Asterisk CDR", "cdr/cdr.csv", RecordKind.CALL),
    ("SHAKEN PASSporTs", "passports/passports_decoded.jsonl", RecordKind.CALL),
)


def columns() -> Iterator[tuple[str, pa.Array, pa.Array]]:
    """Every phone column of the sources: its name, the numbers, and the region of each."""
    for name, path, kind in SOURCES:
        complaint = kind is RecordKind.COMPLAINT
        files = ([str(REAL / path)], []) if complaint else ([], [str(REAL / path)])
        options = ReadOptions(calls_format=None if complaint else _format(name), source_org="acme")
        batches = [batch for _, batch in accepted(*files, options)]
        if complaint:
            parts = [(list_items(b["phone_numbers"]), b["victim_country"]) for b in batches]
            raw = pa.concat_arrays([numbers.field("raw") for numbers, _ in parts])
            region = [
                country.take(pa.array(numbers.rows, pa.int64())) for numbers, country in parts
            ]
            yield f"{name}, phone_numbers", raw, pa.concat_arrays(region)
            continue
        for side in ("calling_number", "called_number"):
            yield (
                f"{name}, {side}",
                pa.concat_arrays([batch[side] for batch in batches]),
                pa.concat_arrays([batch["victim_country"] for batch in batches]),
            )
    spanish = (REAL / "phone_lists" / "es_reported.txt").read_text("utf-8").split()
    yield "Spanish list of reported numbers", pa.array(spanish), pa.array(["ES"] * len(spanish))


ORACLE = """
## Against phonenumbers, drawn at random

`python -m tests.support.phone_oracle 500000 2026`, and again with seed 2027, draws example numbers
of every region and type, half of them with digits changed, in every format and with every prefix,
and compares what the columnar code reads and refuses with phonenumbers, number by number. Recorded
with phonenumbers 9.0.43:

    500,000 draws, 231,272 valid, 214,105 read and 215,116 refused in columns, 0 different
    500,000 draws, 231,168 valid, 214,169 read and 215,657 refused in columns, 0 different

The rest is read by phonenumbers itself: unusual shapes, trunk prefixes that rewrite a number, and
numbers that may belong to another plan than that of the victim's country.
"""

LABELLED = """
Labels: brand and lures of each of the 87 campaigns, by hand (`benchmarks/labels/campaigns.csv`);
a transcript that is cut off before the brand is named counts as missed. A few rules were corrected
after a first look at these transcripts, so the figures are better than on new data. Other languages
have no labelled set.
"""

PASSPORTS = """\
## PASSporTs: which claims are read

- `orig`, `dest`, `iat` (RFC 8225), `attest`, `origid` (RFC 8588): the call, how much its signer
  knew, and where it came in. `x5u`: who signed, as `carrier`.
- `div` (RFC 8946), as `diverted_from`. For an inbound call it is another number of the victim's
  own, and withheld everywhere, as the called number is. For a call that a victim made it is the
  number that was dialled. It counts only as mentioned, since malware on a victim's phone diverts
  calls to a bank's real line.
- `nam` of `rcd` (RFC 9795), as `caller_name`: what the screen showed. It can be forged, and can be
  the name of the innocent person whose number was forged. So only a brand of the known list is
  taken from it, as `brand` of the call and of its cluster.

Not used: `icn` and `jcl` of `rcd` name the host of a picture or card, which belongs to the brand or
to a vendor who serves many; anybody can fill in `jcd`, and it would name the person whose identity
is forged; `crn` is a reason in free text. `rph` (RFC 8443) ranks a call for the network and does
not say who makes it. `mky` (RFC 8225) is the key of one session, which ends at carriers' border
elements, so it would link their customers to each other, as `x5u` does by name.

The token of a refused row is Base64, in which numbers cannot be recognized: its parts that contain
one are masked.
"""

BOUNDS = """
## Bounds

A number field is read up to 250 code points (libphonenumber's limit), a web address up to 2,048, a
payee or a session up to 500, a text up to 12,000 and 500 candidate numbers. Of a longer text the
first 11,800 code points are kept, followed by `[N more characters, not read]`. So text that was not
searched for a victim's number is shown nowhere, and the output says how much was left out. Of a
refused row 64 KiB are kept, and all of that is searched.

`tests/unit/transforms/extract/test_hostile_input.py` checks that each step that processes text
(numbers, other identifiers, impersonation, the evidence of a complaint, masking, victims' digits in
what is kept and in refused rows, what a refused row shows) takes at most 50 ms of CPU for a
megabyte of one piece or of mixed pieces, and raises no exception.
"""


def _format(name: str) -> str:
    return "asterisk" if "Asterisk" in name else "passport"


def outcomes(raw: pa.Array, region: pa.Array) -> Counter[str]:
    """Counts the numbers of a column by the way they were read, or the reason of refusal."""
    read = normalize.normalize_numbers(raw, region)
    outcome = pc.coalesce(
        pc.binary_join_element_wise("read", pc.struct_field(read, "how"), ": "),
        pc.binary_join_element_wise("refused", pc.struct_field(read, "reason"), ": "),
    )
    return Counter(outcome.to_pylist())


def _outcome_table() -> None:
    counted = [(name, outcomes(raw, region)) for name, raw, region in columns()]
    kinds = sorted({kind for _, counts in counted for kind in counts})
    print("| outcome | " + " | ".join(name for name, _ in counted) + " |")
    print("|---|" + "---|" * len(counted))
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(f"{counts[kind]:,}" for _, counts in counted) + " |")
    print("| all | " + " | ".join(f"{sum(counts.values()):,}" for _, counts in counted) + " |")


def _cases(name: str) -> Iterator[dict]:
    with (REAL / "libphonenumber" / name).open(encoding="utf-8") as lines:
        yield from (case for case in map(json.loads, lines) if case["same_in_both"])


def _agreement() -> None:
    """The cases of libphonenumber's own tests whose result does not depend on the metadata."""
    print("\n## libphonenumber's own cases\n")
    parsed = different = 0
    rows = []
    for case in _cases("parse_cases.jsonl"):
        expected = case["expected_real_metadata"]
        region = None if case["region"] in ("ZZ", None) else case["region"]
        wanted = expected.get("e164") if expected.get("valid") else None
        ours = normalize.normalize_number(case["input"] or "", region)
        parsed += 1
        if ours.e164 != wanted:
            different += 1
            rows.append((case["input"], region, wanted, ours.e164 or ours.reason))
    cases = missed = 0
    for case in _cases("matcher_cases_small.jsonl"):
        if case["leniency"] != "VALID":
            continue
        region = None if case["region"] in ("ZZ", None) else case["region"]
        hits = [
            (s.start, s.end, r.e164) for s, r in find.find_numbers_in_text(case["text"], region)
        ]
        cases += 1
        missed += hits != [
            (expected["start"], expected["end"], expected["e164"])
            for expected in case["expected_real_metadata"]
        ]
    print(f"Parse: {parsed} cases, {parsed - different} agree. Matcher at VALID: {cases} cases,")
    print(f"{cases - missed} agree. What differs, and why ours is better:\n")
    print("| input | region | libphonenumber | ringtrace | why |")
    print("|---|---|---|---|---|")
    for text, region, wanted, reading in rows:
        print(f"| `{text}` | {region} | {wanted} | {reading} | {_why(text)} |")


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
        seconds(lambda: list(find.find_numbers(narrative, region))),
    )


def _line(label: str, count: int, theirs: float | None, ours: float) -> None:
    rate = f"{count / theirs:,.0f}" if theirs else ""
    ratio = f"{theirs / ours:.1f}" if theirs else ""
    print(f"| {label} | {count:,} | {rate} | {count / ours:,.0f} | {ratio} |")


def speed() -> None:
    """Print numbers and texts a second, ours against phonenumbers in the same run.

    Fields: the numbers of the FTC file; phonenumbers parses, validates, formats and types each one.
    Texts: simulated narratives and the FTC's transcripts, each with its region; phonenumbers runs
    PhoneNumberMatcher at VALID. Whole records: everything that `complaint_mentions` and
    `call_mentions` do. CPU seconds of one core, the best of several runs, caches emptied before
    each.
    """
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
    for label, records, work in (
        ("complaints, all identifiers", complaints, complaint_mentions),
        ("calls, all identifiers", calls, call_mentions),
    ):
        _line(label, len(records), None, seconds(partial(work, records)))


def main(words: list[str] | None = None) -> None:
    """Prints the document, or its part about speed."""
    parser = measured.Parser("benchmarks.numbers", __doc__)
    parser.add_argument("part", metavar="speed", nargs="?", choices=("speed",), help="that alone")
    if parser.parse_args(words).part:
        speed()
        return
    if not REAL.exists():
        sys.exit(f"the real sources are not at {REAL}")
    print(ABOUT)
    _outcome_table()
    _agreement()
    _recall()
    print(ORACLE)
    print("## Speed\n")
    speed()
    print("\n## Impersonation, on the labelled transcripts\n")
    print_impersonation()
    print(LABELLED)
    print(PASSPORTS)
    print(BOUNDS, end="")


if __name__ == "__main__":
    main()
