"""Publishes the reference of the command line, from the parsers that read it.

`python -m pipelines.cli_docs docs/cli.md` writes the page, `make schemas` does so, too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipelines.commands import COMMANDS, Group
from pipelines.options import EPILOG, METAVARS, Number, WholeNumber, help_text, run_writer
from schemas.contract_docs import markdown_table

HEAD = """# Command line

Every command and option of `ringtrace`. Made from the parsers by `make schemas`; do not edit.
`ringtrace COMMAND --help` prints the same, and suggests what was meant for a mistyped word.

Exit status: 0 done, 1 failed, 2 wrong usage, which is one line that says what to do. An option that
is marked * is required; one marked + takes several values, and may be repeated.
"""


def cli_page() -> str:
    """Returns docs/cli.md."""
    parts = [HEAD]
    for group in Group:
        parts.append(f"## {group}\n")
        for command in (one for one in COMMANDS if one.group is group):
            parts += _sections(command.name, command.parser())
            if command.takes_beam_options:
                parts.append(f"{EPILOG}\n")
    parts += ["## Values\n", _value_table()]
    return "\n".join(parts)


def _sections(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yields the section of a command, or those of its subcommands."""
    summary = parser.description or ""
    yield f"### `ringtrace {name}`\n"
    yield f"{summary[:1].upper()}{summary[1:].rstrip('.')}.\n"
    subcommands = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    rows = [_row(one) for one in parser._actions if one.dest != "help" and one not in subcommands]
    if rows:
        yield markdown_table(("argument or option", "meaning"), iter(rows))
    for one in subcommands:
        for word, below in one.choices.items():
            yield from _sections(f"{name} {word}", below)


def _row(action: argparse.Action) -> tuple[str, str]:
    """Returns the cells of an argument or option: its name with its value, and its meaning."""
    value = action.metavar or "|".join(map(str, action.choices or []))
    several = "+" if isinstance(action.default, list) or action.nargs == "*" else ""
    required = "*" if action.required and action.nargs != "*" else ""
    words = [*action.option_strings[:1], *([] if action.nargs == 0 else [str(value)])]
    about = help_text(action)
    if isinstance(action.type, WholeNumber | Number):
        about += f"; {action.type}"
    return f"`{' '.join(words)}`{required}{several}", about


def _value_table() -> str:
    rows = ((f"`{name}`", about) for name, about in METAVARS.items())
    return markdown_table(("value", "meaning"), rows)


def write_page(path: Path) -> None:
    """Writes the page to a file."""
    path.write_text(cli_page(), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Writes the page to the file that is named; returns the exit status."""
    return run_writer("pipelines.cli_docs", "FILE", write_page, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
