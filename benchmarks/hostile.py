"""Hostile files, and what each costs a command: seconds a megabyte on disk, and memory.

    python -m benchmarks.hostile [--megabytes N] [--timeout S] [NAME ...]

The floor is the same command on a tiny input. A case over 20 seconds of CPU a megabyte (a smaller
file counts as one), or over 1 GiB above the floor, is marked.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import re
import shutil
import string
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks import measured
from transforms.read.files import DECODED_RATIO

MB = 1_000_000

SECONDS_A_MEGABYTE, MEMORY = 20, 1024
"""The bounds: seconds of CPU for a megabyte on disk, and MiB above the floor."""

_TIME = "2026-01-01T00:00:00Z"

Make = Callable[[Path, int], object]
"""Writes a file of about so many bytes before it is compressed."""


def complaint(number: int, **fields: object) -> bytes:
    """Returns a line of JSON with a complaint of the contract."""
    first = {"complaint_id": f"c{number}", "source_org": "a", "received_at": _TIME}
    return json.dumps({**first, "victim_id": f"v{number}", **fields}).encode() + b"\n"


def call(number: int, **fields: object) -> bytes:
    """Returns a line of JSON with a call record of the contract."""
    first = {"call_id": f"k{number}", "source_org": "a", "started_at": _TIME}
    return json.dumps({**first, "direction": "inbound", **fields}).encode() + b"\n"


def _rows(make: Callable[[int], bytes], before: bytes = b"", after: bytes = b"") -> Make:
    """Writes row after row, to the size."""

    def write(path: Path, size: int) -> None:
        with path.open("wb") as file:
            file.write(before)
            numbers = count()
            while file.tell() < size:
                file.write(make(next(numbers)))
            file.write(after)

    return write


def _narratives(unit: str, length: int = 10_000) -> Make:
    """Writes complaints with a narrative that repeats a text, each with a number of its own."""
    text = (unit * (length // len(unit) + 1))[:length]
    return _rows(lambda number: complaint(number, narrative=f"{number} {text}"))


def _one_line(unit: str) -> Make:
    """Writes one complaint whose narrative is as long as a row may be, and a row behind it."""

    def write(path: Path, size: int) -> None:
        text = unit * (min(size, 7_900_000) // len(unit.encode()))
        path.write_bytes(complaint(1, narrative=text) + complaint(2))

    return write


def _raw(before: bytes, unit: bytes, after: bytes = b"") -> Make:
    """Writes bytes again and again, to the size."""
    block = unit * max(1, MB // len(unit))
    return _rows(lambda _: block, before, after)


def _compressed(make: Make, how: str) -> Make:
    """Compresses more of another file than a run reads, then adds noise up to the size."""

    def write(path: Path, size: int) -> None:
        plain = path.with_name(f"plain-{path.name}")
        make(plain, size * (DECODED_RATIO + 6))
        pack = partial(pa.compress, codec="zstd", asbytes=True) if how == "zst" else gzip.compress
        packed = pack(plain.read_bytes())
        noise = pack(random.Random(1).randbytes(max(0, size - len(packed))))
        path.write_bytes(packed + noise)
        plain.unlink()

    return write


def _phone(number: int) -> str:
    return f"+1{212 + number // 10_000_000 % 700}{2_000_000 + number * 7919 % 7_999_999:07d}"


def _words(seed: int, count: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(string.ascii_lowercase, k=6)) for _ in range(count))


def _hub(number: int) -> bytes:
    return complaint(
        number,
        victim_country="US",
        phone_numbers=[
            {"raw": "+18885550123", "role": "callback"},
            {"raw": _phone(number), "role": "callback"},
        ],
    )


def _many_numbers(number: int) -> bytes:
    numbers = [{"raw": _phone(number * 20 + place), "role": "callback"} for place in range(20)]
    return complaint(number, phone_numbers=numbers)


def _next_numbers(number: int) -> bytes:
    """Returns a complaint of few numbers that count up, which pack best."""
    first = 2_002_000_000 + number * 6
    return complaint(number, phone_numbers=[{"raw": f"+1{first + place}"} for place in range(6)])


def _chain(number: int) -> bytes:
    numbers = [{"raw": _phone(number + place), "role": "callback"} for place in range(2)]
    return complaint(number, phone_numbers=numbers)


def _many_kinds(number: int) -> bytes:
    return complaint(
        number,
        narrative=f"Call {_phone(number % 50)} or https://a{number}.example/x, b{number}@c.example",
        urls=[f"https://d{number % 70}.example/{number}"],
        emails=[f"e{number % 90}@f{number}.com"],
        payments=[{"method": "gift_card", "payee": f"p{number % 30}"}],
        remote_access=[{"tool": "anydesk", "id": str(100_000_000 + number % 40)}],
    )


def _csv(row: Callable[[int], str], header: str) -> Make:
    return _rows(lambda number: f"{row(number)}\n".encode(), f"{header}\n".encode())


HEADER = "complaint_id,source_org,received_at,narrative"


def _table(columns: Callable[[int], dict[str, pa.Array]], **options: object) -> Make:
    """Writes Parquet of about so many bytes before it is encoded, by its number of rows."""

    def write(path: Path, size: int) -> None:
        rows = max(1, size // 100)
        pq.write_table(pa.table(columns(rows)), path, **options)

    return write


def _needed(rows: int) -> dict[str, pa.Array]:
    return {
        "complaint_id": pa.array([f"c{row}" for row in range(rows)]),
        "source_org": pa.array(["a"] * rows),
        "received_at": pa.array([_TIME] * rows),
    }


def _wide_dictionary(rows: int) -> dict[str, pa.Array]:
    text = pa.array([f"{place} Call {_phone(place)} now. " * 12 for place in range(2_000)])
    codes = pa.array([place % 2_000 for place in range(rows)], pa.int32())
    return _needed(rows) | {"narrative": pa.DictionaryArray.from_arrays(codes, text)}


def _many_columns(rows: int) -> dict[str, pa.Array]:
    return _needed(rows) | {f"c{column}": pa.nulls(rows, pa.string()) for column in range(2_000)}


def _sheet(cells: Callable[[int], str], dimension: str = "A1:D9") -> Make:
    """Writes a workbook of one sheet of rows in XML, and deflates it."""

    def write(path: Path, size: int) -> None:
        body = io.StringIO()
        number = 1
        while body.tell() < size:
            body.write(cells(number))
            number += 1
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        package = "http://schemas.openxmlformats.org/package/2006"
        parts = {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
            "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
            "</Relationships>",
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><dimension ref="{dimension}"/>'
            f"<sheetData>{body.getvalue()}</sheetData></worksheet>",
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
            for name, text in parts.items():
                book.writestr(name, text)

    return write


def _cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


def _sheet_row(number: int) -> str:
    texts = (
        ["id", "created", "phone", "text"]
        if number == 1
        else [
            f"c{number}",
            _TIME,
            _phone(number),
            f"Call {_phone(number)} now, they said to me then ok",
        ]
    )
    cells = "".join(_cell(f"{'ABCD'[column]}{number}", text) for column, text in enumerate(texts))
    return f'<row r="{number}">{cells}</row>'


_FAR = '<row r="{0}">' + _cell("A{0}", "x") + _cell("XFD{0}", "y") + "</row>"

TEXTS: dict[str, str] = tomllib.loads(
    Path(__file__).with_name("hostile_texts.toml").read_text("utf-8")
)
"""Texts that are repeated in narratives, to slow what looks for identifiers in them."""

ROWS: dict[str, Callable[[int], bytes]] = {
    "hub": _hub,
    "many_numbers": _many_numbers,
    "chain": _chain,
    "many_kinds": _many_kinds,
    "orgs": lambda n: complaint(n, source_org=f"o{n}"),
    "words_random": lambda n: complaint(n, narrative=_words(n, 400)),
    "scripts": lambda n: complaint(n, narrative=_words(n % 50, 200) + " " + _words(n % 47, 200)),
    "urls": lambda n: complaint(n, urls=[f"http://a{n}-{number}.com/x" for number in range(300)]),
    "url_long": lambda n: complaint(n, urls=["http://" + f"a{n}." * 4_000 + "com"]),
    "phones": lambda n: complaint(
        n, phone_numbers=[{"raw": _phone(n * 300 + o), "role": "callback"} for o in range(300)]
    ),
    "phones_victim": lambda n: complaint(
        n,
        narrative=f"call {_phone(n)} " * 50,
        phone_numbers=[{"raw": _phone(n * 300 + o), "role": "victim"} for o in range(300)],
    ),
    "phone_long": lambda n: complaint(
        n, phone_numbers=[{"raw": f"{n}" + "1 " * 5_000, "role": "callback"}]
    ),
    "unknown_keys": lambda n: complaint(n, **{f"k{n}-{o}": 1 for o in range(200)}),
    "escapes": lambda n: b'{"complaint_id":"' + b"\\u0061" * 1_000 + b'%d"}\n' % n,
    "deep": lambda _: b'{"a":' * 60 + b"1" + b"}" * 60 + b"\n",
    "broken": lambda _: b"{\n",
    "refused_long": lambda n: complaint(n, received_at="x", narrative="y" * 30_000),
}
"""Rows of complaints in JSON Lines."""

CALLS: dict[str, Callable[[int], bytes]] = {
    "calls": lambda n: call(
        n, calling_number=_phone(n % 997), called_number=_phone(n), victim_id="v"
    ),
    "calls_distinct": lambda n: call(n, calling_number=_phone(n), called_number=_phone(n + 9)),
    "calls_hub": lambda n: call(n, calling_number="+18885550123", called_number=_phone(n)),
    "calls_names": lambda n: call(n, calling_number=_phone(n), caller_name="x" * 5_000),
}
"""Rows of calls in JSON Lines."""

FILES: dict[str, Make] = {
    "line.jsonl": _raw(complaint(1), b"x"),
    "object.jsonl": _raw(complaint(1) + b'{"narrative":"', b"x", b'"}\n' + complaint(2)),
    "array_strings.json": _raw(b'[{"complaint_id":"1"},', b'"x",', b"1]"),
    "array_deep.json": _raw(b'[{"complaint_id":"1"},', b"["),
    "array_pairs.json": _raw(b'[{"complaint_id":"1"},', b"[{},[],"),
    "newlines.jsonl": _raw(complaint(1), b"\n"),
    "nuls.jsonl": _raw(complaint(1), b"\0", b"\n" + complaint(2)),
    "field.csv": _raw(HEADER.encode() + b'\n1,a,2026-01-01T00:00:00Z,"', b"x", b'"\n'),
    "quotes.csv": _raw(HEADER.encode() + b"\n", b'"\n'),
    "quote_pairs.csv": _raw(HEADER.encode() + b"\n", b'""'),
    "commas.csv": _raw(HEADER.encode() + b"\n", b","),
    "rows.csv": _csv(lambda n: f"c{n},a,{_TIME},Call {_phone(n)} now", HEADER),
    "header.csv": _raw(HEADER.encode(), b",c", b"\n1\n"),
    "wide.csv": _csv(
        lambda n: f"c{n},a,{_TIME}," + "x," * 1_900 + "x",
        HEADER + "".join(f",k{n}" for n in range(1_900)),
    ),
    "phones.csv": _csv(
        lambda n: f"c{n},a,{_TIME},x" + "".join(f",{_phone(n + k)}" for k in range(1_900)),
        HEADER + "".join(f",phone {n}" for n in range(1_900)),
    ),
    "header_long.csv": _raw(f"{HEADER},{'x' * 60_000}".encode() + b"\n", b"1\n"),
    "values.jsonl": _raw(complaint(1) + b'{"a":[', b"1,", b"1]}\n" + complaint(2)),
    "utf16.csv": lambda path, size: path.write_text(
        HEADER + "\n" + f"1,a,{_TIME},x\n" * (size // 60), encoding="utf-16"
    ),
    "asterisk.csv": _csv(
        lambda n: (
            f'"","{_phone(n)}","{_phone(n + 1)}","d","","SIP/1","SIP/2","Dial","x",'
            '"2026-01-01 00:00:00","2026-01-01 00:00:01","2026-01-01 00:00:09",9,8,"ANSWERED",'
            f'"DOCUMENTATION","{n}.1",""'
        ),
        '"","1","1","d","","S","S","Dial","x","2026-01-01 00:00:00","2026-01-01 00:00:01",'
        '"2026-01-01 00:00:09",9,8,"ANSWERED","DOCUMENTATION","0.1",""',
    ),
    "rows.zst": _compressed(_rows(_hub), "zst"),
    "texts.zst": _compressed(_narratives("Call 888 555 0123 now and they said to pay. "), "zst"),
    "numbers.zst": _compressed(_narratives("+1 212 555 0123, or (888) 555-0199; ", 300), "zst"),
    "many_numbers.zst": _compressed(_rows(_many_numbers), "zst"),
    "next_numbers.zst": _compressed(_rows(_next_numbers), "zst"),
    "urls.zst": _compressed(_rows(ROWS["urls"]), "zst"),
    "bare_hosts.zst": _compressed(_narratives(TEXTS["bare_hosts"]), "zst"),
    "dot_words.zst": _compressed(_narratives(TEXTS["dot_words"]), "zst"),
    "zeros.gz": _compressed(_raw(complaint(1), b"\0"), "gz"),
    "newlines.gz": _compressed(_raw(complaint(1), b"\n"), "gz"),
    "broken.gz": _compressed(_raw(complaint(1), b"{\n"), "gz"),
    "dictionary_large.parquet": _table(_wide_dictionary, compression="zstd"),
    "columns.parquet": _table(_many_columns),
    "groups.parquet": _table(_needed, row_group_size=10),
    "rows.xlsx": _sheet(_sheet_row),
    "far.xlsx": _sheet(_FAR.format, "A1:XFD1048576"),
    "corner.xlsx": _sheet(lambda n: _FAR.format(n if n < 3 else 1_000_000 + n)),
}
"""Files by name."""

LISTS: dict[str, Make] = {
    "rows": _csv(lambda n: f"phone:{_phone(n)},reason {n}", "entity_id,reason"),
    "same": _csv(lambda n: f"phone:+18885550123,{n}", "entity_id,reason"),
    "line": _raw(b"entity_id,reason\n", b"x"),
    "quote": _raw(b'entity_id,reason\n"', b"x\n"),
    "commas": _raw(b"entity_id,reason\n", b",", b"\n"),
    "header": _raw(b"entity_id,reason", b",x"),
    "blank": _raw(b"entity_id,reason\n", b"\n"),
    "nul": _raw(b"entity_id,reason\n", b"\0"),
    "objects": _raw(b"", b"{}\n"),
    "decisions": _csv(
        lambda n: f"d{n},legitimate,phone:{_phone(n)},,x,y,{_TIME},",
        "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at",
    ),
    "sources": _csv(lambda n: f"o{n},each_row", "source_org,rule"),
    "truth": _csv(lambda n: f"phone:{_phone(n)},op{n % 10}", "entity_id,operation"),
}
"""Files that a command reads beside records."""

READERS = ("known-legitimate", "decisions", "sources")
"""Options of `batch` that name such a file."""


@dataclass(frozen=True)
class Case:
    """A command, and the hostile file that it is given."""

    name: str
    make: Make
    file: str
    command: str


BATCH = "batch --no-register --overwrite --skip-unreadable --output {out}"

STREAM = (
    "stream --watch {folder} --output {out} --no-register --stop-after-idle 1 --tick-interval 1"
)

FLOORS = {
    "batch": f"{BATCH} --complaints {{tiny}}",
    "map": "map {tiny}",
    "evaluate": "evaluate {run} {truth}",
    "stream": STREAM,
}
"""Each command on a tiny input."""


def cases() -> Iterator[Case]:
    """Yields every case."""
    read, calls = (f"{BATCH} --{kind} {{file}}" for kind in ("complaints", "calls"))
    for name, unit in TEXTS.items():
        yield Case(f"batch/text/{name}", _narratives(unit), "a.jsonl", read)
        yield Case(f"batch/long/{name}", _one_line(unit), "a.jsonl", read)
    for name, row in ROWS.items():
        yield Case(f"batch/rows/{name}", _rows(row), "a.jsonl", read)
        yield Case(f"stream/rows/{name}", _rows(row), "complaints/a.jsonl", STREAM)
    for name, row in CALLS.items():
        yield Case(f"batch/{name}", _rows(row), "a.jsonl", calls)
    for name, make in FILES.items():
        used = calls if name.startswith("asterisk") else read
        yield Case(f"batch/file/{name}", make, name, used)
        yield Case(f"map/{name}", make, name, "map {file}")
        yield Case(f"stream/{name}", make, f"complaints/{name}", STREAM)
    for name, make in LISTS.items():
        for option in READERS:
            command = f"{FLOORS['batch']} --{option} {{file}}"
            yield Case(f"{option}/{name}", make, "a.list", command)
    for name in ("rows", "truth", "line", "quote", "commas", "header", "nul"):
        yield Case(f"evaluate/{name}", LISTS[name], "a.list", "evaluate {run} {file}")
        for option in ("--victims", "--innocents", "--hubs"):
            command = f"{FLOORS['evaluate']} {option} {{file}}"
            yield Case(f"evaluate{option}/{name}", LISTS[name], "a.list", command)


def _codes(out: Path) -> str:
    rejects = out / "rejects"
    if not rejects.is_dir():
        return ""
    codes = ds.dataset(rejects, format="parquet").to_table(columns=["code"])["code"].value_counts()
    return " ".join(f"{row['values']}={row['counts']}" for row in codes.to_pylist())


def main(words: list[str] | None = None) -> None:
    """Measures the cases whose names match the arguments, and prints a line for each."""
    parser = measured.Parser("benchmarks.hostile", __doc__)
    parser.add_argument("names", nargs="*", help="regular expressions of cases (default: all)")
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--timeout", type=float, default=300)
    options = parser.parse_args(words)
    patterns = options.names or [""]
    chosen = [case for case in cases() if any(re.search(name, case.name) for name in patterns)]
    with tempfile.TemporaryDirectory() as folder:
        _measure_all(Path(folder), chosen, options)


def _measure_all(base: Path, chosen: list[Case], options: argparse.Namespace) -> None:
    (base / "tiny.jsonl").write_bytes(complaint(1, narrative="Call 888 555 0123 now"))
    (base / "truth.csv").write_text("entity_id,operation\nphone:+18885550123,a\n")
    world, tiny, out = base / "world", base / "tiny.jsonl", base / "out"
    places: dict[str, Any] = {"out": out, "run": base / "run", "folder": world, "tiny": tiny}
    places["truth"] = base / "truth.csv"
    measured.ringtrace("batch --no-register --complaints {tiny} --output {run}", **places)

    def cost(command: str, path: Path) -> measured.Measured:
        """Runs a command; it is stopped after so many seconds of wall clock."""
        shutil.rmtree(out, ignore_errors=True)
        return measured.ringtrace(command, seconds=options.timeout, file=path, **places)

    floors: dict[str, measured.Measured] = {}
    for case in chosen:
        kind, path = case.command.partition(" ")[0], world / case.file
        shutil.rmtree(world, ignore_errors=True)
        path.parent.mkdir(parents=True)
        if kind not in floors:
            alone = shutil.copy(tiny, path.parent)
            floors[kind] = cost(FLOORS[kind], path)
            Path(alone).unlink()
        case.make(path, int(options.megabytes * MB))
        _print(case.name, path, cost(case.command, path), floors[kind], out)


def _print(
    name: str, path: Path, cost: measured.Measured, floor: measured.Measured, out: Path
) -> None:
    size = path.stat().st_size / MB
    rate = (cost.cpu - floor.cpu) / max(1, size)
    memory = cost.peak - floor.peak
    over = (rate > SECONDS_A_MEGABYTE, memory > MEMORY, cost.status not in (0, 1, 2))
    words = ("TIME ", "MEMORY ", "DIED ")
    mark = "".join(word for word, is_over in zip(words, over, strict=True) if is_over)
    print(
        f"{name:40} {size:8.2f} MB {rate:7.2f} s/MB {memory:7.0f} MiB exit {cost.status:3} "
        f"{mark}{_codes(out)} | {cost.error[-110:] if cost.status else ''}",
        flush=True,
    )


if __name__ == "__main__":
    main()
