"""The user's options for reading, and the error that only the user can correct."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.enums import RecordKind


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading; picklable, so keys are PEM texts, not paths.

    A named format is not second-guessed. `source_org` is for sources that do not name
    theirs, `calls_direction` (inbound, outbound) for call records that do not say it. With
    `passport_keys` a PASSporT that none of them signed is rejected.
    """

    complaints_format: str | None = None
    calls_format: str | None = None
    source_org: str | None = None
    calls_direction: str | None = None
    passport_keys: tuple[str, ...] = ()

    def format_for(self, kind: RecordKind) -> str | None:
        """Returns the format that the user named for files of this kind."""
        return self.complaints_format if kind == RecordKind.COMPLAINT else self.calls_format


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
