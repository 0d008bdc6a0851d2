"""Signal usernames only where the messenger is meant; a victim's own is the victim's."""

from __future__ import annotations

import pytest

from schemas.enums import HARD_ROLES, Role
from tests.support.role_words import in_narrative
from transforms.extract.kinds import messenger
from transforms.extract.kinds.registry import lookup_kind

CODE = "x7Qj2mT-9aB_kLp0" * 4


def mentions(text):
    return [(*mention.match[2:4], mention.role) for mention in in_narrative(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text me on Signal at amazonhelp.42", ["handle:signal:amazonhelp.42"]),
        ("Signal username: Refund_Desk.01", ["handle:signal:refund_desk.01"]),
        ("write to refund_desk.01 on Signal.", ["handle:signal:refund_desk.01"]),
        ("refund_desk.01 (Signal)", ["handle:signal:refund_desk.01"]),
        (f"open https://signal.me/#eu/{CODE} now", [f"handle:signal:eu/{CODE}"]),
        ("open signal.me/#p/+18885550123 now", ["phone:+18885550123"]),
        ("signal strength 4.42", []),
        ("the signal strength of tower.42 was low", []),
        ("see version.42 of the file", []),
        ("on Signal he sent report.2024.pdf and a@help.42", []),
        ("on Signal he sent x.42 and name.4", []),
        ("open signal.me/#eu/short", []),
    ],
)
def test_what_is_found(text, expected):
    assert [match.entity_id for match in messenger.find(text)] == expected


def test_a_link_is_no_site_and_no_second_number():
    assert [mention[:2] for mention in mentions("open https://signal.me/#p/+18885550123")] == [
        ("phone", "+18885550123")
    ]


def test_whose_it_is():
    assert lookup_kind("handle", "signal:refund_desk.01").hard_role in HARD_ROLES
    assert mentions("send the codes to his Signal refund_desk.01") == [
        ("handle", "signal:refund_desk.01", Role.OPERATOR)
    ]
    assert mentions("my Signal username is jane.42") == [("handle", "signal:jane.42", Role.VICTIM)]
    assert mentions("a Signal chat with amazonhelp.42") == [
        ("handle", "signal:amazonhelp.42", Role.MENTIONED)
    ]
