"""The command that installs an extra, in the form that works in the installation at hand."""

from __future__ import annotations

import shlex
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
"""The folder of the packages: in a checkout, that of its Makefile."""


def install_command(extra: str) -> str:
    """Returns the command that adds the packages of an extra.

    In a checkout's own environment that is `make`. Elsewhere the packages are named, since no index
    has ringtrace itself.
    """
    if Path(sys.prefix).resolve() == CHECKOUT / ".venv" and (CHECKOUT / "Makefile").exists():
        folder = () if Path.cwd() == CHECKOUT else ("-C", str(CHECKOUT))
        return shlex.join(["make", *folder, "install", f"EXTRAS={extra}"])
    pip = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:
        pip = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*pip, *packages(extra)])


def packages(extra: str) -> list[str]:
    """Returns the requirements of an extra, as the installed package states them."""
    try:
        lines = metadata.requires("ringtrace") or []
    except metadata.PackageNotFoundError:  # only the source is here, as on a worker of an engine
        return [f"ringtrace[{extra}]"]
    stated = [line.partition(";") for line in lines]
    return [name.strip() for name, _, marker in stated if f'extra == "{extra}"' in marker]
