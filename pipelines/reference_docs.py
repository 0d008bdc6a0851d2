"""Publishes the contracts, and the references of `import ringtrace` and of the command line.

`python -m pipelines.reference_docs docs` writes api.md from signatures and docstrings, cli.md from
the commands' parsers, and the contracts. Docstrings are Google style: Markdown, then sections such
as `Args:`.
"""

from __future__ import annotations

import inspect
import re
import sys
from argparse import Action, ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines.commands import COMMANDS, Group
from pipelines.data_files import read_data
from pipelines.options import EPILOG, Number, help_text, run_writer
from schemas.contract_docs import markdown_table, write_contracts

LONGEST_SIGNATURE = 96
"""Longest signature on one line, in characters; in longer ones each parameter has its own line."""

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):$")

_ITEM = re.compile(r"(\w+): (.*)")

CLI_HEAD = """# Command line

Every command and option of `ringtrace`. Made from the parsers by `make schemas`; do not edit.
`ringtrace COMMAND --help` prints the same, and suggests what was meant for a mistyped word.

Exit status: 0 done, 1 failed, 2 wrong usage, which is one line that says what to do. An option that
is marked * is required; one marked + takes several values, and may be repeated.
"""


_HEADINGS: dict[str, Callable[[object], bool]] = {
    "Functions": inspect.isfunction,
    "Steps of a Beam pipeline": lambda member: _has_base(member, "PTransform"),
    "Errors": lambda member: _has_base(member, "BaseException"),
    "Classes": inspect.isclass,
}
"""The parts of a page, each with a test of its members; the first part that fits counts."""


def markdown_page(module: ModuleType) -> str:
    """Returns the page of a module: its docstring, then every name of its `__all__`."""
    lines = [
        f"# Python: `{module.__name__}`\n",
        "Made from its docstrings by `make schemas`; do not edit.\n",
        inspect.getdoc(module) or "",
        "",
    ]
    waiting = {name: getattr(module, name) for name in module.__all__}
    for heading, belongs in _HEADINGS.items():
        shown = {name: member for name, member in waiting.items() if belongs(member)}
        waiting = {name: member for name, member in waiting.items() if name not in shown}
        lines += [f"## {heading}\n"] if shown else []
        for name, member in shown.items():
            lines += [f"### {name}\n", *_entry(name, member), *_members(member)]
    return "\n".join(lines).rstrip() + "\n"


def cli_page() -> str:
    """Returns docs/cli.md."""
    parts = [CLI_HEAD]
    for group in Group:
        parts.append(f"## {group}\n")
        for command in (command for command in COMMANDS if command.group is group):
            parts += _command_sections(command.name, command.parser())
            if command.takes_beam_options:
                parts.append(f"{EPILOG}\n")
    values = ((f"`{name}`", about) for name, about in read_data("words")["values"].items())
    parts += ["## Values\n", markdown_table(("value", "meaning"), values)]
    return "\n".join(parts)


def write_pages(folder: Path) -> None:
    """Writes the pages and the contracts to a folder."""
    write_contracts(folder)
    page = markdown_page(import_module("ringtrace"))
    (folder / "api.md").write_text(page, encoding="utf-8")
    (folder / "cli.md").write_text(cli_page(), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Writes the pages to the given folder; returns the exit status."""
    return run_writer("pipelines.reference_docs", "DIR", write_pages, arguments)


def _command_sections(name: str, parser: ArgumentParser) -> Iterator[str]:
    """Yields the section of a command, or the sections of its subcommands."""
    summary = parser.description or ""
    yield f"### `ringtrace {name}`\n"
    yield f"{summary[:1].upper()}{summary[1:].rstrip('.')}.\n"
    subcommands = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    rows = [
        _argument_row(action)
        for action in parser._actions
        if action.dest != "help" and action not in subcommands
    ]
    if rows:
        yield markdown_table(("argument or option", "meaning"), iter(rows))
    for action in subcommands:
        for word, below in action.choices.items():
            yield from _command_sections(f"{name} {word}", below)


def _argument_row(action: Action) -> tuple[str, str]:
    """Returns the cells of an argument or option: its name with its value, and its meaning."""
    value = action.metavar or "|".join(map(str, action.choices or []))
    several = "+" if isinstance(action.default, list) or action.nargs == "*" else ""
    required = "*" if action.required and action.nargs != "*" else ""
    words = [*action.option_strings[:1], *([] if action.nargs == 0 else [str(value)])]
    about = help_text(action)
    if isinstance(action.type, Number):
        about += f"; {action.type}"
    return f"`{' '.join(words)}`{required}{several}", about


def _has_base(value: object, name: str) -> bool:
    return inspect.isclass(value) and any(base.__name__ == name for base in value.__mro__)


def _entry(name: str, member: Any) -> Iterator[str]:
    """Yields the signature of a function or class, if it has a useful signature."""
    if not _has_base(member, "BaseException"):
        yield f"```python\n{_signature(name, member)}\n```\n"
    yield from _paragraphs(inspect.getdoc(member) or "")


def _members(owner: Any) -> Iterator[str]:
    """Yields the public methods and properties that a class itself has, in their order."""
    if not inspect.isclass(owner) or _has_base(owner, "PTransform"):
        return
    for name, member in vars(owner).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            getter: Any = member.fget if isinstance(member, property) else member.func
            yield f"#### {owner.__name__}.{name}\n"
            yield f"```python\n{name}: {getter.__annotations__['return']}\n```\n"
            yield from _paragraphs(inspect.getdoc(member) or "")
        elif inspect.isfunction(member) or isinstance(member, classmethod):
            yield f"#### {owner.__name__}.{name}\n"
            yield from _entry(name, getattr(owner, name))


def _signature(name: str, function: Callable[..., Any]) -> str:
    """Writes a signature with its annotations as they are in the source."""
    signature = inspect.signature(function)
    shown: list[str] = []
    keyword_only = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            shown.append("*")
        shown.append(_parameter(parameter))
    returned = signature.return_annotation
    result = "" if returned in (signature.empty, None, "None") else f" -> {_hint(returned)}"
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= LONGEST_SIGNATURE:
        return line
    return f"{name}(\n" + "".join(f"    {text},\n" for text in shown) + f"){result}"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = (
        "**"
        if parameter.kind is parameter.VAR_KEYWORD
        else "*" * (parameter.kind is parameter.VAR_POSITIONAL)
    )
    hint = "" if parameter.annotation is parameter.empty else f": {_hint(parameter.annotation)}"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}{hint}{default}"


def _hint(annotation: Any) -> str:
    """Returns an annotation as in the source; NamedTuple wraps its annotations."""
    return str(getattr(annotation, "__forward_arg__", annotation))


def _paragraphs(doc: str) -> Iterator[str]:
    """Yields a docstring as Markdown, its sections as lists."""
    section, text = "", list[str]()
    for line in [*doc.splitlines(), "Returns:"]:
        if heading := _SECTION.match(line):
            yield from _section(section, text)
            section, text = heading[1], []
        else:
            text.append(line)


def _section(name: str, lines: list[str]) -> Iterator[str]:
    text = inspect.cleandoc("\n".join(["", *lines]))
    if not text:
        return
    if not name:
        yield f"{text}\n"
        return
    yield f"**{name}**\n"
    items: list[str] = []
    for line in text.splitlines():
        if match := _ITEM.match(line):
            items.append(f"- `{match[1]}`: {match[2]}")
        elif items:
            items.append(f"  {line.strip()}")
        else:
            items.append(f"- {line}")
    yield "\n".join(items) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
