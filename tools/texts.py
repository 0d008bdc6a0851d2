"""Lists every text that a person sees, by medium, for reading through.

    python -m tools.texts [alerts | documents | facts | messages | pages]

A text is a string of three words or more; `{}` stands for a value. Some strings of code look like
a sentence, and are listed too. What `--help` prints is in docs/cli.md.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

SOURCES = {
    "alerts": ("transforms/alerts/*.py",),
    "documents": (
        "reports/referral/languages/en/*.toml",
        "reports/referral/*.py",
        "reports/exchange/*.py",
        "reports/export/*.py",
    ),
    "facts": ("schemas/facts.toml",),
    "pages": ("reports/assets/words.toml", "reports/assets/workbench/*.js"),
    "messages": ("schemas/*.py", "transforms/**/*.py", "reports/*.py", "pipelines/**/*.py"),
}
"""Files with the texts of each medium. A file counts for the first medium that has it."""

_SENTENCE = re.compile(r"[A-Za-z{}][\w{}'’-]*[,:;]? (?:\S+ )+\S")
_SCRIPT_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.S | re.M)
_SCRIPT_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')


def main(media: list[str]) -> int:
    """Prints the texts of `media`, or of all; returns the exit status."""
    if unknown := set(media) - set(SOURCES):
        sys.stderr.write(f"no medium {unknown.pop()!r}; there are {', '.join(sorted(SOURCES))}\n")
        return 2
    texts: dict[str, list[str]] = {medium: [] for medium in SOURCES}
    seen = set[Path]()
    for medium, patterns in SOURCES.items():
        files = {path for pattern in patterns for path in ROOT.glob(pattern)} - seen
        seen |= files
        for path in sorted(files):
            for line, text in _READERS[path.suffix](path.read_text(encoding="utf-8")):
                if _SENTENCE.search(text):
                    place = f"{path.relative_to(ROOT)}:{line}".rstrip(":0")
                    texts[medium].append(f"{place}: {text}")
    for medium in media or sorted(texts):
        sys.stdout.write("\n".join([f"== {medium}", *texts[medium], ""]))
    return 0


Texts = Iterator[tuple[int, str]]
"""Line of each text, 0 if unknown, and its words."""


def _python_texts(code: str) -> Texts:
    """Yields the strings of Python code, without docstrings."""
    nodes = list(ast.walk(ast.parse(code)))
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    left_out = {id(part) for node in joined for part in ast.walk(node) if part is not node}
    left_out |= {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.JoinedStr():
                parts = [
                    part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
                ]
            case ast.Constant(value=str() as text):
                parts = [text]
            case _:
                continue
        if id(node) not in left_out:
            yield node.lineno, " ".join("".join(map(str, parts)).split())


def _script_texts(code: str) -> Texts:
    """Yields the strings of JavaScript code."""
    code = _SCRIPT_COMMENT.sub(lambda match: "\n" * match[0].count("\n"), code)
    for match in _SCRIPT_STRING.finditer(code):
        text = re.sub(r"\$\{[^}]*\}", "{}", match[1] or match[2] or "")
        yield code.count("\n", 0, match.start()) + 1, " ".join(text.split())


def _data_texts(data: str) -> Texts:
    """Yields the strings of a TOML file, each behind its key."""
    rows: list[tuple[str, object]] = [("", tomllib.loads(data))]
    while rows:
        key, value = rows.pop()
        match value:
            case dict():
                rows += [(f"{key}.{name}", inner) for name, inner in reversed(value.items())]
            case list():
                rows += [(key, inner) for inner in reversed(value)]
            case str():
                yield 0, f"{key[1:]}: {' '.join(value.split())}"


_READERS = {".py": _python_texts, ".js": _script_texts, ".toml": _data_texts}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
