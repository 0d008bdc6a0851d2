"""Host names: mended, checked, and cut to the registrable domain."""

from __future__ import annotations

import ipaddress
import re
from functools import cache, lru_cache

import idna
import tldextract

REMEMBERED = 1 << 14
"""Distinct hosts that a worker remembers: most are of few brands and mail providers."""
LONGEST_HOST = 253
"""Characters of a host name (RFC 1035 section 2.3.4)."""

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
    """The text with defanged dots, colons and schemes as they were."""
    text = _DOT.sub(".", text).replace("[:]", ":").replace("[@]", "@").replace("[/]", "/")
    return re.sub(r"^\s*h[tx]{2}p(s?)\s?:\s?//", r"http\1://", text, flags=re.IGNORECASE)


@lru_cache(maxsize=REMEMBERED)
def canonical_host(host: str) -> str | None:
    """The host in lower-case ASCII (IDNA 2008, RFC 5891), or None where it is not one."""
    host = refang(host).strip().rstrip(".").lower()
    if not host or len(host) > LONGEST_HOST:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    return host if all(map(_ASCII_LABEL.fullmatch, host.split("."))) else None


@lru_cache(maxsize=REMEMBERED)
def registrable(host: str) -> str | None:
    """The registrable domain of a host by the Public Suffix List with its private section.

    None for a host without a known public suffix, and for a public suffix itself.
    """
    return _suffixes()(host).top_domain_under_public_suffix or None


@lru_cache(maxsize=REMEMBERED)
def suffix(host: str) -> str:
    """The public suffix of a host; empty where it has none that is known."""
    return _suffixes()(host).suffix


@lru_cache(maxsize=REMEMBERED)
def hosted(host: str) -> bool:
    """Whether a host is a customer's of a platform that the Public Suffix List has, as web.app."""
    found = _suffixes()(host)
    return found.is_private and "." in found.suffix and bool(found.domain)


def canonical_ip(text: str) -> str | None:
    """The address in canonical form (RFC 5952), or None where it is none or is not routed."""
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
def _suffixes() -> tldextract.TLDExtract:
    """The list that ships with tldextract: no cache folder, never the network."""
    return tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
    )
