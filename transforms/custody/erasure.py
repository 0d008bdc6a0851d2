"""Records that were erased, known by keyed hashes: whoever has the list learns nothing of them.

The secret is the organisation's own, that of its victim register.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.field import TEXT, Rows
from transforms.arrow import Array, true_mask, with_column
from transforms.values import trim_text

RECORD_KEY = ("record_kind", "source_org", "record_id")
"""Columns that name a record."""

RECORD_MAC_BYTES = 16
"""Bytes of a record's keyed hash, which cannot be chosen without the secret."""


@dataclass(frozen=True)
class RegisterKey:
    """The secret of an organisation's registers; its text form does not show it."""

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """The name of the secret, which says nothing of it: 16 hexadecimal digits."""
        return hmac.digest(self.secret, b"ringtrace register", "sha256").hex()[:16]

    def macs(self, texts: Iterable[str]) -> pa.Array:
        """Returns HMAC-SHA256 of each text, in hexadecimal digits."""
        hashed = (hmac.digest(self.secret, text.encode(), "sha256").hex() for text in texts)
        return pa.array(hashed, TEXT)

    def heads(self, texts: Iterable[str]) -> Array:
        """Returns the first 64 bits of the hash of each text, as `macs` has it."""
        hashed = (hmac.digest(self.secret, text.encode(), "sha256") for text in texts)
        return np.frombuffer(b"".join(digest[:8] for digest in hashed), ">i8").astype(np.int64)

    def record_macs(self, records: Iterable[str | None]) -> Iterator[bytes]:
        """Yields the keyed hash of each record key, nothing for null.

        BLAKE2b with a key (RFC 7693) of its own: every row of a run is hashed so, where HMAC takes
        three times as long.
        """
        own = hmac.digest(self.secret, b"ringtrace records", "sha256")
        for record in records:
            name = (record or "").encode()
            yield hashlib.blake2b(name, key=own, digest_size=RECORD_MAC_BYTES).digest()


def record_key(kind: RecordKind, org: str, record_id: str) -> str:
    """Returns the name of a record that is hashed, as `record_keys` makes it."""
    return f"{kind}|{org}|{record_id}"


def record_keys(rows: Rows) -> pa.Array:
    """Returns the name of the record of each row."""
    names = pc.binary_join_element_wise(*(rows[name] for name in RECORD_KEY), "|")
    return names if isinstance(names, pa.Array) else names.combine_chunks()


@dataclass(frozen=True)
class ErasureList:
    """The erased records, as keyed hashes. None of their rows is used again."""

    key: RegisterKey
    macs: frozenset[bytes] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """The name of this list, which changes with it: 16 hexadecimal digits."""
        return hashlib.sha256(b"".join(sorted(self.macs))).hexdigest()[:16]

    def contains(self, kind: RecordKind, orgs: pa.Array, ids: pa.Array) -> Array:
        """Returns a mask of the erased records of a kind, by their organisations and ids."""
        return self.contain(pc.binary_join_element_wise(str(kind), orgs, ids, "|"))

    def contain(self, names: pa.Array) -> Array:
        """Returns a mask of the erased records, by their keys from `record_key`."""
        macs = self.key.record_macs(names.to_pylist())
        return np.fromiter((mac in self.macs for mac in macs), bool, len(names))

    def of_rows(self, rows: Rows, kind: RecordKind) -> Array:
        """Returns a mask of erased COMPLAINT or CALL rows, loose rows too.

        A call is erased with its complaint.
        """
        orgs = pc.ascii_lower(trim_text(rows["source_org"]))
        complaints = trim_text(rows["complaint_id"])
        if kind is RecordKind.COMPLAINT:
            return self.contains(kind, orgs, complaints)
        gone = self.contains(kind, orgs, trim_text(rows["call_id"]))
        named = np.flatnonzero(true_mask(pc.is_valid(complaints)))
        keys = [column.take(named) for column in (orgs, complaints)]
        gone[named] |= self.contains(RecordKind.COMPLAINT, *keys)
        return gone

    def shorten(self, entries: pa.Table) -> pa.Table:
        """Returns VICTIM_ENTRY rows, without entries that rest only on erased records."""
        left = [
            listed
            and " ".join(mac for mac in listed.split() if bytes.fromhex(mac) not in self.macs)
            for listed in entries["records"].to_pylist()
        ]
        kept = with_column(entries, "records", pa.array(left, TEXT))
        return kept.filter(pc.fill_null(pc.not_equal(kept["records"], ""), True))


@dataclass
class Erasures:
    """The current list of erasures, or None. A stream replaces it while it runs."""

    known: ErasureList | None = None
