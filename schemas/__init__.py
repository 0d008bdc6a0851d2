"""The contracts: Arrow schemas, closed vocabularies, and the files that organisations exchange.

In: nothing; no module here imports the rest of ringtrace, and only `contract_docs` writes files.
Out: one contract a module, its key, and in `tables` the tables of a run by name.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

CONTRACT_VERSION = 1
"""Version of the input and output contracts that these schemas describe."""


def data_of(name: str) -> dict[str, Any]:
    """Parses a TOML file of this package."""
    return tomllib.loads(resources.files("schemas").joinpath(name).read_text(encoding="utf-8"))
