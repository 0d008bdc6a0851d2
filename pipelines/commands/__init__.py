"""The commands of `ringtrace`, a module each and a row each in `COMMANDS`.

A command's module has `add_arguments(parser)`, which declares its flags, and `run(arguments)`,
which does the work and returns the exit status: 0 done, 1 failed, 2 wrong usage. It is imported
when its command is called and not before, so that `ringtrace --help` loads none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module


class Group(StrEnum):
    """The headings of `ringtrace --help`, in their order."""

    RUN = "Run"
    READ = "Read"
    SHARE = "Decide and share"
    OPERATE = "Operate"


@dataclass(frozen=True)
class Command:
    """A command: its name, its line in `ringtrace --help`, and the module that does the work.

    A module that `parses_beam_options` has `main(arguments)` instead: what it does not know itself
    is for Beam's own parser.
    """

    name: str
    group: Group
    summary: str
    module: str
    parses_beam_options: bool = False

    def __call__(self, arguments: Sequence[str]) -> int:
        """Parse the arguments and do the work; returns the exit status."""
        module = import_module(self.module)
        if self.parses_beam_options:
            return int(module.main(arguments))
        from pipelines.options import StrictParser, UsageError

        parser = StrictParser(prog=f"ringtrace {self.name}")
        module.add_arguments(parser)
        try:
            return int(module.run(parser.parse_args(arguments)))
        except UsageError as error:
            sys.stderr.write(f"{error}\n")
        except FileNotFoundError as error:
            if error.filename is None:
                raise
            sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 2


_HERE = "pipelines.commands"


COMMANDS = (
    Command(
        "batch",
        Group.RUN,
        "complaint files and call records in, clusters and a report out",
        "pipelines.batch.__main__",
        parses_beam_options=True,
    ),
    Command(
        "stream",
        Group.RUN,
        "records as they arrive in, alerts and snapshots of the clusters out",
        "pipelines.streaming.__main__",
        parses_beam_options=True,
    ),
    Command(
        "simulate",
        Group.RUN,
        "write a simulated world with its truth",
        "pipelines.simulate.__main__",
    ),
    Command(
        "report",
        Group.READ,
        "where the report of a run is; write it anew, or for a reader outside",
        f"{_HERE}.report",
    ),
    Command(
        "explain",
        Group.READ,
        "what an identifier is, why it is in its cluster, what ties two",
        f"{_HERE}.explain",
    ),
    Command("evaluate", Group.READ, "score a run against known answers", f"{_HERE}.evaluate"),
    Command(
        "referral",
        Group.SHARE,
        "one confirmed cluster as a sealed package for one recipient",
        f"{_HERE}.referral",
    ),
    Command(
        "verify",
        Group.SHARE,
        "whether a referral package is what was sealed, and by whom",
        f"{_HERE}.verify",
    ),
    Command(
        "exchange",
        Group.SHARE,
        "offers to other organisations, and joint clusters with theirs",
        f"{_HERE}.exchange",
    ),
    Command(
        "keys",
        Group.OPERATE,
        "the key that signs what leaves, and the partners' keys that are trusted",
        f"{_HERE}.keys",
    ),
    Command(
        "health",
        Group.OPERATE,
        "hold a finished run to thresholds, for a scheduler to raise the alarm",
        f"{_HERE}.health",
    ),
    Command(
        "rejects",
        Group.OPERATE,
        "export rejected rows to fix and re-import",
        f"{_HERE}.rejects",
    ),
)
