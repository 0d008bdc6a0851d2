"""Rejected rows as they may be kept: their text with the victim's numbers masked, best effort.

A rejected row may be broken in any way, so its victim is looked for by the marks that the input
contract leaves in the text; where they cannot be told, every number of a call is masked.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from schemas.kinds import SUSPECTS, RecordKind
from transforms.identify import phones
from transforms.identify.haystack import MASK, blot, mask, spans
from transforms.identify.needles import needles
from transforms.privacy import papers
from transforms.validate.ids import CONTACT

_AROUND = 300
"""Characters around a victim's role in which its number stands, in JSON that has lost a brace."""
_QUOTE = r"(?:\\{0,3}[\"']{1,2})?"
"""In JSON, in JSON that is a string of JSON, and in a cell of CSV."""
_VALUE = rf"\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}(?P<value>[^\"'{{}}\[\]\\]{{1,80}})"
_VICTIM = re.compile(rf"role{_QUOTE}\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}victim", re.IGNORECASE)
_RAW = re.compile(rf"raw{_QUOTE}{_VALUE}", re.IGNORECASE)
_SIDE = re.compile(rf"(?P<side>{'|'.join(SUSPECTS)}){_QUOTE}{_VALUE}", re.IGNORECASE)
_DIRECTION = re.compile(
    rf"direction{_QUOTE}\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}(?P<way>inbound|outbound)\b", re.IGNORECASE
)
_COUNTRY = re.compile(
    rf"victim_country{_QUOTE}\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}(?P<country>[A-Z]{{2}})\b"
)
_WHOSE = r"(?:victim|complainant|consumer|customer)"
_WHAT = (
    r"(?:e_?mail|phone|telephone|tel|mobile|cell|msisdn|number|contact|name|address|account|iban)"
)
_WITHIN = r"(?:\s{0,5}:\s{0,5}\{[^:{}]{1,40})?"
_FIELD = rf"(?:{_WHOSE}_?{_WHAT}\w{{0,20}}|victim)"
THEIR_FIELD = re.compile(_FIELD, re.IGNORECASE)
"""The name of a field that the contract does not know, and that says that it is the victim's."""
_THEIRS = re.compile(rf"[\"']{_FIELD}{_QUOTE}{_WITHIN}{_VALUE}", re.IGNORECASE)
_ID = re.compile(rf"[\"'](?:victim|complaint|call)_id{_QUOTE}{_VALUE}", re.IGNORECASE)
_CELL = re.compile(r"(?:^|,)\"?(?P<value>[^,\"]{1,80})\"?(?=,|$)")
CONTACT_ID = re.compile(CONTACT)
"""An id that says how to reach somebody."""
_NUMBER = re.compile(r"(?<![\w.:-])\+?\(?\d(?:[\s().-]{0,2}\d){6,17}(?![\w:])")
_DIGIT = re.compile(r"\d")
_MOST_NUMBERS = 100
"""Victims' numbers of one row, from which on it is no row, and all of its digits are masked."""
_PACKED = re.compile(r"[A-Za-z0-9_-]{16,}")
"""What may be a part of a signed token: JSON in Base64 (RFC 7515)."""
_NUMBERED = re.compile(rb"(?:\d[^\d]{0,3}){6}")
_MOMENT = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}$|\d{4}-\d{2}-\d{2}|\d{4}/\d{2}/\d{2}|\d{10}\.\d+")


Told = tuple[int, int, str]
"""Start and end, code points, of what a text calls the victim's own, and its entity id."""


def mask_reject_raw(text: str, kind: str, told: Iterable[Told] = ()) -> str:
    """The text of a rejected complaint or call (`RecordKind`) with '#' for the victim's numbers.

    Masked, at the same length, are the numbers of objects with the role `victim`, the victim's side
    of a call (both sides where its direction cannot be read), parts of a token that hold any
    number, what a narrative or a field's name calls the victim's own (`told`), every other place
    where the same stands, and numbers of a complaint's cards and papers.
    """
    written = set(_of_call(text) if kind == RecordKind.CALL else _of_role(text))
    here = list(told)
    own = {entity for _, _, entity in here}
    text = blot(text, ((start, end) for start, end, _ in here))
    if len(written) + len(own) > _MOST_NUMBERS:
        return _DIGIT.sub(MASK, text)
    region = country_of(text)
    read = [phones.read_one(number, region).e164 or number for number in written]
    hidden = spans(text, needles(own, [*read, *written]))
    more = _packed(text) if kind == RecordKind.CALL else papers.numbers(text)
    return mask(text, [*hidden, *more])


def told_by_fields(text: str, *, bad_id: bool = False) -> Iterator[Told]:
    """What stands in fields that are named as the victim's, and in ids that are contacts.

    `bad_id`: the row was refused for such an id, so that it may be any cell of a row of CSV.
    """
    ids = [*_ID.finditer(text), *(_CELL.finditer(text) if bad_id and text[:1] != "{" else ())]
    contacts = [one for one in ids if CONTACT_ID.search(one["value"])]
    for one in (*_THEIRS.finditer(text), *contacts):
        yield *one.span("value"), told_as(one["value"].strip())


def told_as(value: str) -> str:
    """What a field holds as the entity that is looked for in the rest of its row."""
    return f"email:{value.lower()}" if "@" in value else value


def country_of(text: str) -> str | None:
    """The victim's country that a rejected row names, ISO 3166-1 alpha-2."""
    country = _COUNTRY.search(text)
    return country["country"] if country else None


def stated_numbers(text: str, kind: str) -> Iterator[str]:
    """E.164 of the numbers that a rejected row's own fields state as the victim's."""
    region = country_of(text)
    known = kind == RecordKind.COMPLAINT or _DIRECTION.search(text)
    written = (_of_call(text) if kind == RecordKind.CALL else _of_role(text)) if known else ()
    for number in islice(dict.fromkeys(written), _MOST_NUMBERS):
        if e164 := phones.read_one(number, region).e164:
            yield e164


def _packed(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a call's token that have a number in them, wherever their first letter went."""
    for part in _PACKED.finditer(text):
        letters = part[0].encode()
        if any(_NUMBERED.search(_unpacked(letters[lost:])) for lost in range(4)):
            yield part.span()


def _unpacked(letters: bytes) -> bytes:
    whole = len(letters) - len(letters) % 4
    return base64.urlsafe_b64decode(letters[:whole])


def _of_role(text: str) -> Iterator[str]:
    for match in _VICTIM.finditer(text):
        opening = text.rfind("{", max(0, match.start() - _AROUND), match.start())
        closing = text.find("}", match.end(), match.end() + _AROUND)
        start = opening if opening >= 0 else max(0, match.start() - _AROUND)
        end = closing if closing >= 0 else match.end() + _AROUND
        told = [raw["value"] for raw in _RAW.finditer(text, start, end)]
        yield from told or (number[0] for number in _NUMBER.finditer(text, start, end))


def _of_call(text: str) -> Iterator[str]:
    sides = {match["side"].lower(): match["value"] for match in _SIDE.finditer(text)}
    direction = _DIRECTION.search(text)
    if sides and direction:
        way = direction["way"].lower()
        yield from (number for side, number in sides.items() if SUSPECTS[side] != way)
    elif sides:
        yield from sides.values()
    else:
        yield from (m[0] for m in _NUMBER.finditer(text) if not _MOMENT.match(m[0]))
