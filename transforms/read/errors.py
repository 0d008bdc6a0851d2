"""The error that only the user can mend."""

from __future__ import annotations


class InputError(Exception):
    """An input that cannot be read as asked: no such file, unknown format, wrong kind.

    `str()` is one line, `path: problem; remedy`.
    """

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(path, problem, remedy)
        self.path = path
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"
