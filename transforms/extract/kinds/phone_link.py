"""Numbers in links: those that call or write to a phone, and those that others carry.

`tel:`, `sms:`, WhatsApp, Telegram and the like are of one number. The pop-ups of call centres carry
the number to show in their address, under any key. A number in a link is what its victim is to call
where no private person can hold it, or where it is written for people to read; a bare run of digits
may be anything: it is only mentioned, and marked (`Carried`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from schemas.enums import Carried, Role
from transforms.decode import fold_text, load_reference_data
from transforms.decode.escapes import decode_link
from transforms.extract.kinds import domain, email
from transforms.extract.mention import Match, phone_match
from transforms.phone import find as phone_find, normalize

HINT = (
    r"(?i)sips?:\+?\d|wa\.me/|whatsapp\.com/send|whatsapp://|t(?:elegram)?\.me/(?:\+|%2b)|viber://"
)
"""RE2: without a match of this, a text holds no link to a chat."""

MAX_URL = 2_048
"""Characters of a web address that are read."""

SCHEME = r"h(?:tt|xx|Xx|XX|TT|tx|xt)ps?\s?(?:\[:\]|:)\s?(?:\[/\]|[/\\]){2,8}"

TRAILING = ".,;:!?)]}>'\"*"

_CHAT = (
    rf"(?:(?:{SCHEME})?(?:www\.)?(?:wa\.me/|(?:api|web|www)?\.?whatsapp\.com/send/?\?"
    r"(?:[^\s<>\"'#]{0,200}&)?phone=|t(?:elegram)?\.me/(?=\+|%2b))"
    r"|(?:whatsapp://send/?\?(?:[^\s<>\"'#]{0,200}&)?phone|viber://\w+\?number)=)"
    r"(?P<chat>(?:\+|%2B|%20){0,2}[1-9]\d{6,14})(?![\w-])"
)

_SIP = re.compile(r"\bsips?:(?P<number>\+?\d{7,15})(?:;[^\s@<>\"']{1,100})?@[\w\[]", re.IGNORECASE)
"""The address of a phone on a server (RFC 3261 section 19.1.6)."""

_TO_CHAT = re.compile(rf"(?<![\w.-]){_CHAT}[^\s<>\"']{{0,{MAX_URL}}}", re.IGNORECASE)

_TO_PHONE = re.compile(
    rf"(?:tel|callto|sms|smsto|facetime|facetime-audio|skype):(?://)?(?P<uri>\+?[\d().\s-]{{7,30}})"
    rf"|{_CHAT}",
    re.IGNORECASE,
)

_PIECE = re.compile(r"[^/?#&;=|,!\\\s<>\"']+")
"""A part of a path, a name or a value."""

_DECODED_PIECE = re.compile(r"[^/?#&;=|\\]+")
"""A part of what was decoded, such as a link that another forwards to."""

_DIGITS = re.compile(r"(?:\d\D{0,6}?){7}")

_PLUS_FOR_SPACE = re.compile(r"(?<=[\d)])\+(?=[\d(])")

_BARE_OR_OTHER = re.compile(r"\d+|\d{5}-\d{4}|\d{1,3}\.\d{4,}")
"""Digits that are not written for people to call: bare, a ZIP code, a decimal (a latitude)."""

_KEY = re.compile(r"(?<![^\W_])([^\W_][\w.-]{0,40})(?:\[\])?[=:]\W{0,3}$")
"""The key that a number is the value of, before it."""

_KEY_REACH = 80
"""Characters before a part of a link in which its key is looked for."""

_TOLL_FREE_NANP = re.compile(r"\D{0,2}1\D{0,2}8(?:00|33|44|55|66|77|88)")

NON_GEOGRAPHIC = frozenset({"toll_free", "premium_rate", "shared_cost", "uan", "voip"})
"""Types of lines that no private person answers at home."""


def find(text: str, region: str | None = None) -> Iterator[Match]:
    """Yields the phones that links in one text open a chat with, and those in addresses of SIP."""
    for match in _SIP.finditer(text):
        number = match["number"]
        reading = normalize.normalize_number(number, region)
        if reading.e164 is None:
            reading = normalize.normalize_number(f"+{number.lstrip('+')}", None)
        if reading.e164:
            yield phone_match(*match.span("number"), reading)
    for match in _TO_CHAT.finditer(text):
        written = decode_link(match["chat"]).strip()
        reading = normalize.normalize_number(f"+{written.lstrip('+ ')}", None)
        if reading.e164:
            end = match.start() + len(match[0].rstrip(TRAILING))
            shown = written.startswith("+") or reading.line_type in NON_GEOGRAPHIC
            role = Role.CALLBACK if shown else Role.MENTIONED
            yield phone_match(match.start(), end, reading, role)


def phone_of_link(text: str) -> str | None:
    """Returns the number of a link that calls or texts a phone (RFC 3966, WhatsApp), or None."""
    link = text.strip()[:MAX_URL]
    match = _TO_PHONE.match(link) or _TO_PHONE.match(decode_link(link))
    if match is None:
        return None
    return match["uri"] or f"+{decode_link(match['chat']).strip(' +')}"


def numbers_carried(text: str, start: int, end: int, region: str | None) -> Iterator[Match]:
    """Yields the numbers in the path, query and fragment of a link, at these places of a text.

    A link with somebody's e-mail address was made for them, and may carry their number too: only
    one that no private person can hold counts as what they are to call.
    """
    if not _DIGITS.search(text, start, end):
        return
    is_personal = any(email.addresses_carried(text, start, end))
    for piece in _PIECE.finditer(text, start, end):
        if len(piece[0]) > 6:
            for reading, is_shown, lead in _numbers_in(piece[0], region):
                before = text[max(start, piece.start() - _KEY_REACH) : piece.start()]
                key = _key(f"{decode_link(before)}{lead}")
                is_other, is_free = _is_of_other(key), reading.line_type in NON_GEOGRAPHIC
                is_sure = is_shown and not (is_personal or is_other)
                if is_sure or (is_free and (is_shown or not is_other)):
                    match = phone_match(*piece.span(), reading, Role.CALLBACK)
                    yield match._replace(carried=Carried.FREE if is_free else Carried.WRITTEN)
                    continue
                is_named = key in _keys()["phone"] and not (is_shown or is_personal)
                match = phone_match(*piece.span(), reading)
                yield match._replace(carried=Carried.NAMED if is_named else Carried.BARE)


def _key(before: str) -> str:
    """Returns the key that ends a text, without case, accents and signs, or nothing."""
    match = _KEY.search(before)
    return re.sub(r"[\W_]", "", fold_text(match[1])) if match else ""


@cache
def _keys() -> dict[str, frozenset[str]]:
    return {
        holder: frozenset(keys) for holder, keys in load_reference_data("link_keys.toml").items()
    }


def _is_of_other(key: str) -> bool:
    """Checks whether a key is of a number that is no phone's."""
    return key.endswith("id") or key in _keys()["other"] or key in domain.click_platforms()


@lru_cache(maxsize=1 << 14)
def _numbers_in(piece: str, region: str | None) -> tuple[tuple[normalize.Reading, bool, str], ...]:
    """Returns the numbers in a part of a link: written for people to read or not, and the lead."""
    whole = decode_link(piece)
    return tuple(
        (reading, is_shown, f"{whole[: part.start()]}{lead}")
        for part in _DECODED_PIECE.finditer(whole)
        for reading, is_shown, lead in _numbers_in_part(part[0], region)
    )


def _numbers_in_part(
    part: str, region: str | None
) -> Iterator[tuple[normalize.Reading, bool, str]]:
    plain = _PLUS_FOR_SPACE.sub(" ", part).replace("_", " ")
    if not _DIGITS.search(plain):
        return
    numbers = phone_find.find_numbers_in_text(plain, region)
    if not numbers and _TOLL_FREE_NANP.search(plain):
        numbers = [
            number
            for number in phone_find.find_numbers_in_text(plain, "US")
            if number[1].line_type == "toll_free"
        ]
    for span, reading in numbers:
        written = plain[span.start : span.end]
        yield reading, not _BARE_OR_OTHER.fullmatch(written), plain[: span.start]
