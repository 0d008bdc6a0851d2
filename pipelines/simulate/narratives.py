"""Draws sentences of victims and scammers' words and scripts, from `data/LANGUAGE.toml`."""

from __future__ import annotations

from random import Random

from pipelines.data_files import read_data
from pipelines.simulate.identifiers import COUNTRIES

_SPANISH_IN_US, _FRENCH_IN_CA = 0.1, 0.25


PHRASES: dict[str, dict[str, list[str]]] = {
    language: read_data(language, "pipelines.simulate") for language in ("en", "es", "de", "fr")
}
"""The sentences of each language, by kind, and the `sites` that they cite."""

SCRIPTS = len(PHRASES["en"]["scripts"])
"""Number of call scripts; each is in every language."""


def language(rng: Random, country: str) -> str:
    """Draws the language of a complaint from `country`."""
    if country == "US" and rng.random() < _SPANISH_IN_US:
        return "es"
    if country == "CA" and rng.random() < _FRENCH_IN_CA:
        return "fr"
    return str(COUNTRIES[country]["language"])


def quote(rng: Random, script: str, price: str) -> str:
    """Returns a script as a victim remembers it: with a price, sometimes without a few words."""
    words = script.format(price=price).split(" ")
    if rng.random() < 0.4:
        lost = rng.randrange(len(words))
        words[lost : lost + rng.randint(1, 3)] = []
    return f'"{" ".join(words)}"'
