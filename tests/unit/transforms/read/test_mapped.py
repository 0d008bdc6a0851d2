"""Exports read by a map: every row is a loose row or a reject, and no row names a wrong person."""

import json
import tempfile
import zipfile
from dataclasses import replace
from datetime import datetime
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from schemas.enums import RecordKind
from schemas.mapping import FileForm, FileFormat, MapError, parse_map, write_map
from tests.support.read_files import read_file, shards_of
from tests.support.workbook import write_workbook
from transforms.read import sample_file
from transforms.read.detect import plan_input_files
from transforms.read.dialects import array_blocks
from transforms.read.files import InputError, ReadOptions
from transforms.read.framing import array_elements
from transforms.read.map_guess import guess_map

HEAD = 'version = 1\nkind = "complaint"\nsource_org = "acme"\n'

COLUMNS = """
[columns]
"Case" = "complaint_id"
"When" = "received_at"
"Name" = "ignore"
"Home phone" = "phone.victim"
"Scammer" = "phone.callback"
"Text" = "narrative"
[times]
"When" = "iso-local"
"""

ROWS = [
    ["Case", "When", "Name", "Home phone", "Scammer", "Text"],
    ["A1", "2026-06-01 10:00", "Ada, B.", "+1 202 555 0101", "888-555-0100; 877 555 0101", 'a "b"'],
    ["A2", "2026-06-01", "Max; K", "", '="8885550102"', "line one\nline two"],
    ["A3", "1.6.2026", "Eve", "+1 202 555 0103", "", "x"],
]


def a_map(file='format = "csv"', columns=COLUMNS, head=HEAD):
    return parse_map(f"{head}[file]\n{file}\n{columns}", "m.toml")


def guessed(path, kind=None, org="acme"):
    return guess_map(sample_file(str(path)), path.name, org, None, kind)


def doubts(draft, words):
    """Whether a guess is unsure of something in these words."""
    return any(words in doubt for doubt in draft.unsure)


def read_by(by, path, **options):
    """The rows of a file that is read by a map, by tag."""
    return read_file(path, maps=(by,), **options)


def csv_text(rows, delimiter):
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    return "".join(delimiter.join(row) + "\r\n" for row in quoted)


def check(tables):
    first, second = tables["complaints"]
    assert first["phone_numbers"] == [
        {"raw": "888-555-0100", "role": "callback"},
        {"raw": "877 555 0101", "role": "callback"},
        {"raw": "+1 202 555 0101", "role": "victim"},
    ]
    assert first["received_at"] == "2026-06-01T10:00:00+00:00"
    assert first["narrative"] == 'a "b"'
    assert second["phone_numbers"] == [{"raw": "8885550102", "role": "callback"}]
    assert second["narrative"] == "line one\nline two"
    assert first["source_org"] == "acme"
    (reject,) = tables["rejects"]
    assert (reject["code"], reject["field"]) == ("bad_timestamp", "received_at")
    for row in (*tables["complaints"], reject):
        raw = row["raw"] if isinstance(row["raw"], str) else row["raw"].decode()
        assert "Ada" not in raw and "Max" not in raw and "Eve" not in raw
        assert "0101" not in raw.replace("877 555 0101", "") and "0103" not in raw


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("shard_bytes", [1, 1 << 20])
def test_csv_of_any_delimiter(written, delimiter, shard_bytes):
    path = written(csv_text(ROWS, delimiter))
    by = a_map(f"format = 'csv'\ndelimiter = {json.dumps(delimiter)}")
    check(read_by(by, path, shard_bytes=shard_bytes))
    shards = shards_of(path, maps=(by,), shard_bytes=shard_bytes)
    assert len(shards) > 1 or shard_bytes > 1


def test_what_a_payment_states_has_columns_of_its_own(written):
    path = written(
        "Case,When,IBAN,Paid,To whom\n"
        "A1,2026-06-01 10:00,DE89370400440532013000,05/31/2026,Jane Doe\n"
        "A2,2026-06-01 10:00,DE89370400440532013000,soon,Jane Doe\n"
    )
    columns = """
[columns]
"Case" = "complaint_id"
"When" = "received_at"
"IBAN" = "payment.payee"
"Paid" = "payment.paid_at"
"To whom" = "payment.beneficiary_name"
[times]
"When" = "iso-local"
"Paid" = "month-first"
"""
    head = f'{HEAD}timezone = "Asia/Kolkata"\n'
    tables = read_by(a_map(columns=columns, head=head), path)
    (row,) = tables["complaints"]
    (payment,) = row["payments"]
    # A day alone stays one, whatever the zone.
    assert payment["paid_at"] == "2026-05-31"
    assert payment["beneficiary_name"] == "Jane Doe"
    (reject,) = tables["rejects"]
    assert (reject["code"], reject["field"]) == ("bad_timestamp", "payment.paid_at")


def objects():
    header, *rows = ROWS
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ('format = "jsonl"', "\n".join(map(json.dumps, objects()))),
        ('format = "json"', json.dumps(objects())),
        (
            'format = "json"\nrows = "result.items"',
            json.dumps({"n": [1, {"items": []}], "result": {"items": objects(), "next": [{}]}}),
        ),
    ],
)
def test_json(written, file, content):
    path = written(content, "a.json")
    check(read_by(a_map(file), path))


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(objects()), path, row_group_size=2)
    check(read_by(a_map('format = "parquet"'), path, shard_bytes=1))


TEXT_COLUMNS = {
    "view": pa.array(["8885550100"] * 2, pa.string_view()),
    "bytes": pa.array([b"8885550100"] * 2),
    "fixed": pa.array([b"8885550100"] * 2, pa.binary(10)),
    "float": pa.array([8885550100.0] * 2),
}

TIMES = {
    "far": pa.array([1780308000000000, 2**62], pa.timestamp("us", "UTC")),
    "days": pa.array([20605, 2**31 - 1], pa.date32()),
    "zone": pa.array([1780308000000000, None], pa.timestamp("us", "Mars/Olympus")),
}


@pytest.mark.parametrize("text", TEXT_COLUMNS)
@pytest.mark.parametrize("time", TIMES)
def test_parquet_of_values_that_python_lacks_loses_no_row(tmp_path, text, time):
    inner = pa.array([{"x": 2**62}, {"x": None}], pa.struct([("x", pa.timestamp("us"))]))
    table = {"Case": ["A1", "A2"], "When": TIMES[time], "Name": inner, "Text": ["x", "y"]}
    table |= {"Home phone": pa.nulls(2, pa.string()), "Scammer": TEXT_COLUMNS[text]}
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(table), path)
    tables = read_by(a_map("format = 'parquet'"), path)
    assert len(tables["complaints"]) + len(tables["rejects"]) == 2
    (number,) = tables["complaints"][0]["phone_numbers"]
    assert number["raw"].removesuffix(".0") == "8885550100"
    assert all(reject["field"] == "received_at" for reject in tables["rejects"])
    assert tables["complaints"][0]["received_at"].startswith("2026-06-0")


def test_parquet_with_a_name_twice_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    names = ["Case", "When", "Name", "Home phone", "Scammer", "Text", "Scammer"]
    pq.write_table(pa.table([["x"]] * 7, names=names), path)
    for read in (partial(read_by, a_map("format = 'parquet'")), guessed):
        with pytest.raises(InputError, match="two columns have the same name"):
            read(path)


def test_excel_is_read_without_a_temporary_file(tmp_path, monkeypatch):
    pytest.importorskip("python_calamine")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    write_workbook(tmp_path / "a.xlsx", {"x": ROWS})
    check(read_by(a_map('format = "xlsx"'), tmp_path / "a.xlsx"))


def test_no_sheet_that_the_map_fits_is_lost(tmp_path):
    path = tmp_path / "a.xlsx"
    months = {name: [ROWS[0], [f"{name}1", "2026-06-01", *ROWS[1][2:]]] for name in ("May", "June")}
    write_workbook(path, {"Words": [["code", "meaning"], ["1", "x"]]} | months)
    with pytest.raises(InputError, match=r"fits 2 of its sheets \('May', 'June'\); save each"):
        read_by(a_map("format = 'xlsx'"), path)
    by = a_map("format = 'xlsx'\nsheet = 'June'")
    assert [complaint["complaint_id"] for complaint in read_by(by, path)["complaints"]] == ["June1"]


CASES = [ROWS[0], *([f"A{n}", "2026-06-01", *ROWS[1][2:]] for n in range(3))]


def change_workbook(path, change):
    """Writes a workbook again with its parts, by name, as `change` leaves them, in that order."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name).decode() for name in book.namelist()}
    with zipfile.ZipFile(path, "w") as book:
        for name, text in change(parts).items():
            book.writestr(name, text)


def test_a_workbook_may_have_its_parts_in_any_order(tmp_path):
    """As pandas writes them, whose list of parts is the last."""
    path = tmp_path / "a.xlsx"
    write_workbook(path, {"x": [*ROWS, *([["", "", "", "", "", "word " * 9000]] * 5)]})
    for first in ("docProps/app.xml", "xl/worksheets/s1.xml"):
        change_workbook(path, lambda parts, first=first: {first: parts.get(first, "<x/>")} | parts)
        change_workbook(
            path, lambda parts: dict(sorted(parts.items(), key=lambda part: "[" in part[0]))
        )
        sample_file(str(path))
        with pytest.raises(InputError, match="an Excel file; make a map"):
            read_file(path)
        assert len(read_by(a_map('format = "xlsx"'), path)["complaints"]) == 7


def test_a_hidden_sheet_is_not_guessed_at(tmp_path):
    path = tmp_path / "a.xlsx"
    write_workbook(path, {"Old": [*CASES, *CASES[1:]], "Cases": CASES})
    change_workbook(
        path,
        lambda parts: (
            parts
            | {
                "xl/workbook.xml": parts["xl/workbook.xml"].replace(
                    'name="Old"', 'name="Old" state="hidden"'
                )
            }
        ),
    )
    draft = guessed(path)
    assert draft.by.file.sheet == "Cases"
    assert doubts(draft, "sheet: 'Cases' is read, and not 'Old'")


def test_days_since_1904_are_never_read_as_days_since_1900(tmp_path):
    path = tmp_path / "a.xlsx"
    write_workbook(
        path,
        {
            "x": [
                ["Case", "Received", *ROWS[0][2:]],
                *([f"A{n}", 44620.5, "", "", "", "x"] for n in range(3)),
            ]
        },
    )
    by = guessed(path).by
    assert by.times == {"Received": "excel-serial"}
    first, *_ = read_by(by, path)["complaints"]
    assert first["received_at"] == "2022-02-28T12:00:00+00:00"
    change_workbook(
        path,
        lambda parts: (
            parts
            | {
                "xl/workbook.xml": parts["xl/workbook.xml"].replace(
                    "<sheets>", '<workbookPr date1904="1"/><sheets>'
                )
            }
        ),
    )
    with pytest.raises(InputError, match="begin in 1904; give the cells"):
        read_by(by, path)


def test_a_workbook_that_claims_more_than_there_is_costs_no_memory(tmp_path):
    """calamine makes a cell of every place up to the last: 17 billion in a kilobyte."""
    pytest.importorskip("python_calamine")
    rows = [["Case", "When"], ["A", "2026-06-01"]]
    path = tmp_path / "a.xlsx"
    write_workbook(path, {"x": [*rows, *[[""]] * 1_048_573, [""] * 16_383 + ["x"]]})
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match="no sheet of an Excel file"):
        guessed(path)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PK\x03\x04", "zip is not supported; unpack it"),
        (b"PK\x03\x04[Content_Types].xml" + b"\0" * 999, "no sheet of an Excel file"),
    ],
)
def test_a_broken_workbook_is_an_error_of_one_line(written, data, says):
    pytest.importorskip("python_calamine")
    with pytest.raises(InputError, match=says):
        guessed(written(data, "a.xlsx"))


def test_columns_that_the_map_does_not_name_are_counted_and_left_out(written):
    path = written("When,Case,New,Nuevo\u00f1\n2026-06-01,A,x,Ada\n2026-06-02,B,,\n")
    by = a_map(columns='[columns]\n"Case" = "complaint_id"\n"When" = "received_at"\n'
               '[times]\n"When" = "iso-local"\n')  # fmt: skip
    first, second = read_by(by, path)["complaints"]
    assert (first["unknown"], second["unknown"]) == (["New", "other"], None)
    assert b"Ada" not in first["raw"]


def test_a_record_with_a_broken_time_is_not_skipped_as_a_line_of_types(written):
    """A map skips a line below the header row; a file of another day lacks it."""
    plain = a_map(columns='[columns]\n"When" = "received_at"\n"Text" = "narrative"\n'
                  '[times]\n"When" = "iso-local"\n')  # fmt: skip
    by = replace(plain, file=FileForm(FileFormat.CSV, skip=1))
    for line, rejected in (("DATE,TEXT", 0), ("yesterday,call +1 888 555 0123", 1)):
        path = written(f"When,Text\n{line}\n2026-06-01,a\n")
        tables = read_by(by, path)
        assert (len(tables["complaints"]), len(tables["rejects"])) == (1, rejected)


def test_a_row_without_an_id_gets_one_of_its_content(written):
    path = written("When,Text\n2026-06-01,a\n2026-06-01,b\n2026-06-01,a\n")
    by = a_map(columns='[columns]\n"When" = "received_at"\n"Text" = "narrative"\n'
               '[times]\n"When" = "iso-local"\n')  # fmt: skip
    ids = [row["complaint_id"] for row in read_by(by, path)["complaints"]]
    assert len(set(ids)) == 2 and ids[0] == ids[2]


def test_a_word_that_is_not_in_the_map_names_no_side(written):
    path = written(
        "id,at,way\n1,2026-06-01T00:00Z,in\n2,2026-06-01T00:00Z,inbound\n3,2026-06-01T00:00Z,OUT\n"
    )
    by = parse_map(
        'version = 1\nkind = "call"\n[file]\nformat = "csv"\n[columns]\nid = "call_id"\n'
        'at = "started_at"\nway = "direction"\n[times]\nat = "iso-local"\n'
        '[words.direction]\nin = "inbound"\nout = "unknown"\n',
        "m",
    )
    for same_map in (by, replace(by, constants={"direction": "outbound"})):
        tables = read_by(same_map, path, calls=True, calls_direction="inbound")
        assert [row["direction"] for row in tables["calls"]] == ["inbound", "unmapped", None]


def test_the_zone_of_the_command_outweighs_that_of_the_map(written):
    path = written("Case,When,Name,Home phone,Scammer,Text\nA,2026-06-01 10:00,,,,x\n")
    by = a_map(head=HEAD + 'timezone = "Asia/Kolkata"\n')
    for zone, hour in ((None, "04:30"), ("America/New_York", "14:00"), ("+02:00", "08:00")):
        (row,) = read_by(by, path, timezone=zone)["complaints"]
        assert row["received_at"] == f"2026-06-01T{hour}:00+00:00"


@pytest.mark.parametrize(
    ("decimal", "text", "amount"),
    [
        (".", "$1,234.50", "1234.50"),
        (",", "1.234,50 €", "1234.50"),
        (".", "12,50", "12,50"),
        (",", "1.5", "1.5"),
        (".", "$1.2k", "$1.2k"),
        (".", "1,23,456.50 INR", "123456.50"),
    ],
)
def test_amounts(written, decimal, text, amount):
    path = written(json.dumps({"at": "2026-06-01T00:00:00Z", "loss": text}), "a.jsonl")
    by = a_map(
        'format = "jsonl"',
        '[columns]\nat = "received_at"\nloss = "loss_amount"\n',
        HEAD + f'decimal = "{decimal}"\n',
    )
    (row,) = read_by(by, path)["complaints"]
    assert row["loss_amount"] == amount


@pytest.mark.parametrize(
    ("amounts", "decimal", "asks"),
    [
        (["1.500", "12.000"], ",", True),
        (["1.500", "12,50"], ",", False),
        (["1.500", "12.50", "7.25"], ".", True),
        (["1,500", "12"], ".", False),
        (["0.125", "0.250"], ".", False),
    ],
)
def test_amounts_of_whole_thousands_are_no_fractions(written, amounts, decimal, asks):
    rows = [f"A{n};2026-06-1{n};{amount}\n" for n, amount in enumerate(amounts)]
    path = written("Case;Created;Loss\n" + "".join(rows))
    draft = guessed(path)
    assert draft.by.decimal == decimal
    assert doubts(draft, "decimal:") == asks


@pytest.mark.parametrize(
    ("dates", "form", "read"),
    [
        (["26/11/15", "26/11/16", "26/12/17"], "undecided", 0),
        (["26-01-15"], "undecided", 0),
        (["15.11.26", "16.11.26", "17.12.26"], "day-first", 3),
        (["11/15/26", "11/16/26"], "month-first", 2),
        (["13/11/99", "14/11/99"], "day-first", 2),
    ],
)
def test_a_year_of_two_digits_is_no_day(written, dates, form, read):
    rows = [f"A{n};{day};x\n" for n, day in enumerate(dates)]
    path = written("Case;Created;Text\n" + "".join(rows))
    by = guessed(path).by
    assert by.times == {"Created": form}
    tables = read_by(by, path)
    assert len(tables["complaints"]) == read
    assert [reject["field"] for reject in tables["rejects"]] == ["received_at"] * (
        len(dates) - read
    )


@pytest.mark.parametrize("word", ["Victim phone", "-"])
def test_words_without_digits_are_no_number_of_the_victim(written, word):
    rows = [f"A{n},2026-06-1{n},+1 888 555 010{n},+1 202 555 010{n}\n" for n in range(9)]
    rows.insert(4, f"A,2026-06-11,{word},{word}\n")
    path = written("Case,Created,Scammer phone,Victim phone\n" + "".join(rows))
    by = guessed(path).by
    assert by.columns["Scammer phone"] == ("phone.caller_id",)


TEXTS = {
    "cp932": "アマゾンの担当者だと言う男から電話がありました",
    "cp949": "아마존 직원이라는 사람이 전화해서 돈을 요구했습니다",
    "gb18030": "一名自称亚马逊客服的人打电话来说我的账户有问题",
    "big5": "一名自稱亞馬遜客服的人打電話來說我的帳戶有問題",
    "cp1252": "Der Anrufer fragte für die Prüfung nach Größe und käme später",
    "mac_roman": "Der Anrufer fragte für die Prüfung nach Größe und käme später",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_of_a_file_is_guessed_and_asked(written, encoding):
    text = TEXTS[encoding]
    rows = [f"A{n};2026-06-1{n};a b c d e f g h {text}\n" for n in range(9)]
    path = written(f"Case;Created;Text {text[-4:]}\n{''.join(rows)}".encode(encoding))
    guess = guessed(path)
    assert guess.by.file.encoding == encoding
    asked = doubts(guess, "encoding:")
    assert asked == (encoding not in ("cp1252", "mac_roman"))
    tables = read_by(guess.by, path)
    assert [complaint["narrative"] for complaint in tables["complaints"]] == [
        f"a b c d e f g h {text}"
    ] * 9
    assert f"Text {text[-4:]}" in guess.by.columns


@pytest.mark.parametrize("merged", [True, False])
def test_names_that_are_there_twice_below_merged_cells_are_parted(tmp_path, merged):
    path = tmp_path / "a.xlsx"
    groups = ["", "", "Suspect", "", "Victim", "", ""] if merged else ["Report", *[""] * 6]
    header = ["Case ID", "Received", "Name", "Phone", "Name", "Phone", "Description"]
    row = [datetime(2026, 6, 1), "Bob", "8885550100", "Ann", "2025550101", "a b c d e f g h i"]
    write_workbook(path, {"Cases": [groups, header, *([f"A{n}", *row] for n in range(3))]})
    guess = guessed(path)
    by = parse_map(write_map(guess.by, guess.notes, guess.unsure), "m.toml")
    tables = read_by(by, path)
    assert len(tables["complaints"]) == 3
    numbers = {number["raw"]: number["role"] for number in tables["complaints"][0]["phone_numbers"]}
    suspects = "caller_id" if merged else "victim"  # whose they are cannot be told
    assert numbers == {"8885550100": suspects, "2025550101": "victim"}


@pytest.mark.parametrize("between", [" / ", "; ", " and ", "", "\n"])
def test_several_numbers_in_a_cell_are_guessed_and_read(written, between):
    rows = [f'A{n},2026-06-1{n},"+18885550100{between}+1 877 555 0101"\n' for n in range(3)]
    path = written("Case,Created,Scammer phone\n" + "".join(rows))
    by = guessed(path).by
    tables = read_by(by, path)
    numbers = [number["raw"] for number in tables["complaints"][0]["phone_numbers"]]
    assert numbers == ["+18885550100", "+1 877 555 0101"]


EXTENSIONS = [" x123", " ext. 4", "#22", ", extension 7", ";ext=5", " Durchwahl 12"]


@pytest.mark.parametrize("name", ["Scammer callback number", "Victim phone"])
def test_numbers_with_extensions_are_guessed(written, name):
    cells = [f"888-555-01{n:02}{extension}" for n, extension in enumerate(EXTENSIONS)]
    rows = [f'A{n},2026-03-01T09:00Z,"{cell}",x\n' for n, cell in enumerate(cells)]
    path = written(f"Case,Date filed,{name},Text\n" + "".join(rows))
    by = guessed(path).by
    role = "callback" if name.startswith("Scammer") else "victim"
    assert by.columns[name] == (f"phone.{role}",)
    numbers = [complaint["phone_numbers"] for complaint in read_by(by, path)["complaints"]]
    assert numbers == [[{"raw": cell, "role": role}] for cell in cells]


ODD_TIMES = [
    (["3/1/2026 10:00 EST", "3/15/2026 9:00 PDT"], "month-first", None, [15, 16]),
    (["2026-03-01 10:00 EST", "2026-03-15 9:00 PDT"], "iso", None, [15, 16]),
    (["1 Jun 2026 10:00 EST", "2 Jun 2026 9:00 PDT"], "month-name", None, [15, 16]),
    (["1. März 2026, 10:00 Uhr", "15. Mai 2026, 9:00 Uhr"], "month-name", None, [10, 9]),
    (["46082.4166666667", "46096.375"], "excel-serial", "days since 1900", [10, 9]),
]


@pytest.mark.parametrize(("moments", "form", "asks", "hours"), ODD_TIMES)
def test_times_of_zones_months_and_spreadsheets_are_guessed(written, moments, form, asks, hours):
    numbers = ("(202) 555-0101", "(888) 555-0102")
    rows = [f'A{n},"{moment}",{numbers[n]},x\n' for n, moment in enumerate(moments)]
    path = written("Case,Date filed,Victim phone,Text\n" + "".join(rows))
    draft = guessed(path)
    assert draft.by.times == {"Date filed": form}
    assert not asks or doubts(draft, asks)
    names_none = doubts(draft, "name no zone")
    assert names_none == (form == "excel-serial" or "Uhr" in moments[0])
    rows = read_by(draft.by, path)["complaints"]
    assert [datetime.fromisoformat(row["received_at"]).hour for row in rows] == hours


def test_names_of_zones_that_are_others_elsewhere_are_asked_and_refused(written):
    path = written("Case,Date filed,Text\nA1,2026-03-01 09:00 IST,x\nA2,2026-03-02 09:00Z,x\n")
    draft = guessed(path)
    assert doubts(draft, "timezone: 'Date filed' names zones")
    read = read_by(draft.by, path)
    assert len(read["complaints"]) == 1
    (reject,) = read["rejects"]
    assert (reject["code"], reject["field"]) == ("bad_timestamp", "received_at")
    assert "another elsewhere" in reject["message"]
    there = guess_map(sample_file(str(path)), "a.csv", "acme", "Asia/Kolkata")
    assert not doubts(there, "elsewhere")
    first, _ = read_by(there.by, path)["complaints"]
    assert first["received_at"] == "2026-03-01T03:30:00+00:00"


def test_losses_that_are_not_known_hide_no_column_of_losses(written):
    losses = ["N/A", "unknown", "-", "not sure", "$1,500.00"]
    rows = [f'A{n},2026-03-01T09:00Z,"{loss}",unknown,x\n' for n, loss in enumerate(losses)]
    path = written("Case,Date filed,Loss amount,Occurred at,Text\n" + "".join(rows))
    by = guessed(path).by
    assert by.columns["Loss amount"] == ("loss_amount",)
    by = replace(by, columns={**by.columns, "Occurred at": ("occurred_at",)})
    by = replace(by, times={**by.times, "Occurred at": "iso"})
    read = read_by(by, path)
    assert not read["rejects"]
    assert [complaint["loss_amount"] for complaint in read["complaints"]] == [
        *losses[:4],
        "1500.00",
    ]


def titled(above, header, *rows):
    return "".join(",".join(row) + "\n" for row in ([above], header, *rows))


def a_titled_map():
    names = json.dumps(["Case", "When", "Home phone", "Scammer", "Text"])
    return a_map(f"format = 'csv'\nskip = 2\nnames = {names}")


@pytest.mark.parametrize("more", [[], ["Extra"]])
def test_a_header_row_in_another_order_gives_columns_by_their_names(written, more):
    # By their places, the victim's number would be the scammer's.
    header = ["Scammer", "When", "Home phone", *more, "Case", "Text"]
    row = ["8885550100", "2026-06-01", "2025550101", *more, "A1", "x"]
    path = written(titled("Report of May", header, row))
    (complaint,) = read_by(a_titled_map(), path)["complaints"]
    assert complaint["phone_numbers"] == [
        {"raw": "8885550100", "role": "callback"},
        {"raw": "2025550101", "role": "victim"},
    ]
    assert complaint["complaint_id"] == "A1"


def test_a_header_row_without_a_column_that_is_read_fits_no_map(written):
    header = ["Case", "When", "scammer", "Home phone", "Text"]
    row = ["A1", "2026-06-01", "8885550100", "2025550101", "x"]
    path = written(titled("Report of May", header, row))
    with pytest.raises(InputError, match=r"lacks columns that m.toml reads \(Scammer\)"):
        read_by(a_titled_map(), path)


def test_a_file_that_the_map_does_not_fit_is_read_as_any_other(written):
    contract = {"complaint_id": "1", "source_org": "x", "received_at": "2026-06-01T00:00:00Z"}
    paths = [
        str(written(json.dumps(contract), "a.jsonl")),
        str(written(csv_text(ROWS, ","), "c.csv")),
    ]
    options = ReadOptions(maps=(a_map(),))
    assert [file.format for file in plan_input_files(paths, [], options)] == ["jsonl", "map-csv"]
    with pytest.raises(InputError, match=r"m.toml: a map that fits none of the complaint files"):
        plan_input_files(paths[:1], [], options)
    with pytest.raises(InputError, match=r"lacks columns that m.toml reads \(Home phone, Scammer"):
        read_by(a_map(), written("Case,When\n1,2026-06-01\n", "b.csv"))


@given(
    before=st.dictionaries(st.text(max_size=5), st.recursive(st.integers(), st.lists), max_size=3),
    rows=st.lists(st.dictionaries(st.text(max_size=9), st.text() | st.lists(st.integers()))),
    size=st.integers(1, 40),
)
def test_an_array_in_an_object_is_found_whatever_the_blocks(before, rows, size):
    before.pop("rows", None)
    text = json.dumps({**before, "rows": rows, "after": [{"rows": [1]}]}).encode()
    blocks = [text[start : start + size] for start in range(0, len(text), size)]
    elements = array_elements(array_blocks(blocks, "rows"))
    assert [json.loads(row.data) for row in elements] == rows


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(
    names=st.lists(HOSTILE, min_size=2, max_size=4, unique=True),
    note=HOSTILE,
    word=HOSTILE.map(str.strip).map(str.casefold),
)
def test_a_map_survives_being_written_and_read(names, note, word):
    record_map = parse_map(
        HEAD + '[file]\nformat = "csv"\n[columns]\nt = "received_at"\n[times]\nt = "day-first"\n',
        "m",
    )
    columns = {"t": ("received_at",)} | {name: ("narrative",) for name in names if name != "t"}
    record_map = type(record_map)(
        **{**vars(record_map), "columns": columns, "words": {"channel": {word: "sms"}}}
    )
    text = write_map(record_map, dict.fromkeys(names, note), [note])
    assert text.replace("\n", "").isprintable()
    assert parse_map(text, "m") == record_map


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("version = 1", "version = 2"), "version is not 1"),
        (("version = 1", f"version = {'9' * 5_000}"), "not TOML: a number that is too long"),
        (('kind = "complaint"', 'kind = "letter"'), "kind is 'letter'; use complaint"),
        (('"narrative"', '"call_id"'), "columns.Text is 'call_id', not anything of a complaint"),
        (('"received_at"', '"ignore"'), "columns give no time"),
        (('"acme"', '"My Company"'), "source_org is 'My Company', not a slug"),
        (
            ('format = "csv"', "format = 'csv'\ndelimiter = '|'\nencoding = 'cp932'"),
            "file.delimiter may be half a character",
        ),
        (('format = "csv"', 'format = "csv"\ncolour = "red"'), "file.colour is no key"),
        (("[file]", 'timezone = ""\n[file]'), "timezone is '', not text"),
        (("[columns]", "[words.direction]\na = 'up'\n[columns]"), "words.direction.a is 'up'; use"),
        (
            ("[columns]", "[constants]\nchannel = 'fax'\n[columns]"),
            "constants.channel is 'fax'; use",
        ),
    ],
)
def test_a_map_that_cannot_be_used_says_what_to_do(change, problem):
    text = f'{HEAD}[file]\nformat = "csv"\n{COLUMNS}'
    with pytest.raises(MapError) as error:
        parse_map(text.replace(*change, 1), "m.toml")
    assert str(error.value).startswith(f"m.toml: {problem}") and "; " in str(error.value)


TEXT = "I was told to call the number because of a virus on the computer"

CASE, OF_CASE = "case id,created,description", "{n}A,2026-06-02T00:00Z," + TEXT

GUESSES = {
    "names and addresses are not read": (
        f"{CASE},Customer name,Street address,City,Account holder name",
        f"{OF_CASE},Ada Byron,1 Main St,Paris,Ada Byron",
        dict.fromkeys(("Customer name", "Street address", "City", "Account holder name"), "ignore"),
        [],
    ),
    "addresses of nobody in particular are withheld": (
        f"{CASE},sender",
        f"{OF_CASE},a{{n}}@mail.example",
        {"sender": "email.victim"},
        ["'sender': whose addresses"],
    ),
    "a victim's number in mere digits is no pseudonym": (
        f"{CASE},Customer number",
        f"{OF_CASE},20255501{{n}}",
        {"Customer number": "phone.victim"},
        [],
    ),
    "numbers among words are a victim's, and never unsaid": (
        f"{CASE},Customer phone,Scammer phone",
        f"{OF_CASE},home 202-555-01{{n}},call 888-555-01{{n}}",
        {"Customer phone": "phone.victim", "Scammer phone": "ignore"},
        ["'Scammer phone': is not read"],
    ),
    "a caller id that any other column has is withheld": (
        f"{CASE},Customer phone,CLI,Alt phone",
        f"{OF_CASE},+1 305 555 01{{n}},+1 202 555 01{{n}},+1 202 555 01{{n}}",
        {"CLI": "phone.victim"},
        [],
    ),
    "a suspect's number that is the victim's is withheld": (
        f"{CASE},Customer phone,Scam phone",
        f"{OF_CASE},+1 202 555 01{{n}},+1 202 555 01{{n}}",
        {"Scam phone": "phone.victim"},
        ["whose 'Scam phone' is cannot be told"],
    ),
    "a name that is there twice names no suspect": (
        f"{CASE},Scammer phone,Scammer phone",
        f"{OF_CASE},888 555 01{{n}},202 555 01{{n}}",
        {"Scammer phone": "phone.victim"},
        ["whose 'Scammer phone' is"],
    ),
    "a number with a plus is no time": (
        f"{CASE},Whatsapp",
        f"{OF_CASE},+9198765123{{n}}",
        {"Whatsapp": "phone.victim"},
        [],
    ),
    "addresses of computers are no numbers": (
        f"{CASE},IP,Q1",
        f"{OF_CASE},198.51.100.{{n}},(202) 555-01{{n}}",
        {"IP": "ignore", "Q1": "phone.victim"},
        [],
    ),
    "what may be the victim's own is not read": (
        f"{CASE},Website,IBAN,AnyDesk ID,Remote ID,Loss amount",
        f"{OF_CASE},https://shop.example/1,ES9121000418450200051332,123456789,1234567{{n}},a lot",
        dict.fromkeys(("Website", "IBAN", "AnyDesk ID", "Remote ID", "Loss amount"), "ignore"),
        [
            "'Website': links are not read",
            "'IBAN': is not read, as it may be the victim's own; write payment.payee",
            "'AnyDesk ID': is not read",
            "'Remote ID': is not read, as it may be the victim's own; write remote_access.PRODUCT",
            "'Loss amount': is not read, as few of its amounts",
        ],
    ),
    "what a name calls the suspect's is read": (
        f"{CASE},Scam website,scammer_site,Fraudster IBAN",
        f"{OF_CASE},https://shop.example/1,refund{{n}}.example,ES9121000418450200051332",
        {"Scam website": "url", "scammer_site": "url", "Fraudster IBAN": "payment.payee"},
        [],
    ),
    # As ids, the second report of a customer would be a duplicate of the first.
    "an id of somebody is no id of the record": (
        "Customer ID,created,description,Suspect UPI Id",
        f"{OF_CASE},pay{{n}}@okbank",
        {"Customer ID": "victim_id", "Suspect UPI Id": "payment.payee"},
        ["complaint_id: no column"],
    ),
    "an id of a scam is that of its record": (
        "scam_id,created,description",
        OF_CASE,
        {"scam_id": "complaint_id"},
        [],
    ),
    "when it happened is not when it was received": (
        f"{CASE.replace('created', 'incident_timestamp')},complaint_timestamp,Date modified",
        f"{OF_CASE},2026-06-03 11:00,2026-06-09 09:00",
        {"incident_timestamp": "occurred_at", "complaint_timestamp": "received_at"},
        [],
    ),
    "an amount may have any sign of a currency": (
        f"{CASE},amount (x)",
        f"{OF_CASE},R$ 1250{{n}}",
        {"amount (x)": "loss_amount"},
        [],
    ),
    "the state of a case is no region": (
        f"{CASE},State",
        f"{OF_CASE},Open",
        {"State": "ignore"},
        [],
    ),
    "a state is a region": (f"{CASE},State", f"{OF_CASE},Texas", {"State": "victim_region"}, []),
    "words without blanks are prose": (
        "日時,電話,相手,内容",
        "2026/06/02 09:{n},+81312345{n},+81801234{n}0,"
        "画面に表示された番号に電話したところ遠隔操作をされ電子マネーで支払うように言われた",
        {"内容": "narrative"},
        [],
    ),
    "questions of a form are names of columns": (
        "Timestamp,Your phone number,What number did the scammer call you from?,"
        "What number were you told to call back?,What happened?,How much did you lose? (USD),"
        "Which company did they claim to be from?,What website did they send you to?,"
        "When did this happen?,What number did they call?",
        f"6/{{n}}/2026 10:00,(202) 555-01{{n}},(312) 555-01{{n}},1-888-555-0100,{TEXT},$1{{n}},"
        "Amazon,refund.example,5/{n}/2026,(202) 555-01{n}",
        {
            "Timestamp": "received_at",
            "Your phone number": "phone.victim",
            "What number did the scammer call you from?": "phone.caller_id",
            "What number were you told to call back?": "phone.callback",
            "What happened?": "narrative",
            "How much did you lose? (USD)": "loss_amount",
            "Which company did they claim to be from?": "claimed_brand",
            "What website did they send you to?": "url",
            "When did this happen?": "occurred_at",
            "What number did they call?": "phone.victim",
        },
        [],
    ),
    "sides of a call are known by their words": (
        "Start time,B Number,A Number,Duration",
        "2026-06-02T00:00:{n}Z,+12025550{n}0,+18885550{n}0,9",
        {"A Number": "calling_number", "B Number": "called_number"},
        [],
    ),
    "sides of a call in mere digits are numbers": (
        "Start time,caller,receiver_number,Duration",
        "2026-06-02T00:00:{n}Z,20255501{n},31255501{n},9",
        {"caller": "calling_number", "receiver_number": "called_number"},
        [],
    ),
    "a duration is no time of day": (
        "Datum,Uhrzeit,Von,An,Dauer",
        "01.06.2026,09:{n}:05,+493012345{n},+49301234500,00:01:{n}",
        {"Datum": "started_at", "Uhrzeit": "started_at", "Dauer": "duration_seconds"},
        [],
    ),
    "epochs by an unknown name are times": (
        "sip_call_id,a_rufnummer,b_rufnummer,anfang_ms,dauer",
        "x{n},49301234567,4989123456{n},17672256000{n},12",
        {"anfang_ms": "started_at", "dauer": "duration_seconds"},
        ["'anfang_ms' has times"],
    ),
}
"""Names of columns, a row, some targets, and what is said, by what they show."""


@pytest.mark.parametrize("shown", GUESSES)
def test_columns_are_guessed_by_their_names_and_contents(written, shown):
    head, row, targets, says = GUESSES[shown]
    rows = [row.format(n=n) for n in range(10, 25)]
    draft = guessed(written("\n".join([head, *rows])))
    assert {name: draft.by.columns[name] for name in targets} == {
        name: (target,) for name, target in targets.items()
    }
    for words in says:
        assert doubts(draft, words), words


@pytest.mark.parametrize(
    ("column", "target"),
    [
        ("Phone", "phone.victim"),
        ("Callback number", "phone.victim"),
        ("Caller ID", "phone.victim"),
        ("From", "phone.victim"),
        ("Contact number", "phone.victim"),
        ("Customer callback phone", "phone.victim"),
        ("Phone of victim of scam", "phone.victim"),
        ("Teléfono", "phone.victim"),
        ("Scammer phone", "phone.caller_id"),
        ("Scam callback number", "phone.callback"),
        ("Número del estafador", "phone.caller_id"),
        ("Rückrufnummer der Betrüger", "phone.callback"),
        ("Other numbers mentioned", "phone.mentioned"),
        ("Other phone", "phone.victim"),
        ("Fraud team phone", "phone.victim"),
        ("Scam reporting line phone", "phone.victim"),
        ("Fraud analyst callback", "phone.victim"),
        ("Number dialed by scammer", "phone.victim"),
        ("Phone the suspect called", "phone.victim"),
        ("Phone targeted by fraud", "phone.victim"),
        ("Teléfono del departamento de fraude", "phone.victim"),
        ("Betrug Meldestelle Telefon", "phone.victim"),
        ("Number the scammer told to call", "phone.callback"),
        ("Suspect Mobile No.", "phone.caller_id"),
        ("Accused mobile", "phone.caller_id"),
        ("Teléfono del presunto autor", "phone.caller_id"),
        ("Scammer's Contact", "phone.caller_id"),
        ("Fraud contact phone", "phone.victim"),
        ("Telefoonnummer melder", "phone.victim"),
        ("Fraud alert mobile", "phone.victim"),
        ("Mobile", "phone.victim"),
    ],
)
def test_a_number_is_a_suspects_only_where_its_name_says_so(written, column, target):
    rows = [f"{n},2026-06-{n + 1:02}T00:00:00Z,+1 202 555 01{n:02},{TEXT}" for n in range(20)]
    draft = guessed(written(f"id,created,{column},description\n" + "\n".join(rows)))
    assert draft.by.columns[column] == (target,)


def test_a_caller_id_beside_the_victims_number_is_the_callers(written):
    rows = [f"{n},2026-06-02T00:00Z,+1 202 555 01{n:02},+1 888 555 0100,{TEXT}" for n in range(20)]
    head = "id,created,Customer phone,Caller ID number,description\n"
    draft = guessed(written(head + "\n".join(rows)))
    assert draft.by.columns["Caller ID number"] == ("phone.caller_id",)
    assert doubts(draft, "'Caller ID number' is read as who called")
    rows[7] = rows[7].replace("+1 888 555 0100", "+1 202 555 0107")
    draft = guessed(written(head + "\n".join(rows)))
    assert draft.by.columns["Caller ID number"] == ("phone.victim",)


@pytest.mark.parametrize(
    ("numbers", "country", "said"),
    [
        (["(202) 555-0143", "212 736 5000"], "US", "US reads most numbers"),
        (["0612345678", "0698765432"], None, "may be of DE, FR"),
        (["612345678", "912345678"], "ES", "ES reads most numbers"),
        (["+33612345678", "0698765432"], "FR", "FR reads most numbers"),
        (["5551234", "5559876"], None, "numbers that name no country are not read"),
    ],
)
def test_the_country_of_numbers_is_guessed_only_where_they_fit_one(written, numbers, country, said):
    rows = [f"{n},2026-06-02T00:00Z,{numbers[n % 2]},{TEXT}" for n in range(20)]
    draft = guessed(written("id,created,Customer phone,description\n" + "\n".join(rows)))
    assert draft.by.columns["Customer phone"] == ("phone.victim",)
    assert draft.by.constants.get("victim_country") == country
    assert doubts(draft, said)


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2026-06-01T10:00:00Z"], "iso"),
        (["2026-06-01 10:00:00"], "iso-local"),
        (["01/31/2026", "01/02/2026"], "month-first"),
        (["31/01/2026 3:04 PM", "01/02/2026 1:00 AM"], "day-first"),
        (["01/02/2026", "03/04/2026"], "undecided"),
        (["1780000000", "1780000001"], "epoch-seconds"),
        (["1780000000123"], "epoch-milliseconds"),
        (["Tue, 02 Jun 2026 20:36:28 +0000"], "rfc5322"),
        (["02 Jun 2026 20:36"], "month-name"),
    ],
)
def test_the_form_of_times_is_found(written, values, form):
    rows = [f'{n},"{values[n % len(values)]}",{TEXT}' for n in range(20)]
    draft = guessed(written("id,created at,description\n" + "\n".join(rows)))
    assert draft.by.times == {"created at": form}


def test_calls_name_nobody_until_a_person_says_who(written):
    rows = [f"c{n},2026-06-01T00:00Z,+1202555010{n},+18885550100,inbound,{n}" for n in range(9)]
    draft = guessed(written("call id,start time,from,to,direction,duration\n" + "\n".join(rows)))
    assert draft.by.kind is RecordKind.CALL
    assert draft.by.words == {"direction": {"inbound": "unknown"}}
    assert "direction" not in draft.by.constants
    assert doubts(draft, "direction:")


@pytest.mark.parametrize("hidden", ["Calling number", "To"])
def test_a_side_of_a_call_without_numbers_is_not_taken_for_the_other(written, hidden):
    """The victim's would be the suspect's as soon as a person says that the caller is it."""
    pairs = [("Calling number", "Called number"), ("Source", "Destination"), ("From", "To")]
    (names,) = [pair for pair in pairs if hidden in pair]
    rows = [
        [
            "anonymous" if name == hidden and n else f"+1 202 555 01{n}{side}"
            for side, name in enumerate(names)
        ]
        for n in range(1, 6)
    ]
    head = f"Call ID,Start time,Duration,{','.join(names)}\n"
    lines = (f"K{n},2026-03-01T10:00Z,{n},{','.join(cells)}\n" for n, cells in enumerate(rows))
    path = written(head + "".join(lines), "calls.csv")
    by = guessed(path, RecordKind.CALL).by
    fields = dict(zip(names, ("calling_number", "called_number"), strict=True))
    shown = next(name for name in names if name != hidden)
    assert by.columns[shown] == (fields[shown],)
    assert by.columns[hidden] in ((fields[hidden],), ("ignore",))


def test_records_inside_of_a_record_are_asked_about(written):
    """Read as one, they would tie the suspects of strangers to each other."""
    inner = [
        {"case": f"A{n}", "scammer_phone": f"+1 888 555 010{n}", "text": "x"} for n in range(3)
    ]
    rows = [{"date": f"2026-03-0{n}T09:00Z", "complaints": inner} for n in range(1, 4)]
    path = written("".join(json.dumps(row) + "\n" for row in rows), "a.jsonl")
    draft = guessed(path)
    assert doubts(draft, "rows: 'complaints' has several objects")


def test_a_sure_guess_asks_nothing(written):
    rows = [
        f"{n},2026-06-01T00:00:00Z,u{n % 3},United States,+1 888 555 0100,{TEXT}" for n in range(9)
    ]
    head = "case id,created at,customer id,country,scam callback number,description\n"
    assert not guessed(written(head + "\n".join(rows))).unsure


@pytest.mark.parametrize(
    "text",
    [
        b"id,created\n\xff\xfe\x00,2026-06-01T00:00Z\n",
        b"[]",
        b"{" * 500,
        b'{"a": [{"b": 1}]}',
        b"\n\n\n",
        b'"' * 9999,
        b"a,b\n" + b"," * 99_999,
        ("a" * 70_000 + "," + "b\n1,2\n").encode(),
        b"=cmd|'/C calc'!A0,\x1b[2Jb\n1,2026-06-01T00:00Z\n",
        b'Case,Date filed,Text\nA1,2026-03-01T09:00Z,"they \\"call\\" me, now"\n',
        b"Case,Date filed,Text\nA1,2026-03-01 at nine,x\n",
    ],
)
def test_a_hostile_file_is_guessed_at_or_one_error(written, text):
    try:
        draft = guessed(written(text))
    except InputError as error:
        assert "; " in str(error)
    else:
        text_of_map = write_map(draft.by, draft.notes, draft.unsure)
        assert text_of_map.replace("\n", "").isprintable()
        parse_map(text_of_map, "m")


@pytest.mark.parametrize(("first", "asks"), [(0, True), (1, True), (7001, False)])
def test_ids_that_count_the_rows_are_asked_about(written, first, asks):
    rows = [f"{first + n},2026-06-02T00:00Z,{TEXT}" for n in range(20)]
    draft = guessed(written("id,created,description\n" + "\n".join(rows)))
    assert draft.by.columns["id"] == ("complaint_id",)
    assert doubts(draft, "counts the rows") is asks


@pytest.mark.parametrize(
    ("cell", "payees"),
    [
        ("ab1@okbank;cd2@okpay", ["ab1@okbank", "cd2@okpay"]),
        (
            "DE89 3704 0044 0532 0130 00, FR7630006000011234567890189",
            ["DE89 3704 0044 0532 0130 00", "FR7630006000011234567890189"],
        ),
        ("55779911, 20-00-00", ["55779911, 20-00-00"]),
    ],
)
def test_several_payees_in_a_cell_are_payments_each(written, cell, payees):
    path = written(f'Case,When,Payee,Paid\nA1,2026-06-01 10:00,"{cell}",100\n')
    columns = """
[columns]
"Case" = "complaint_id"
"When" = "received_at"
"Payee" = "payment.payee"
"Paid" = "payment.amount"
[times]
"When" = "iso-local"
"""
    tables = read_by(a_map(columns=columns), path)
    (row,) = tables["complaints"]
    payments = row["payments"]
    assert [payment["payee"] for payment in payments] == payees
    # How much each was paid is not known where there are several.
    assert all((payment["amount"] is None) == (len(payments) > 1) for payment in payments)


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("https://a.example/x;https://b.example/y", 2),
        ("a.example, b.example", 2),
        ("https://a.example/x?p=1,2;q=3", 1),
    ],
)
def test_several_links_in_a_cell_are_read(written, cell, count):
    path = written(f'Case,When,Site\nA1,2026-06-01 10:00,"{cell}"\n')
    columns = (
        COLUMNS.split('"Name"', maxsplit=1)[0] + '"Site" = "url"\n[times]\n"When" = "iso-local"\n'
    )
    tables = read_by(a_map(columns=columns), path)
    assert len(tables["complaints"][0]["urls"]) == count


INTERCEPTED = (
    "Target /A PARTY NUMBER,CALL_TYPE,B PARTY NUMBER,Call date,Call Time,Call End Time,Dur(s),"
    "IMEI,Cell ID"
)


def intercepted(end):
    ways = ("Incoming", "Outgoing")
    return [
        f"919876512345,{ways[n % 2]},9198765123{n},{n + 10}-08-2026,00:{n}:06,00:{n}:36,30,"
        f"356789101234567,404-20-1-{n}{end}"
        for n in range(10, 20)
    ]


@pytest.mark.parametrize("above", ["", "Call records\nNumber : 919876512345\n\n"])
@pytest.mark.parametrize("end", ["", ",", ",,"])
def test_a_separator_that_ends_each_row_loses_none(written, above, end):
    # So a carrier writes them: names of 9 columns above rows of 10 cells.
    path = written(above + "\n".join([INTERCEPTED, *intercepted(end)]) + "\n")
    draft = guessed(path)
    by = draft.by
    assert by.columns["Target /A PARTY NUMBER"] == ("calling_number",)
    assert by.columns["B PARTY NUMBER"] == ("called_number",)
    assert by.columns["Call Time"] == ("started_at",)  # and not when it ended
    assert {by.columns[name] for name in ("Call End Time", "IMEI", "Cell ID")} == {("ignore",)}
    # Whoever called, the line is named first: as a caller it may be the victim's.
    assert doubts(draft, "has one number, whoever called")
    read = read_by(by, path, calls=True)
    assert len(read["calls"]) == 10 and not read["rejects"]
    path.write_text(path.read_text() + intercepted(",more")[0] + "\n")
    read = read_by(by, path, calls=True)
    assert len(read["calls"]) == 10 and len(read["rejects"]) == 1


def test_rows_that_are_shifted_by_an_unnamed_column_are_never_read(written):
    # As R writes a table: without a name above the names of its rows. The last cells are empty.
    rows = [
        f"{n},A{n},2026-06-02T00:00Z,+1 888 555 01{n:02},+1 202 555 01{n:02}," for n in range(12)
    ]
    head = "case id,received at,scammer phone,victim phone,notes\n"
    with pytest.raises(InputError):
        guessed(written(head + "\n".join(rows)))
    by = guessed(written(head + "\n".join(row.split(",", 1)[1] for row in rows))).by
    path = written(head + "\n".join(rows) + "\n", "shifted.csv")
    tables = read_by(by, path)
    assert not tables["complaints"] and len(tables["rejects"]) == len(rows)
