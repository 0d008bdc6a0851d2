"""Who the caller claimed to be, by one name for each brand or authority."""

from __future__ import annotations

import re
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify.rules import load

MAX_LENGTH = 200
"""Characters of a claim that are read; also bounds the slug of an unknown brand."""
MAX_SLUG = 40

_INITIALS = re.compile(r"\b(\w)\.(?=\w\b)")
"""The dots of an abbreviation such as I.R.S."""


def canonical(claimed: pa.Array) -> pa.Array:
    """The canonical brand of each claim: a known name, else a slug of the text, null for none."""
    encoded = claimed.cast(pa.string()).dictionary_encode()
    names = [_one(text) for text in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(names, pa.string()), encoded.indices)


def known(claimed: pa.Array) -> pa.Array:
    """The canonical brand of each claim that names a known one, null for any other.

    A name that is shown with a call may be a person's: only brands of the list come out.
    """
    encoded = claimed.cast(pa.string()).dictionary_encode()
    found = map(_known, encoded.dictionary.to_pylist())
    return pc.take(pa.array(found, pa.string()), encoded.indices)


def _one(text: str) -> str | None:
    if brand := _known(text):
        return brand
    lower = _plain(text)
    return re.sub(r"[\W_]+", "_", lower)[:MAX_SLUG].strip("_") or None


def _known(text: str) -> str | None:
    match = _rules().search(_plain(text))
    return match.lastgroup if match else None


def _plain(text: str) -> str:
    return _INITIALS.sub(r"\1", " ".join(text[:MAX_LENGTH].lower().split()))


@cache
def _rules() -> re.Pattern[str]:
    """Every brand of data/brands.toml as one pattern with a group for each name."""
    groups = (
        f"(?P<{brand['name']}>{'|'.join(re.escape(word) for word in brand['words'])})"
        for brand in load("brands.toml")["brand"]
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})(?!\w)")
