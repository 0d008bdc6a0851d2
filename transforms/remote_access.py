"""Remote-access sessions: the ids and relay hosts by which an operator is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.kinds import EntityKind, Role
from transforms import domains
from transforms.found import Found

TOOLS = {
    "anydesk": (9, 10),
    "teamviewer": (8, 10),
    "ultraviewer": (7, 9),
    "rustdesk": (8, 10),
    "supremo": (9, 9),
    "zohoassist": (8, 10),
    "iperius": (8, 10),
    "alpemix": (7, 10),
    "hoptodesk": (8, 10),
    "awesun": (9, 9),
    "aeroadmin": (7, 9),
    "logmein": (6, 9),
    "quickassist": (6, 6),
}
"""Products and the least and most digits of their ids, by the vendors' manuals."""

HOSTED = {"screenconnect": ("screenconnect.com", "hostedrmm.com"), "connectwise": ()}
"""Products that are reached by a host of the operator's own instead of an id."""

_ALIASES = {
    "connectwise": "screenconnect",
    "connectwisecontrol": "screenconnect",
    "zoho": "zohoassist",
    "tv": "teamviewer",
    "logmeinrescue": "logmein",
    "microsoftquickassist": "quickassist",
}
_ONE_TIME = frozenset({"quickassist", "logmein"})
"""Products whose codes live for minutes and are dealt out again: they identify nobody."""

_NAME = (
    r"any\s?desk|team\s?viewer|ultra\s?viewer|rust\s?desk|supremo|zoho\s?assist|iperius|alpemix"
    r"|hop\s?to\s?desk|awe\s?sun|aero\s?admin"
)
_ID_IN_TEXT = re.compile(
    rf"\b(?P<tool>{_NAME})\b(?:(?!\b(?:{_NAME})\b)[^\d\n]){{0,60}}(?<![\d+$(])(?P<id>\d"
    rf"(?:[ .-]?\d){{6,9}})(?![\d-])",
    re.IGNORECASE,
)
_ALIAS = re.compile(r"(?<![\w.@-])(?P<id>[A-Za-z0-9._-]{2,40}@ad)(?![\w.@-])", re.IGNORECASE)
_RELAY = re.compile(
    r"(?<![\w.-])(?P<host>(?:[a-z0-9-]{1,63}(?:\.|\[\.\])){1,3}(?:screenconnect|hostedrmm)(?:\."
    r"|\[\.\])com)",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\D")


def from_field(tool: str | None, session: str | None) -> Found | None:
    """The id of a field, whose tool is named beside it; None where it is none."""
    if not tool or not session:
        return None
    name = re.sub(r"[\W_]", "", tool.lower())
    value = _value(_ALIASES.get(name, name), session.strip())
    return Found(0, len(session), EntityKind.REMOTE, value, Role.OPERATOR) if value else None


def in_text(text: str) -> Iterator[Found]:
    """The ids that stand near their product's name, and relay hosts.

    Most ids in a narrative are the victim's own, read out to the operator: the role is only
    `mentioned` until context says whose it is.
    """
    for match in _ID_IN_TEXT.finditer(text):
        if value := _value(re.sub(r"\s", "", match["tool"].lower()), match["id"]):
            yield Found(*match.span("id"), EntityKind.REMOTE, value, Role.MENTIONED)
    for match in _ALIAS.finditer(text):
        value = f"anydesk:{match['id'].lower()}"
        yield Found(*match.span("id"), EntityKind.REMOTE, value, Role.MENTIONED)
    for match in _RELAY.finditer(text):
        value = f"screenconnect:{domains.refang(match['host']).lower()}"
        yield Found(*match.span("host"), EntityKind.REMOTE, value, Role.OPERATOR)


def _value(tool: str, session: str) -> str | None:
    if tool in _ONE_TIME:
        return None
    if tool in HOSTED:
        host = domains.canonical_host(re.sub(r"^\w+://", "", domains.refang(session)).split("/")[0])
        return f"{tool}:{host}" if host and domains.registrable(host) else None
    if tool == "anydesk" and _ALIAS.fullmatch(session):
        return f"{tool}:{session.lower()}"
    digits = _DIGITS.sub("", session)
    least, most = TOOLS.get(tool, (6, 12))
    if not least <= len(digits) <= most or len(set(digits)) == 1:
        return None
    readable = re.fullmatch(r"[\d\s.-]+", session)
    return f"{tool}:{digits}" if readable and tool else None
