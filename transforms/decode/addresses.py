"""Reads the addresses that a text may name in signs or words other than their own.

The signs may be said ('jane at home dot org'), in brackets, set apart, encoded by mail, pages or
links, or look like others. Tags and characters that nobody sees may stand among them.

Not all that reads so is an address ('look at amazon.com'). Redaction and the search of what leaves
look the readings up among known addresses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from transforms.decode.escapes import Reading, decode_web_escapes, plain_in_place, splice
from transforms.decode.readings import recipients
from transforms.decode.text_util import (
    DASH_WORDS,
    HIDDEN_AT_WORDS,
    HIDDEN_DOT_WORDS,
    UNDERSCORE_WORDS,
)

# The signs of an address as people say them, the longest phrase first: parts of patterns.
AT_SAID = rf"at the rate(?: of)?|at (?:sign|symbol)|a commercial|arobas|chez|{HIDDEN_AT_WORDS}"
DOT_SAID = rf"full stop|period|{HIDDEN_DOT_WORDS}"
UNDERSCORE_SAID = rf"unterstrich|gui[oó]n bajo|tiret bas|{UNDERSCORE_WORDS}"
DASH_SAID = rf"strich|tiret|{DASH_WORDS}"

PossibleAddress = tuple[int, int, str]
"""Start and end, code points, and the address as `email.find` would read it."""

_BESIDE = r"[\s()\[\]{}<>*_-]"
"""A sign before or behind one that is said."""

_UNSEEN = "\xad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"

_ENDING = r"(?:com|net|org|edu|gov)\b"

_BLANK = r"\s\x0b\x1c-\x1f\x{85}\pZ"
"""Blanks, in RE2, whose `\\s` has fewer than Python's."""

_GAP = rf"(?:[{_BLANK}{_UNSEEN}()\[\]{{}}<>*_-]|&[a-z#0-9]{{1,9}};|</?[a-z]{{1,9}}>)"
"""Blanks, signs, entities and tags beside a sign that is said, in RE2."""

_DOT_AHEAD = (
    rf"(?:\.\pL|[=&%\\。．]|\.{_GAP}{_ENDING}|{_GAP}{{1,3}}(?:[.=&%\\]|{_ENDING}"
    rf"|(?:{DOT_SAID}|{DASH_SAID}|{UNDERSCORE_SAID}|d[oоóò][tт])[^\pL\pN]))"
)

ADDRESS_HINT = (
    rf"(?i){_GAP}(?:{AT_SAID}|[aаàáâ][tт]){_GAP}{{1,4}}[\pL\pN-]+{_DOT_AHEAD}"
    rf"|{_GAP}(?:{DOT_SAID}|{DASH_SAID}|{UNDERSCORE_SAID}){_GAP}{{1,3}}[\pL\pN-]+@"
    r"|(?-i:[a-z0-9]AT[A-Za-z0-9-]+(?:DOT|\.)[A-Za-z])|艾特|圈a"
    r"|=40|=\r?\n|%(?:25)*40|&(?:amp;)*(?:#0*64|#x0*40|commat)|\\(?:u00|x)40|＠|﹫"
    rf"|{_GAP}@|@{_GAP}|[=#%&'_\\<>][^\s@]{{0,64}}@|@[^\s@]{{0,64}}[=%&\\<]"
    rf"|@[\pL\pN-]+(?:\.?[{_BLANK}]|[\[({{<*_])"
    r"|[^\x00-\x7f][^\s@]{0,64}@|@[^\s@]{0,64}[^\x00-\x7f]"
    rf"|[a-z0-9@.][{_UNSEEN}]+[a-z0-9@.]|[Ａ-Ｚａ-ｚⒶ-ⓩ\x{{1d400}}-\x{{1d7ff}}]{{2}}"
)
"""RE2 of texts that may name an address in other signs than plain ones, which finders read."""

_QUOTED = re.compile(r"=(?:\r?\n|[2-7][0-9A-F])", re.IGNORECASE)
"""A character as mail encodes it, and the end of a line that it breaks (RFC 2045)."""

_NOTHING = re.compile(
    rf"[{_UNSEEN}]|</?(?!(?:at|dot)\b)[a-z][a-z0-9]{{0,9}}(?:\s[^<>@]{{0,80}})?/?>"
    r"|<!--[^<>]{0,80}-->|&(?:ZeroWidthSpace|zwn?j|shy|NoBreak|lrm|rlm|#0*(?:173|820[3-7]|8288|65279)"
    r"|#x0*(?:ad|200[b-f]|2060|feff));|[%=]E2[%=]80[%=]8[B-F]|[%=]C2[%=]AD",
    re.IGNORECASE,
)
"""Characters that are not seen, as they are and as pages, links and mail encode them, and tags."""


def _spoken(words: str) -> str:
    return rf"{_BESIDE}{{1,4}}(?:{words}){_BESIDE}{{1,4}}"


_SIGNS = {
    "at": rf"\s{{0,2}}[\[({{<]?\s?@\s?[\])}}>]?\s{{0,2}}|{_spoken(AT_SAID)}|艾特|圈a",
    "dot": rf"\s?[\[({{<]?\s?[.。]\s?[\])}}>]?\s?(?=[a-z0-9])|{_spoken(DOT_SAID)}|[点點]"
    rf"|\s(?={_ENDING})",
    "underscore": _spoken(UNDERSCORE_SAID),
    "dash": _spoken(DASH_SAID),
}

_SIGN = re.compile("|".join(f"(?P<{name}>{sign})" for name, sign in _SIGNS.items()))

_STUCK_SIGN = re.compile(r"(?<=[a-z0-9])(?:AT|DOT)(?=[A-Za-z0-9])")
""" 'janeATHomeDOTorg'."""

_WRITTEN = {"at": "@", "dot": ".", "underscore": "_", "dash": "-"}

_MAX_LOCAL = 64
"""Characters before the sign (RFC 5321 section 4.5.3.1.1)."""

_LOCAL = re.compile(rf"[a-z0-9._+'&=%#-]{{1,{_MAX_LOCAL}}}")

_HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}")

_LEAD = re.compile(r"[._+'&=%#-]+")
"""Signs after which a name may begin, because the text before them may be another word."""

_MOST_LEADS = 5
"""Most beginnings of a name that are tried after its first."""


def possible_addresses(text: str) -> Iterator[PossibleAddress]:
    """Yields the places of a text that may name an address, and the address, some of them nested.

    'Write dot jane at home.org.uk' may name jane@home.org.uk, write.jane@home.org.uk, and either at
    home.org.
    """
    written = Reading(text, range(len(text)))
    unquoted = splice(text, ((code.span(), _unquoted(code[0])) for code in _QUOTED.finditer(text)))
    for reading in (written, unquoted) if len(unquoted.text) < len(text) else (written,):
        read = _with_signs(reading)
        ends = [*read.places[1:], len(text)]
        for sign in re.finditer("@", read.text):
            for start, end, address in _addresses_around(read.text, sign.start()):
                yield read.places[start], ends[end - 1], address


def _unquoted(code: str) -> Reading:
    return Reading(chr(int(code[1:], 16)), (0,)) if code[-1] != "\n" else Reading("", ())


def _with_signs(reading: Reading) -> Reading:
    """Returns a reading in plain small letters and with written signs, without what is not seen."""
    unseen = ((mark.span(), Reading("", ())) for mark in _NOTHING.finditer(reading.text))
    seen = splice(reading.text, unseen).of(reading)
    decoded = decode_web_escapes(seen.text).of(seen)
    parts = [unicodedata.normalize("NFKC", character) for character in decoded.text]
    places = [place for place, part in zip(decoded.places, parts, strict=True) for _ in part]
    compatible = Reading("".join(parts), places)
    stuck = (
        (sign.span(), Reading(_WRITTEN[sign[0].lower()], (0,)))
        for sign in _STUCK_SIGN.finditer(compatible.text)
    )
    parted = splice(compatible.text, stuck).of(compatible)
    plain = plain_in_place(parted.text)
    said = (
        (sign.span(), Reading(_WRITTEN[str(sign.lastgroup)], (0,)))
        for sign in _SIGN.finditer(plain)
    )
    return splice(plain, said).of(parted)


def _addresses_around(text: str, sign: int) -> Iterator[PossibleAddress]:
    """Yields the addresses whose sign stands at a place."""
    before = _LOCAL.match(text[max(0, sign - _MAX_LOCAL) : sign][::-1])
    host = _HOST.match(text, sign + 1)
    if before is None or host is None:
        return
    local = before[0][::-1]
    leads = [lead.end() for lead in _LEAD.finditer(local)][-_MOST_LEADS:]
    first = sign - len(local)
    for dot in (*islice(re.finditer(r"\.", text[host.start() : host.end()]), 1, None), None):
        end = host.start() + dot.start() if dot else host.end()
        for lead in dict.fromkeys((0, *leads)):
            if name := local[lead:].strip("."):
                yield first + lead, end, f"{name}@{text[host.start() : end]}"
    for recipient in recipients(local):
        yield first + local.index(recipient.partition("@")[0]), sign, recipient
