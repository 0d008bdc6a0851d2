"""Characters as the web encodes them: '%40' in a link (RFC 3986), '&#64;' in a page (HTML)."""

from __future__ import annotations

import html
import re

HINT = r"(?i)%[2-7][0-9a-f]|&(?:#[0-9]{2,4}|#x[0-9a-f]{2,3}|[a-z]{2,8});"
"""RE2 and Python: without a match of this, a text encodes nothing."""
_CODED = re.compile(HINT)


def read(text: str) -> str:
    """The text as it reads, once; what encodes no character of ASCII becomes a blank."""
    return _CODED.sub(_character, text)


def in_place(text: str) -> str:
    """The same with blanks behind each character, so that it has the length of the text."""
    return _CODED.sub(_padded, text)


def _character(code: re.Match[str]) -> str:
    written = code[0]
    plain = chr(int(written[1:], 16)) if written[0] == "%" else html.unescape(written)
    return plain if len(plain) == 1 and plain.isascii() and plain.isprintable() else " "


def _padded(code: re.Match[str]) -> str:
    return _character(code).ljust(len(code[0]))
