"""Masks victims' numbers in rejected rows, best effort.

A rejected row may be broken in any way. So the victim's identifiers are searched for by traces of
the input contract in the text (roles, directions, names of fields and columns) and by its words.
If the victim's side of a call is unclear, every number of the call is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import SUSPECT_NUMBER_DIRECTIONS, RecordKind, Role
from schemas.field import INTEGER, TEXT
from schemas.reject import Code
from transforms.arrow import Array, distinct_rows, map_distinct, row_tuples, with_column
from transforms.decode import (
    MASK,
    SEARCH_EDGE,
    SEARCH_LIMIT,
    Spans,
    mask_rows,
    mask_spans,
    mask_spans_fully,
)
from transforms.decode.escapes import Reading, decode_json_escapes
from transforms.decode.readings import may_hold_contact, tokens_with_number
from transforms.extract import narrative, sensitive_text
from transforms.extract.kinds.gift_card import mask_gift_card_codes
from transforms.extract.kinds.url import mask_link_addresses
from transforms.phone import normalize
from transforms.read.framing import locate_cells, split_cells
from transforms.validate import CONTACT_PATTERN
from transforms.victims.identifier_matcher import find_identifiers, identifier_patterns
from transforms.victims.number_index import find_victim_numbers
from transforms.victims.stated_numbers import stated_numbers_batch

VictimSpan = tuple[int, int, str]
"""Start and end, in characters, of an identifier that a text calls the victim's, and its id."""

_BAD_ID = pa.array([Code.VICTIM_ID_IS_CONTACT, Code.ID_IS_CONTACT])

_DEFAULT_COUNTRY = "US"
"""Region for reading the numbers of a row that names no country."""

_AROUND = 300
"""Distance from a victim's role to search for its number if a brace is missing, in characters."""

_MOST_NUMBERS = 100
"""Most victims' numbers of a row. With more, it is no real row, and all its digits are masked."""

_QUOTE = r"(?:\\{0,3}[\"']{1,2})?"
"""A quotation mark in JSON, in JSON within a JSON string, or in a cell of CSV."""

_VALUE = rf"\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}(?P<value>[^\"'{{}}\[\]\\]{{1,80}})"

_VICTIM = re.compile(rf"role{_QUOTE}\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}victim", re.IGNORECASE)

_RAW = re.compile(rf"raw{_QUOTE}{_VALUE}", re.IGNORECASE)

_ADDRESS = re.compile(rf"address{_QUOTE}{_VALUE}", re.IGNORECASE)

_ROLES_WITH_VICTIM = re.compile(
    rf"email_roles{_QUOTE}\s{{0,5}}[:=]\s{{0,5}}{_QUOTE}\[[^\]]{{0,500}}victim", re.IGNORECASE
)
"""A list of roles with a victim's. Roles are not matched to addresses: all addresses are masked."""

_ANY_ADDRESS = re.compile(r"(?P<value>[^\s\"'@,:\[\]{}\\]{1,64}@[^\s\"'@,:\[\]{}\\]{1,80})")

_SIDE = re.compile(
    rf"(?P<side>{'|'.join(SUSPECT_NUMBER_DIRECTIONS)}){_QUOTE}{_VALUE}", re.IGNORECASE
)

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

_COLUMNS = tuple(
    re.compile(name, re.IGNORECASE)
    for name in (_FIELD, "(?:victim|complaint|call)_id", "source_org", "email_roles", "emails")
)
"""Names of columns: the victim's values, ids, organisations, roles of addresses, addresses."""

_VICTIM_FIELD = re.compile(rf"[\"']{_FIELD}{_QUOTE}{_WITHIN}{_VALUE}", re.IGNORECASE)

_ID = re.compile(rf"[\"'](?:victim|complaint|call)_id{_QUOTE}{_VALUE}", re.IGNORECASE)

_ORG = re.compile(rf"[\"']source_org{_QUOTE}{_VALUE}", re.IGNORECASE)

_CELL = re.compile(r"(?:^|,)\"?(?P<value>[^,\"]{1,80})\"?(?=,|$)")

_CONTACT_ID = re.compile(CONTACT_PATTERN)
"""An id that is a contact, such as a phone number or an address."""

_NUMBER = re.compile(r"(?<![\w.:-])\+?\(?\d(?:[\s().-]{0,2}\d){6,17}(?![\w:])")

_ANY_CONTACT = re.compile(
    r"(?<!\d)(?:19|20)\d\d[-/][01]\d[-/][0-3]\d(?![-/]?\d)"
    rf"|(?P<number>\d(?:[\s().,/_+·-]{{0,3}}\d){{5,}})|{_ANY_ADDRESS.pattern}"
)
"""A day, which stays; or a number or address, which is masked whatever its field says."""

_SHORTEST = 7
"""Length of the shortest phone number, in characters."""

_DIGIT = re.compile(r"\d")

_MOMENT = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}$|\d{4}-\d{2}-\d{2}|\d{4}/\d{2}/\d{2}|\d{10}\.\d+")


def stated_victim_numbers_in_rejects(rejects: pa.RecordBatch) -> pa.RecordBatch:
    """Returns the victims' numbers that REJECT rows state, as STATED_NUMBER rows, best effort."""
    rows = row_tuples(rejects, "raw", "record_kind")
    distinct = dict.fromkeys(rows)  # a file of broken rows has millions of the same
    numbers = [
        number for text, kind in distinct if text for number in _numbers_stated_in(text, kind)
    ]
    stated = pa.array([number for number in numbers if number.startswith("+")], TEXT)
    return stated_numbers_batch(stated, pa.nulls(len(stated), INTEGER))


def mask_rejects(rejects: pa.RecordBatch, own: Array) -> pa.RecordBatch:
    """Masks victims' numbers in REJECT rows, as far as they can be found in a broken row.

    In a file without a header the first row may be read as names of columns. So names that may be
    contacts are masked as well.

    `own` contains the numbers that accepted records state as a victim's
    (`number_index.hash_dial_formats`).
    """
    first, back = distinct_rows(
        [rejects[name] for name in ("raw", "record_kind", "format", "code")]
    )
    masked = _mask_distinct(rejects.take(first), own)
    for name in ("raw", "format"):
        rejects = with_column(rejects, name, masked[name].take(back))
    return rejects


def _mask_distinct(rejects: pa.RecordBatch, own: Array) -> pa.RecordBatch:
    """Masks distinct rows as `mask_rejects` does."""
    column = rejects["raw"]
    written = column.drop_null().to_pylist()
    rows = rejects.filter(pc.is_valid(column))
    decoded = list(map(decode_json_escapes, written))
    texts = [reading.text for reading in decoded]
    headers = {
        written_as: _header_of_format(written_as)
        for written_as in rows["format"].unique().to_pylist()
    }
    bad_ids = pc.is_in(rows["code"], _BAD_ID).to_pylist()
    named = [
        [
            *_victim_spans_in_fields(text, bad_id=bad_id),
            *_victim_spans_in_columns(text, headers[written_as]),
        ]
        for text, bad_id, written_as in zip(texts, bad_ids, rows["format"].to_pylist(), strict=True)
    ]
    masked = _mask_texts(texts, rows["record_kind"].to_pylist(), named, own)
    raw = list(map(_mask_escaped, written, decoded, masked))
    kept = pc.replace_with_mask(column, pc.is_valid(column), pa.array(raw, TEXT))
    rejects = with_column(rejects, "raw", kept)
    return with_column(rejects, "format", map_distinct(rejects["format"], _mask_header))


def mask_rejected_text(text: str, kind: str, known: Iterable[VictimSpan] = ()) -> str:
    """Masks the victim's numbers in the text of a rejected row; the text keeps its length.

    In a complaint, numbers of objects with the role `victim` and document numbers are masked. In a
    call, the victim's side is masked, or both sides if the direction is unreadable, and parts of a
    token that contain any number. Secrets are masked in both. The victim's identifiers are masked
    wherever the row repeats them.

    Args:
        text: The row as text.
        kind: The row's `RecordKind`.
        known: Spans that a narrative or the name of a field calls the victim's own.
    """
    if len(text) < _SHORTEST and not known:
        return text
    written = set(_victim_side(text) if kind == RecordKind.CALL else _with_victim_role(text))
    spans = list(known)
    own = {entity for _, _, entity in spans}
    text = mask_spans_fully(text, spans)
    if len(written) + len(own) > _MOST_NUMBERS:
        return _DIGIT.sub(MASK, text)
    region = _victim_country(text)
    read = [normalize.normalize_number(number, region).e164 or number for number in written]
    hidden = find_identifiers(text, identifier_patterns(own, [*read, *written]))
    more: Spans = (
        tokens_with_number(text) if kind == RecordKind.CALL else sensitive_text.paper_spans(text)
    )
    secrets = (span for _, find in sensitive_text.SECRETS for span in find(text))
    return mask_spans(text, [*hidden, *more, *secrets])


def _mask_texts(
    texts: Sequence[str], kinds: Sequence[str], named: Sequence[list[VictimSpan]], own: Array
) -> list[str]:
    """Masks texts, which keep their length; `named` are the spans in fields named as the victim's.

    At the end every number and address is masked, since a misspelled role does not say whose it is.
    """
    in_words = _victim_spans_in_narratives(texts, kinds)
    rows = [
        mask_rejected_text(text, RecordKind(kind), (*named[row], *in_words.get(row, ())))
        for row, (text, kind) in enumerate(zip(texts, kinds, strict=True))
    ]
    without_codes = pa.array(_mask_gift_card_codes(rows), TEXT)
    masked = sensitive_text.mask_self_identified(mask_link_addresses(without_codes))
    masked = sensitive_text.hash_link_tokens(masked, pa.array(texts, TEXT))
    hidden = find_victim_numbers(masked, own)
    return [
        mask_spans(
            shown, (match.span() for match in _ANY_CONTACT.finditer(text) if match.lastgroup)
        )
        for text, shown in zip(
            texts, mask_rows(masked, hidden, mask_spans_fully).to_pylist(), strict=True
        )
    ]


def _mask_gift_card_codes(texts: Sequence[str]) -> list[str]:
    """Masks the codes of gift cards, in each quoted part of a row separately."""
    parts = [text.split('"') for text in texts]
    kept = iter(mask_gift_card_codes(pa.array(chain.from_iterable(parts), TEXT)).to_pylist())
    return ['"'.join(islice(kept, len(quoted))) for quoted in parts]


def _numbers_stated_in(text: str, kind: str) -> Iterator[str]:
    """Yields the numbers, in E.164, that a rejected row's fields state as the victim's."""
    region = _victim_country(text)
    written: Iterable[str] = ()
    if kind == RecordKind.COMPLAINT:
        written = _with_victim_role(text)
    elif _DIRECTION.search(text):
        written = _victim_side(text)
    for number in islice(dict.fromkeys(written), _MOST_NUMBERS):
        if e164 := normalize.normalize_number(number, region).e164:
            yield e164


def _with_victim_role(text: str) -> Iterator[str]:
    """Yields the numbers of a complaint that have the role `victim`, as written."""
    for start, end in _with_victim_role_spans(text):
        named = [raw["value"] for raw in _RAW.finditer(text, start, end)]
        yield from named or (number[0] for number in _NUMBER.finditer(text, start, end))


def _with_victim_role_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields the start and end of each object with the role `victim` in a complaint."""
    for match in _VICTIM.finditer(text):
        opening = text.rfind("{", max(0, match.start() - _AROUND), match.start())
        closing = text.find("}", match.end(), match.end() + _AROUND)
        start = opening if opening >= 0 else max(0, match.start() - _AROUND)
        yield start, closing if closing >= 0 else match.end() + _AROUND


def _victim_side(text: str) -> Iterator[str]:
    """Yields the numbers of a call that are or may be the victim's, as written."""
    sides = {match["side"].lower(): match["value"] for match in _SIDE.finditer(text)}
    direction = _DIRECTION.search(text)
    # Matching without case takes a dotless ı for an i. A side spelled so is no key of the dict.
    if sides and direction and sides.keys() <= SUSPECT_NUMBER_DIRECTIONS.keys():
        way = direction["way"].lower()
        yield from (
            number for side, number in sides.items() if SUSPECT_NUMBER_DIRECTIONS[side] != way
        )
    elif sides:
        yield from sides.values()
    else:
        yield from (m[0] for m in _NUMBER.finditer(text) if not _MOMENT.match(m[0]))


def _victim_country(text: str) -> str | None:
    """Returns the victim's country that a rejected row names, ISO 3166-1 alpha-2."""
    country = _COUNTRY.search(text)
    return country["country"] if country else None


def _victim_spans_in_narratives(
    texts: Sequence[str], kinds: Sequence[str]
) -> dict[int, list[VictimSpan]]:
    """Returns, by row, the spans that the words of a complaint call the victim's own."""
    pieces = [
        (row, begin, text[begin : begin + SEARCH_LIMIT])
        for row, (text, kind) in enumerate(zip(texts, kinds, strict=True))
        if kind == RecordKind.COMPLAINT
        for begin in range(0, max(1, len(text) - SEARCH_EDGE), SEARCH_LIMIT - SEARCH_EDGE)
    ]
    if not pieces:
        return {}
    rows, begins, parts = zip(*pieces, strict=True)
    regions = [_victim_country(texts[row]) or _DEFAULT_COUNTRY for row in rows]
    nowhere = pa.nulls(len(parts), TEXT)
    spans: dict[int, list[VictimSpan]] = {}
    for mention in narrative.find_in_narratives(pa.array(parts), pa.array(regions), nowhere):
        if mention.role is Role.VICTIM:
            begin, match = begins[mention.row], mention.match
            span = (begin + match.start, begin + match.end, match.entity_id)
            spans.setdefault(rows[mention.row], []).append(span)
    return spans


def _victim_spans_in_fields(text: str, *, bad_id: bool = False) -> Iterator[VictimSpan]:
    """Yields the values of fields named as the victim's, and ids that are contacts.

    With `bad_id`, the row was rejected for such an id; then any cell of a CSV row may be it.
    """
    ids = [*_ID.finditer(text), *(_CELL.finditer(text) if bad_id and text[:1] != "{" else ())]
    contacts = [field for field in ids if _CONTACT_ID.search(field["value"])]
    contacts += [field for field in _ORG.finditer(text) if may_hold_contact(field["value"])]
    own = [
        field for span in _with_victim_role_spans(text) for field in _ADDRESS.finditer(text, *span)
    ]
    every = _ANY_ADDRESS.finditer(text) if _ROLES_WITH_VICTIM.search(text) else ()
    for field in (*_VICTIM_FIELD.finditer(text), *contacts, *own, *every):
        yield *field.span("value"), _entity_of(field["value"].strip())


def _header_of_format(written: str) -> tuple[str, ...]:
    """Returns the columns that `Origin.format` names after the adapter, if any."""
    _, _, cells = written.partition(":")
    return tuple(cell.strip() for cell in split_cells(cells)) if cells else ()


def _mask_header(written: str) -> str:
    """Masks names of columns in `Origin.format` that may be a number or an address."""
    for cell in _header_of_format(written):
        if may_hold_contact(cell):
            written = written.replace(cell, mask_spans(cell, [(0, len(cell))]))
    return written


def _victim_spans_in_columns(text: str, header: Sequence[str]) -> Iterator[VictimSpan]:
    """Yields the cells of columns named as the victim's, and ids that are contacts.

    If a role in the row is the victim's, all its addresses are yielded too. Missing or extra commas
    may have moved the cells; then every cell that may belong to such a column is yielded.
    """
    named, ids, orgs, roles, emails = (
        [place for place, name in enumerate(header) if column.fullmatch(name)]
        for column in _COLUMNS
    )
    if not (named or ids or orgs or roles):
        return
    cells = list(locate_cells(text))
    moved = len(cells) - len(header)
    stated = [cells[place][2] for place in _possible_cells(roles, moved) if place < len(cells)]
    if any(Role.VICTIM in role.lower() for role in stated):
        named += emails
    theirs, of_orgs, of_ids = (_possible_cells(places, moved) for places in (named, orgs, ids))
    for place in sorted(theirs | of_orgs | of_ids):
        if place < len(cells):
            start, end, cell = cells[place]
            value = cell.strip()
            strange = place in of_orgs and may_hold_contact(value) and not _MOMENT.match(value)
            if value and (place in theirs or strange or _CONTACT_ID.search(value)):
                for part in value.split(";"):
                    yield start, end, _entity_of(part.strip())


def _possible_cells(columns: Sequence[int], moved: int) -> set[int]:
    """Returns the possible places of columns' cells in a row with `moved` extra cells."""
    first, last = min(moved, 0), max(moved, 0)
    return {
        place for column in columns for place in range(max(column + first, 0), column + last + 1)
    }


def _entity_of(value: str) -> str:
    """Returns the entity to search for in the rest of the row, for a field's value."""
    return f"email:{value.lower()}" if "@" in value else value


def _mask_escaped(written: str, plain: Reading, masked: str) -> str:
    """Masks, in the text as written, the parts that are masked in the text without escapes."""
    if len(masked) == len(written):
        return masked
    ends = (*plain.places[1:], len(written))
    parts = (
        written[begin:end] if old == new else MASK * (end - begin)
        for old, new, begin, end in zip(plain.text, masked, plain.places, ends, strict=True)
    )
    return "".join(parts)
