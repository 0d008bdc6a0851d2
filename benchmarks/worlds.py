"""Simulated worlds by size, kept below runs/ (1.25 calls a complaint), and records as accepted."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow as pa

from benchmarks import measured
from pipelines import simulate
from pipelines.simulate.identifiers import digits, draw_number
from schemas.enums import RecordKind
from transforms.read.detect import plan_input_files
from transforms.read.files import ReadOptions
from transforms.read.read_records import COMPLAINTS, REJECTS, read_shard, scan_file
from transforms.validate import validate_calls, validate_complaints

WORLDS = Path(os.environ.get("RINGTRACE_WORLDS", "runs/worlds"))

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Public records beside the checkout, where they are there."""

COMPLAINTS_AN_OPERATION = 165

MADE_BY = "made_by.txt"
"""The file of a world that says which code made it."""

FRESH = 0.8
"""The share of forged caller ids in whose place `write_oddly` puts a number of its own."""

INVALID = 0.3
"""The share of those numbers that are in no assigned range or too short."""

_WORDS = "zero one two three four five six seven eight nine".split()

_FULL_WIDTH = str.maketrans("0123456789+-()", "０１２３４５６７８９＋－（）")

_SEPARATORS = (" ", ".", "/", " - ", "--", "\u2011", "\u00a0")


def world(complaints: int, root: Path | None = None, *, odd: bool = False) -> Path:
    """Returns the folder of the world of that many complaints.

    It is made if it is not there yet, or was made by other code: truth and records would be those
    of a simulator that is no more. An `odd` one is the same world with its numbers written by
    `write_oddly`.
    """
    folder = (root or WORLDS) / f"{complaints}{'-odd' * odd}"
    made_by, code = folder / MADE_BY, _code()
    if not made_by.exists() or made_by.read_text() != code:
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = folder.with_name(f".{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        if odd:
            shutil.copytree(world(complaints, root), half)
            for path in sorted(half.glob("c*/*.jsonl")):
                _rewrite(path, write_oddly)
        else:
            operations = max(2, complaints // COMPLAINTS_AN_OPERATION)
            size = f"--complaints {complaints} --operations {operations}"
            measured.simulate(half, size)
        (half / MADE_BY).write_text(code)
        shutil.rmtree(folder, ignore_errors=True)
        half.rename(folder)
    return folder


def _code() -> str:
    """Returns a digest of the code that makes worlds."""
    sources = [*sorted(Path(simulate.__file__).parent.glob("*.py")), Path(__file__)]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def inputs(folder: Path) -> list[str]:
    """Returns the options of `ringtrace batch` that name a world's files."""
    kinds = (kind for kind in ("complaints", "calls") if (folder / kind).is_dir())
    return [word for kind in kinds for word in (f"--{kind}", f"{folder}/{kind}")]


def write_oddly(record: dict[str, Any]) -> None:
    """Writes the numbers of a complaint or a call so that nearly every one is written once.

    Most forged caller ids become a number that no other record has, some of these an invalid one,
    and each complaint's narrative names one more. A complaint's other numbers get odd separators,
    an extension, full-width digits, or are spelled out; a call's get separators alone. Equal
    records stay equal.
    """
    call = record.get("call_id")
    rng = Random(f"{record['source_org']} {call or record['complaint_id']}")
    country = record["victim_country"]
    if call:
        for end in ("calling_number", "called_number"):
            forged = end == "calling_number" and record["direction"] == "inbound"
            if record.get(end):
                record[end] = _fresh(rng, country) if forged else _separated(rng, record[end])
        return
    narrative = record.get("narrative") or ""
    for number in record.get("phone_numbers") or ():
        written = number["raw"]
        if number["role"] == "caller_id" and rng.random() < FRESH:
            number["raw"] = _fresh(rng, country)
        else:
            number["raw"] = rng.choice(_STYLES)(rng, written)
        narrative = narrative.replace(written, number["raw"])
    shown = rng.choice(_STYLES)(rng, _fresh(rng, country))
    record["narrative"] = f"{narrative} The display also showed {shown}.".lstrip()


def _rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes every record of a file of JSON Lines."""
    half = path.with_suffix(".half")
    with path.open("rb") as lines, half.open("wb") as out:
        for line in lines:
            record = orjson.loads(line)
            change(record)
            out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    half.replace(path)


def _fresh(rng: Random, country: str) -> str:
    number = draw_number(rng, country, "geographic")
    if rng.random() >= INVALID:
        return number
    # After North America's code an area code of 1 is in no plan; elsewhere a digit is missing.
    return f"+11{digits(rng, 9)}" if number.startswith("+1") else number[:-2]


def _separated(rng: Random, number: str) -> str:
    """Returns a number with other separators, and with some between bare digits."""
    groups = "".join(c if c.isdigit() else " " for c in number).split()
    if len(groups) == 1:
        cut = rng.randint(2, 4)
        groups = [groups[0][:cut], groups[0][cut : cut + 3], groups[0][cut + 3 :]]
    parts = (part for group in groups for part in (rng.choice(_SEPARATORS), group))
    return "+" * number.startswith("+") + "".join(parts).lstrip("".join(_SEPARATORS))


def _extended(rng: Random, number: str) -> str:
    return f"{number}{rng.choice((' ext. ', ' x', ' extension ', ';ext='))}{digits(rng, 4)}"


def _full_width(rng: Random, number: str) -> str:
    return _separated(rng, number).translate(_FULL_WIDTH)


def _spelled(rng: Random, number: str) -> str:
    groups = "".join(c if c.isdigit() else " " for c in number).split()
    words = (" ".join(_WORDS[int(c)] for c in group) for group in groups)
    return "plus " * number.startswith("+") + rng.choice((" ", " dash ", ", ")).join(words)


_STYLES = (_separated, _separated, _extended, _extended, _full_width, _spelled)


def accepted(
    complaints: Sequence[str], calls: Sequence[str], options: ReadOptions | None = None
) -> Iterator[tuple[RecordKind, pa.RecordBatch]]:
    """Yields batches of COMPLAINT_ACCEPTED and CALL_ACCEPTED of every file, in its rows' order."""
    options = options or ReadOptions()
    for file in plan_input_files(complaints, calls, options):
        for shard in scan_file(file)[1]:
            for tag, batch in read_shard(shard, options):
                if tag == REJECTS:
                    continue
                if tag == COMPLAINTS:
                    yield RecordKind.COMPLAINT, validate_complaints(batch)[0]
                else:
                    yield RecordKind.CALL, validate_calls(batch)[0]


def simulated(complaints: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns the accepted complaints and calls of a simulated world, each as one batch."""
    folder = world(complaints)
    batches = list(accepted([f"{folder}/complaints"], [f"{folder}/calls"]))
    of_complaints, of_calls = (
        pa.concat_batches([batch for batch_kind, batch in batches if batch_kind is kind])
        for kind in (RecordKind.COMPLAINT, RecordKind.CALL)
    )
    return of_complaints, of_calls
