"""`ringtrace map`: from an unknown export of 20 columns to a report in two commands."""

import csv
import json
import random
import tomllib

import jsonschema
import pytest

from pipelines import cli
from pipelines.run_folder import latest_snapshot
from pipelines.streaming.watch_sources import WatchedFolder
from pipelines.user_files import read_maps
from reports import tables
from reports.run import Run
from schemas.mapping import map_schema
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, REJECTS
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
    assert cli.main(["map", path, "--output", str(folder / "nw.toml")]) == 0
    words = ["batch", "--complaints", path, "--map", str(folder / "nw.toml"), *NOW]
    assert cli.main([*words, "--output", str(folder / "run")]) == 0
    return folder / "run"


def test_two_commands_lead_from_an_unknown_export_to_a_report(run, folder):
    assert len(HEADER) == 20
    assert (run / "report" / "index.html").exists()
    counts = Run.open(str(run)).manifest["counts"]["complaints"]
    assert (counts["accepted"], counts["rejected"], counts["read"]) == (59, 1, 60)
    found = tables.read_table(str(run), ENTITIES, ["entity_id", "status"]).to_pylist()
    status = {one["entity_id"]: one["status"] for one in found}
    assert status["domain:amzn-refund.support"] == "infrastructure"
    assert {"phone:+18885550123", "phone:+18775550144"} <= status.keys()
    members = tables.read_table(str(run), MEMBERS, ["entity_id"])["entity_id"].to_pylist()
    assert not any("+34" in one or "secreta" in one for one in members)


def test_nothing_of_the_victims_is_in_what_is_shown_or_written(run, folder, capsys):
    path = str(folder / "in" / "complaints" / "nw.csv")
    capsys.readouterr()
    assert cli.main(["map", path]) == 0
    printed = "".join(capsys.readouterr())
    text = printed + (folder / "nw.toml").read_text()
    (reject,) = tables.read_table(str(run), REJECTS, ["raw", "code"]).to_pylist()
    rows = tables.read_table(str(run), COMPLAINTS, None).to_pylist()
    text += json.dumps([reject, rows], default=str)
    assert reject["code"] == "bad_timestamp"
    for one in ("+34", "Clienta", "secreta", "Secreta", "28001"):
        assert one not in text


def test_a_stream_reads_the_same_by_the_map(run, folder):
    words = ["stream", "--watch", str(folder / "in"), "--map", str(folder / "nw.toml")]
    more = ["--stop-after-idle", "1", "--tick-interval", "1", "--no-register"]
    assert cli.main([*words, *more, "--output", str(folder / "stream")]) == 0
    snapshot = Run.open(latest_snapshot(str(folder / "stream")))
    assert snapshot.manifest["counts"]["complaints"]["accepted"] == 59
    reading = ReadOptions(maps=read_maps([str(folder / "nw.toml")]))
    watched = WatchedFolder(str(folder / "in"), reading).poll({}, final=True).shards
    (file,) = plan_input_files([str(folder / "in" / "complaints")], [], reading)
    _, planned = scan_file(file)
    stream, batch = (
        [row for one in shards for _, rows in read_shard(one, reading) for row in rows.to_pylist()]
        for shards in (watched, planned)
    )
    assert len(batch) == 60
    assert [row | {"source": ""} for row in stream] == [row | {"source": ""} for row in batch]
    rejects = tables.read_table(str(folder / "stream"), REJECTS, ["raw", "message"]).to_pylist()
    assert rejects == tables.read_table(str(run), REJECTS, ["raw", "message"]).to_pylist()


def test_a_reject_can_be_corrected_and_read_again_by_the_map(run, folder):
    assert cli.main(["rejects", str(run), "--output", str(folder / "fix")]) == 0
    (path,) = (folder / "fix" / "complaints").iterdir()
    path.write_text(path.read_text().replace("ayer", "29/06/2026 11:00"))
    words = ["batch", "--complaints", str(path), "--map", str(folder / "nw.toml"), *NOW]
    assert cli.main([*words, "--output", str(folder / "again")]) == 0
    (row,) = tables.read_table(str(folder / "again"), COMPLAINTS, ["complaint_id"]).to_pylist()
    assert row == {"complaint_id": "NW-1030"}


def test_the_run_says_by_which_map_and_zone_it_was_read(run, folder, capsys):
    options = Run.open(str(run)).manifest["options"]
    assert [one["name"] for one in options["maps"]] == ["nw.toml"]
    assert options["assumed_utc"] == ["nw.toml"]


def test_a_map_obeys_its_schema(run, folder):
    given = tomllib.loads((folder / "nw.toml").read_text())
    jsonschema.Draft202012Validator(map_schema()).validate(given)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(map_schema()).validate(given | {"colour": "red"})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["map", "{in}"], "is a folder"),
        (["map", "{in}/complaints/nw.csv", "--output", "{map}"], "exists; give another"),
        (["map", "{in}/complaints/nw.csv", "--timezone", "Mars"], "'Mars' is no zone"),
        (["map", "{in}/complaints/nw.csv", "--kind", "letter"], "letter"),
        (["map", "{in}/complaints/nw.csv", "--source-org", "My Org"], "is not a slug"),
        (["batch", "--complaints", "{in}/complaints", "--output", "{new}"], "ringtrace map"),
    ],
)
def test_wrong_usage_is_one_line(run, folder, capsys, words, says):
    places = {"in": folder / "in", "map": folder / "nw.toml", "new": folder / "new"}
    capsys.readouterr()
    assert cli.main([one.format_map(places) for one in words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and says in error
    assert not (folder / "new").exists()


def test_bytes_that_are_no_text_are_named_so(tmp_path, capsys):
    path = tmp_path / "photo.csv"
    path.write_bytes(random.Random(1).randbytes(20_000))
    assert cli.main(["map", str(path)]) == 2
    said = capsys.readouterr()
    assert "not text in UTF-8" in said.err + said.out
    assert (said.err + said.out).count("\n") == 1
