"""Providers of identifiers, and the days until which they keep records."""

from datetime import UTC, datetime, timedelta

import pytest

from reports.referral.providers import PRIORITIES, retention_end
from reports.referral.reference import english
from tests.support.made_up_case import IDS, ROLES, case_of, package_of, rows

MOMENT = datetime(2024, 8, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("clock", "end"),
    [({"months": 6}, (2025, 2, 28)), ({"months": 4}, (2024, 12, 31)), ({"days": 7}, (2024, 9, 7))],
)
def test_clocks_run_by_the_calendar(clock, end):
    kept_until = retention_end(MOMENT, clock)
    assert (kept_until.year, kept_until.month, kept_until.day) == end


def test_no_period_is_no_end():
    assert retention_end(MOMENT, {}) is None


def test_every_member_is_asked_about_once(tmp_path):
    case = case_of(tmp_path / "run", rows())
    asked = [member.member["entity_id"] for group in case.groups for member in group.members]
    assert sorted(asked) == sorted(IDS)
    named = {group.provider.name for group in case.groups}
    assert "AnyDesk Software GmbH" in named and "Google LLC (Gmail)" in named
    assert any("WESTMINSTER" in name.upper() for name in named)


def letters(case):
    """The letters of a case by path, without those to ad platforms."""
    files = package_of(case)
    return {
        path: content.decode()
        for path, content in files.items()
        if path.startswith("data/requests/")
    }


def test_letters_are_in_the_order_of_clock_and_confidence(tmp_path):
    tables = rows()
    for row, confidence in zip(tables["members"], (0.7, 0.9, 0.6, 0.8, 0.95), strict=True):
        row["confidence"] = confidence
    case = case_of(tmp_path / "run", tables)
    ranked = [(group.priority(case.moment), group.confidence) for group in case.groups]
    order = [(PRIORITIES.index(priority), -confidence) for priority, confidence in ranked]
    assert order == sorted(order) and ranked[0] == ("at_once", 0.95)


def test_an_account_that_was_paid_of_late_comes_at_once(tmp_path):
    case = case_of(tmp_path / "run", rows())
    (bank,) = (group for group in case.groups if group.provider.kind == "bank")
    paid = bank.members[0].member["last_seen"]
    assert bank.priority(paid + timedelta(days=3)) == "at_once"
    assert bank.priority(paid + timedelta(days=60)) == "in_turn"


def test_a_request_names_its_identifiers_and_no_victim(tmp_path):
    drafts = letters(case_of(tmp_path / "run", rows()))
    whole = "\n".join(drafts.values())
    for entity_id in IDS:
        assert whole.count(f". {english().identifier(entity_id)}\n") == 1
    assert "FOR COMPLETION AND SIGNATURE" in whole and "v-1" not in whole and "A-1" not in whole


SEPARATE = [
    "account:us:026010090:62022802552",
    "account:us:021000021:62022802553",
    "account:uk:601613:31926819",
    "account:ifsc:SBIN0001234:1234567890",
    "account:iban:DE02120300000000202051",
    "phone:+18885550123",
    "phone:+18885550124",
    "domain:amzn-refund.support",
    "domain:amzn-help.support",
    "url:form.jotform.com/241059388108582",
    "url:example.typeform.com/to/AbC",
    "wallet:btc:1GCUG3dacfJqewW9RXZ1RAqducdRFHoEpF",
    "wallet:btc:1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
]


def test_no_letter_shows_one_institution_anothers_accounts(tmp_path):
    roles = ["payee"] * 5 + ["callback"] * 2 + ["lure_site"] * 4 + ["payee"] * 2
    drafts = letters(case_of(tmp_path / "run", rows(SEPARATE, roles)))
    values = [entity_id.rpartition(":")[2] for entity_id in SEPARATE]
    named = {path: [value for value in values if value in text] for path, text in drafts.items()}
    assert sorted(map(len, named.values())) == [1] * len(SEPARATE)
    whole = "\n".join(drafts.values())
    assert "1. ABA 026010090, account 62022802552\n" in whole
    assert "To:         Bank with ABA routing number 026010090\n" in whole


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entity_id", "to"),
    [
        ("domain:oops1x.z13.web.core.windows.net", "Microsoft Corporation"),
        ("url:sites.google.com/view/NAME", "Google LLC"),
        ("url:form.jotform.com/241059388108582", "Operator of jotform.com"),
        ("email:x@gmx.de", "Mail service at gmx.de"),
        ("email:x@amzn-help.support", "Registrar of amzn-help.support"),
        ("account:iban:FR4616478825066GCQINKTY8833", "Bank with code 16478 in FR, to be confirmed"),
        ("account:iban:FR1420041010050500013M02606", "LA BANQUE POSTALE"),
    ],
)
def test_a_letter_goes_to_who_keeps_the_records(tmp_path, entity_id, to):
    case = case_of(tmp_path / "run", rows([*IDS[:4], entity_id], ROLES))
    (group,) = (
        group
        for group in case.groups
        if entity_id in (member.member["entity_id"] for member in group.members)
    )
    assert group.provider.name.startswith(to)
    assert bool(group.provider.doubt) == ("to be confirmed" in to)


def test_epochs_of_a_number_are_one_providers(tmp_path):
    ids = [*IDS, f"{IDS[0]}#2"]
    case = case_of(tmp_path / "run", rows(ids, [*ROLES, "callback"]))
    (group,) = (g for g in case.groups if any(IDS[0] == h.member["entity_id"] for h in g.members))
    assert {member.member["entity_id"] for member in group.members} == {IDS[0], f"{IDS[0]}#2"}
