"""Text that a company's program writes in its own way is read, where that is certain, and said."""

import csv
import gzip
import io

import pytest

from tests.support.read_files import read_file
from transforms.read.detect import plan_input_files
from transforms.read.dialects import describe, narrow_encoding
from transforms.read.files import InputError, ReadOptions

HEADER = ["complaint_id", "source_org", "received_at", "narrative", "urls"]

PROSE = "Señor Muñoz called, he’s from Móstoles; a “café”, a|b, tab\there; naïve, garçon, façade."

ROWS = [
    ["1", "acme", "2026-01-01T00:00:00Z", PROSE, '["a.example","b.example"]'],
    ["2", "acme", "2026-01-01T00:00:00Z", 'He said "hi",\nthen; left. Señora, niño, año', ""],
    ["3", "acme", "2026-01-01T00:00:00Z", "plain", ""],
]


def table_text(separator=",", end="\r\n"):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    writer.writerows([HEADER, *ROWS])
    return text.getvalue()


def texts(path, **options):
    tables = read_file(path, **options)
    assert not tables["rejects"]
    return [
        (complaint["complaint_id"], complaint["narrative"], complaint["urls"])
        for complaint in tables["complaints"]
    ]


def dialect(path):
    (file,) = plan_input_files([str(path)], [], ReadOptions())
    return describe(file)


EXPECTED = [("1", PROSE, ["a.example", "b.example"]), ("2", ROWS[1][3], None), ("3", "plain", None)]


@pytest.mark.parametrize(
    ("separator", "name"), [(",", ""), (";", "semicolons"), ("\t", "tabs"), ("|", "bars")]
)
@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
        ("mac_roman", "Mac Roman"),
    ],
)
def test_every_separator_in_every_encoding(tmp_path, written, separator, name, encoding, words):
    path = written(table_text(separator).encode(encoding))
    assert texts(path) == EXPECTED
    assert texts(path, shard_bytes=50) == EXPECTED
    assert dialect(path) == ", ".join(word for word in (name, words) if word)
    (tmp_path / "b.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert texts(tmp_path / "b.gz") == EXPECTED


@pytest.mark.parametrize("encoding", ["utf-8", "mac_roman", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_lines_that_end_with_cr_alone(written, encoding, separator):
    """As Excel for Macintosh writes them; a cell keeps the LF that it has."""
    path = written(table_text(separator, end="\r").encode(encoding))
    assert texts(path) == EXPECTED
    assert texts(path, shard_bytes=50) == EXPECTED
    assert dialect(path).endswith("lines that end with CR")
    path.write_bytes(b"".join(b"%d,a\rb,c\n" % n for n in range(3)))
    with pytest.raises(InputError):  # a CR in a line is no end of one
        dialect(path)


def test_a_line_that_names_the_separator(written):
    path = written("sep=;\n" + table_text(";"))
    assert texts(path) == EXPECTED
    assert dialect(path) == "semicolons"


def test_a_broken_row_of_a_dialect_is_kept_as_it_was(written):
    broken = '4;acme;2026-01-01T00:00:00Z;"open, "never;x'
    path = written(table_text(";") + broken + "\n5;acme;x,y\n")
    tables = read_file(path)
    assert len(tables["complaints"]) == 3
    first, second = tables["rejects"]
    assert (first["raw"], first["code"], first["position"]) == (broken, "broken_csv", 6)
    assert (second["raw"], second["code"]) == ('5,acme,"x,y"', "broken_csv")


def test_half_a_character_is_one_reject(written):
    lines = table_text(end="\n").encode("utf-16-le").split(",plain".encode("utf-16-le"))
    path = written(b"\xff\xfe" + lines[0] + b",\0\x00\xd8" + lines[1])
    tables = read_file(path)
    assert [complaint["complaint_id"] for complaint in tables["complaints"]] == ["1", "2"]
    assert [reject["code"] for reject in tables["rejects"]] == ["bad_encoding"]


@pytest.mark.parametrize(
    "data", [b"caf\xe9", b"\xe9\x8e\xd5\x92\xf1\x96" * 9, bytes(range(128, 256)) * 3]
)
def test_what_is_not_certain_is_not_guessed(data):
    assert narrow_encoding(data) == "utf-8"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("アマゾンの担当者だと言う男から電話がありました能表", "cp932"),
        ("一名自稱亞馬遜客服的人打電話", "big5"),
    ],
)
def test_text_of_two_bytes_a_character_is_not_certain(text, encoding):
    head = "".join(f"{n},{text},x\n" for n in range(99)).encode(encoding)
    assert narrow_encoding(head) == "utf-8"
