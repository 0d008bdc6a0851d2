"""The command line: `ringtrace COMMAND ...`."""

# ruff: noqa: PLC0415 - each command loads what it needs when it is called

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from transforms.garbage import working

HELP = """\
usage: ringtrace COMMAND ...

  batch      complaint files and call records in, clusters and a report out
  stream     records as they arrive in, alerts and snapshots of the clusters out
  explain    what an identifier is, why it is in its cluster, what ties two
  report     where the report of a run is; write it anew, or for a reader outside
  rejects    write the rejected rows of a run out, to be mended and fed back in
  health     hold a finished run to thresholds, for a scheduler to raise the alarm
  simulate   write a simulated world with its truth
  evaluate   hold a run against the truth
  exchange   offers to other organisations, and joint clusters with theirs
  referral   one confirmed cluster as a sealed package for one recipient
  verify     whether a referral package is what was sealed, and by whom
  keys       the key that signs what leaves, and the partners' keys that are trusted

ringtrace COMMAND --help says more. Exit status: 0 done, 1 failed, 2 wrong usage.
"""


def _batch(arguments: Sequence[str]) -> int:
    from pipelines.run_batch import main as run

    return run(arguments)


def _stream(arguments: Sequence[str]) -> int:
    from pipelines.run_stream import main as run

    return run(arguments)


def _simulate(arguments: Sequence[str]) -> int:
    from pipelines.simulate import command

    return _parsed(command, "simulate", arguments)


def _evaluate(arguments: Sequence[str]) -> int:
    from pipelines import evaluate

    return _parsed(evaluate, "evaluate", arguments)


def _explain(arguments: Sequence[str]) -> int:
    from pipelines import explain

    return _parsed(explain, "explain", arguments)


def _report(arguments: Sequence[str]) -> int:
    from pipelines import report

    return _parsed(report, "report", arguments)


def _rejects(arguments: Sequence[str]) -> int:
    from pipelines import rejects

    return _parsed(rejects, "rejects", arguments)


def _exchange(arguments: Sequence[str]) -> int:
    from pipelines.exchange import command

    return _parsed(command, "exchange", arguments)


def _keys(arguments: Sequence[str]) -> int:
    from pipelines import keys

    return _parsed(keys, "keys", arguments)


def _health(arguments: Sequence[str]) -> int:
    from pipelines import health

    return _parsed(health, "health", arguments)


def _referral(arguments: Sequence[str]) -> int:
    from pipelines import referral

    return _parsed(referral, "referral", arguments)


def _verify(arguments: Sequence[str]) -> int:
    from pipelines import verify

    return _parsed(verify, "verify", arguments)


def _parsed(module: object, name: str, arguments: Sequence[str]) -> int:
    from pipelines.options import StrictParser, UsageError

    parser = StrictParser(prog=f"ringtrace {name}")
    module.add_arguments(parser)  # type: ignore[attr-defined]
    try:
        return module.run(parser.parse_args(arguments))  # type: ignore[attr-defined]
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except FileNotFoundError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 2


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "batch": _batch,
    "stream": _stream,
    "explain": _explain,
    "report": _report,
    "rejects": _rejects,
    "health": _health,
    "simulate": _simulate,
    "evaluate": _evaluate,
    "exchange": _exchange,
    "keys": _keys,
    "referral": _referral,
    "verify": _verify,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        (sys.stdout if words else sys.stderr).write(HELP)
        return 0 if words else 2
    command = COMMANDS.get(words[0])
    if command is None:
        sys.stderr.write(f"ringtrace: unknown command {words[0]!r}; see ringtrace --help\n")
        return 2
    with working():
        return command(words[1:])


if __name__ == "__main__":
    sys.exit(main())
