"""The commands of `ringtrace`: each has a module and a row in `COMMANDS`.

A command's module has two functions. `add_arguments(parser)` declares its flags.
`run(arguments)` does the work and returns the exit status: 0 done, 1 failed, 2 wrong usage.
For wrong usage it may raise UsageError instead. The module is imported only when its command is
called, so `ringtrace --help` loads none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.options import StrictParser


class Group(StrEnum):
    """The headings of `ringtrace --help`, in their order."""

    RUN = "Run"
    READ = "Read"
    SHARE = "Decide and share"
    OPERATE = "Operate"


@dataclass(frozen=True)
class Command:
    """A command: its name, its line in `ringtrace --help`, and the module that does the work.

    The module has the command's name in this package, unless `elsewhere` names another.

    A command that `takes_beam_options` has a flag `--config`, and passes unknown flags on to Beam.
    """

    name: str
    group: Group
    summary: str
    elsewhere: str = ""
    takes_beam_options: bool = False

    @property
    def module(self) -> str:
        """The dotted name of the module that does the work."""
        return self.elsewhere or f"{__name__}.{self.name}"

    def parser(self) -> StrictParser:
        """Returns the parser of the command's arguments, with its subcommands."""
        from pipelines.options import make_parser

        module = import_module(self.module)
        beam = self.takes_beam_options
        return make_parser(self.name, self.summary, module, takes_beam_options=beam)

    def __call__(self, arguments: Sequence[str]) -> int:
        """Parses the arguments and does the work; returns the exit status."""
        from pipelines.options import run_command

        return run_command(
            self.name,
            self.summary,
            import_module(self.module),
            arguments,
            takes_beam_options=self.takes_beam_options,
        )


COMMANDS = (
    Command(
        "batch",
        Group.RUN,
        "cluster files of complaints and call records, and write a report",
        "pipelines.batch.__main__",
        takes_beam_options=True,
    ),
    Command(
        "stream",
        Group.RUN,
        "cluster records as they arrive, with alerts and snapshots",
        "pipelines.streaming.__main__",
        takes_beam_options=True,
    ),
    Command("map", Group.RUN, "guess how to read a company's own export, and show its first rows"),
    Command("demo", Group.RUN, "run on bundled records, and say what to look at in their reports"),
    Command("simulate", Group.RUN, "make test data: a simulated world, with its known answers"),
    Command(
        "report", Group.READ, "show, open or rewrite the report of a run, or copy it for outsiders"
    ),
    Command(
        "serve", Group.READ, "open a run as a workbench in the browser, to search, read and decide"
    ),
    Command("explain", Group.READ, "show why an identifier is in its cluster, or what links two"),
    Command("evaluate", Group.READ, "score a run against known answers"),
    Command("decide", Group.SHARE, "record an analyst's decision, bound to what a run shows"),
    Command(
        "export",
        Group.SHARE,
        "write one cluster, or all, as GraphML, GEXF, CSV, STIX, MISP or CASE",
    ),
    Command(
        "exchange",
        Group.SHARE,
        "make offers to other organisations, and cluster a run with theirs",
        "pipelines.exchange.command",
    ),
    Command(
        "referral",
        Group.SHARE,
        "seal one confirmed cluster as a package for one authority",
        "pipelines.referral.command",
    ),
    Command(
        "verify",
        Group.SHARE,
        "check that a referral package is as it was sealed, and by whom",
        "pipelines.referral.verify",
    ),
    Command(
        "resolve", Group.SHARE, "look up what an evidence number or a case number stands for today"
    ),
    Command("correct", Group.SHARE, "take back what was issued and has been withdrawn since"),
    Command(
        "health", Group.OPERATE, "check a finished run against thresholds, to alert a scheduler"
    ),
    Command("rejects", Group.OPERATE, "export rejected rows to fix and re-import"),
    Command(
        "erase",
        Group.OPERATE,
        "take a person's records out of private files, and of every later run",
    ),
    Command(
        "keys", Group.OPERATE, "manage the key that signs what leaves, and partners' trusted keys"
    ),
)

HOLDINGS = ("pipelines.referral.holding",)
"""Modules that open packages that print evidence numbers, for `ringtrace resolve`.

Their `open_holding` returns None for a folder of another kind.
"""
