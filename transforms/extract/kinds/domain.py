"""Host names: refanged, checked, cut to the registrable domain, and compared with brands' names.

A domain can look like a brand's by letters of other scripts, by digits, by a typing slip, or by the
brand's name among words that sites of scams use.
"""

from __future__ import annotations

import csv
import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

import idna
import tldextract

from transforms.decode import load_reference_data, read_reference_data

REMEMBERED = 1 << 14
"""Distinct hosts that a worker remembers: most are of few brands and mail providers."""

LONGEST_HOST = 253
"""Characters of a host name (RFC 1035 section 2.3.4)."""

KNOWN_SITES = "known_sites.csv"
"""The compiled list of organisations' sites: the columns of known_legitimate.csv."""

DOT = r"(?:\.|\s?[\[({]\s?(?:\.|dot|punto|punkt|point)\s?[\])}]\s?|。|．)"
"""A dot as written, or as defanged so that nobody follows the link."""

LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"

HOST = rf"{LABEL}(?:{DOT}{LABEL}){{1,10}}"

_DOT = re.compile(DOT, re.IGNORECASE)

_ASCII_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

_UNROUTED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)
"""Addresses that everybody's own network has (RFC 6890): they tie strangers together."""


def refang(text: str) -> str:
    """Returns the text with defanged dots, colons and schemes as they were."""
    text = _DOT.sub(".", text).replace("[:]", ":").replace("[@]", "@").replace("[/]", "/")
    return re.sub(r"^\s*h[tx]{2}p(s?)\s?:\s?//", r"http\1://", text, flags=re.IGNORECASE)


@lru_cache(maxsize=REMEMBERED)
def canonical_host(host: str) -> str | None:
    """Returns the host in lower-case ASCII (IDNA 2008, RFC 5891), or None where it is not one."""
    host = refang(host).strip().rstrip(".").lower()
    if not host or len(host) > LONGEST_HOST:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    return host if all(map(_ASCII_LABEL.fullmatch, host.split("."))) else None


def registrable_domain(host: str) -> str | None:
    """Returns the registrable domain of a host by the Public Suffix List with its private section.

    None for a host without a known public suffix, and for a public suffix itself.
    """
    return _split_host(host).top_domain_under_public_suffix or None


def public_suffix(host: str) -> str:
    """Returns the public suffix of a host; empty where it has none that is known."""
    return _split_host(host).suffix


@cache
def private_suffixes() -> frozenset[str]:
    """Returns the private part of the Public Suffix List, with its marks `*.` and `!`."""
    return frozenset(_suffixes().tlds) - public_suffixes()


@cache
def public_suffixes() -> frozenset[str]:
    """Returns the part of the Public Suffix List that is no private one, with its marks."""
    return frozenset(tldextract.TLDExtract(cache_dir=None, suffix_list_urls=()).tlds)


def is_on_hosting_platform(host: str) -> bool:
    """Checks whether a host is a customer's of a platform on the Public Suffix List, as web.app."""
    parts = _split_host(host)
    return parts.is_private and "." in parts.suffix and bool(parts.domain)


def canonical_ip(text: str) -> str | None:
    """Returns the address in canonical form (RFC 5952), or None if it is none or is not routed."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in block for block in _UNROUTED):
        return None
    return address.compressed


@cache
def legitimate_domains() -> dict[str, str]:
    """Returns the domains of the shipped known-legitimate list, with their categories."""
    rows = csv.DictReader(read_reference_data("known_legitimate.csv").splitlines())
    listed = ((row["entity_id"].partition(":"), row) for row in rows)
    return {value: row["category"] for (kind, _, value), row in listed if kind == "domain"}


class KnownSite(NamedTuple):
    """The holder of a site on the compiled list, and its category."""

    reason: str
    category: str


@cache
def known_sites() -> Mapping[str, KnownSite]:
    """Returns the compiled list of organisations' sites by registrable domain.

    It is read as it stands, since tests check each row of it.
    """
    rows = csv.reader(read_reference_data(KNOWN_SITES).splitlines()[1:])
    return {row[0].removeprefix("domain:"): KnownSite(row[1], row[2]) for row in rows}


def is_known_site(name: str) -> bool:
    """Checks whether a registrable domain is on a shipped list, by hand or compiled."""
    return name in legitimate_domains() or name in known_sites()


@cache
def click_platforms() -> dict[str, str]:
    """Returns the ad platforms, by the parameters that they add to one visitor's link."""
    rows = load_reference_data("hosting.toml")["click_id"]
    return {key: row["platform"] for row in rows for key in row["keys"]}


@cache
def click_ids() -> str:
    """Returns a pattern for the parameters of `click_platforms`."""
    return "|".join(sorted(map(re.escape, click_platforms())))


@lru_cache(maxsize=REMEMBERED)
def _split_host(host: str) -> tldextract.ExtractResult:
    return _suffixes()(host)


@cache
def _suffixes() -> tldextract.TLDExtract:
    """Returns the list that ships with tldextract: no cache folder, never the network."""
    return tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
    )


_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))

_OWN_SUFFIX = re.compile(r"com|net|org|[a-z]{2}|com?\.[a-z]{2}")
"""Suffixes under which a brand's exact name is the brand's own."""

_PARTS = re.compile(r"[-_.]")

_SHORT = 5
"""Letters of a name that counts only as a whole word: `apple`, but not `pineapple`."""

_SURE = 7
"""Letters of a name of which one letter off is no other word by accident."""


@lru_cache(maxsize=1 << 14)
def impersonated_brand(domain: str, chosen: str | None = None) -> str | None:
    """Returns the brand that a registrable domain (ASCII, lower case) imitates, if any.

    `chosen` is what its holder chose of it; by default all but its public suffix.

    A false flag names an innocent, so a brand's name among other words counts only where all of
    them are words that such sites use (`nortonrose.com` is a law firm), unless it is a homoglyph:
    in letters of another script, or digits. Domains that are known to be somebody else's, or on
    the known-legitimate list, look like nobody.
    """
    if domain in _innocent() or is_known_site(domain):
        return None
    ending = domain[len(chosen) + 1 :] if chosen else public_suffix(domain)
    name = domain[: -len(ending) - 1] if ending else domain
    shown = _decode_punycode(name)
    skeletons = _skeletons(shown)
    # Whatever the rules below find stands in one of these, and most names are in none.
    forms = (name, shown, *skeletons)
    anywhere = "\n".join((*forms, *(form.replace("-", "") for form in forms)))
    for look, brand in _looks():
        if look not in anywhere:
            continue
        if name == look and _OWN_SUFFIX.fullmatch(ending):
            return None
        if _is_brand_and_lures(shown, look) or any(
            _is_homoglyph(skeleton, shown, look) for skeleton in skeletons
        ):
            return brand
    return _typosquatted_brand(shown)


def _typosquatted_brand(shown: str) -> str | None:
    """Returns the brand of which one word is one slip away, if all other words are lures."""
    words = _PARTS.split(shown)
    for word in words:
        if len(word) <= _SHORT:
            continue
        others = [beside for beside in words if beside != word]
        if not all(map(_is_lure, others)):
            continue
        for look, brand in _looks():
            if len(look) <= _SHORT or word == look or not _is_one_letter_off(word, look):
                continue
            if others or len(look) >= _SURE or _is_typo(word, look):
                return brand
    return None


def _is_brand_and_lures(shown: str, look: str) -> bool:
    """Checks whether the name is the brand's and words of lures, parted or not."""
    words = _PARTS.split(shown)
    if look in words:
        return all(_is_lure(word) for word in words if word != look)
    if len(look) <= _SHORT:
        return False
    before, name, after = shown.replace("-", "").partition(look)
    return bool(name) and _is_lure(before) and _is_lure(after)


def _is_homoglyph(skeleton: str, shown: str, look: str) -> bool:
    """Checks whether the brand's name is seen but not written, as a word or, if long, anywhere."""
    if look in shown:
        return False
    if look in _PARTS.split(skeleton):
        return True
    return len(look) > _SHORT and look in skeleton.replace("-", "")


def _is_lure(text: str) -> bool:
    """Checks whether a text is nothing, digits, or made of words that such sites use."""
    return _lures().fullmatch(text) is not None


@cache
def _confusable() -> dict[int, str]:
    groups = load_reference_data("look_alikes.toml")["confusable"]
    return {ord(sign): letter for letter, *signs in groups for sign in signs}


@cache
def _lures() -> re.Pattern[str]:
    words = load_reference_data("look_alikes.toml")["lures"]
    return re.compile(rf"(?:{'|'.join(sorted(words, key=len, reverse=True))}|\d)*")


@cache
def _innocent() -> frozenset[str]:
    """Returns domains of others that these rules would flag."""
    return frozenset(row["domain"] for row in load_reference_data("look_alikes.toml")["innocent"])


def _is_typo(word: str, look: str) -> bool:
    """Checks whether a letter is doubled or two neighbours changed places, as in no other word."""
    if len(word) == len(look):
        return sorted(word) == sorted(look)
    doubled = re.sub(r"(.)\1+", r"\1", word)
    return len(word) > len(look) and doubled == re.sub(r"(.)\1+", r"\1", look)


def _is_one_letter_off(word: str, look: str) -> bool:
    """Checks whether a word is a name with a letter lost, added, changed, or swapped."""
    if word[0] != look[0] or abs(len(word) - len(look)) > 1:
        return False
    same = 0
    while same < min(len(word), len(look)) and word[same] == look[same]:
        same += 1
    rest, wanted = word[same:], look[same:]
    swapped = len(rest) > 1 and rest[1::-1] + rest[2:] == wanted
    return rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:] or swapped


def _skeletons(shown: str) -> set[str]:
    """Returns the name as it looks in Latin letters, with and without `_PAIRS`."""
    plain = unicodedata.normalize("NFKD", shown.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_confusable())
    skeletons = {plain, plain.replace("l", "i"), plain.replace("i", "l")}
    for pair, letter in _PAIRS:
        skeletons |= {skeleton.replace(pair, letter) for skeleton in list(skeletons)}
    return skeletons | {shown}


def _decode_punycode(name: str) -> str:
    """Returns a name with its punycode labels (RFC 3492) as they are shown."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name


@cache
def _looks() -> tuple[tuple[str, str], ...]:
    """Returns names in domains and their brands, the longest first."""
    pairs = [
        (look, b["name"])
        for b in load_reference_data("brands.toml")["brand"]
        for look in b.get("look", ())
    ]
    return tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair[0])))
