"""Values that a run withheld are found in any form of a file, whole, and nothing else is."""

import base64
import gzip
import io
import json
import os
import stat
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from reports.pieces import encode_piece, texts_of_data
from reports.tables import Numbers
from tests.support.examples import draws
from tests.support.made_up_records import read_complaints as complaints
from transforms.custody import RegisterKey
from transforms.victims import entries_of_ids, make_lookup, merge_changes, paper_changes
from transforms.write import (
    WithheldValues,
    count_in_text,
    count_withheld,
    exit_scan,
    forms_of_token,
    set_aside,
    without_ids,
)

KEY = RegisterKey(bytes(range(32)))

IDS = [
    "phone:+12024562131",
    "phone:+34612345678",
    "email:jane.doe@home.org",
    "account:iban:GB29NWBK60161331926819",
    "account:upi:jane1985@okaxis",
    "remote:anydesk:987654321",
    "wallet:btc:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "handle:telegram:jane_doe_85",
]

NARRATIVE = "card 4111 1111 1111 1111, my SSN is 536-90-4399, passport number X1234567"


def values(permitted=()):
    papers = merge_changes(paper_changes(complaints({"narrative": NARRATIVE}), KEY))
    entries = [entries_of_ids(IDS, KEY), *papers.to_batches()]
    return WithheldValues(KEY, make_lookup(entries), lambda: frozenset(permitted))


VALUES = values()

HITS = [
    "call +12024562131 now",
    "(202) 456-2131",
    "202.456.2131",
    "<td>1 202 456 2131</td>",
    "0012024562131",
    "in 2024 202-456-2131",
    "tel:+1-202-456-2131",
    "612 345 678",
    "0034 612 34 56 78",
    "mailto:Jane.Doe@Home.org?",
    "<b>jane.doe@home.org</b>.",
    "GB29 NWBK 6016 1331 9268 19",
    "gb29nwbk60161331926819",
    "pay jane1985@okaxis",
    "AnyDesk 987 654 321",
    "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ",
    "4111-1111-1111-1111",
    "5369 04399",
    "passport x1234567.",
]

ESCAPED = [
    "&#50;&#48;&#50; 456 2131",
    "&#x32;02-456-2131",
    "?q=jane.doe%40home.org&b",
    "?q=jane.doe%2540home.org",
    "jane.doe&commat;home.org",
    json.dumps({"a": "jane.doe@home.org"}).replace("@", "\\u0040"),
    "%28202%29%20456%2D2131",
    "２０２ ４５６ ２１３１",
    "٢٠٢٤٥٦٢١٣١",
]

OTHERS = [
    "+120245621310",
    "12024562131999",
    "a2024562131",
    "2024562131b",
    "0x2024562131",
    "xjane.doe@home.org",
    "jane.doe@home.org.evil.com",
    "jane.doe@home.orgs",
    "X12345678",
    "AX1234567",
    "GB29NWBK601613319268190",
    "###-###-2131",
    "202 456 2132",
    "4111 1111 1111 1112",
    "",
]


@pytest.mark.parametrize("text", HITS + ESCAPED)
def test_a_withheld_value_is_found(text):
    assert count_in_text(text, VALUES) == 1


@pytest.mark.parametrize("gap", [90, 170, 400])
def test_a_value_is_found_behind_another_one_of_a_long_token(gap):
    first, second = (base64.b64encode(number).decode() for number in (b"9988776655", b"2024562131"))
    token = f"{first}_{'x' * gap}_{second}".replace("=", "")
    assert count_in_text(f"https://x.example/?t={token}", VALUES) == 1


@pytest.mark.parametrize("text", OTHERS)
def test_a_part_of_a_longer_token_is_no_value(text):
    assert count_in_text(text, VALUES) == 0


def packed():
    text = "so (202) 456-2131 it is"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.txt", text)
    table = io.BytesIO()
    pq.write_table(pa.table({"a": [[{"b": text}], None]}), table)
    pdf = b"%PDF-1.4\nstream\n" + zlib.compress(text.encode()) + b"\nendstream"
    return {
        "a.gz": gzip.compress(text.encode()),
        "a.zip": archive.getvalue(),
        "a.parquet": table.getvalue(),
        "a.zip.gz": gzip.compress(archive.getvalue()),
        "a.pdf": pdf,
    }


def test_packed_files_are_unpacked():
    files = packed() | {"b.txt": b"nothing"}
    assert count_withheld(files.items(), VALUES) == dict.fromkeys(packed(), 1)


def test_each_file_has_its_count():
    repeated = "<style>a</style><script>var a='202-456-2131'</script>"
    files = {
        "one": b"202-456-2131 and 2024562131, jane.doe@home.org",
        "two": b"nobody",
        "three": repeated.encode(),
    }
    assert count_withheld(files.items(), VALUES) == {"one": 3, "three": 1}


def test_what_is_permitted_is_no_hit():
    assert count_in_text("202-456-2131", values({"digits:2024562131"})) == 0


@pytest.mark.parametrize("begin", [b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"%PDF-"])
def test_what_only_begins_like_a_packed_file_is_read_as_it_is(begin):
    content = begin + b" 202-456-2131 stream\n202 endstream"
    assert count_withheld([("a", content)], VALUES) == ({"a": 1} if begin != b"%PDF-" else {})


@draws(40)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_searched(content):
    assert count_withheld([("a", content)], VALUES) == {}


def test_nothing_is_looked_for_where_nothing_was_withheld():
    assert not WithheldValues(KEY, make_lookup([]))
    assert count_in_text("202-456-2131", WithheldValues(KEY, make_lookup([]))) == 0


@pytest.mark.parametrize("day", ["2024-03-01", "2024-03-01 09", "2024-03-01T09", "2024/03/01 09"])
def test_a_day_is_no_number(day):
    """(202) 403-0109 is a number of Washington, and 20240301 can be that of a passport."""
    assert [*forms_of_token(day)] == []
    assert "digits:2024030109" in [*forms_of_token("(202) 403-0109")]
    assert "digits:2024030109" in [*forms_of_token("2024-03-0109")]


SHOWN = ["phone:+18885550123", "email:help@amzn-refund.support", "A-1001", "phone:+34911223344#2"]

HARMLESS = ["(888) 555-0123", "no value"]

WITHIN = ["line\n2024562131", 'a "b" \\ 202-456-2131']

SAID = [*HITS, *ESCAPED, *SHOWN, *HARMLESS, *WITHIN]


@draws(25)
@given(st.lists(st.lists(st.sampled_from(SAID), max_size=8), min_size=1, max_size=4))
def test_leaving_out_what_a_run_shows_changes_no_count(texts):
    files = [
        (f"part-{number}", encode_piece("part-0", {"t": said})) for number, said in enumerate(texts)
    ]
    files += [(f"table-{number}", parquet(said)) for number, said in enumerate(texts)]
    files += [(f"page-{number}", "\n".join(said).encode()) for number, said in enumerate(texts)]
    known = without_ids(VALUES, [entity_id.partition("#")[0] for entity_id in SHOWN])
    expected = count_withheld(files, known, texts_of_data)
    with mock.patch.object(exit_scan, "MANY_TEXTS", 0):
        counts = count_withheld(files, replace(known, shown=lambda: pa.array(SHOWN)), texts_of_data)
    assert counts == expected
    for number, said in enumerate(texts):
        bad = set(said) - {*SHOWN, *HARMLESS}
        assert bool(bad) == (f"part-{number}" in counts)


def parquet(texts):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), sink)
    return sink.getvalue()


@pytest.mark.parametrize("number", [2024562131, 12024562131, 987654321])
def test_a_number_among_those_of_a_piece_is_found(number):
    numbers = Numbers()
    table = numbers.put(np.array([3, number]))
    lists = b"{}\n[[1,2],[%d]]" % number
    written = b'rt.piece("p",String.raw`%s`);\n' % lists
    for piece in (encode_piece("p", {"at": table}, numbers), written):
        assert count_withheld([("p", piece)], VALUES, texts_of_data) == {"p": 1}


def test_short_numbers_of_a_piece_are_no_value():
    numbers = Numbers()
    table = numbers.put(np.array([2024562, 131, 9876543, 21]))
    piece = encode_piece("p", {"at": table}, numbers)
    assert count_withheld([("p", piece)], VALUES, texts_of_data) == {}


def test_texts_of_every_row_group_and_depth_of_a_table_are_searched():
    for row in range(3):
        texts = ["a", None, "b"]
        texts[row] = "202-456-2131"
        table = pa.table({"text": texts, "list": [["c"], ["d"], None]})
        deep = pa.table({"list": pa.array([[text] for text in texts], pa.list_(pa.string()))})
        coded = table.set_column(0, "text", table["text"].dictionary_encode())
        numbers = table.add_column(0, "number", pa.array([1, 2, 3]))
        dotted = numbers.rename_columns(["number", "a.text", "list"])
        for each in (table, deep, coded, numbers, dotted):
            sink = io.BytesIO()
            pq.write_table(each, sink, row_group_size=1)
            assert count_withheld([("t", sink.getvalue())], VALUES) == {"t": 1}


def test_the_second_part_of_a_gzip_file_is_searched():
    content = gzip.compress(b"a ") + gzip.compress(b"202-456-2131")
    assert count_withheld([("g", content)], VALUES) == {"g": 1}


def test_a_file_that_is_held_back_is_its_owners_alone(tmp_path):
    run, outside = tmp_path / "run", tmp_path / "outside"
    outside.write_bytes(b"before")
    before = os.umask(0)
    try:
        place = Path(set_aside(f"{run}/", "a/b.csv", b"first"))
        place.unlink()
        place.symlink_to(outside)
        assert set_aside(str(run), "a/b.csv", b"second") == str(place)
    finally:
        os.umask(before)
    assert (place.read_bytes(), outside.read_bytes()) == (b"second", b"before")
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
