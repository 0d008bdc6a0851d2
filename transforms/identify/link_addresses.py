"""E-mail addresses within web addresses: of whom a link was sent to, as far as anybody can tell.

A link of a scam carries its victim's address, so that its page greets them: it names no sender.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pyarrow as pa

from transforms.identify import domains, hiding

_LONGEST = 2_048
"""Characters of a web address that are read."""
_BREAKS = " \t\r\n<>\"'"
"""What ends a web address."""
_AT = r"(?:@|%40|&#64;|&#x40;|&commat;)"
_PACKED = r"[/?#=&][A-Za-z0-9+/_-]{12,}"
_HINT = rf"(?i)[/?#][^\s<>\"']*{_AT}|{_PACKED}"
"""RE2: without a match of this, a text holds no such address."""
_REST = re.compile(
    rf"(?://[^\s<>\"'/?#]{{1,{_LONGEST}}}|(?<![\w@.+%/-]){domains.HOST}(?::\d{{1,5}})?)"
    rf"(?P<rest>[/?#][^\s<>\"']{{1,{_LONGEST}}})",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}{_AT}[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,5}}", re.IGNORECASE
)
_TOKEN = re.compile(r"(?<=[/?#=&])[A-Za-z0-9+_-]{12,512}(?:=|%3D){0,2}", re.IGNORECASE)
_ADDRESS_IN_BYTES = re.compile(rb"[\w.+-]@[\w-]+\.\w")
_BARE = re.compile(rf"[(\[]{{0,2}}{domains.HOST}(?::\d{{1,5}})?[/?][^@]*", re.IGNORECASE)


def inside(text: str, place: int) -> bool:
    """Whether a place of a text is within a web address, with or without its scheme."""
    low = max(0, place - _LONGEST)
    begin = max(low, *(text.rfind(sign, low, place) + 1 for sign in _BREAKS))
    before = text[begin:place]
    return "//" in before or _BARE.fullmatch(before) is not None


def without(texts: pa.Array) -> pa.Array:
    """Strings or null with '#' for the addresses in their links, at the same length."""
    return hiding.without(texts, (_HINT,), _spans)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for link in _REST.finditer(text):
        for address in _ADDRESS.finditer(text, *link.span("rest")):
            yield address.span()
        for token in _TOKEN.finditer(text, *link.span("rest")):
            if _ADDRESS_IN_BYTES.search(_unpacked(token[0])):
                yield token.span()


def _unpacked(token: str) -> bytes:
    """What a token says in Base64, its end apart (RFC 4648, both alphabets)."""
    letters = token.partition("=")[0].partition("%")[0].replace("-", "+").replace("_", "/")
    return base64.b64decode(letters[: len(letters) - len(letters) % 4])
