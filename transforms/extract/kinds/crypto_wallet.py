"""Wallet addresses (`wallet:btc:...`) by checksum: Base58Check, Bech32, and Keccak as in EIP-55.

An address of Solana has no checksum: it is a point of the curve, and counts where Solana is named.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from schemas.enums import EntityKind, Role
from transforms.extract.mention import Match

HINT = r"0[xX][0-9A-Fa-f]{40}|(?i:bc1|ltc1)[0-9A-Za-z]{11}|[1-9A-HJ-NP-Za-km-z]{25}"
"""RE2: without a match of this, a text holds no address."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

_VERSIONS = {0x00: "btc", 0x05: "btc", 0x30: "ltc", 0x32: "ltc", 0x41: "tron"}
"""First byte of a decoded address: chain parameters of Bitcoin, Litecoin and TRON."""

_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
"""The alphabet of the XRP Ledger, in which an account begins with r."""

_TO_BITCOINS = str.maketrans(_RIPPLE, _BASE58)

_PRIME = 2**255 - 19

_CURVE = -121665 * pow(121666, -1, _PRIME) % _PRIME
"""Field and curve constant of Ed25519 (RFC 8032 section 5.1)."""

_SOLANA = re.compile(r"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{32,44}(?![A-Za-z0-9])")

_SOLANA_NAMED = re.compile(r"\bsol(?:ana)?\b", re.IGNORECASE)

_NEAR = 80
"""Characters before an address in which its coin is named."""

_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9])(?:0x[0-9A-Fa-f]{40}|(?i:bc1|ltc1)[02-9A-Za-z]{11,87}|[13LMTr][1-9A-HJ-NP-Za-km-z]{24,34})"
    r"(?![A-Za-z0-9])"
)


def find(text: str) -> Iterator[Match]:
    """Yields the valid addresses in one text, as mentioned."""
    for match in _ADDRESS.finditer(text):
        if value := canonical_wallet(match[0]):
            yield Match(*match.span(), EntityKind.WALLET, value, Role.MENTIONED)
    if _SOLANA_NAMED.search(text):
        for match in _SOLANA.finditer(text):
            named = _SOLANA_NAMED.search(text, max(0, match.start() - _NEAR), match.start())
            if named and canonical_wallet(match[0]) is None and is_solana_address(match[0]):
                yield Match(*match.span(), EntityKind.WALLET, f"sol:{match[0]}", Role.MENTIONED)


def canonical_wallet(address: str) -> str | None:
    """Returns `btc:`, `ltc:`, `tron:`, `xrp:` or `eth:` and the address; None if invalid."""
    if address[:2] in ("0x", "0X"):
        return f"eth:{address.lower()}" if _is_ethereum(address) else None
    lower = address.lower()
    if lower.startswith(("bc1", "ltc1")):
        coin = "btc" if lower.startswith("bc1") else "ltc"
        return (
            f"{coin}:{lower}" if address in (lower, address.upper()) and _is_segwit(lower) else None
        )
    if address.startswith("r") and set(address) <= set(_RIPPLE):
        account = _base58check(address.translate(_TO_BITCOINS))
        return f"xrp:{address}" if account and len(account) == 21 and account[0] == 0 else None
    payload = _base58check(address)
    if payload is None or len(payload) != 21 or payload[0] not in _VERSIONS:
        return None
    return f"{_VERSIONS[payload[0]]}:{address}"


def is_solana_address(text: str) -> bool:
    """Checks whether a text is 32 bytes in Base58 and a point of Ed25519, as a person's wallet is.

    A typing slip leaves half of all addresses on the curve: this is weaker than a checksum.
    """
    if not _SOLANA.fullmatch(text):
        return False
    point = _decode_base58(text)
    if len(point) != 32:
        return False
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(_CURVE * y * y + 1, -1, _PRIME) % _PRIME
    return y < _PRIME and (square == 0 or pow(square, (_PRIME - 1) // 2, _PRIME) == 1)


def _base58check(text: str) -> bytes | None:
    """Returns the payload of a Base58Check string, or None (Bitcoin developer reference)."""
    if not 25 <= len(text) <= 36 or not set(text) <= set(_BASE58):
        return None
    data = _decode_base58(text)
    check = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4]
    return data[:-4] if data[-4:] == check else None


def _decode_base58(text: str) -> bytes:
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _is_segwit(text: str) -> bool:
    """Checks a lower-case native SegWit address (BIP 173 for version 0, BIP 350 above)."""
    prefix, _, data = text.rpartition("1")
    if len(text) > 90 or len(data) < 7 or not set(data) <= set(_BECH32):
        return False
    values = [_BECH32.index(letter) for letter in data]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    version, program = values[0], values[1:-6]
    constant = 1 if version == 0 else 0x2BC830A3
    length, spare = divmod(len(program) * 5, 8)
    padded = spare >= 5 or (program[-1:] and program[-1] & ((1 << spare) - 1))
    sizes = (20, 32) if version == 0 else range(2, 41)
    return (
        version <= 16 and length in sizes and not padded and _polymod(expanded + values) == constant
    )


def _polymod(values: list[int]) -> int:
    """Returns the Bech32 checksum of five-bit values (BIP 173)."""
    generators = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate(generators):
            check ^= generator if top >> i & 1 else 0
    return check


def _is_ethereum(address: str) -> bool:
    """Checks an address in one case, or in the mixed case of EIP-55."""
    body = address[2:]
    if not re.fullmatch(r"[0-9A-Fa-f]{40}", body):
        return False
    if body in (body.lower(), body.upper()):
        return len(set(body)) > 1
    from Crypto.Hash import keccak

    digest = keccak.new(data=body.lower().encode(), digest_bits=256).hexdigest()
    return all(
        c == (c.upper() if int(d, 16) >= 8 else c.lower())
        for c, d in zip(body, digest, strict=False)
    )
