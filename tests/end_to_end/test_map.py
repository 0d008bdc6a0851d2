"""`ringtrace map`: from an unknown export of 20 columns to a report in two commands."""

import csv
import io
import json
import random
import tomllib
import zipfile

import jsonschema
import pytest

from pipelines import cli
from pipelines.streaming.watch_sources import WatchedFolder, positions_from_json, positions_to_json
from pipelines.user_files import read_maps
from reports import tables
from reports.run import Run
from reports.run_summary import listed_entities, places_and_flows
from schemas.mapping import map_schema
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, REJECTS
from tests.support.run_pipeline import error_of, execute, refusal_of, ringtrace, watch_once
from tests.support.workbook import write_workbook
from transforms.read import ReadOptions, plan_input_files, read_shard, scan_file

HEADER = (
    "Nº de caso;Fecha de recepción;Fecha del incidente;Nombre del cliente;Teléfono del cliente;"
    "Correo electrónico;ID cliente;Dirección;Ciudad;Código postal;País;Provincia;Idioma;"
    "Teléfono del estafador;Web fraudulenta;Importe perdido;Moneda;Empresa suplantada;"
    "Descripción;Agente"
).split(";")

SCAMMERS = ("+1 888 555 0123", "+1 (877) 555-0144")

NOW = ["--now", "2026-11-01T00:00:00Z", "--no-register"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an export of 60 complaints about one ring, of which one has no date."""
    folder = tmp_path_factory.mktemp("map")
    (folder / "in" / "complaints").mkdir(parents=True)
    draw = random.Random(7)
    with (folder / "in" / "complaints" / "nw.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(HEADER)
        for n in range(60):
            scammer = SCAMMERS[n % 2]
            writer.writerow(
                [
                    f"NW-{1000 + n}",
                    f"{n % 28 + 1:02}/06/2026 10:{n:02}" if n != 30 else "ayer",
                    f"{n % 28 + 1:02}/06/2026",
                    f"Clienta Secreta {n}",
                    f"+34 6{draw.randrange(10**7, 10**8)}",
                    f"secreta{n}@example.com",
                    f"u{n}",
                    f"Calle Secreta {n}",
                    "Madrid",
                    "28001",
                    "España",
                    "Madrid",
                    "es",
                    scammer,
                    "https://amzn-refund.support/caso",
                    "1.234,50" if n % 2 else "80,00",
                    "EUR",
                    "Amazon",
                    f"Me dijeron que llamara al {scammer} para cancelar un pedido de 499 euros y "
                    f"que instalara AnyDesk en mi ordenador, caso {n}.",
                    "Ana",
                ]
            )
    return folder


@pytest.fixture(scope="module")
def run(folder):
    """The run of the two commands."""
    path = str(folder / "in" / "complaints" / "nw.csv")
    execute("map", path, "--output", folder / "nw.toml")
    words = ["batch", "--complaints", path, "--map", str(folder / "nw.toml"), *NOW]
    execute(*words, "--output", folder / "run")
    return folder / "run"


def test_two_commands_lead_from_an_unknown_export_to_a_report(run, folder):
    assert len(HEADER) == 20
    assert (run / "report" / "index.html").exists()
    counts = Run.open(str(run)).manifest["counts"]["complaints"]
    assert (counts["accepted"], counts["rejected"], counts["read"]) == (59, 1, 60)
    rows = tables.read_table(str(run), ENTITIES, ["entity_id", "status"]).to_pylist()
    status = {row["entity_id"]: row["status"] for row in rows}
    assert status["domain:amzn-refund.support"] == "infrastructure"
    assert {"phone:+18885550123", "phone:+18775550144"} <= status.keys()
    members = tables.read_table(str(run), MEMBERS, ["entity_id"])["entity_id"].to_pylist()
    assert not any("+34" in entity_id or "secreta" in entity_id for entity_id in members)


def test_nothing_of_the_victims_is_in_what_is_shown_or_written(run, folder):
    path = str(folder / "in" / "complaints" / "nw.csv")
    printed = "".join(execute("map", path)[:2])
    text = printed + (folder / "nw.toml").read_text()
    (reject,) = tables.read_table(str(run), REJECTS, ["raw", "code"]).to_pylist()
    rows = tables.read_table(str(run), COMPLAINTS, None).to_pylist()
    text += json.dumps([reject, rows], default=str)
    assert reject["code"] == "bad_timestamp"
    for secret in ("+34", "Clienta", "secreta", "Secreta", "28001"):
        assert secret not in text


def test_a_stream_reads_the_same_by_the_map(run, folder):
    flags = ["--map", folder / "nw.toml", "--no-register"]
    snapshot = Run.open(watch_once(folder / "in", folder / "stream", *flags))
    assert snapshot.manifest["counts"]["complaints"]["accepted"] == 59
    reading = ReadOptions(maps=read_maps([str(folder / "nw.toml")]))
    watched = WatchedFolder(str(folder / "in"), reading).poll({}, final=True).shards
    (file,) = plan_input_files([str(folder / "in" / "complaints")], [], reading)
    _, planned = scan_file(file)
    stream, batch = (
        [
            row
            for shard in shards
            for _, rows in read_shard(shard, reading)
            for row in rows.to_pylist()
        ]
        for shards in (watched, planned)
    )
    assert len(batch) == 60
    assert [row | {"source": ""} for row in stream] == [row | {"source": ""} for row in batch]
    rejects = tables.read_table(str(folder / "stream"), REJECTS, ["raw", "message"]).to_pylist()
    assert rejects == tables.read_table(str(run), REJECTS, ["raw", "message"]).to_pylist()


@pytest.mark.parametrize("sheet", ["June", ""])
def test_the_sheets_of_a_workbook_that_are_not_read_are_said_and_counted(tmp_path, capsys, sheet):
    pytest.importorskip("python_calamine")
    head = ["Case", "When", "Told to call"]
    rows = {"June": [head, ["A1", "2026-06-01T10:00:00Z", "+1 888 555 0101"]]}
    may = [head if sheet else ["code", "meaning"], ["A2", "2026-05-01T10:00:00Z"]]
    (tmp_path / "in" / "complaints").mkdir(parents=True)
    book = tmp_path / "in" / "complaints" / "a.xlsx"
    write_workbook(book, {"May": may, "Notes": [["x"]], **rows})
    (tmp_path / "m.toml").write_text(
        'version = 1\nkind = "complaint"\nsource_org = "acme"\n[file]\nformat = "xlsx"\n'
        f'sheet = "{sheet}"\n[columns]\nCase = "complaint_id"\nWhen = "received_at"\n'
        '"Told to call" = "phone.callback"\n'
    )
    words = ["batch", "--complaints", str(book), "--map", str(tmp_path / "m.toml"), *NOW]
    assert ringtrace(*words, "--output", tmp_path / "run") == 0
    said = "1 that is a sheet of a workbook which the map does not read (a.xlsx (sheet 'May'))"
    assert said in capsys.readouterr().err
    entries = Run.open(str(tmp_path / "run")).manifest["entries"]
    assert (entries["read"], entries["skipped"]) == (1, {"sheet": 1})
    reading = ReadOptions(maps=read_maps([str(tmp_path / "m.toml")]))
    folder = WatchedFolder(str(tmp_path / "in"), reading)
    news = folder.poll({}, final=True)
    assert news.entries["skipped"] == {"sheet": 1}
    stored = json.loads(json.dumps(positions_to_json(news.positions)))
    again = folder.poll(positions_from_json(stored), final=True)
    assert (again.entries["skipped"], again.shards) == ({"sheet": 1}, ())
    assert again.positions == news.positions


def test_a_reject_can_be_corrected_and_read_again_by_the_map(run, folder):
    execute("rejects", run, "--output", folder / "fix")
    (path,) = (folder / "fix" / "complaints").iterdir()
    path.write_text(path.read_text().replace("ayer", "29/06/2026 11:00"))
    words = ["batch", "--complaints", str(path), "--map", str(folder / "nw.toml"), *NOW]
    execute(*words, "--output", folder / "again")
    (row,) = tables.read_table(str(folder / "again"), COMPLAINTS, ["complaint_id"]).to_pylist()
    assert row == {"complaint_id": "NW-1030"}


def test_the_run_says_by_which_map_and_zone_it_was_read(run, folder):
    options = Run.open(str(run)).manifest["options"]
    assert [by["name"] for by in options["maps"]] == ["nw.toml"]
    assert options["assumed_utc"] == ["nw.toml"]


def test_a_map_obeys_its_schema(run, folder):
    guessed = tomllib.loads((folder / "nw.toml").read_text())
    jsonschema.Draft202012Validator(map_schema()).validate(guessed)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(map_schema()).validate(guessed | {"colour": "red"})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["map", "{in}/complaints/nw.csv", "--timezone", "Mars"], "'Mars' is no time zone"),
        (["map", "{in}/complaints/nw.csv", "--source-org", "My Org"], "'My Org', not a slug"),
        (["batch", "--complaints", "{in}/complaints", "--output", "{new}"], "ringtrace map"),
    ],
)
def test_wrong_usage_is_one_line(run, folder, capsys, words, says):
    places = {"in": folder / "in", "map": folder / "nw.toml", "new": folder / "new"}
    capsys.readouterr()
    assert cli.main([word.format_map(places) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error
    assert not (folder / "new").exists()


TOLD = "A man who said he was from Amazon told me to call {} to cancel an order."

ROWS = [
    [f"R{n}", f"{n % 28 + 1:02}/06/2026", f"{n % 12 + 1}:{n:02} PM", TOLD.format(SCAMMERS[n % 2])]
    for n in range(40)
]

COLUMNS = ["Case ID", "Date", "Time", "Description"]


def text_of(rows, delimiter=","):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return file.getvalue()


def zipped(name, text):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, text)
    return file.getvalue()


def read_by_map(tmp_path, data, *more):
    """The complaints of a run by the guessed map of the first file."""
    for number, content in enumerate((data, *more)):
        (tmp_path / f"{number}.csv").write_bytes(content)
    by = str(tmp_path / "map.toml")
    assert ringtrace("map", tmp_path / "0.csv", "--output", by, "--source-org", "acme") == 0
    words = ["batch", "--complaints", str(tmp_path / "*.csv"), "--map", by, *NOW]
    execute(*words, "--output", tmp_path / "run")
    run = Run.open(str(tmp_path / "run"))
    rows = tables.read_table(str(tmp_path / "run"), COMPLAINTS, None).to_pylist()
    return run.manifest["counts"]["complaints"], {row["complaint_id"]: row for row in rows}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_date_and_a_time_of_day_in_two_columns_are_one_time(tmp_path, swapped):
    order = [0, 2, 1, 3] if swapped else [0, 1, 2, 3]
    table = [[row[place] for place in order] for row in [COLUMNS, *ROWS]]
    counts, rows = read_by_map(tmp_path, text_of(table).encode())
    assert counts["accepted"] == 40
    assert rows["R13"]["received_at"].isoformat() == "2026-06-14T14:13:00+00:00"
    assert rows["R11"]["received_at"].isoformat() == "2026-06-12T12:11:00+00:00"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_tab_separated_file_of_wide_characters_is_mapped(tmp_path, encoding):
    counts, rows = read_by_map(tmp_path, text_of([COLUMNS, *ROWS], "\t").encode(encoding))
    assert counts["accepted"] == len(rows) == 40


@pytest.mark.parametrize(
    "above",
    [
        [["Fraud desk weekly export"], ["Generated 2026-07-01 by A. Person"], []],
        [["Fraud desk, weekly", "", "", ""]],
        [["2026-07-01"], ["Cases", "40"]],
    ],
)
def test_titles_above_the_header_row_are_no_records(tmp_path, above, capsys):
    """A file of another day may have more titles, or none: no row is lost, or read as a title."""
    first = text_of([*above, COLUMNS, *ROWS[:20]]).encode()
    more = text_of([["a"], *above, ["b"], COLUMNS, *ROWS[20:30]]).encode()
    none = text_of([COLUMNS, *ROWS[30:]]).encode()
    counts, rows = read_by_map(tmp_path, first, more, none)
    assert (counts["read"], counts["accepted"]) == (40, 40)
    assert rows.keys() == {row[0] for row in ROWS}
    count = len([line for line in above if line])
    assert f"{count} row{'s' * (count > 1)} above the names" in capsys.readouterr().out


def test_broken_rows_below_titles_cost_themselves_alone(tmp_path):
    table = [["Fraud desk weekly export"], COLUMNS, *ROWS]
    lines = text_of(table).encode().split(b"\r\n")
    lines[5] = b'R3,"broken" quote,1:00 PM,x'
    lines[7] = b"R5,06/06/2026,1:00 PM,\xff\xfe\xfa bytes of no encoding"
    whole = text_of(
        [["Of the week before"], COLUMNS, *([f"S{n}", *ROWS[n][1:]] for n in range(40))]
    )
    counts, rows = read_by_map(tmp_path, whole.encode(), b"\r\n".join(lines))
    assert (counts["read"], counts["accepted"], counts["rejected"]) == (80, 78, 2)
    assert {row[0] for row in ROWS} - rows.keys() == {"R3", "R5"}


RECORDS = {row[0]: dict(zip(COLUMNS[1:], row[1:], strict=True)) for row in ROWS}


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.zip", zipped("a.csv", text_of([COLUMNS, *ROWS])), "zip is not supported"),
        ("a.json", json.dumps(RECORDS).encode(), "its records are keyed by their ids"),
        ("a.csv", text_of([COLUMNS, *(["1", *row] for row in ROWS)]).encode(), "have 5 cells"),
    ],
)
def test_what_cannot_be_mapped_is_named(tmp_path, name, data, says):
    (tmp_path / name).write_bytes(data)
    error = refusal_of("map", tmp_path / name)
    assert says in error


def test_numbers_without_a_name_are_known_by_how_they_are_written(tmp_path, capsys):
    """As in a custom field of Jira; whose they are nothing says, so they are withheld."""
    draw = random.Random(3)
    issues = [
        {
            "key": f"FR-{n}",
            "fields": {
                "created": f"2026-06-{n % 28 + 1:02}T10:00:00.000+0000",
                "description": TOLD.format(SCAMMERS[0]),
                "customfield_10042": f"(888) {draw.randrange(200, 999)}-{1000 + n}",
            },
        }
        for n in range(40)
    ]
    path = tmp_path / "jira.json"
    path.write_text(json.dumps({"total": 40, "issues": issues}))
    assert ringtrace("map", path, "--output", tmp_path / "map.toml") == 0
    columns = tomllib.loads((tmp_path / "map.toml").read_text())["columns"]
    assert columns["key"] == "complaint_id"
    assert columns["fields.customfield_10042"] == "phone.victim"
    assert "whose 'fields.customfield_10042' is" in capsys.readouterr().out


def test_numbers_that_a_spreadsheet_rounded_are_named(tmp_path):
    table = [[*COLUMNS, "Phone Number"], *([*row, "1.88856E+10"] for row in ROWS)]
    (tmp_path / "in.csv").write_text(text_of(table))
    assert "a spreadsheet rounded its numbers" in execute("map", tmp_path / "in.csv").out


def test_times_of_day_alone_are_no_time(tmp_path):
    by = tmp_path / "map.toml"
    by.write_text(
        'version = 1\nkind = "call"\n[file]\nformat = "csv"\n[columns]\nT = "started_at"\n'
        '[times]\nT = "time-of-day"\n'
    )
    words = ["batch", "--calls", str(tmp_path), "--map", str(by), "--output", str(tmp_path / "r")]
    assert "times have no date" in error_of(*words)


def _guessed(tmp_path, header, rows):
    """The map that is guessed for rows, and what the command says."""
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    said = execute("map", path, "--output", tmp_path / "t.toml").out
    return tomllib.loads((tmp_path / "t.toml").read_text()), said


DESK = ["Ticket ID", "Created at", "Description", "Amount lost", "Scam website", "Scam site host"]

STORY = "They said that my account was hacked and made me call them at once"


def _ticket(n, lost="499", site="amzn-refund.support"):
    day = f"2026-05-{n % 28 + 1:02}T10:00:00Z"
    return [f"T-{n}", day, f"{STORY} {n}", lost, site, "hosting.example"]


def test_a_ticket_that_was_exported_twice_keeps_the_numbers_of_tickets(tmp_path):
    tickets = [_ticket(n) for n in range(30)]
    guessed, said = _guessed(tmp_path, DESK, [*tickets, tickets[3], tickets[3]])
    assert guessed["columns"]["Ticket ID"] == "complaint_id" and "CHECK complaint_id" not in said
    changed = [
        *tickets[3][:2],
        "another comment on this ticket, in words of its own",
        *tickets[3][3:],
    ]
    (tmp_path / "t.toml").unlink()
    guessed, said = _guessed(tmp_path, DESK, [*tickets, changed])
    assert guessed["columns"]["Ticket ID"] == "ignore" and "CHECK complaint_id" in said


def test_a_site_of_the_scammer_is_read_without_a_scheme(tmp_path):
    sites = ["amzn-refund.support", "don't remember", "https://win-help.example/x", ""]
    rows = [_ticket(n, site=sites[n % 4]) for n in range(40)]
    guessed, said = _guessed(tmp_path, DESK, rows)
    assert guessed["columns"]["Scam website"] == "url"
    assert (
        guessed["columns"]["Scam site host"] == "ignore" and "'Scam site host': is not read" in said
    )


def test_amounts_without_a_currency_are_pointed_out_and_those_with_one_keep_it(tmp_path):
    losses = ["$499.00", "CAD 500", "C$20", "1,250.00", "80 euros", "USD 2,000", "0", "n/a"]
    rows = [_ticket(n, lost=losses[n % 8]) for n in range(40)]
    guessed, said = _guessed(tmp_path, DESK, rows)
    assert "constants" not in guessed or "loss_currency" not in guessed["constants"]
    assert "CHECK loss_currency: no column has it, and amounts of 'Amount lost'" in said

    path, by = tmp_path / "tickets.csv", tmp_path / "t.toml"
    words = ["batch", "--complaints", str(path), "--map", str(by), *NOW, "--output"]
    assert "10 losses without a currency, in no total" in execute(*words, tmp_path / "bare").err
    run = Run.open(tmp_path / "bare")
    sums = places_and_flows(run, listed_entities(run))["losses"]
    assert sums == [
        ("CAD", "2600.00", 10), ("EUR", "400.00", 5), ("USD", "10000.00", 5), ("", "", 10)
    ]  # fmt: skip

    by.write_text(by.read_text() + '\n[constants]\nloss_currency = "USD"\n')
    assert "without a currency" not in execute(*words, tmp_path / "usd").err
    rows = tables.read_table(Run.open(tmp_path / "usd"), COMPLAINTS).to_pylist()
    assert {(row["loss_currency"], int(row["loss_amount"])) for row in rows
            if row["loss_amount"]} == {("USD", 499), ("CAD", 500), ("CAD", 20), ("USD", 1250),
                                       ("EUR", 80), ("USD", 2000)}  # fmt: skip


@pytest.mark.parametrize("odd", ["£50", "EUR 50"])
def test_one_amount_in_another_currency_makes_no_constant(tmp_path, odd):
    rows = [_ticket(n, lost=odd if n == 7 else "$80") for n in range(40)]
    guessed, _ = _guessed(tmp_path, DESK, rows)
    assert "loss_currency" not in guessed.get("constants", {})
