"""The recipes of docs/recipes: each sample is read by its map, and every row accounted for."""

import csv
import json
from collections import Counter
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.call import CALL_LOOSE
from schemas.complaint import COMPLAINT_LOOSE
from schemas.enums import RecordKind
from schemas.mapping import parse_map
from tests.support.read_files import read_file
from tests.support.real_data import ROOT
from tests.support.run_pipeline import callbacks
from tests.support.workbook import write_workbook
from transforms.read import guess_map, sample_file
from transforms.validate import validate_calls, validate_complaints

RECIPES = ROOT / "docs" / "recipes"

SAMPLES = RECIPES / "samples"


class Recipe(NamedTuple):
    sample: str
    map: str | None
    kind: RecordKind
    accepted: int
    rejects: dict[str, int]
    first: dict[str, object]


COMPLAINT, CALL = RecordKind.COMPLAINT, RecordKind.CALL

CASES = {
    "zendesk": Recipe(
        "zendesk.json",
        "zendesk",
        COMPLAINT,
        2,
        {"missing_field": 1},
        {
            "complaint_id": "35436",
            "victim_id": "20978392",
            "received_at": "2026-06-02T14:03:11+00:00",
            "phone_numbers": [
                {"raw": "(888) 555-0123", "role": "callback"},
                {"raw": "+1 202 555 0101", "role": "victim"},
            ],
            "urls": ["https://amzn-refund.support/case"],
            "loss_amount": "899.00",
            "channel": None,
            "unknown": None,
        },
    ),
    "servicenow": Recipe(
        "servicenow.csv",
        "servicenow",
        COMPLAINT,
        2,
        {},
        {
            "complaint_id": "INC0010001",
            "phone_numbers": [
                {"raw": "888-555-0199", "role": "callback"},
                {"raw": "+1 202 555 0110", "role": "victim"},
            ],
            "received_at": "2026-06-01T08:15:00+00:00",
        },
    ),
    "salesforce": Recipe(
        "salesforce-cases.csv",
        "salesforce-cases",
        COMPLAINT,
        2,
        {},
        {
            "complaint_id": "00001026",
            "emails": ["jo@example.com"],
            "email_roles": ["victim"],
            "phone_numbers": [
                {"raw": "8885550142", "role": "caller_id"},
                {"raw": "(202) 555-0120", "role": "victim"},
            ],
        },
    ),
    "cfpb": Recipe(
        "cfpb.csv",
        "cfpb",
        COMPLAINT,
        2,
        {},
        {
            "complaint_id": "9100001",
            "received_at": "2026-05-25T04:00:00+00:00",
            "claimed_brand": None,
            "phone_numbers": None,
        },
    ),
    "twilio": Recipe(
        "twilio.json",
        "twilio",
        CALL,
        2,
        {"bad_timestamp": 1},
        {
            "started_at": "2026-06-02T20:36:29+00:00",
            "calling_number": "+12025550130",
            "direction": None,
            "duration_seconds": "15",
        },
    ),
    "freeswitch-csv": Recipe(
        "freeswitch.csv",
        "freeswitch",
        CALL,
        2,
        {"missing_field": 1},
        {"calling_number": "2025550140", "duration_seconds": "120", "direction": None},
    ),
    "freeswitch-json": Recipe(
        "freeswitch.json", None, CALL, 1, {}, {"calling_number": "+18885550151"}
    ),
    "cisco-cucm": Recipe(
        "cisco-cucm.csv",
        "cisco-cucm",
        CALL,
        2,
        {},
        {
            "started_at": "2026-06-04T13:33:20+00:00",
            "calling_number": "+18885550170",
            "called_number": "+12025550150",
        },
    ),
    "homer": Recipe(
        "homer.json",
        "homer",
        CALL,
        3,
        {},
        {"call_id": "row-f4fab575e33a44a9", "started_at": "2026-06-05T18:39:02.283000+00:00"},
    ),
    "asterisk-headered": Recipe(
        "asterisk-headered.csv",
        "asterisk-headered",
        CALL,
        5,
        {"bad_timestamp": 1},
        {"calling_number": "8885550190", "called_number": "12025550170"},
    ),
    "asterisk-plain": Recipe("asterisk.csv", None, CALL, 1, {}, {"calling_number": "8885550191"}),
    "amazon-connect": Recipe(
        "amazon-connect.jsonl",
        "amazon-connect",
        CALL,
        2,
        {"broken_json": 1},
        {"calling_number": "+12025550180", "direction": None},
    ),
    "microsoft-teams": Recipe(
        "microsoft-teams.json",
        "microsoft-teams",
        CALL,
        2,
        {},
        {"direction": None, "victim_country": "US", "duration_seconds": "88"},
    ),
    "bigquery": Recipe(
        "bigquery.parquet",
        "bigquery",
        COMPLAINT,
        2,
        {"bad_country": 1},
        {
            "victim_country": "US",
            "victim_id": "k1",
            "phone_numbers": callbacks("+1 888 555 0200", "(888) 555-0201"),
            "received_at": "2026-06-09T12:00:00+00:00",
        },
    ),
    "excel": Recipe(
        "meldungen.xlsx",
        "excel",
        COMPLAINT,
        2,
        {},
        {
            "received_at": "2026-06-10T06:30:00+00:00",
            "loss_amount": "499.50",
            "phone_numbers": [
                {"raw": "+49 800 5550210", "role": "caller_id"},
                {"raw": "030 1234567", "role": "victim"},
            ],
        },
    ),
}


def sample_of(recipe, folder):
    """The path of a sample; Parquet and Excel are made of their text."""
    if recipe.sample == "bigquery.parquet":
        rows = [json.loads(line) for line in (SAMPLES / "bigquery.jsonl").read_text().splitlines()]
        for row in rows:
            row["created"] = datetime.fromisoformat(row["created"])
        pq.write_table(pa.Table.from_pylist(rows), folder / recipe.sample)
        return folder / recipe.sample
    if recipe.sample == "meldungen.xlsx":
        pytest.importorskip("python_calamine")
        with (SAMPLES / "excel.csv").open() as file:
            header, *rows = csv.reader(file)
        for row in rows:
            row[1] = datetime.fromisoformat(row[1])
        write_workbook(folder / recipe.sample, {"Info": [["x"]], "Meldungen": [header, *rows]})
        return folder / recipe.sample
    return SAMPLES / recipe.sample


def map_of(recipe):
    path = RECIPES / f"{recipe.map}.toml"
    return parse_map(path.read_text(), path.name)


@pytest.mark.parametrize("name", CASES)
def test_a_sample_is_read_by_its_map(name, tmp_path):
    recipe = CASES[name]
    maps = (map_of(recipe),) if recipe.map else ()
    path = sample_of(recipe, tmp_path)
    read_rows = read_file(path, calls=recipe.kind is CALL, maps=maps)
    loose = read_rows["calls" if recipe.kind is CALL else "complaints"]
    assert {key: loose[0][key] for key in recipe.first} == recipe.first
    schema = CALL_LOOSE if recipe.kind is CALL else COMPLAINT_LOOSE
    validate = validate_calls if recipe.kind is CALL else validate_complaints
    accepted, rejects, _ = validate(pa.RecordBatch.from_pylist(loose, schema=schema))
    codes = Counter(reject["code"] for reject in [*read_rows["rejects"], *rejects.to_pylist()])
    assert (accepted.num_rows, codes) == (recipe.accepted, recipe.rejects)


SUSPECTS = {"phone.callback", "phone.caller_id", "phone.mentioned", "url", "email.sender"}


@pytest.mark.parametrize("name", [name for name, recipe in CASES.items() if recipe.map])
def test_a_guess_accuses_nobody_whom_the_recipe_does_not(name, tmp_path):
    recipe = CASES[name]
    path = str(sample_of(recipe, tmp_path))
    right = map_of(recipe)
    guess = guess_map(sample_file(path), path, "acme", None).by
    assert guess.kind is right.kind
    for column, targets in guess.columns.items():
        allowed = set(right.columns.get(column, ()))
        if "phone.callback" in allowed:
            allowed.add("phone.caller_id")  # of what is the suspect's, the weaker role
        assert not SUSPECTS & set(targets) - allowed, (column, targets)
    words = {**guess.constants, **guess.words.get("direction", {})}
    assert set(words.values()).isdisjoint({"inbound", "outbound"})


def test_every_recipe_has_a_page_a_map_and_a_row():
    page = (RECIPES / "README.md").read_text()
    for path in RECIPES.glob("*.toml"):
        assert f"({path.name})" in page
        assert any(recipe.map == path.stem for recipe in CASES.values()), path.name
    for path in RECIPES.glob("*.md"):
        text = path.read_text()
        assert path.name == "README.md" or (f"({path.name})" in page and "https://" in text)
