"""Names that operators give themselves, with the badge or case id that they state.

A name alone identifies nobody, so only a name with an id is kept. It is a claim, and so only
`mentioned`: it describes a cluster and joins none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match

HINT = r"(?i)badge|employee id|agent id|officer id|dienstausweis|dienstnummer|placa|matricule"
"""RE2: without a match of this, a text holds no such name."""

_TITLE = (
    r"(?:special agent|agent|officer|inspector|detective|sergeant|captain|supervisor|manager"
    r"|technician|mr\.?|mrs\.?|ms\.?|agente|oficial|inspector|herr|frau|kommissar|monsieur|madame)"
)

_NAME = re.compile(
    rf"\b(?:(?i:{_TITLE}|name (?:is|was)|named|called himself|called herself|this is))\s"
    r"(?:(?i:agent|officer)\s)?(?P<name>[A-Z][a-zà-ÿ'’-]{1,20}(?:\s[A-Z][a-zà-ÿ'’-]{1,20}){0,2})"
)

_BADGE = re.compile(
    r"\b(?:badge|employee id|agent id|officer id|dienstausweis\w{0,8}|dienstnummer|placa|matricule)"
    r"(?:\s(?:id|number|no\.?|nummer|n[uú]mero|num[ée]ro|is|was|ist|es|est)){0,3}[\s:#.-]{1,3}"
    r"(?P<id>[A-Z]{0,4}[- ]?\d[\dA-Z-]{2,14})\b",
    re.IGNORECASE,
)

_REACH = 120
"""Most characters between a name and its id."""


def find(text: str) -> Iterator[Match]:
    """Yields `handle:agent:NAME:ID` for each badge or id near a name; the match spans both."""
    names = list(_NAME.finditer(text)) if _BADGE.search(text) else []
    for badge in _BADGE.finditer(text):
        near = [n for n in names if _gap(n.span("name"), badge.span("id")) <= _REACH]
        if not near:
            continue
        name = min(near, key=lambda n: _gap(n.span("name"), badge.span("id")))
        who = re.sub(r"[^\w]+", "-", name["name"].lower()).strip("-")
        number = re.sub(r"[^a-z0-9]", "", badge["id"].lower())
        start = min(name.start("name"), badge.start("id"))
        end = max(name.end("name"), badge.end("id"))
        yield Match(start, end, EntityKind.HANDLE, f"agent:{who}:{number}")


def _gap(first: tuple[int, int], second: tuple[int, int]) -> int:
    """Returns the number of characters between two spans."""
    return max(first[0], second[0]) - min(first[1], second[1])
