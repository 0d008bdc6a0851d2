"""Lures, roles and payment methods have the common names of MITRE's F3, or a reason why not."""

import re

from schemas.enums import Role
from transforms.decode import load_reference_data
from transforms.extract.impersonation import techniques_of

LISTED = load_reference_data("fraud_techniques.toml")

WHAT = ("lure", "role", "method")


def test_every_lure_role_and_method_has_a_row():
    assert LISTED["lure"].keys() == {
        lure["name"] for lure in load_reference_data("lures.toml")["lure"]
    }
    assert LISTED["role"].keys() == set(Role)
    known = {"bank", "upi", "crypto", "gift_card", "cash"}
    services = load_reference_data("payment_services.toml")["service"]
    paying = {row["name"] for row in services} - {"whatsapp"}
    assert LISTED["method"].keys() == known | paying


def test_a_row_has_techniques_or_the_reason_why_it_has_none():
    for section in WHAT:
        for name, row in LISTED[section].items():
            assert bool(row["techniques"]) != bool(row.get("reason")), name
            assert row.keys() <= {"techniques", "reason"}


def test_every_id_is_in_the_snapshot_and_every_name_is_used():
    used = {
        technique
        for section in WHAT
        for row in LISTED[section].values()
        for technique in row["techniques"]
    }
    assert used == LISTED["names"].keys()
    assert all(re.fullmatch(r"[FT]1\d{3}(\.\d{3})?", technique) for technique in used)


def test_a_technique_says_whose_it_is():
    (remote,) = techniques_of("role", "operator")
    assert (remote.id, remote.name, remote.framework) == (
        "T1219",
        "Remote Access Tools",
        "mitre-attack",
    )
    (cards,) = techniques_of("method", "gift_card")
    assert (cards.id, cards.framework) == ("F1057", "mitre-f3")
    assert techniques_of("role", "mentioned") == techniques_of("method", "unheard of") == []
