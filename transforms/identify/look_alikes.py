"""Domains that look like a brand's: by letters of other scripts, by digits, by the name in them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

import idna

from transforms.identify import domains
from transforms.identify.rules import load

_CONFUSABLE = str.maketrans(
    {
        "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ї": "i",
        "ј": "j", "ѕ": "s", "һ": "h", "ԁ": "d", "ԛ": "q", "ԝ": "w", "к": "k", "м": "m", "т": "t",
        "п": "n", "в": "b", "ո": "n", "ս": "u", "օ": "o", "α": "a", "ε": "e", "ο": "o", "ρ": "p",
        "ν": "v", "υ": "u", "ι": "i", "κ": "k", "τ": "t", "χ": "x", "η": "n", "ɑ": "a", "ɡ": "g",
        "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "0": "o", "1": "l", "3": "e", "4": "a",
        "5": "s", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s", "|": "l",
    }
)  # fmt: skip
"""Letters and digits for the Latin letter that they look like: of Unicode TS 39, those in use."""
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_OWN_SUFFIX = re.compile(r"com|net|org|[a-z]{2}|com?\.[a-z]{2}")
"""Suffixes under which a brand's exact name is the brand's own."""
_PARTS = re.compile(r"[-_.]")
_SHORT = 5
"""Letters of a name that counts only as a whole word: `apple`, but not `pineapple`."""


@lru_cache(maxsize=1 << 14)
def imitated(domain: str) -> str | None:
    """The brand that a registrable domain (ASCII, lower case) looks like, unless it is its own."""
    ending = domains.suffix(domain)
    name = domain[: -len(ending) - 1] if ending else domain
    skeletons = _skeletons(_unicode(name))
    words = {word for skeleton in skeletons for word in _PARTS.split(skeleton)}
    joined = {skeleton.replace("-", "") for skeleton in skeletons}
    near = [word for word in words if len(word) > _SHORT]
    for look, brand in _looks():
        if name == look and _OWN_SUFFIX.fullmatch(ending):
            return None
        if look in words:
            return brand
        if len(look) > _SHORT and (
            any(look in one for one in joined) or any(_one_letter_off(one, look) for one in near)
        ):
            return brand
    return None


def _one_letter_off(word: str, look: str) -> bool:
    """Whether a word is a name with one letter lost, added, changed, or swapped with the next."""
    if word[0] != look[0] or abs(len(word) - len(look)) > 1:
        return False
    same = 0
    while same < min(len(word), len(look)) and word[same] == look[same]:
        same += 1
    rest, wanted = word[same:], look[same:]
    swapped = len(rest) > 1 and rest[1::-1] + rest[2:] == wanted
    return rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:] or swapped


def _skeletons(shown: str) -> set[str]:
    """The name as it looks in Latin letters, with and without letters that look like pairs."""
    plain = unicodedata.normalize("NFKD", shown.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_CONFUSABLE)
    found = {plain, plain.replace("l", "i"), plain.replace("i", "l")}
    for pair, letter in _PAIRS:
        found |= {one.replace(pair, letter) for one in list(found)}
    return found | {shown}


def _unicode(name: str) -> str:
    """A name with its punycode labels (RFC 3492) as they are shown."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name


@cache
def _looks() -> tuple[tuple[str, str], ...]:
    """Names in domains and their brands, the longest first."""
    pairs = [(look, b["name"]) for b in load("brands.toml")["brand"] for look in b.get("look", ())]
    return tuple(sorted(pairs, key=_longest))


def _longest(pair: tuple[str, str]) -> tuple[int, str]:
    return -len(pair[0]), pair[0]
