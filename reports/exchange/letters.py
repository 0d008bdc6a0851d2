"""The letters of an overlap count, taken for hostile until every field of them holds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from reports.exchange import canonical, intersection
from reports.exchange.canonical import NotCanonicalError
from reports.exchange.intersection import LetterError
from reports.exchange.read_offer import AHEAD, moment
from schemas.overlap import COMPARED, VERSION, About, Answer, Request, Result

Letter = TypeVar("Letter", Request, Answer, Result)

VALID = timedelta(days=14)
"""How long a letter may be under way."""

ABOUT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LEAST_FLOOR, MOST_FLOOR = 3, 1_000
_HEX = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def read(kind: type[Letter], content: bytes, signed_by: str) -> Letter:
    """A signed letter of one kind, every field of it checked.

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
    _check_form(letter.issued_at)
    _need(_HEX.fullmatch(letter.session), "session")
    if isinstance(letter, Answer):
        _need(_HEX.fullmatch(letter.request), "request")
        intersection.check_size(letter.size)
        return letter
    _check_about(letter.about)
    _need(letter.by in COMPARED, "by")
    _need(LEAST_FLOOR <= letter.floor <= MOST_FLOOR, "floor")
    if isinstance(letter, Request):
        intersection.check_size(letter.size)
        return letter
    _need(_HEX.fullmatch(letter.answer), "answer")
    _need(letter.shared is None or letter.shared >= letter.floor, "shared")
    return letter


def check_for(letter: Request | Answer | Result, me: str, now: datetime) -> None:
    """Whether a letter is for `me`, and was under way for no longer than it may be.

    Raises:
        LetterError: if not.
    """
    if letter.recipient != me:
        raise LetterError(f"is not for {me}")
    if not now - VALID <= moment(letter.issued_at) <= now + AHEAD:
        raise LetterError(
            f"was issued at {letter.issued_at}; a letter is good for {VALID.days} days"
        )


def _check_about(about: About) -> None:
    _need(ABOUT.fullmatch(about.agreed), "about.agreed")
    _need(about.offer is None or _HEX.fullmatch(about.offer), "about.offer")
    _need((about.offer is None) == (not about.entities), "about.entities")
    _need(all(a < b for a, b in pairwise(about.entities)), "about.entities")


def _need(holds: object, field: str) -> None:
    if not holds:
        raise LetterError(f"has a field {field} that is not as it must be")


def _check_form(text: str) -> None:
    _need(_TIME.fullmatch(text), "issued_at")
    try:
        moment(text)
    except ValueError:
        raise LetterError("has a field issued_at that is no time") from None
