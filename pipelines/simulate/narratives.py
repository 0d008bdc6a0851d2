"""Sentences of victims, and what scammers say and read out: `data/LANGUAGE.toml` has them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pipelines.data_files import read_data
from pipelines.simulate.identifiers import COUNTRIES

_SPANISH_IN_US, _FRENCH_IN_CA = 0.1, 0.25


@dataclass(frozen=True)
class Phrases:
    """The sentences of one language, and the `sites` that they cite."""

    opening: tuple[str, ...]
    scripts: tuple[str, ...]
    callback: tuple[str, ...]
    payee: tuple[str, ...]
    operator: tuple[str, ...]
    lure_site: tuple[str, ...]
    sender: tuple[str, ...]
    reply_to: tuple[str, ...]
    quoted: tuple[str, ...]
    quoted_site: tuple[str, ...]
    cited: tuple[str, ...]
    victim_number: tuple[str, ...]
    victim_remote: tuple[str, ...]
    victim_email: tuple[str, ...]
    called_bank: tuple[str, ...]
    second_ring: tuple[str, ...]
    nuisance: tuple[str, ...]
    ending: tuple[str, ...]
    sites: tuple[str, ...]


def _read(language: str) -> Phrases:
    return Phrases(
        **{name: tuple(texts) for name, texts in read_data(language, "pipelines.simulate").items()}
    )


PHRASES = {language: _read(language) for language in ("en", "es", "de", "fr")}
SCRIPTS = len(PHRASES["en"].scripts)
"""Call scripts there are; each in every language."""


def language(rng: Random, country: str) -> str:
    """Draws the language of a complaint from `country`."""
    if country == "US" and rng.random() < _SPANISH_IN_US:
        return "es"
    if country == "CA" and rng.random() < _FRENCH_IN_CA:
        return "fr"
    return str(COUNTRIES[country]["language"])


def quote(rng: Random, script: str, price: str) -> str:
    """Returns the script as a victim remembers it: with a price, sometimes a few words lost."""
    words = script.format(price=price).split(" ")
    if rng.random() < 0.4:
        lost = rng.randrange(len(words))
        words[lost : lost + rng.randint(1, 3)] = []
    return f'"{" ".join(words)}"'
