"""What is law, custom or policy and not software: TOML rows, each with its source and date.

The files ship as drafts in `reports/referral/data`; `--reference DIR` puts a folder of files of
the same names in their place, which counsel may have checked.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

FILES = ("recipients", "elements", "retention", "providers", "scales", "policy")

Row = dict[str, Any]

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "recipients": ("name", "unit", "country", "scale", "time_zone", "certificates", "asks"),
    "elements": ("recipient", "statute", "note", "elements"),
    "retention": ("provider", "country", "rule", "preserve"),
    "providers": ("kind", "match", "name", "country", "class"),
    "scales": ("name", "words"),
    "policy": ("tlp", "suppress_below", "bridge_side", "small_cluster"),
}


class ReferenceFileError(ValueError):
    """A reference file that cannot be used; the message is one line for its author."""


@dataclass(frozen=True)
class Reference:
    """The rows that one referral is made with; `digests` are the SHA-256 of the files."""

    recipient: Row
    offences: list[Row]
    clocks: list[Row]
    providers: list[Row]
    scale: Row
    policy: Row
    digests: dict[str, str] = field(default_factory=dict)

    def word(self, share: float) -> str:
        """The estimative word of a likelihood from 0 to 1, with the range that it stands for."""
        percent = 100 * share
        best = min(self.scale["words"], key=_Distance(percent))
        return f"{best['word']} ({best['low']}–{best['high']} %)"

    def clock(self, provider: str, country: str | None) -> Row:
        """The retention row of a class of provider in a country, or of any country."""
        rows = [one for one in self.clocks if one["provider"] == provider]
        for wanted in (country, "*"):
            for one in rows:
                if one["country"] == wanted:
                    return one
        return {
            "provider": provider,
            "country": "*",
            "rule": "no period is known here",
            "preserve": "ask at once",
            "source": "",
            "date": "",
        }


@dataclass(frozen=True)
class _Distance:
    percent: float

    def __call__(self, word: Row) -> tuple[float, float]:
        return max(word["low"] - self.percent, self.percent - word["high"], 0.0), word["low"]


def recipients() -> list[str]:
    """Codes of the recipients that ship, in the order of the file."""
    return list(tomllib.loads(_shipped("recipients")))


def load(recipient: str, folder: str | None = None) -> Reference:
    """The reference rows for a recipient, from the shipped files or those of `folder`.

    Raises:
        ReferenceFileError: for a file or row that cannot be used, or an unknown recipient.
    """
    texts = {name: _text(name, folder) for name in FILES}
    rows = {name: _parsed(name, text) for name, text in texts.items()}
    known = rows["recipients"]
    if recipient not in known:
        raise ReferenceFileError(f"{recipient}: no such recipient; use {', '.join(known)}")
    chosen = known[recipient] | {"code": recipient}
    if chosen["scale"] not in rows["scales"]:
        raise ReferenceFileError(
            f"recipients.toml, {recipient}, scale: no such scale in scales.toml"
        )
    return Reference(
        recipient=chosen,
        offences=[
            one for one in rows["elements"].get("offence", []) if one["recipient"] == recipient
        ],
        clocks=rows["retention"].get("clock", []),
        providers=rows["providers"].get("provider", []),
        scale=rows["scales"][chosen["scale"]],
        policy=rows["policy"],
        digests={
            f"{name}.toml": hashlib.sha256(text.encode()).hexdigest()
            for name, text in sorted(texts.items())
        },
    )


def _shipped(name: str) -> str:
    return files("reports.referral").joinpath("data", f"{name}.toml").read_text(encoding="utf-8")


def _text(name: str, folder: str | None) -> str:
    if folder is None:
        return _shipped(name)
    path = Path(folder) / f"{name}.toml"
    if not path.is_file():
        return _shipped(name)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReferenceFileError(f"{path}: cannot be read as UTF-8 text: {error}") from None


def _parsed(name: str, text: str) -> Row:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReferenceFileError(f"{name}.toml: not TOML: {error}") from None
    for place, row in _rows(name, found):
        for key in (*_NEEDED[name], "source", "date"):
            if key not in row:
                raise ReferenceFileError(f"{name}.toml, {place}: has no {key}; every row needs it")
    return found


def _rows(name: str, found: Row) -> list[tuple[str, Row]]:
    if name == "policy":
        return [("the file", found)]
    if name in ("recipients", "scales"):
        return [(key, row) for key, row in found.items()]
    listed: list[Row] = next(iter(found.values()), [])
    return [(f"row {number}", row) for number, row in enumerate(listed, 1)]
