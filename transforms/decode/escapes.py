"""Characters that stand for others: look-alikes, digits of any script, escapes of the web.

Functions `..._in_place` keep the length of a text, so that a place in what they return is one in
the text. The others return the place at which each character was written.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from transforms.decode.text_util import NO_ACCENT

WEB_ESCAPE = (
    r"(?i)%(?:25)*[2-7][0-9a-f]|&(?:amp;)*(?:#0*[0-9]{2,5}(?:;|\b)|#x0*[0-9a-f]{2,5}(?:;|\b)"
    r"|[a-z]{2,8};)|\\(?:u[0-9a-f]{4}|x[2-7][0-9a-f])"
)
"""Characters as links (%40, RFC 3986), pages (&#64;, HTML) and JSON encode them.

For RE2 and Python. A link in a link is encoded again (%2540), as is a page in a page (&amp;#64;).
"""

_CHARACTERS_KEPT = 1 << 16

_LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕһԁԛԝαβγεζηικμνορτυχıɑɡօ", "abekmhopctyxijshdqwabyeznikmvoptuxiago"
)
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d|[⓪⓵-⓽⓿❶-❾➀-➈➊-➒]")
_AGAIN = re.compile("&(?:amp;)+", re.IGNORECASE)
_WEB_ESCAPE_RE = re.compile(WEB_ESCAPE)
_JSON_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")

_OWN_JSON_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\u(?!d[89a-f])[0-9a-f]{4})", re.IGNORECASE)
"""One character of the basic plane in JSON (RFC 8259 section 7); surrogates stay as they are."""


Span = tuple[int, int]
"""Start and end, code points."""


class Reading(NamedTuple):
    """A text as it is read, and the place at which each of its characters was written."""

    text: str
    places: Sequence[int]

    def of(self, written: Reading) -> Reading:
        """Returns the reading of a text that is itself a reading, by the places of the latter."""
        if written.places == range(len(written.text)):
            return self
        return Reading(self.text, [written.places[place] for place in self.places])

    def in_place(self, size: int) -> str:
        """Returns the text at its places, with blanks wherever no character was written."""
        if len(self.text) == size:
            return self.text
        signs = [" "] * size
        for character, place in zip(self.text, self.places, strict=True):
            signs[place] = character
        return "".join(signs)


def lower_in_place(text: str) -> str:
    """Lowers the case of a text, accents kept, each character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(map(_lower, text))


def digits_to_ascii(text: str) -> str:
    """Writes decimal digits of any script, and circled ones that NFKC leaves, as those of ASCII."""
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), text)


def plain_in_place(text: str) -> str:
    """Writes a text in lower case, accented and styled letters and digits as their plain ones.

    Each character stays in its place: 'ｊａｎé' and 'ⓙⓐⓝⓔ' become 'jane', '❶²' becomes '12', and
    letters of Cyrillic and Greek the Latin ones that look like them.
    """
    return text.lower() if text.isascii() else text.translate(_PLAIN)


def compatible_in_place(text: str) -> str:
    """Writes each character as the one that it stands for (NFKC), or its digit."""
    return text if text.isascii() else text.translate(_COMPATIBLE)


def decode_web_escapes(text: str) -> Reading:
    """Decodes web escapes, also nested; an escape of no printable ASCII becomes a blank."""
    return _decode(text, _WEB_ESCAPE_RE, lambda escape: _decoded(escape[0]))


def decode_json_escapes(text: str) -> Reading:
    """Decodes the characters that a row of JSON escapes."""
    return _decode(text, _OWN_JSON_ESCAPE, lambda escape: chr(int(escape[1][2:], 16)))


def decode_link(text: str, layers: int = 2) -> str:
    """Decodes what a link encodes (RFC 3986), and with two layers what a link in it does."""
    for _ in range(layers):
        text = unquote(text)
    return text


def read_plainly(text: str) -> str:
    """Decodes the escapes of JSON, HTML and links, links in links too, to compatible characters."""
    plain = _JSON_ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)
    plain = decode_link(html.unescape(plain), 3)
    compatible = digits_to_ascii(unicodedata.normalize("NFKC", plain))
    return compatible.encode("utf-8", "replace").decode()


def span_as_written(text: str, reading: Reading, start: int, end: int) -> Span:
    """Returns where a text has what its decoded reading has from `start` to `end`, not empty."""
    return reading.places[start], end_of_escape(text, reading.places[end - 1] + 1)


def end_of_escape(text: str, end: int) -> int:
    """Returns where a span ends whose last character may be the first of a web escape."""
    escape = _WEB_ESCAPE_RE.match(text, end - 1)
    return escape.end() if escape else end


def splice(text: str, readings: Iterable[tuple[Span, Reading]]) -> Reading:
    """Replaces spans of a text, ascending and apart, by what they read as."""
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for (start, end), read in readings:
        parts += (text[done:start], read.text)
        places += (*range(done, start), *(start + place for place in read.places))
        done = end
    rest = range(done, len(text))
    if not parts:
        return Reading(text, rest)
    return Reading("".join((*parts, text[done:])), [*places, *rest])


def _decode(text: str, pattern: re.Pattern[str], decode: Callable[[re.Match[str]], str]) -> Reading:
    """Decodes what matches a pattern, or its group if it has one, to one character each."""
    return splice(
        text,
        (
            (match.span(match.lastindex or 0), Reading(decode(match), (0,)))
            for match in pattern.finditer(text)
        ),
    )


@lru_cache(maxsize=1 << 12)
def _decoded(written: str) -> str:
    if written[0] == "&":
        plain = html.unescape(_AGAIN.sub("&", written) if "#" in written else written)
    else:
        plain = chr(int(written[-4 if written[1] in "uU" else -2 :], 16))
    plain = compatible_in_place(plain)
    return plain if len(plain) == 1 and plain.isascii() and plain.isprintable() else " "


class _ByCharacter(dict[int, str]):
    """A table for `str.translate`: the text of each character, kept for the first 65,536."""

    def __init__(self, read: Callable[[str], str]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, code: int) -> str:
        text = self._read(chr(code))
        if len(self) < _CHARACTERS_KEPT:
            self[code] = text
        return text


def _compatible(character: str) -> str:
    digit = unicodedata.digit(character, None)
    plain = unicodedata.normalize("NFKC", character) if digit is None else str(digit)
    return plain if len(plain) == 1 else character


def _plain(character: str) -> str:
    single = _compatible(character)
    if single.isalpha():
        base = unicodedata.normalize("NFKD", single.translate(NO_ACCENT))[0].lower()
        base = base.translate(_LOOK_ALIKES)
        if base.isascii():
            return base
    return _lower(single)


def _lower(character: str) -> str:
    low = character.lower()
    return low if len(low) == 1 else character


_COMPATIBLE, _PLAIN = _ByCharacter(_compatible), _ByCharacter(_plain)
