"""The ways to read a text, with places: escapes decoded, tokens of Base64 and hex opened.

A token is opened where it holds a number or an address, also one in another token, `MOST_LAYERS`
deep; each layer is shorter than the one around it, so that the work is linear in a text's length. A
bounce address names its recipient before its own sign (VERP): `bounce-jane=home.org@mail.example`.
"""

from __future__ import annotations

import base64
import re
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from transforms.decode.escapes import (
    Reading,
    Span,
    decode_web_escapes,
    digits_to_ascii,
    end_of_escape,
    plain_in_place,
    read_plainly,
    splice,
)
from transforms.decode.number_words import is_digit_word
from transforms.decode.text_util import HIDDEN_AT_WORDS, HIDDEN_DOT_WORDS

OPENED = 4
"""The number of the reading with opened tokens in `readings_of_digits`."""

MOST_LAYERS = 3
"""Encodings within each other that are read: Base64 in Base64, or in a link in Base64."""

TOKEN_HINT = (
    r"[MNO][DTjz][AEIMQUYcgk][w-z0-5]|(?:3[0-9]){3}(?:[2-7][0-9A-Fa-f]){4}"
    r"|[/?#=&][A-Za-z0-9+_-]{12}"
)
"""RE2: a text without a match has no token of a number, and no link with a token.

In Base64 and in hex only few groups of letters stand for three digits.
"""

ADDRESS_TOKEN_HINT = (
    r"[A-Za-z0-9](?:Q[A-P]|[EUk0][A-D]|[BFJNRVZdhlptx159]A)[A-Za-z0-9]{3}"
    r"|(?:[2-7][0-9A-Fa-f]){2}40(?:[2-7][0-9A-Fa-f]){3}"
)
"""RE2: a text without a match has no token of an address, which has an @ in Base64 or hex."""

_ID_HINT = rf"{TOKEN_HINT}|{ADDRESS_TOKEN_HINT}|[%&\\]|[^\x00-\x7f]"
"""RE2: without a match of this, an id encodes no contact."""

_TOKEN = re.compile(r"[A-Za-z0-9+_-]{10,}")
"""Base64, in which no letter stands for others: a long s is an s where case is ignored."""

_MAY_BE_ENCODED = re.compile(rf"[%&\\]|[^\x00-\x7f]|{_TOKEN.pattern}")
"""Without a match of this, a text reads as it is written."""

_MAY_OPEN = re.compile(r"[A-Z]|(?:[2-7][0-9a-f]){7}")
"""Signs that every such token has: in Base64 a capital stands for a number or an @."""

_HEX = re.compile(r"(?:[2-7][0-9A-Fa-f]){7,}")

_TO_STANDARD = str.maketrans("-_", "+/")

_UNPRINTABLE = "\ufffd"

_PRINTED = dict.fromkeys((*range(32), *range(127, 256)), _UNPRINTABLE)

_ADDRESS = re.compile(r"[A-Za-z0-9_.+-]@[A-Za-z0-9_-]+\.[A-Za-z0-9_]")

_NUMBER = re.compile(r"(?:[0-9][^0-9]{0,3}){6}")

_VERP_SIGN = re.compile(r"=(?:40)?|%(?:40)?|#|[-_.+]at[-_.+]|_")

_LEAD = re.compile(r"[-+_=]")
"""Signs that end the words before the recipient's name: 'bounce-', 'bounces+123-'."""

_RUN = re.compile(r"\d+", re.ASCII)

_NAME_PART = re.compile(r"[^\W\d_]+|\d")
_CONTACT_DIGITS = 7
_WRITTEN_ADDRESS = re.compile(
    rf"@|[\W_](?:{HIDDEN_AT_WORDS})[\W_]+[a-z0-9-]+[\W_]+(?:(?:{HIDDEN_DOT_WORDS})[\W_]+)?(?:com|net|org|[a-z]{{2}})(?![a-z])"
)


def readings_of_digits(text: str) -> Iterator[tuple[int, Reading]]:
    """Yields the ways to read the digits of a text, numbered; the first is as it is written.

    Digits of any script, characters that NFKC makes digits of, and web escapes of both (0 to 3);
    with tokens opened (`OPENED`).
    """
    written = Reading(digits_to_ascii(text), range(len(text)))
    forms = [written]
    if not text.isascii():
        compatible = unicodedata.normalize("NFKC", written.text)
        if _RUN.findall(compatible) != _RUN.findall(written.text):
            parts = [unicodedata.normalize("NFKC", character) for character in written.text]
            places = [place for place, part in enumerate(parts) for _ in part]
            forms.append(Reading("".join(parts), places))
    for number, form in enumerate(forms):
        yield 2 * number, form
        decoded = decode_web_escapes(form.text)
        if len(decoded.text) < len(form.text):
            yield 2 * number + 1, decoded.of(form)
    opened = open_tokens(text)
    if len(opened.text) < len(text):
        yield OPENED, opened


def has_token(text: str) -> bool:
    """Tells whether a text has a token of Base64 or hex that `open_tokens` opens."""
    return any(True for _ in _opened_in(text))


def open_tokens(text: str, layers: int = MOST_LAYERS) -> Reading:
    """Replaces the tokens of a text that hold a number or an address by what they hold."""
    return splice(text, _opened_in(text, layers=layers))


def tokens_with_address(text: str, start: int = 0, end: int = sys.maxsize) -> Iterator[Span]:
    """Yields the tokens between two places that hold an e-mail address."""
    return (span for span, held in _opened_in(text, start, end) if _ADDRESS.search(held.text))


def tokens_with_number(text: str) -> Iterator[Span]:
    """Yields the tokens that hold a number."""
    return (span for span, held in _opened_in(text) if _NUMBER.search(held.text))


def _opened_in(
    text: str, *between: int, layers: int = MOST_LAYERS
) -> Iterator[tuple[Span, Reading]]:
    """Yields the tokens of a text that hold a number or an address, and what they hold."""
    for token in _TOKEN.finditer(text, *between):
        if opened := _open(token[0], layers):
            yield token.span(), opened


def plain_forms(text: str) -> tuple[str, ...]:
    """Returns a text in plain letters, and as it reads decoded and opened, at the same length."""
    plain = plain_in_place(text)
    decoded = decode_web_escapes(text)
    opened = open_tokens(decoded.text).of(decoded)
    read = plain_in_place(opened.in_place(len(text)))
    return (plain,) if read == plain else (plain, read)


def whole_spans(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Widens spans to the escapes that they end in, and to the tokens that they begin in."""
    every = list(spans)
    tokens = [span for span, _ in _opened_in(text)] if every else []
    starts = [start for start, _ in tokens]
    for start, end in every:
        end_of_all = end_of_escape(text, end)
        number = bisect_right(starts, start) - 1
        if number >= 0 and start < tokens[number][1]:
            yield tokens[number][0], max(end_of_all, tokens[number][1])
        else:
            yield start, end_of_all


def opened_ids(ids: pa.Array) -> pa.Array:
    """Returns ids or null as they are, but those that encode a number or address as they read."""

    def read(written: str) -> str:
        plain = open_tokens(read_plainly(written)).text
        return written if _UNPRINTABLE in plain else plain

    coded = pc.fill_null(pc.match_substring_regex(ids, _ID_HINT), False)
    some = pa.array(map(read, ids.filter(coded).to_pylist()), pa.string())
    return pc.replace_with_mask(ids, coded, some)


def recipients(local: str) -> Iterator[str]:
    """Yields the addresses that the local part of a bounce address may name, known or not."""
    for sign in _VERP_SIGN.finditer(local):
        host = local[sign.end() :]
        if "." in host:
            name = local[: sign.start()]
            starts = (0, *(lead.end() for lead in _LEAD.finditer(name)))
            yield from (f"{name[start:]}@{host}" for start in starts)


def may_hold_contact(name: str) -> bool:
    """Checks whether a short name has seven digits or more, in any script or in words, or an @.

    Such a name may be somebody's number or address: what is shown as it is must not have one.
    """
    encoded = _MAY_BE_ENCODED.search(name) is not None
    plain = (open_tokens(read_plainly(name)).text if encoded else name).lower()
    count = sum(part.isdecimal() or is_digit_word(part) for part in _NAME_PART.findall(plain))
    return count >= _CONTACT_DIGITS or _WRITTEN_ADDRESS.search(plain) is not None


@lru_cache(maxsize=1 << 12)
def _open(token: str, layers: int = MOST_LAYERS) -> Reading | None:
    """Returns what a token holds, if that is a number or an address, with places in the token."""
    if not layers or not _MAY_OPEN.search(token):
        return None
    for held in _decodings(token):
        decoded = decode_web_escapes(held.text)
        opened = open_tokens(decoded.text, layers - 1).of(decoded).of(held)
        if _ADDRESS.search(opened.text) or _NUMBER.search(opened.text):
            return opened
    return None


def _decodings(token: str) -> Iterator[Reading]:
    """Yields what a token reads as in hex and in Base64, wherever in it the first group begins."""
    for pairs in _HEX.finditer(token):
        places = range(pairs.start(), pairs.end(), 2)
        yield Reading(_as_printed(bytes.fromhex(pairs[0])), places)
    letters = token.translate(_TO_STANDARD)
    for lead in range(4):
        group = letters[lead:]
        group = group[:-1] if len(group) % 4 == 1 else group
        held = base64.b64decode(group + "=" * (-len(group) % 4))
        yield Reading(_as_printed(held), [lead + 4 * place // 3 for place in range(len(held))])


def _as_printed(held: bytes) -> str:
    return held.decode("latin-1").translate(_PRINTED)
