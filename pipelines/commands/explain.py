"""`ringtrace explain RUN ENTITY [ENTITY]`: what it is, why it is there, what ties the two."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipelines.options import UsageError
from reports.explain import NotNamedError, explain, find, lines
from schemas.manifest import NAME


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace explain` on `parser`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("a", metavar="ENTITY", help="in any form, such as '(888) 555-0123'")
    parser.add_argument("b", metavar="ENTITY", nargs="?", help="another: how the two are tied")
    parser.add_argument("--json", action="store_true", help="as JSON, with every record")


def run(arguments: argparse.Namespace) -> int:
    """Explain; 0 when done.

    Raises:
        UsageError: if RUN is no finished run, or holds no such entity.
    """
    folder = arguments.run
    if not (Path(folder) / NAME).is_file():
        raise UsageError(f"{folder}: is no finished run: it has no {NAME}")
    try:
        a = find(folder, arguments.a)
        b = find(folder, arguments.b) if arguments.b is not None else None
    except NotNamedError as error:
        raise UsageError(f"{folder}: {error}") from None
    if a == b:
        raise UsageError(f"{arguments.a} and {arguments.b} are the same: {a}; name another")
    told = explain(folder, a, b)
    if arguments.json:
        text = json.dumps(told, indent=2, ensure_ascii=True, default=str)
    else:
        text = "\n".join(lines(told))
    sys.stdout.write(text + "\n")
    return 0
