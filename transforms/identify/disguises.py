"""Letters inside a phone number: a keypad's letters, or letters that look like digits."""

from __future__ import annotations

import re

_LETTER = re.compile(r"[^\W\d_ー]")
_LETTERS = re.compile(r"[^\W\d_ー]+")
_EXTENSION = re.compile(
    r"[\s,;.(-]{0,6}(?:;ext=|e?xt(?:n|ensi[oó]n?)?|int|доб|anexo|x|#)[\s.:,]{0,6}\d{1,20}#?\)?\s*$",
    re.IGNORECASE,
)
LOOK_ALIKES = "OoIl|SBZ"
"""Latin letters that look like digits; lower-case s, b and z do not."""
_LOOKS_LIKE = str.maketrans(LOOK_ALIKES, "00111582")
_LOOK_ALIKES = frozenset(LOOK_ALIKES)
_NUMBER_OF_LOOK_ALIKES = re.compile(
    rf"[+(]{{0,2}}[\d{LOOK_ALIKES}](?:[-. ()/]{{0,3}}[\d{LOOK_ALIKES}]){{6,17}}"
)
_START = re.compile(rf"[\d+]|(?<![^\W\d_])[{LOOK_ALIKES}]{{1,3}}(?=[-. ()]{{0,2}}\d)")
_LEAST_DIGITS = 5
"""Plain digits of a number with look-alikes in it: with fewer it may be a word."""
_VANITY_DIGITS = 8
"""A vanity number spells at least its last letters: more digits than this leave it no letters."""
_WORD_APART = re.compile(r"\d[^\S\n]+(?P<word>[^\W\d_]{1,30})\W{0,2}$")
_TOLL_FREE_WORD = re.compile(r"\W{0,2}(?:\+?1\W{0,3})?8\d\d\W{1,3}[A-Za-z][A-Za-z -]{5,15}")


def has_letters(plain: str) -> bool:
    """Whether letters stand in a number after its first digit or plus, its extension apart.

    `plain` is in NFKC and begins with no scheme.
    """
    body = _body(plain)
    return _LETTER.search(body) is not None or "|" in body


def look_alike(plain: str) -> str | None:
    """The digits that the text shows, where its letters are look-alikes alone; else None."""
    body = plain.strip()
    if not _NUMBER_OF_LOOK_ALIKES.fullmatch(body) or sum(map(str.isdigit, body)) < _LEAST_DIGITS:
        return None
    return body.translate(_LOOKS_LIKE)


def may_be_vanity(plain: str) -> bool:
    """Whether the letters may be those of a keypad (ITU-T E.161), rather than a name or a slip.

    A word that a blank parts from the digits is one in capitals, or all of a toll-free number but
    its code.
    """
    body = _body(plain)
    if sum(map(str.isdigit, plain)) > _VANITY_DIGITS:
        return False
    runs = _LETTERS.findall(body)
    if set(body) & _LOOK_ALIKES == set("".join(runs)) and all(len(set(run)) == 1 for run in runs):
        return max(map(len, runs), default=0) >= 4
    apart = _WORD_APART.search(body)
    return apart is None or apart["word"].isupper() or bool(_TOLL_FREE_WORD.fullmatch(body))


def _body(plain: str) -> str:
    """From the first digit or plus, or a look-alike right before it, to an extension."""
    first = _START.search(plain)
    return _EXTENSION.sub("", plain[first.start() :]).partition(";")[0] if first else ""
