"""A folder of hostile files, made on the fly, and what reading must make of each.

`CORPUS` has complaints alone. Every file has rows that are well, so that one which costs a good row
shows; ids are those of the file and the row.
"""

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import random
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.mails import hostile_mails, mailbox, scam_mail
from tests.support.read_files import compress_zstd
from transforms.read.adapters.mail import ADAPTER

READ, SKIPPED, UNREADABLE = "read", "skipped", "unreadable"

GOOD = 3
"""Good rows of a file that is read."""


@dataclass(frozen=True)
class Case:
    """A file, and what is expected of it: status, reason, and the rejects beside the good rows."""

    name: str
    data: bytes
    status: str = READ
    reason: str = ""
    rejects: dict[str, int] = field(default_factory=dict)
    good: int = GOOD

    @property
    def rows(self) -> int:
        """Rows that count as read."""
        return self.good + sum(self.rejects.values()) if self.status == READ else 0


def row(name: str, number: int, **fields: object) -> dict[str, object]:
    """A complaint of the contract."""
    return {
        "complaint_id": f"{name}/{number}",
        "source_org": "acme",
        "received_at": "2026-01-01T00:00:00Z",
        "narrative": "They said 'call us', and hung up.",
    } | fields


def lines(name: str, bad: bytes = b"", end: bytes = b"\n") -> bytes:
    """Good JSON Lines with a bad one behind the first."""
    good = [json.dumps(row(name, number)).encode() for number in range(GOOD)]
    return end.join([good[0], *([bad] if bad else []), *good[1:]]) + end


def _bad_field(**fields: object) -> bytes:
    return json.dumps(row("bad", 9, **fields)).encode()


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "cut": (b'{"complaint_id": "x", "source_org"', "broken_json"),
    "brace": (b"{", "broken_json"),
    "comma": (b'{"a":1,}', "broken_json"),
    "two": (b'{"a":1}{"b":2}', "broken_json"),
    "deep": (b"[" * 100_000, "broken_json"),
    "deep_pairs": (b'{"a":' * 80 + b"1" + b"}" * 80, "broken_json"),
    "number": (b"1", "not_an_object"),
    "list": (b"[1]", "not_an_object"),
    "text": (b'"x"', "not_an_object"),
    "null": (b"null", "not_an_object"),
    "surrogate": (b'{"complaint_id":"\\ud800"}', "bad_encoding"),
    "integer_id": (_bad_field(complaint_id=7), "wrong_type"),
    "list_for_text": (_bad_field(narrative=["x"]), "wrong_type"),
    "text_for_list": (_bad_field(urls="a.example"), "wrong_type"),
    "no_id": (b'{"source_org":"a","received_at":"2026-01-01T00:00:00Z"}', "missing_field"),
    "empty_id": (_bad_field(complaint_id=""), "missing_field"),
    "no_zone": (_bad_field(received_at="2026-01-01T00:00:00"), "bad_timestamp"),
    "day": (_bad_field(received_at="2026-02-30T00:00:00Z"), "bad_timestamp"),
    "future": (_bad_field(received_at="2099-01-01T00:00:00Z"), "in_future"),
    "country": (_bad_field(victim_country="Utopia"), "bad_country"),
    "amount": (_bad_field(loss_amount="lots", loss_currency="USD"), "bad_amount"),
    "currency": (_bad_field(loss_amount="1", loss_currency="BTCX"), "bad_currency"),
    "contact": (_bad_field(victim_id="+14155550123"), "victim_id_is_contact"),
    "id_contact": (_bad_field(complaint_id="jane@mail.example"), "id_is_contact"),
}
"""Lines that are rejects, by name, with their codes."""


def _noise(size: int) -> bytes:
    """Letters that no compression makes a bomb of."""
    return random.Random(1).randbytes(size // 2).hex().encode()


BAD_BYTES: dict[str, tuple[bytes, str]] = {
    "latin": (b'{"complaint_id":"caf\xe9"}', "bad_encoding"),
    "nul": (b'{"complaint_id":"\0"}', "broken_json"),
    "nuls": (b"\0" * 100_000, "broken_json"),
    "long": (b'{"narrative":"%b"}' % _noise(9 << 20), "row_too_large"),
}


def _wide(data: bytes) -> bytes:
    return codecs.BOM_UTF16_LE + data.decode().encode("utf-16-le")


CONTAINERS = {"jsonl": bytes, "gz": gzip.compress, "zst": compress_zstd, "u16": _wide}


def _json_lines() -> Iterator[Case]:
    for kind, pack in CONTAINERS.items():
        bad = BAD_LINES | (BAD_BYTES if kind in ("jsonl", "zst") else {})
        for kind_of_line, (line, code) in bad.items():
            name = f"{kind_of_line}.{kind}"
            yield Case(name, pack(lines(name, line)), rejects={code: 1})
    for name, data in {
        "crlf.jsonl": lines("crlf.jsonl", end=b"\r\n"),
        "blank.jsonl": lines("blank.jsonl", end=b"\n\n  \n"),
        "mark.jsonl": codecs.BOM_UTF8 + lines("mark.jsonl"),
        "open.jsonl": lines("open.jsonl").rstrip(),
        "unknown.jsonl": lines("unknown.jsonl").replace(b"}", b', "colour": "red"}'),
    }.items():
        yield Case(name, data)


def _json_arrays() -> Iterator[Case]:
    for kind in ("number", "surrogate", "integer_id", "no_id", "day", "country", "amount"):
        name = f"{kind}.json"
        data = b"[" + lines(name, BAD_LINES[kind][0], b",").removesuffix(b",") + b"]"
        yield Case(name, data, rejects={BAD_LINES[kind][1]: 1})
    whole = b"[" + lines("torn.json", end=b",").removesuffix(b",")
    yield Case("torn.json", whole[:-9], rejects={"broken_json": 1}, good=GOOD - 1)


SEPARATORS = {"csv": b",", "semi.csv": b";", "tsv": b"\t", "psv": b"|"}

CSV_HEADER = (b"complaint_id", b"source_org", b"received_at", b"narrative")


def _csv() -> Iterator[Case]:
    for suffix, separator in SEPARATORS.items():
        bad = {
            "fine": ((), {}),
            "short": ((b"x", b"acme"), {"broken_csv": 1}),
            "wide": ((b"x", b"acme", b"t", b"a", b"b"), {"broken_csv": 1}),
            "stray": ((b"x", b"acme", b"t", b'"He said "hi" to me"'), {"broken_csv": 1}),
            "unclosed": ((b"x", b"acme", b"t", b'"He said'), {"broken_csv": 1}),
            "nul_cell": ((b"x", b"acme", b"t", b"a\0b"), {"broken_csv": 1}),
            "latin_cell": ((b"x", b"acme", b"t", b"caf\xe9"), {"bad_encoding": 1}),
            "time": ((b"x", b"acme", b"yesterday", b"a"), {"bad_timestamp": 1}),
        }
        for flaw, (cells, rejects) in bad.items():
            name = f"{flaw}.{suffix}"
            good = [
                separator.join(
                    [f"{name}/{n}".encode(), b"acme", b"2026-01-01T00:00:00Z", b'"a ""b"",\nc"']
                )
                for n in range(GOOD)
            ]
            broken = [separator.join(cells)] if cells else []
            rows = [separator.join(CSV_HEADER), good[0], *broken, *good[1:]]
            yield Case(name, b"\n".join(rows) + b"\n", rejects=rejects)


def _parquet(name: str, **columns: list[object]) -> bytes:
    rows = pa.Table.from_pylist([row(name, number) for number in range(GOOD)])
    for column, values in columns.items():
        place = rows.schema.get_field_index(column)
        rows = rows.set_column(place, column, pa.array(values)) if place >= 0 else rows
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="none", use_dictionary=False)
    return sink.getvalue().to_pybytes()


def _damaged() -> Iterator[Case]:
    name = "fine.parquet"
    yield Case(name, _parquet(name))
    name = "bytes.parquet"
    yield Case(
        name,
        _parquet(name).replace(b"bytes.parquet/1", b"bytes.parque\xff/1"),
        rejects={"bad_encoding": 1},
        good=GOOD - 1,
    )
    many = b"".join(lines(f"many{n}") for n in range(400))
    packed = gzip.compress(many)
    rest = {"truncated_file": 1}
    yield Case("cut.jsonl.gz", packed[:-200], rejects=rest, good=-1)
    flipped = bytearray(packed)
    flipped[-6] ^= 0xFF
    rejects = {"unreadable_file": 1}
    yield Case("flipped.jsonl.gz", bytes(flipped), rejects=rejects, good=400 * GOOD)
    packed = compress_zstd(many)
    yield Case("cut.jsonl.zst", packed[:-100], rejects=rest, good=-1)
    bomb = gzip.compress(lines("bomb.gz") + b"x" * (90 << 20))
    yield Case("bomb.gz", bomb, rejects={"over_limit": 1})


def _zip(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(name, lines(name))
    return packed.getvalue()


def _unreadable() -> Iterator[Case]:
    for name, data, reason in (
        ("book.xlsx", _zip("xl/workbook.xml"), "an Excel file"),
        ("records.zip", _zip("a.jsonl"), "zip is not supported"),
        ("records.bz2", bz2.compress(lines("a")), "bzip2 is not supported"),
        ("records.xz", lzma.compress(lines("a")), "xz is not supported"),
        ("letter.txt", b"Dear sir,\na man called me.\n", "unknown format"),
        ("page.html", b"<html><p>called me</p></html>\n", "unknown format"),
        ("report.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "PDF is not supported"),
        ("noise.bin", bytes(range(1, 256)) * 20, "unknown format"),
        ("zeros.jsonl", b"\0" * 5_000, "nothing but NUL bytes"),
        ("odd.dat", b"a\0\0" * 500, "not text (every other byte is NUL)"),
        ("head.parquet", b"PAR1" + bytes(40), "damaged Parquet"),
        ("torn.parquet", _parquet("torn.parquet")[:-30], "damaged Parquet"),
        ("other.json", b'[{"colour": "red"}]', "JSON objects without any field of the contract"),
        ("numbers.json", b"[1, 2, 3]", "a JSON array, but not of objects"),
        ("colours.csv", b"colour,shape\nred,round\n", "unknown format"),
        ("lacks.csv", b"complaint_id,source_org,narrative\n1,a,b\n", "missing columns received_at"),
        (
            "twice.csv",
            b"complaint_id,source_org,received_at,urls,urls\n",
            "two columns have the same name",
        ),
        (
            "columns.csv",
            b",".join([*CSV_HEADER, *(b"c%d" % n for n in range(5_000))]) + b"\n",
            "not read: more than 4,096 columns",
        ),
        (
            "calls.csv",
            b"call_id,source_org,started_at\n",
            "its columns are those of a call; such files contain calls",
        ),
    ):
        yield Case(name, data, UNREADABLE, reason)


def _skipped() -> Iterator[Case]:
    for name, data, reason in (
        (".hidden.jsonl", lines("a"), "hidden"),
        ("_SUCCESS", b"", "hidden"),
        ("_hold/a.jsonl", lines("a"), "hidden"),
        (".git/config", b"[core]\n", "hidden"),
        ("manifest.json", b"{}", "manifest"),
        ("empty.jsonl", b"", "empty"),
        ("README.md", b"# Records of May\n", "not_data"),
        ("fine.csv.sha256", b"00  fine.csv\n", "not_data"),
        ("popup.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "media"),
        ("popup.jpg", b"\xff\xd8\xff\xe0" + bytes(range(1, 256)), "media"),
        ("call.wav", b"RIFF\x10\0\0\0WAVEfmt " + bytes(range(1, 200)), "media"),
    ):
        yield Case(name, data, SKIPPED, reason)


def _mail() -> Iterator[Case]:
    """Mailboxes, where the extra `mail` is installed."""
    if any(find_spec(module) is None for module in ADAPTER.needed_modules):
        return
    good = [bytes(scam_mail(number=number)) for number in range(GOOD)]
    for flaw, (bad, code) in {
        "time": (bytes(scam_mail(Received="by a", Date="never")), "missing_field"),
        "large": (good[0] + b"x" * (9 << 20), "row_too_large"),
        "nothing": (b"", "bad_value"),
        "deep": (hostile_mails()["attached"], "bad_value"),
    }.items():
        named = [mail + flaw.encode() for mail in good]
        yield Case(f"{flaw}.mbox", mailbox(named[0], bad, *named[1:]), rejects={code: 1})


CORPUS = [
    *_json_lines(),
    *_json_arrays(),
    *_csv(),
    *_damaged(),
    *_unreadable(),
    *_skipped(),
    *_mail(),
]


def write_corpus(folder: Path, cases: Sequence[Case] = CORPUS) -> dict[str, tuple[str, str]]:
    """Writes files, and entries that are none; returns status and reason of the latter."""
    for case in cases:
        path = folder / case.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(case.data)
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "nowhere.jsonl").symlink_to(folder / "none")
    (folder / "linked").symlink_to(folder.parent)
    (folder / os.fsdecode(b"caf\xe9.jsonl")).write_bytes(lines("a"))
    return {
        "pipe.jsonl": (UNREADABLE, "is not an ordinary file"),
        "nowhere.jsonl": (UNREADABLE, "leads nowhere"),
        "linked": (UNREADABLE, "is a link to a folder"),
        "caf\\xe9.jsonl": (UNREADABLE, "has a name that is not UTF-8"),
    }
