"""The least that any program must do: `python -m benchmarks.peers.floor WORLD RUN OUT`.

It reads the world's files with pyarrow, normalizes each distinct number once with phonenumbers,
finds the components of records and numbers with scipy, and writes the tables of RUN (a finished run
of ringtrace on WORLD) once more as Parquet, with the same settings. It checks nothing, rejects
nothing, links nothing and reads no narrative. Reading RUN's tables first is not
part of it, so its own time is printed: CPU seconds and wall seconds, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.json as pj
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from schemas.tables import ALL_TABLES
from transforms.write.parquet_files import ROW_GROUP_ROWS


def read(folder: Path) -> pa.Table:
    """All JSON Lines of a folder."""
    tables = [pj.read_json(path) for path in sorted(folder.glob("*.jsonl"))]
    return pa.concat_tables(tables, promote_options="permissive")


def normalized(raw: pa.ChunkedArray, region: pa.ChunkedArray) -> pa.Array:
    """E.164 of each number, every distinct one of a region parsed once."""
    both = pc.binary_join_element_wise(pc.fill_null(region, ""), raw, "|").combine_chunks()
    encoded = both.dictionary_encode()
    return pa.array(map(_one, encoded.dictionary.to_pylist()), pa.string()).take(encoded.indices)


def _one(text: str | None) -> str | None:
    region, _, raw = (text or "").partition("|")
    try:
        number = phonenumbers.parse(raw, region or None)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def components(record: pa.Array, number: pa.Array) -> int:
    """Counts the components of records and numbers."""
    named = pc.is_valid(number)
    ends = [pc.filter(one, named).dictionary_encode() for one in (record, number)]
    a, b = (end.indices.to_numpy() for end in ends)
    size = len(ends[0].dictionary) + len(ends[1].dictionary)
    b = b + len(ends[0].dictionary)
    matrix = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(size, size))
    return int(connected_components(matrix, directed=False)[0])


def floor(world: Path, tables: dict[str, pa.Table], out: Path) -> None:
    """All of it, once."""
    complaints, calls = read(world / "complaints"), read(world / "calls")
    row = pc.list_parent_indices(complaints["phone_numbers"]).combine_chunks()
    numbers = pc.list_flatten(complaints["phone_numbers"])
    record = [complaints["complaint_id"].take(row), calls["call_id"], calls["call_id"]]
    raw = [pc.struct_field(numbers, "raw"), calls["calling_number"], calls["called_number"]]
    region = [complaints["victim_country"].take(row), *(calls["victim_country"],) * 2]
    columns = [pa.chunked_array([c for one in kind for c in one.chunks]) for kind in
               (record, raw, region)]  # fmt: skip
    components(columns[0].combine_chunks(), normalized(columns[1], columns[2]))
    for name, table in tables.items():
        pq.write_table(
            table,
            out / f"{name}.parquet",
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            write_page_index=True,
        )


def main() -> None:
    """Print the time of the work itself."""
    world, run, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        one.name: ds.dataset(run / one.name).to_table().combine_chunks() for one in ALL_TABLES
    }
    wall, cpu = time.perf_counter(), time.process_time()
    floor(world, tables, out)
    print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}))


if __name__ == "__main__":
    main()
