"""Rejected rows as they may be kept.

Broken JSON as it would read: escaped characters (RFC 8259 section 7) as what they stand for.

Cells of a refused row of CSV that its header calls the victim's own.

Rejected rows as they may be kept: their text with the victim's numbers masked, best effort.

A rejected row may be broken in any way, so its victim is looked for by the marks that the input
contract leaves in the text; where they cannot be told, every number of a call is masked.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECTS, RecordKind, Role
from schemas.reject import Code
from transforms.extract import narrative
from transforms.extract.kinds import email
from transforms.extract.kinds.gift_card import without_codes
from transforms.phone import normalize
from transforms.read.framing import parted, split_cells
from transforms.redact import sensitive_text
from transforms.text_masking import EDGE, MASK, SEARCHED, blot, mask
from transforms.validate import CONTACT
from transforms.victims.identifier_matcher import needles, spans
from transforms.victims.number_index import strays
from transforms.victims.stated_numbers import of_numbers

_BAD_ID = pa.array([str(Code.VICTIM_ID_IS_CONTACT), str(Code.ID_IS_CONTACT)])


_DEFAULT_COUNTRY = "US"
"""Under whose plan numbers of a row are read that names no country."""


def stated_in_rejects(rejects: pa.RecordBatch) -> pa.RecordBatch:
    """The victims' numbers that REJECT rows state, as far as they can be read, as `STATED`."""
    rows = zip(rejects["raw"].to_pylist(), rejects["record_kind"].to_pylist(), strict=True)
    return of_numbers(one for text, kind in rows if text for one in stated_numbers(text, kind))


def mask_rejects(rejects: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """REJECT rows with victims' numbers masked, as far as a broken row lets them be seen.

    `own` holds the numbers that accepted records state as a victim's
    (`number_index.written_forms`).
    """
    column = rejects["raw"]
    written = column.drop_null().to_pylist()
    rows = rejects.filter(pc.is_valid(column))
    as_read = [read(text) for text in written]
    texts = [one.text for one in as_read]
    headers = {one: header_of(one) for one in rows["format"].unique().to_pylist()}
    bad_ids = pc.is_in(rows["code"], _BAD_ID).to_pylist()
    told = [
        [*told_by_fields(text, bad_id=bad_id), *told_by_columns(text, headers[written_as])]
        for text, bad_id, written_as in zip(texts, bad_ids, rows["format"].to_pylist(), strict=True)
    ]
    masked = _masked(texts, rows["record_kind"].to_pylist(), told, own)
    raw = [masked_as(*one) for one in zip(written, as_read, masked, strict=True)]
    at = rejects.schema.get_field_index("raw")
    kept = pc.replace_with_mask(column, pc.is_valid(column), pa.array(raw, pa.string()))
    return rejects.set_column(at, rejects.schema.field(at), kept)


def _masked(
    texts: Sequence[str], kinds: Sequence[str], named: Sequence[list[Told]], own: np.ndarray
) -> list[str]:
    """Each text masked, at the same length; `named` is what fields' names call the victim's own."""
    told = _told(texts, kinds)
    masked = [
        mask_reject_raw(text, RecordKind(kind), (*named[row], *told.get(row, ())))
        for row, (text, kind) in enumerate(zip(texts, kinds, strict=True))
    ]
    masked = _without_codes(masked)
    shown = sensitive_text.without(email.without(pa.array(masked, pa.string())))
    return [
        mask(text, spans(text, needles(digits))) if digits else text
        for text, digits in zip(shown.to_pylist(), strays(shown, own), strict=True)
    ]


def _without_codes(texts: Sequence[str]) -> list[str]:
    """Rows without the codes of gift cards that one quoted text of theirs tells."""
    parts = [text.split('"') for text in texts]
    kept = iter(without_codes(pa.array(chain.from_iterable(parts), pa.string())).to_pylist())
    return ['"'.join(islice(kept, len(one))) for one in parts]


def _told(texts: Sequence[str], kinds: Sequence[str]) -> dict[int, list[Told]]:
    """By row, what the words of each complaint call the victim's own."""
    pieces = [
        (row, begin, text[begin : begin + SEARCHED])
        for row, (text, kind) in enumerate(zip(texts, kinds, strict=True))
        if kind == RecordKind.COMPLAINT
        for begin in range(0, max(1, len(text) - EDGE), SEARCHED - EDGE)
    ]
    if not pieces:
        return {}
    rows, begins, parts = zip(*pieces, strict=True)
    regions = [country_of(texts[row]) or _DEFAULT_COUNTRY for row in rows]
    nowhere = pa.nulls(len(parts), pa.string())
    found = narrative.find_in_narratives(pa.array(parts), pa.array(regions), nowhere)
    found = found.filter(pc.equal(found["role"], Role.VICTIM.value))
    told: dict[int, list[Told]] = {}
    names = ("row", "start", "end", "kind", "value")
    for at, start, end, kind, value in zip(*(found[n].to_pylist() for n in names), strict=True):
        begin = begins[at]
        told.setdefault(rows[at], []).append((begin + start, begin + end, f"{kind}:{value}"))
    return told


_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u(?!d[89a-f])([0-9a-f]{4})", re.IGNORECASE)
"""One character of the basic plane; halves of a pair stay as they are."""


class Read(NamedTuple):
    """A text as it reads, and where each of its characters was written, code points."""

    text: str
    ends: list[int] | None
    """The end of what wrote each character; None where each wrote itself."""


def read(written: str) -> Read:
    """A text with its escapes read."""
    if "\\u" not in written:
        return Read(written, None)
    characters: list[str] = []
    ends: list[int] = []
    done = 0
    for match in _ESCAPE.finditer(written):
        plain = written[done : match.end(1)]
        characters += plain
        ends.extend(range(done + 1, done + 1 + len(plain)))
        characters.append(chr(int(match[2], 16)))
        ends.append(match.end())
        done = match.end()
    characters += written[done:]
    ends.extend(range(done + 1, len(written) + 1))
    return Read("".join(characters), ends)


def masked_as(written: str, as_read: Read, masked: str) -> str:
    """The written text with '#' for all of what was masked in the text as it reads."""
    if as_read.ends is None:
        return masked
    parts: list[str] = []
    begin = 0
    for old, new, end in zip(as_read.text, masked, as_read.ends, strict=True):
        parts.append(written[begin:end] if old == new else MASK * (end - begin))
        begin = end
    return "".join(parts)


_ID_COLUMN = re.compile(r"(?:victim|complaint|call)_id", re.IGNORECASE)


def header_of(written: str) -> tuple[str, ...]:
    """The columns that `Origin.format` names behind the adapter; none where it names none."""
    _, _, cells = written.partition(":")
    return tuple(cell.strip() for cell in split_cells(cells)) if cells else ()


def told_by_columns(text: str, header: Sequence[str]) -> Iterator[Told]:
    """What stands in columns that are named as the victim's, and in ids that are contacts.

    Commas that are missing, or too many, may have moved a cell by as many columns: all that it may
    be then is the victim's.
    """
    named = [at for at, name in enumerate(header) if THEIR_FIELD.fullmatch(name)]
    ids = [at for at, name in enumerate(header) if _ID_COLUMN.fullmatch(name)]
    if not named and not ids:
        return
    cells = list(parted(text))
    moved = len(cells) - len(header)
    theirs = _within(named, moved)
    for at in sorted(theirs | _within(ids, moved)):
        if at < len(cells):
            start, end, cell = cells[at]
            value = cell.strip()
            if value and (at in theirs or CONTACT_ID.search(value)):
                yield start, end, told_as(value)


def _within(places: Sequence[int], moved: int) -> set[int]:
    """Where the cells of columns may stand in a row that has `moved` cells too many."""
    first, last = min(moved, 0), max(moved, 0)
    return {one for at in places for one in range(max(at + first, 0), at + last + 1)}


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
    read = [normalize.read_one(number, region).e164 or number for number in written]
    hidden = spans(text, needles(own, [*read, *written]))
    more = _packed(text) if kind == RecordKind.CALL else sensitive_text.numbers(text)
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
        if e164 := normalize.read_one(number, region).e164:
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
