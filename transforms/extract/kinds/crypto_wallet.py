"""Wallet addresses (`wallet:btc:...`), each by the checksum of its coin.

Base58Check, Bech32, CashAddr (Bitcoin Cash), CryptoNote (Monero), StrKey (Stellar), TON's CRC, and
Keccak as in EIP-55. An address of Solana has no checksum, but is a point of the curve. It counts in
a text that names Solana before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match

HINT = (
    r"0[xX][0-9A-Fa-f]{40}|(?i:bc1|ltc1|addr1)[0-9A-Za-z]{11}|[1-9A-HJ-NP-Za-km-z]{25}"
    r"|[qpQP][02-9AC-HJ-NP-Zac-hj-np-z]{41}|G[A-Z2-7]{55}|[EU][Qf][A-Za-z0-9_-]{46}"
)
"""RE2: without a match of this, a text holds no address."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

_BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)

_CASHADDR_GENERATORS = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)
"""Generators of the checksums of BIP 173 and of CashAddr."""

_VERSIONS = {
    "00": "btc",
    "05": "btc",
    "10": "dash",
    "16": "doge",
    "1cb8": "zec",
    "1cbd": "zec",
    "1e": "doge",
    "30": "ltc",
    "32": "ltc",
    "41": "tron",
    "4c": "dash",
    "025a79": "xtz",
    "06a19f": "xtz",
    "06a1a1": "xtz",
    "06a1a4": "xtz",
}
"""The bytes before the 20 of a hash, in hexadecimal: chain parameters of each coin."""

_SEGWIT = {"bc": "btc", "ltc": "ltc"}

_CARDANO = "addr"

_CARDANO_BYTES = (29, *range(32, 47), 57)
"""Bytes of a Shelley address: enterprise, with a pointer, base (CIP-19)."""

_MONERO = {18: 69, 19: 77, 42: 69}
"""The first byte of an address of Monero, and its bytes: standard, integrated, subaddress."""

_BLOCK_BYTES = (None, None, 1, 2, None, 3, 4, 5, None, 6, 7, 8)
"""Bytes of a block of so many letters in CryptoNote's Base58: 11 letters are 8 bytes."""

_STELLAR_ACCOUNT = 6 << 3
"""The first byte of an account's public key (SEP-23)."""

_TON_TAGS = (0x11, 0x51)
"""The first byte of an address of the main network: to be bounced or not (TEP-2)."""

_RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
"""The alphabet of the XRP Ledger, in which an account begins with r."""

_TO_BITCOINS = str.maketrans(_RIPPLE, _BASE58)

_PRIME = 2**255 - 19

_CURVE = -121665 * pow(121666, -1, _PRIME) % _PRIME
"""Field and curve constant of Ed25519 (RFC 8032 section 5.1)."""

_SOLANA = re.compile(r"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{32,44}(?![A-Za-z0-9])")

_SOLANA_NAMED = re.compile(r"\bsol(?:ana)?\b", re.IGNORECASE)

_NEAR = 80
"""Distance before an address to search for the name of its coin, in characters."""

_ADDRESS = re.compile(
    r"(?<![A-Za-z0-9])(?:0x[0-9A-Fa-f]{40}|(?i:bc1|ltc1|addr1)[02-9A-Za-z]{11,103}"
    r"|[qpQP][02-9AC-HJ-NP-Zac-hj-np-z]{41}|G[A-Z2-7]{55}|[EU][Qf][A-Za-z0-9_-]{46}"
    r"|[48][1-9A-HJ-NP-Za-km-z]{94,105}|[13479ADKLMTXrt][1-9A-HJ-NP-Za-km-z]{24,35})"
    r"(?![A-Za-z0-9])"
)


def find(text: str) -> Iterator[Match]:
    """Yields the valid addresses in one text, as mentioned."""
    for match in _ADDRESS.finditer(text):
        if value := canonical_wallet(match[0]):
            yield Match(*match.span(), EntityKind.WALLET, value)
    if _SOLANA_NAMED.search(text):
        for match in _SOLANA.finditer(text):
            named = _SOLANA_NAMED.search(text, max(0, match.start() - _NEAR), match.start())
            if named and canonical_wallet(match[0]) is None and is_solana_address(match[0]):
                yield Match(*match.span(), EntityKind.WALLET, f"sol:{match[0]}")


def canonical_wallet(address: str) -> str | None:
    """Returns the coin and the address, as `btc:1...`; None if it is invalid."""
    if address[:2] in ("0x", "0X"):
        return f"eth:{address.lower()}" if _is_ethereum(address) else None
    lower = address.lower()
    if address in (lower, address.upper()):
        prefix = lower.rpartition("1")[0]
        if prefix in _SEGWIT:
            return f"{_SEGWIT[prefix]}:{lower}" if _is_segwit(lower) else None
        if prefix == _CARDANO:
            return f"ada:{lower}" if _is_cardano(lower) else None
        if len(lower) == 42 and _is_bitcoin_cash(lower):
            return f"bch:{lower}"
    if len(address) == 48:
        return f"ton:{address}" if _is_ton(address) else None
    if len(address) == 56:
        return f"xlm:{address}" if _is_stellar(address) else None
    if len(address) > 90:
        return f"xmr:{address}" if _is_monero(address) else None
    if address.startswith("r") and set(address) <= set(_RIPPLE):
        account = _base58check(address.translate(_TO_BITCOINS))
        return f"xrp:{address}" if account and len(account) == 21 and account[0] == 0 else None
    payload = _base58check(address)
    coin = _VERSIONS.get(payload[:-20].hex()) if payload else None
    return f"{coin}:{address}" if coin else None


def is_solana_address(text: str) -> bool:
    """Checks whether a text is 32 bytes in Base58 and a point of Ed25519, as a person's wallet is.

    This is weaker than a checksum: a typing slip leaves half of all addresses on the curve.
    """
    if not _SOLANA.fullmatch(text):
        return False
    point = _decode_base58(text)
    if len(point) != 32:
        return False
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(_CURVE * y * y + 1, -1, _PRIME) % _PRIME
    return y < _PRIME and (square == 0 or pow(square, (_PRIME - 1) // 2, _PRIME) == 1)


def _is_ton(text: str) -> bool:
    """Checks an address of TON: a tag, a workchain, 32 bytes and their CRC (TEP-2)."""
    try:
        read = base64.urlsafe_b64decode(text)
    except ValueError:
        return False
    check = binascii.crc_hqx(read[:-2], 0).to_bytes(2, "big")
    return len(read) == 36 and read[0] in _TON_TAGS and read[-2:] == check


def _base58check(text: str) -> bytes | None:
    """Returns the payload of a Base58Check string, or None (Bitcoin developer reference)."""
    if not 25 <= len(text) <= 36 or not set(text) <= set(_BASE58):
        return None
    data = _decode_base58(text)
    check = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4]
    return data[:-4] if data[-4:] == check else None


def _decode_base58(text: str) -> bytes:
    number = _base58_number(text)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base58_number(text: str) -> int:
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    return number


def _is_segwit(text: str) -> bool:
    """Checks a lower-case native SegWit address (BIP 173 for version 0, BIP 350 above)."""
    read = _bech32(text, 90)
    if read is None:
        return False
    (version, *program), constant = read
    length = _whole_bytes(program)
    sizes = (20, 32) if version == 0 else range(2, 41)
    return version <= 16 and length in sizes and constant == (1 if version == 0 else 0x2BC830A3)


def _is_cardano(text: str) -> bool:
    """Checks a lower-case payment address of the main network (CIP-19): Bech32, header below 8."""
    read = _bech32(text, 110)
    if read is None:
        return False
    values, constant = read
    header = values[0] << 3 | values[1] >> 2 if len(values) > 1 else 0
    mainnet = header >> 4 < 8 and header & 15 == 1
    return constant == 1 and mainnet and _whole_bytes(values) in _CARDANO_BYTES


def _bech32(text: str, longest: int) -> tuple[list[int], int] | None:
    """Returns the five-bit values of a Bech32 string without its checksum, and its constant."""
    prefix, _, data = text.rpartition("1")
    if len(text) > longest or len(data) < 7 or not set(data) <= set(_BECH32):
        return None
    values = [_BECH32.index(letter) for letter in data]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    return values[:-6], _polymod(expanded + values, 25, _BECH32_GENERATORS)


def _whole_bytes(values: list[int]) -> int | None:
    """Counts the bytes of five-bit values; None if the rest is more than a padding of zeros."""
    length, spare = divmod(len(values) * 5, 8)
    padded = spare >= 5 or (values and values[-1] & ((1 << spare) - 1))
    return None if padded else length


def _is_bitcoin_cash(text: str) -> bool:
    """Checks a lower-case CashAddr without its prefix, of a hash of 20 bytes."""
    if not set(text) <= set(_BECH32):
        return False
    values = [_BECH32.index(letter) for letter in text]
    prefix = [*(ord(c) & 31 for c in "bitcoincash"), 0]
    check = _polymod(prefix + values, 35, _CASHADDR_GENERATORS)
    return check == 1 and _whole_bytes(values[:-8]) == 21


def _is_stellar(text: str) -> bool:
    """Checks the public key of an account: Base32 of a version, 32 bytes and their CRC (SEP-23)."""
    try:
        read = base64.b32decode(text)
    except ValueError:  # of its form, or of a letter that is not ASCII
        return False
    check = binascii.crc_hqx(read[:-2], 0).to_bytes(2, "little")
    return len(read) == 35 and read[0] == _STELLAR_ACCOUNT and read[-2:] == check


def _is_monero(text: str) -> bool:
    """Checks an address of the main network: CryptoNote's Base58, four bytes of Keccak-256."""
    from Crypto.Hash import keccak

    read = b""
    for start in range(0, len(text), 11):
        block = text[start : start + 11]
        size = _BLOCK_BYTES[len(block)]
        if size is None or not set(block) <= set(_BASE58):
            return False
        number = _base58_number(block)
        if number >= 1 << 8 * size:
            return False
        read += number.to_bytes(size, "big")
    if _MONERO.get(read[0]) != len(read):
        return False
    return keccak.new(data=read[:-4], digest_bits=256).digest()[:4] == read[-4:]


def _polymod(values: list[int], bits: int, generators: tuple[int, ...]) -> int:
    """Returns the checksum of five-bit values, `bits` + 5 bits long (BIP 173, CashAddr)."""
    check = 1
    for value in values:
        top = check >> bits
        check = (check & ((1 << bits) - 1)) << 5 ^ value
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
