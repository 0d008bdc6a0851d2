"""Files that try to cost a reader more than they are worth, made on the fly."""

import gzip
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.read_files import compress_zstd

MB = 1 << 20

ROW = b'{"complaint_id":"1","source_org":"a","received_at":"2026-01-01T00:00:00Z"}\n'

HEADER = b"complaint_id,source_org,received_at"

_TIME = "2026-01-01T00:00:00Z"


def parquet(rows: int = 1, encoding: str | None = None, **columns: pa.Array) -> bytes:
    """Parquet of complaints with these columns beside the required ones."""
    table = {
        "complaint_id": pa.array([str(n) for n in range(rows)]),
        "source_org": pa.array(["a"] * rows),
        "received_at": pa.array([_TIME] * rows),
    } | columns
    sink = pa.BufferOutputStream()
    encodings = dict.fromkeys(columns, encoding) if encoding else None
    pq.write_table(
        pa.table(table),
        sink,
        compression="zstd",
        use_dictionary=encoding is None,
        write_statistics=False,  # of a text of 300 MB they take seconds
        column_encoding=encodings,
    )
    return sink.getvalue().to_pybytes()


def _repeated_value() -> bytes:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 8192, pa.int32()), ["x" * MB])
    return parquet(8192, narrative=text)


def _deep_column() -> bytes:
    kind = pa.int8()
    for _ in range(60):
        kind = pa.struct([("a", kind)])
    return parquet(z=pa.nulls(1, kind))


def _null_rows() -> bytes:
    names = ("complaint_id", "source_org", "received_at")
    return parquet(**{name: pa.nulls(20_000_000, pa.string()) for name in names})


BOMBS: dict[str, Callable[[], bytes]] = {
    "repeated_value.parquet": _repeated_value,
    "page.parquet": lambda: parquet(1, "PLAIN", narrative=pa.array(["x" * (300 * MB)])),
    "list.parquet": lambda: parquet(urls=pa.array([["x"] * 5_000_000])),
    "rows.parquet": _null_rows,
    "deep.parquet": _deep_column,
    "prefix.parquet": lambda: parquet(
        2048, "DELTA_BYTE_ARRAY", narrative=pa.array(["x" * 200_000] * 2048)
    ),
    "columns.parquet": lambda: parquet(**{f"c{n}": pa.nulls(1, pa.int8()) for n in range(5_000)}),
    "zeros.gz": lambda: gzip.compress(ROW + b"\0" * (150 * MB), 1),
    "line.zst": lambda: compress_zstd(ROW + b"x" * (600 * MB)),
    "brackets.gz": lambda: gzip.compress(b'[{"complaint_id":"1"},' + b"} " * (30 * MB)),
    "string.gz": lambda: gzip.compress(b'[{"complaint_id":"1"},{"a":"' + b"x" * (60 * MB)),
    "deep.jsonl": lambda: ROW + b"[" * MB + b"\n" + b'{"a":' * 200_000 + b"\n",
    "wide.jsonl": lambda: (
        ROW + (b'{"complaint_id":"1","z":[' + b'{"":{}},' * (MB - 100) + b"1]}\n") * 2
    ),
    "keys.jsonl": lambda: ROW + b"{" + b",".join(b'"%x":1' % n for n in range(700_000)) + b"}\n",
    "objects.jsonl": lambda: ROW + b"{}\n" * 75_000,
    "closing.json": lambda: b'[{"complaint_id":"1"},' + b"} , " * 250_000,
    "line.jsonl": lambda: ROW + b"x" * (64 * MB),
    "nuls.jsonl": lambda: ROW + b"\0" * (64 * MB) + b"\n" + ROW,
    "columns.csv": lambda: HEADER + b"," + b",".join(b"c%d" % n for n in range(150_000)) + b"\n",
    "commas.csv": lambda: HEADER + b"\n" + b"," * (7 * MB) + b"\n1,a,2026-01-01T00:00:00Z\n",
    "quotes.csv": lambda: HEADER + b"\n" + b'"\n' * 100_000,
    "open.csv": lambda: HEADER + b"\n" + b'"",' * 300_000,
    "digits.jsonl": lambda: ROW + b'{"loss_amount":' + b"1" * MB + b"}\n",
    "surrogates.jsonl": lambda: ROW + b'{"narrative":"' + b"\\ud800" * 170_000 + b'"}\n',
}
"""Files by name. Each is at most a few megabytes but for `line`, `nuls`, `wide` and `commas`."""
