"""The flags of `ringtrace batch`: our own, then whatever Beam runner options remain.

Parsing is strict. Beam drops a flag that it does not know without a word; a run with a misspelt
`--known-legitimate` would then name an innocent line, so an unknown flag ends the program.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from schemas.enums import Direction

LOCAL_RUNNER = "FnApiRunner"
"""Beam's in-process runner by name: `DirectRunner` picks another engine on another machine."""


class UsageError(Exception):
    """What the user must mend; one line, exit status 2."""


class StrictParser(argparse.ArgumentParser):
    """A parser without abbreviations, whose complaint is one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the whole usage."""
        raise UsageError(f"{self.prog}: {message} (see {self.prog} --help)")


def moment(text: str) -> datetime:
    """An ISO 8601 time with a zone, in UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not an ISO 8601 time") from None
    if time.tzinfo is None:
        raise argparse.ArgumentTypeError(f"'{text}' has no zone, such as Z or +01:00")
    return time.astimezone(UTC)


def shard_count(text: str) -> int:
    """A whole number from 1 to 10,000."""
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 to 10000")
    return int(text)


def many(metavar: str) -> dict[str, Any]:
    """Settings of a flag that takes several values and may be given again."""
    return {"nargs": "+", "action": "extend", "default": [], "metavar": metavar}


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The flags that name records."""
    parser.add_argument(
        "--complaints",
        **many("GLOB"),
        help="complaint files, folders or globs; also gs:// and s3://",
    )
    parser.add_argument("--calls", **many("GLOB"), help="call record files, folders or globs")


def add_formats(parser: argparse.ArgumentParser) -> None:
    """The flags that say how records are to be read."""
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
    """The flag that names who must not be accused."""
    parser.add_argument(
        "--known-legitimate",
        **many("FILE"),
        help="CSV entity_id,reason of identifiers never to name, added to the shipped list",
    )


def add_reading(parser: argparse.ArgumentParser) -> None:
    """The flags that a batch and a stream have in common."""
    add_known_legitimate(parser)
    add_formats(parser)
    parser.add_argument(
        "--previous", metavar="DIR", help="an earlier run, whose cluster ids are kept"
    )
    parser.add_argument(
        "--decisions", metavar="FILE", help="CSV or JSON Lines of analysts' decisions, which bind"
    )
    parser.add_argument(
        "--weights", metavar="FILE", help="TOML of what ranks clusters, in place of the shipped one"
    )
    parser.add_argument(
        "--calls-direction",
        choices=[str(one) for one in Direction],
        help="who called, for call records that do not say",
    )
    parser.add_argument(
        "--passport-keys",
        **many("PEM"),
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


def with_config(
    parser: StrictParser, arguments: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The values of a parser with `--config`, lists as tuples, and Beam's flags.

    What the command line says outweighs the TOML file.

    Raises:
        UsageError: for a flag that neither knows, or a value that cannot be.
    """
    first, _ = parser.parse_known_args(arguments)
    if first.config:
        parser.set_defaults(**_from_toml(first.config, parser))
    known, rest = parser.parse_known_args(arguments)
    flags = beam_flags(rest, parser.prog)
    fields = vars(known)
    fields.pop("config")
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    return fields | lists, flags


def with_runner(flags: tuple[str, ...], runner: str) -> tuple[str, ...]:
    """Beam's flags with a runner, where they name none."""
    named = any(flag.partition("=")[0] == "--runner" for flag in flags)
    return flags if named else (*flags, f"--runner={runner}")


JOB_SERVERS = frozenset(["portablerunner", "flinkrunner", "sparkrunner"])
"""Runners that hand a pipeline to a job server, which is mostly Java's; in lower case."""


def has_job_server(flags: Iterable[str]) -> bool:
    """Whether Beam's flags name a runner with a job server."""
    return not JOB_SERVERS.isdisjoint(word.lower() for flag in flags for word in flag.split("="))


EPILOG = "Any Beam option may follow, such as --runner=FlinkRunner or --project=NAME."


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
            return values
    elif isinstance(action.default, bool):
        if isinstance(value, bool):
            return value
    elif callable(action.type) and isinstance(value, str | int | datetime):
        try:
            return action.type(str(value))
        except argparse.ArgumentTypeError as error:
            raise UsageError(f"{path}: {name}: {error}") from None
    elif isinstance(value, str):
        if action.choices is None or value in action.choices:
            return value
        raise UsageError(f"{path}: {name}: not one of {', '.join(action.choices)}")
    raise UsageError(f"{path}: {name}: not a value of the kind that --{name} takes")


def beam_flags(rest: Sequence[str], prog: str) -> tuple[str, ...]:
    """The remaining flags, if Beam knows every one of them.

    Raises:
        UsageError: for one that it does not know.
    """
    from apache_beam.options.pipeline_options import (
        PipelineOptions,
        _BeamArgumentParser,
    )

    # They declare Flink's options, --partitions and --contraction-rounds to Beam.
    from transforms.graph import connected_components  # noqa: F401

    class Strict(StrictParser, _BeamArgumentParser):
        """Beam's own parser, which its option classes need, with strict errors."""

    parser = Strict(prog=prog, add_help=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        if "_add_argparse_args" in vars(options):
            options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(rest))
    if unknown:
        parser.error(f"unknown option {unknown[0].partition('=')[0]}")
    return tuple(rest)
