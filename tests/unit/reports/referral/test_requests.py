"""Providers of identifiers, and the days until which they keep records."""

from datetime import UTC, datetime

import pytest

from reports.referral.requests import retention_end
from tests.support.made_up_case import IDS, ROLES, case_of, package_of, rows

MOMENT = datetime(2024, 8, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "end"),
    [
        ({"months": 18}, (2026, 2, 28)),
        ({"months": 6}, (2025, 2, 28)),
        ({"months": 4}, (2024, 12, 31)),
        ({"months": 60}, (2029, 8, 31)),
        ({"days": 7}, (2024, 9, 7)),
    ],
)
def test_clocks_run_by_the_calendar(clock, end):
    found = retention_end(MOMENT, clock)
    assert (found.year, found.month, found.day) == end


def test_no_period_is_no_end():
    assert retention_end(MOMENT, {}) is None


def test_every_member_is_asked_about_once(tmp_path):
    case = case_of(tmp_path / "run", rows())
    asked = [one.member["entity_id"] for group in case.groups for one in group.members]
    assert sorted(asked) == sorted(IDS)
    named = {group.provider.name for group in case.groups}
    assert "AnyDesk Software GmbH" in named and "Google LLC (Gmail)" in named
    assert any("WESTMINSTER" in name.upper() for name in named)


def test_unknown_clocks_come_first_and_then_the_first_to_end(tmp_path):
    ends = [group.next_expiry for group in case_of(tmp_path / "run", rows()).groups]
    known = [end for end in ends if end is not None]
    assert ends == [None] * (len(ends) - len(known)) + sorted(known)


def test_a_request_names_its_identifiers_and_no_victim(tmp_path):
    files = package_of(case_of(tmp_path / "run", rows()))
    drafts = {path: text for path, text in files.items() if path.startswith("data/requests/")}
    whole = b"\n".join(drafts.values())
    for one in IDS:
        assert whole.count(f". {one}\n".encode()) == 1
    assert b"FOR COMPLETION AND SIGNATURE" in whole and b"v-1" not in whole and b"A-1" not in whole


def test_epochs_of_a_number_are_one_providers(tmp_path):
    ids = [*IDS, f"{IDS[0]}#2"]
    case = case_of(tmp_path / "run", rows(ids, [*ROLES, "callback"]))
    (group,) = (g for g in case.groups if any(IDS[0] == h.member["entity_id"] for h in g.members))
    assert {one.member["entity_id"] for one in group.members} == {IDS[0], f"{IDS[0]}#2"}
