"""Identifiers that replaced versions of records named are counted, and most of one is an alarm."""

import random

import pytest

from schemas.tables import MEMBERS
from tests.support.examples import LONG
from tests.support.run_pipeline import (
    call,
    callbacks,
    column,
    complaint,
    execute,
    inbox,
    jsonl,
    manifest_of,
    run as batch,
    watch_once,
)

NUMBER, OTHER, PAYEE = "+18885550100", "+18885550122", "GB29NWBK60161331926819"

LATER, LATEST = "2024-03-05T09:30:00Z", "2024-03-06T09:30:00Z"


def report(number, *raws, **fields):
    paid = [{"method": "bank", "payee": PAYEE}]
    named = {"phone_numbers": callbacks(*raws), "payments": paid, "victim_id": f"v{number}"}
    return complaint(number, **(named | fields))


RING = [report(number, NUMBER, OTHER) for number in range(6)]

TAKEN = [report(number, OTHER, received_at=LATER) for number in range(3)]
"""Half of those who named the number no longer do."""

WEAKENED = [
    row | {"phone_numbers": [*callbacks(OTHER), {"raw": NUMBER, "role": "mentioned"}]}
    for row in TAKEN
]

BACK = [row | {"received_at": LATEST} for row in RING]

TYPO = report(4, NUMBER, "+18885550123", received_at=LATER)

CASES = {
    "taken": ([*RING, *TAKEN], 1, True),
    "weakened": ([*RING, *WEAKENED], 1, True),
    "two of six": ([*RING, *TAKEN[:2]], 1, False),
    "one person's three": (
        [row | {"victim_id": "v0"} for row in [*RING[:3], *TAKEN]] + RING[3:],
        1,
        False,
    ),
    "a slip": ([*RING, TYPO], 1, False),
    "copies": ([*RING, *RING, *RING], 0, False),
    "back again": ([*RING, *TAKEN, *BACK], 0, False),
    "the earlier version": (
        [*RING, *(row | {"received_at": "2024-02-01T00:00:00Z"} for row in TAKEN)],
        0,
        False,
    ),
    "said by the same people elsewhere": (
        [*RING, *TAKEN, *(report(20 + n, NUMBER, victim_id=f"v{n}") for n in range(3))],
        1,
        False,
    ),
}


def replaced(folder):
    manifest = manifest_of(folder)
    alarms = {alarm["code"] for alarm in manifest["alarms"]}
    counted = manifest["tallies"].get("replaced_identifiers", {})
    assert set(counted) <= {"amazon"}
    return counted.get("amazon", 0), "replaced_identifiers" in alarms


@pytest.mark.parametrize("name", CASES)
def test_what_replaced_versions_named_is_counted(tmp_path, name):
    """Once for an organisation, however the rows come and however many bear one pseudonym."""
    rows, number, alarm = CASES[name]
    shuffled = random.Random(name).sample(rows, len(rows))
    for folder, lines in (("run", rows), ("shuffled", shuffled)):
        batch(tmp_path / folder, "--complaints", jsonl(tmp_path / f"{folder}.jsonl", lines))
        assert replaced(tmp_path / folder) == (number, alarm)
    texts = execute("health", tmp_path / "run", status=None)
    assert ("replaced_identifiers: amazon: 1 identifier gone" in texts.out) == bool(number)
    assert texts.status == int(alarm)
    manifest = (tmp_path / "run" / "manifest.json").read_text()
    assert NUMBER[2:] not in manifest and PAYEE not in manifest


@pytest.mark.parametrize("name", [name for name in CASES if LONG or name in ("taken", "a slip")])
def test_a_stream_counts_the_same(tmp_path, name):
    """Arrivals of versions: together, one after the other, or the last one first."""
    rows, number, alarm = CASES[name]
    for order, parts in (
        ("together", [rows]),
        ("after", [rows[:6], rows[6:]]),
        ("reversed", [rows[9:], rows[6:9], rows[:6]]),
    ):
        watched = inbox(tmp_path / f"in-{order}")
        for place, lines in enumerate(parts):
            if lines:
                jsonl(watched / "complaints" / f"{place}.jsonl", lines)
                last = watch_once(watched, tmp_path / order)
        assert replaced(last) == (number, alarm), order


def test_calls_are_records_too(tmp_path):
    def dialed(number, **fields):
        named = {"direction": "outbound", "called_number": NUMBER, "victim_id": f"v{number}"}
        return call(number, duration_seconds=60, **(named | fields))

    rows = [dialed(number) for number in range(3)]
    rows += [dialed(number, called_number=OTHER, started_at=LATER) for number in range(3)]
    batch(tmp_path / "run", "--calls", jsonl(tmp_path / "calls.jsonl", rows))
    assert replaced(tmp_path / "run") == (1, True)
    assert f"phone:{NUMBER}" not in column(tmp_path / "run", MEMBERS, "entity_id")
