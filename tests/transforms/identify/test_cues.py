"""The rules of data/cues.toml are whole, and read as an analyst reads them."""

from __future__ import annotations

import re

import pytest

from schemas.kinds import EntityKind, Role
from transforms.identify import cues
from transforms.identify.context import role_of
from transforms.identify.rules import load


def test_every_rule_has_its_place():
    rules = load("cues.toml")
    assert set(rules) == {"parts", "before", "spoken", "after", "retold"}
    kinds = [kind for rule in rules["before"] for kind in rule["kinds"]]
    assert {EntityKind(kind) for kind in kinds} == set(cues.before())
    assert sum(map(len, cues.before().values())) == len(kinds)
    used = {part for rule in rules["before"] + rules["spoken"] + rules["after"] + rules["retold"]
            for phrase in rule["phrases"] for part in re.findall("<([A-Z]+)>", phrase)}  # fmt: skip
    assert used == set(rules["parts"])


def test_rules_are_in_lower_case():
    """They are held against text in lower case: a capital would never match."""
    for rule in (*(r for some in cues.before().values() for r in some), *cues.spoken(),
                 *cues.after(), (None, cues.retold())):  # fmt: skip
        letters = re.sub(r"\\[A-Za-z]", "", rule[1].pattern)
        assert letters == letters.lower()


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("PLEASE CALL 888-555-0123", Role.CALLBACK),
        ("llame al 888-555-0123", Role.CALLBACK),
        ("después llamé yo a Apple al 888-555-0123", None),
        ("mi número es 888-555-0123", Role.VICTIM),
        ("MEINE NUMMER IST 888-555-0123", Role.VICTIM),
        ("İ my number is 888-555-0123", Role.VICTIM),
    ],
)
def test_accents_and_capitals(text, role):
    start = text.index("888")
    assert role_of(text, start, start + 12) == role
