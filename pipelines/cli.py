"""Runs the command line `ringtrace COMMAND ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import metadata

from pipelines.commands import COMMANDS, Group
from transforms.engine import gc_tuned


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if not words or words[0] in ("-h", "--help"):
        (sys.stdout if words else sys.stderr).write(usage())
        return 0 if words else 2
    if words[0] == "--version":
        try:
            sys.stdout.write(f"ringtrace {metadata.version('ringtrace')}\n")
        except metadata.PackageNotFoundError:
            sys.stdout.write("ringtrace, of a folder that is not installed\n")
        return 0
    command = next((row for row in COMMANDS if row.name == words[0]), None)
    if command is None:
        kind = "option" if words[0].startswith("-") else "command"
        known = ["--help", "--version", "help", *(row.name for row in COMMANDS)]
        near = get_close_matches(words[0], known, n=1)
        meant = f"did you mean {near[0]}? see" if near else "see"
        sys.stderr.write(f"ringtrace: unknown {kind} {words[0]!r}; {meant} ringtrace --help\n")
        return 2
    # Arrow reads this when loaded; its readers, writers and joins then use this pool, too.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with gc_tuned():
        return command(words[1:])


def usage() -> str:
    """Returns the text of `ringtrace --help`: every command, by group."""
    width = max(len(command.name) for command in COMMANDS)
    lines = ["usage: ringtrace COMMAND ...", "", "Find the rings behind impersonation scams."]
    for group in Group:
        lines += ["", f"{group}:"]
        lines += [
            f"  {command.name:{width}}  {command.summary}"
            for command in COMMANDS
            if command.group is group
        ]
    lines += [
        "",
        "ringtrace COMMAND --help says more, ringtrace --version which release this is.",
        "Exit status: 0 done, 1 failed, 2 wrong usage.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
