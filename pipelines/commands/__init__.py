"""The commands of `ringtrace`, a module each and a row each in `COMMANDS`.

A command's module has two functions: `add_arguments(parser)` declares its flags; `run(arguments)`
does the work and returns the exit status: 0 done, 1 failed, 2 wrong usage, for which it may raise
UsageError instead. It is imported when its command is called and not before, so that
`ringtrace --help` loads none of them.
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

    The module is the one of its name in this package unless `elsewhere` names another.

    One that `takes_beam_options` has a flag `--config`, and passes flags that it does not know
    itself on to Beam.
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
        """Returns the parser of the command's arguments, with those of its subcommands."""
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
        "complaint files and call records in, clusters and a report out",
        "pipelines.batch.__main__",
        takes_beam_options=True,
    ),
    Command(
        "stream",
        Group.RUN,
        "records as they arrive in, alerts and snapshots of the clusters out",
        "pipelines.streaming.__main__",
        takes_beam_options=True,
    ),
    Command(
        "simulate",
        Group.RUN,
        "write a simulated world with its truth",
        "pipelines.simulate.__main__",
    ),
    Command(
        "map", Group.RUN, "guess how a company's own export is read, and show its first rows so"
    ),
    Command("demo", Group.RUN, "runs on bundled records, and what to look at in their reports"),
    Command(
        "report", Group.READ, "show, open or rewrite the report of a run, also for a reader outside"
    ),
    Command(
        "serve", Group.READ, "the workbench of a run on this machine, to search, read and decide"
    ),
    Command(
        "explain", Group.READ, "what an identifier is, why it is in its cluster, what ties two"
    ),
    Command(
        "export", Group.SHARE, "one cluster, or all, as GraphML, GEXF, CSV, STIX, MISP or CASE"
    ),
    Command("evaluate", Group.READ, "score a run against known answers"),
    Command("decide", Group.SHARE, "record a decision, bound to what a run shows"),
    Command("referral", Group.SHARE, "one confirmed cluster as a sealed package for one recipient"),
    Command("verify", Group.SHARE, "whether a referral package is what was sealed, and by whom"),
    Command("resolve", Group.SHARE, "what an evidence number or a case number stands for today"),
    Command("correct", Group.SHARE, "take back what was issued and names what was withdrawn since"),
    Command(
        "exchange", Group.SHARE, "offers to other organisations, and joint clusters with theirs"
    ),
    Command(
        "keys",
        Group.OPERATE,
        "the key that signs what leaves, and the partners' keys that are trusted",
    ),
    Command(
        "health",
        Group.OPERATE,
        "check a finished run against thresholds, for a scheduler to raise the alarm",
    ),
    Command("erase", Group.OPERATE, "take a person's records out, now and of every later run"),
    Command("rejects", Group.OPERATE, "export rejected rows to fix and re-import"),
)
