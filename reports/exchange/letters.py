"""The letters of an overlap count, taken for hostile until every field of them holds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, TypeVar

from reports.exchange import canonical, intersection
from reports.exchange.canonical import NotCanonicalError
from reports.exchange.intersection import LetterError
from reports.exchange.read_offer import AHEAD, moment
from schemas.overlap import COMPARED, VERSION, Answer, Request, Result

Letter = TypeVar("Letter", Request, Answer, Result)

VALID = timedelta(days=14)
"""How long a letter may be under way."""

ABOUT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LEAST_FLOOR, MOST_FLOOR = 3, 1_000
_HEX = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def read(kind: type[Letter], content: bytes, signed_by: str, me: str, now: datetime) -> Letter:
    """A signed letter of one kind to `me`.

    Raises:
        LetterError: naming what is wrong.
    """
    try:
        value: Any = canonical.parse(content)
        wanted = kind.__dataclass_fields__["format"].default
        if not isinstance(value, dict) or value.get("format") != wanted:
            raise LetterError(f"is no {wanted}")
        if repr(value.get("version")) != repr(VERSION):
            raise LetterError(f"is of a version that is not read here; ask for version {VERSION}")
        letter = canonical.into(kind, value)
    except NotCanonicalError as error:
        raise LetterError(str(error)) from None
    if letter.sender != signed_by:
        raise LetterError(f"is signed by {signed_by}, who is not its sender")
    if letter.recipient != me:
        raise LetterError(f"is not for {me}")
    _check_time(letter.issued_at, now)
    _need(_HEX.fullmatch(letter.session), "session")
    if isinstance(letter, Request):
        _need(letter.by in COMPARED, "by")
        _need(ABOUT.fullmatch(letter.about), "about")
        _need(LEAST_FLOOR <= letter.floor <= MOST_FLOOR, "floor")
        intersection.check_size(letter.size)
    if isinstance(letter, Answer):
        _need(_HEX.fullmatch(letter.request), "request")
    if isinstance(letter, Result):
        _need(_HEX.fullmatch(letter.answer), "answer")
    return letter


def _need(holds: object, field: str) -> None:
    if not holds:
        raise LetterError(f"has a field {field} that is not as it must be")


def _check_time(text: str, now: datetime) -> None:
    _need(_TIME.fullmatch(text), "issued_at")
    try:
        issued = moment(text)
    except ValueError:
        raise LetterError("has a field issued_at that is no time") from None
    if not now - VALID <= issued <= now + AHEAD:
        raise LetterError(f"was issued at {text}; a letter is good for {VALID.days} days")
