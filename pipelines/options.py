"""Parses command lines strictly: what commands have in common, and Beam's own options.

Beam drops a flag that it does not know without a word; a run with a misspelled `--known-legitimate`
would then name an innocent line, so an unknown flag ends the program.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from schemas.enums import Direction
from transforms.gc_tuning import gc_paused

LOCAL_RUNNER = "FnApiRunner"
"""Beam's in-process runner by name: `DirectRunner` picks another engine on another machine."""

JOB_SERVERS = frozenset(["portablerunner", "flinkrunner", "sparkrunner"])
"""Runners that hand a pipeline to a job server, which is mostly Java's; in lower case."""

EPILOG = "Any Beam option may follow, such as --runner=FlinkRunner or --project=NAME."


class UsageError(Exception):
    """An error that the user must correct; its message is one line, the exit status 2."""


class StrictParser(argparse.ArgumentParser):
    """A parser without abbreviations, whose error is one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raises a UsageError of one line, with the option or word that may have been meant."""
        unknown, known = "", list(self._option_string_actions)
        if message.startswith("unrecognized arguments: --"):
            unknown = message.split()[2].partition("=")[0]
        if chosen := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            unknown, known = chosen[1], re.findall(r"[\w-]+", chosen[2])
        meant = did_you_mean(unknown, known)
        raise UsageError(f"{self.prog}: {message}{meant} (see {self.prog} --help)")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns "; did you mean X?" for the known word that is most like this one, or nothing."""
    names = {one.lstrip("-"): one for one in known}
    near = get_close_matches(word.lstrip("-"), names, n=1) if word else []
    return f"; did you mean {names[near[0]]}?" if near else ""


class Subcommand(NamedTuple):
    """A word behind a command, its line in --help, its flags, and the function that does the work.

    The function of one that has subcommands itself is `run_subcommand`.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_subcommands(
    parser: argparse.ArgumentParser, subcommands: Iterable[Subcommand], *, required: bool = True
) -> None:
    """Declares subcommands; parsing puts the innermost that is chosen into `subcommand`."""
    subparsers = parser.add_subparsers(metavar="WORD", required=required)
    for one in subcommands:
        below = subparsers.add_parser(one.name, help=one.summary, description=one.summary)
        one.add_arguments(below)
        below.set_defaults(subcommand=one)


def run_subcommand(arguments: argparse.Namespace, default: Subcommand | None = None) -> int:
    """Runs the innermost subcommand that was chosen, or `default`; returns the exit status."""
    chosen: Any = getattr(arguments, "subcommand", default)
    return int(chosen.run(arguments))


def moment(text: str) -> datetime:
    """Parses an ISO 8601 time with a zone, as the `type` of a flag; returns it in UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not an ISO 8601 time") from None
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"'{text}' has no zone, such as Z or +01:00")
    return time.astimezone(UTC)


def shard_count(text: str) -> int:
    """Parses a whole number from 1 to 10,000, as the `type` of a flag."""
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 10000")
    return int(text)


def repeatable(metavar: str) -> dict[str, Any]:
    """Returns the settings of a flag that takes several values and may be repeated."""
    return {"nargs": "+", "action": "extend", "default": [], "metavar": metavar}


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Declares the flags that name records."""
    parser.add_argument(
        "--complaints",
        **repeatable("GLOB"),
        help="complaint files, folders or globs; also gs:// and s3://",
    )
    parser.add_argument("--calls", **repeatable("GLOB"), help="call record files, folders or globs")


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Declares the flags that say how records are to be read."""
    parser.add_argument(
        "--complaints-format", metavar="NAME", help="format of --complaints, if not recognised"
    )
    parser.add_argument(
        "--calls-format", metavar="NAME", help="format of --calls, if not recognised"
    )
    parser.add_argument(
        "--source-org", metavar="SLUG", help="organisation of files that do not name theirs"
    )


def add_known_legitimate(parser: argparse.ArgumentParser) -> None:
    """Declares the flag that names who must not be accused."""
    parser.add_argument(
        "--known-legitimate",
        **repeatable("FILE"),
        help="CSV entity_id,reason of identifiers never to name, added to the shipped list",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declares the flags that a batch and a stream have in common."""
    add_known_legitimate(parser)
    add_formats(parser)
    parser.add_argument(
        "--previous", metavar="DIR", help="an earlier run, whose cluster ids are kept"
    )
    parser.add_argument(
        "--decisions", metavar="FILE", help="CSV or JSON Lines of analysts' decisions, which bind"
    )
    parser.add_argument(
        "--priority-weights",
        metavar="FILE",
        help="TOML of what ranks clusters, in place of the shipped one",
    )
    parser.add_argument(
        "--calls-direction",
        choices=[str(one) for one in Direction],
        help="who called, for call records that do not say",
    )
    parser.add_argument(
        "--passport-keys",
        **repeatable("PEM"),
        help="public keys or certificates; PASSporTs that none of them signed are rejected",
    )
    parser.add_argument(
        "--shards", type=shard_count, default=1, metavar="N", help="files a table (default: 1)"
    )
    parser.add_argument(
        "--no-wait",
        action="store_true",
        help="return when a remote runner has taken the job, and do not wait for its end",
    )
    parser.add_argument("--config", metavar="TOML", help="a file with any of these options")
    parser.add_argument("--debug", action="store_true", help="show tracebacks and Beam's own log")


def parse_with_beam(parser: StrictParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parses the flags of a parser that has `--config`, and takes what is left as Beam's.

    What the command line gives outweighs the TOML file.

    Returns:
        The values, lists as tuples; `beam`, Beam's flags; and `usage_error`, which raises a
        UsageError of its message.

    Raises:
        UsageError: for a flag that neither knows, or a value that cannot be.
    """
    first, _ = parser.parse_known_args(arguments)
    if first.config:
        parser.set_defaults(**_from_toml(first.config, parser))
    known, rest = parser.parse_known_args(arguments)
    fields = vars(known)
    del fields["config"]
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    beam = beam_flags(rest, parser.prog, parser._option_string_actions)
    return argparse.Namespace(**fields | lists, beam=beam, usage_error=parser.error)


def run_command(
    name: str, summary: str, module: Any, arguments: Sequence[str], *, takes_beam_options: bool
) -> int:
    """Parses the arguments of `ringtrace NAME` and runs it; returns the exit status.

    `module` has `add_arguments(parser)` and `run(arguments)`. If it `takes_beam_options`, there is
    `--config`, and flags that it does not know go to Beam.
    """
    parser = StrictParser(prog=f"ringtrace {name}", description=summary)
    module.add_arguments(parser)
    try:
        if not takes_beam_options:
            return int(module.run(parser.parse_args(arguments)))
        parser.epilog = EPILOG
        with gc_paused():
            return int(module.run(parse_with_beam(parser, arguments)))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
    except ValueError as error:
        from reports.run import RunError  # loads Arrow, which not every command needs

        if not isinstance(error, RunError):
            raise
        sys.stderr.write(f"{error}\n")
    except FileNotFoundError as error:
        if error.filename is None or takes_beam_options:
            raise
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
    return 2


def with_default_runner(flags: tuple[str, ...], runner: str) -> tuple[str, ...]:
    """Returns Beam's flags with `runner`, where they name none."""
    named = any(flag.partition("=")[0] == "--runner" for flag in flags)
    return flags if named else (*flags, f"--runner={runner}")


def has_job_server(flags: Iterable[str]) -> bool:
    """Returns whether Beam's flags name a runner with a job server."""
    return not JOB_SERVERS.isdisjoint(word.lower() for flag in flags for word in flag.split("="))


def _from_toml(path: str, parser: argparse.ArgumentParser) -> dict[str, Any]:
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a TOML file of options") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    actions = {action.dest: action for action in parser._actions}
    defaults: dict[str, Any] = {}
    for name, value in settings.items():
        action = actions.get(name.replace("-", "_"))
        if action is None or action.dest in ("config", "help"):
            raise UsageError(f"{path}: unknown option '{name}' (see {parser.prog} --help)")
        defaults[action.dest] = _toml_value(path, name, action, value)
    return defaults


def _toml_value(path: str, name: str, action: argparse.Action, value: Any) -> Any:
    if isinstance(action.default, list):
        values = value if isinstance(value, list) else [value]
        if all(isinstance(one, str) for one in values):
            return [_typed(path, name, action, one) for one in values]
    elif isinstance(action.default, bool):
        if isinstance(value, bool):
            return value
    elif callable(action.type) and isinstance(value, str | int | datetime):
        return _typed(path, name, action, str(value))
    elif isinstance(value, str):
        if action.choices is None or value in action.choices:
            return value
        raise UsageError(f"{path}: {name}: not one of {', '.join(action.choices)}")
    raise UsageError(f"{path}: {name}: not a value of the kind that --{name} takes")


def _typed(path: str, name: str, action: argparse.Action, value: str) -> Any:
    if not callable(action.type):
        return value
    try:
        return action.type(value)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise UsageError(f"{path}: {name}: {error}") from None


def beam_flags(rest: Sequence[str], prog: str, own: Iterable[str] = ()) -> tuple[str, ...]:
    """Returns the flags as they are, if Beam knows every one of them.

    Args:
        rest: flags that are not ringtrace's.
        prog: the program that an error names.
        own: ringtrace's options, of which one may have been meant.

    Raises:
        UsageError: for one that it does not know.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

    # They declare Flink's options, --partitions and --contraction-rounds to Beam.
    from pipelines import flink_options  # noqa: F401
    from transforms import shuffle  # noqa: F401
    from transforms.graph import rounds_for  # noqa: F401

    class Strict(StrictParser, _BeamArgumentParser):
        """Beam's own parser, which its option classes need, with strict errors."""

    parser = Strict(prog=prog, add_help=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(rest))
    if unknown:
        option = unknown[0].partition("=")[0]
        meant = did_you_mean(option, [*own, *parser._option_string_actions])
        raise UsageError(f"{prog}: unknown option {option}{meant} (see {prog} --help)")
    return tuple(rest)
