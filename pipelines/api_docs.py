"""Publishes the reference of a Python module, from its signatures and docstrings.

`python -m pipelines.api_docs ringtrace docs/api.md` writes the page. Docstrings are Google style:
a text in Markdown, then sections such as `Args:`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

LONGEST_SIGNATURE = 96
"""Characters of a signature from which on each parameter has a line of its own."""

_SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):$")

_ITEM = re.compile(r"(\w+): (.*)")

_HEADINGS: dict[str, Callable[[object], bool]] = {
    "Functions": inspect.isfunction,
    "Steps of a Beam pipeline": lambda one: _has_base(one, "PTransform"),
    "Errors": lambda one: _has_base(one, "BaseException"),
    "Classes": inspect.isclass,
}
"""The parts of a page, each with what belongs to it, unless it belongs to one above."""


def markdown_page(module: ModuleType) -> str:
    """Returns the page of a module: its docstring, then every name of its `__all__`."""
    lines = [
        f"# Python: `{module.__name__}`\n",
        f"Made from its docstrings by `python -m pipelines.api_docs {module.__name__} "
        "docs/api.md`.\n",
        inspect.getdoc(module) or "",
        "",
    ]
    waiting = {name: getattr(module, name) for name in module.__all__}
    for heading, belongs in _HEADINGS.items():
        found = {name: one for name, one in waiting.items() if belongs(one)}
        waiting = {name: one for name, one in waiting.items() if name not in found}
        lines += [f"## {heading}\n"] if found else []
        for name, one in found.items():
            lines += [f"### {name}\n", *_entry(name, one), *_members(one)]
    return "\n".join(lines).rstrip() + "\n"


def write_page(name: str, path: str) -> None:
    """Writes the page of the module of a name to `path`."""
    Path(path).write_text(markdown_page(import_module(name)), encoding="utf-8")


def _has_base(one: object, name: str) -> bool:
    return inspect.isclass(one) and any(base.__name__ == name for base in one.__mro__)


def _entry(name: str, one: Any) -> Iterator[str]:
    """Yields the signature of a function or class, where it has one that says anything."""
    if not _has_base(one, "BaseException"):
        yield f"```python\n{_signature(name, one)}\n```\n"
    yield from _paragraphs(inspect.getdoc(one) or "")


def _members(one: Any) -> Iterator[str]:
    """Yields the public methods and properties that a class itself has, in their order."""
    if not inspect.isclass(one) or _has_base(one, "PTransform"):
        return
    for name, member in vars(one).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            getter: Any = member.fget if isinstance(member, property) else member.func
            yield f"#### {one.__name__}.{name}\n"
            yield f"```python\n{name}: {getter.__annotations__['return']}\n```\n"
            yield from _paragraphs(inspect.getdoc(member) or "")
        elif inspect.isfunction(member) or isinstance(member, classmethod):
            yield f"#### {one.__name__}.{name}\n"
            yield from _entry(name, getattr(one, name))


def _signature(name: str, one: Callable[..., Any]) -> str:
    """Writes a signature with its annotations as they are in the source."""
    signature = inspect.signature(one)
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
    return f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + f"){result}"


def _parameter(one: inspect.Parameter) -> str:
    stars = "**" if one.kind is one.VAR_KEYWORD else "*" * (one.kind is one.VAR_POSITIONAL)
    hint = "" if one.annotation is one.empty else f": {_hint(one.annotation)}"
    default = "" if one.default is one.empty else f" = {one.default!r}"
    return f"{stars}{one.name}{hint}{default}"


def _hint(annotation: Any) -> str:
    """Returns an annotation as it is in the source; those of a NamedTuple are wrapped."""
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
        if found := _ITEM.match(line):
            items.append(f"- `{found[1]}`: {found[2]}")
        elif items:
            items.append(f"  {line.strip()}")
        else:
            items.append(f"- {line}")
    yield "\n".join(items) + "\n"


if __name__ == "__main__":
    write_page(sys.argv[1], sys.argv[2])
