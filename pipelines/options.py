"""Parses command lines strictly: flags that commands share, and Beam's own options.

Beam silently ignores unknown flags. A run with a misspelled `--known-legitimate` would then name an
innocent line, so an unknown flag ends the program. The module is long because it declares and
checks every shared flag.
"""

from __future__ import annotations

import errno
import math
import os
import re
import sys
import tomllib
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, _ActionsContainer
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from operator import methodcaller
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, NoReturn

from pipelines.data_files import read_data
from pipelines.progress import printable
from schemas.enums import COUNTRIES, Direction, RecordKind
from schemas.records import parse_toml
from transforms.engine import gc_paused
from transforms.gates import read_bytes

Json = dict[str, Any]
"""An object of JSON or TOML."""

Row = Mapping[str, Any]
"""A row of a table, by column, or another read-only object."""

LOCAL_RUNNER = "FnApiRunner"
"""Beam's in-process runner by name: `DirectRunner` picks another engine on another machine."""

JOB_SERVERS = frozenset(["portablerunner", "flinkrunner", "sparkrunner"])
"""Runners that submit a pipeline to a job server, mostly written in Java; in lower case."""

UNUSED_BY_BEAM = ("IPython", "pandas")
"""Modules that Beam and Arrow load if installed, and that no pipeline here uses."""

EPILOG = "Any Beam option may follow, such as --runner=FlinkRunner or --project=NAME."

RENAMED = {
    "--again": "--ignore-cooldown",
    "--at": "--now",
    "--every": "--tick-interval",
    "--floor": "--min-count",
    "--issued-at": "--now",
    "--keep": "--retention",
    "--snapshot-every": "--snapshot-interval",
    "--weights": "--priority-weights",
}
"""Present options by their former names, for the error on a former name."""


class UsageError(Exception):
    """An error that the user must correct; its message is one line, the exit status 2."""


class BusyError(UsageError):
    """An error that passes: another process is writing, or the disk is full."""


@contextmanager
def usage_errors(*kinds: type[Exception], before: str = "", after: str = "") -> Iterator[None]:
    """Turns errors of these kinds, whose message is one line, into a UsageError."""
    try:
        yield
    except kinds as error:
        raise UsageError(f"{before}{error}{after}") from None


SYSTEM_REMEDIES: Mapping[str, str] = read_data("words")["system"]
"""Remedies of system errors by name, loaded before such an error prevents reading files."""


@contextmanager
def system_errors(
    path: object, remedy: str, *, but_full_disk: bool = False, below: bool = False
) -> Iterator[None]:
    """Turns system errors into a UsageError with the path and the remedy.

    With `but_full_disk`, the error of a full disk passes unchanged, as it is no wrong usage. With
    `below`, the error names the file that failed, if known, instead of the folder.
    """
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if but_full_disk and is_full:
            raise
        place = (below and error.filename) or path
        why = error.strerror or "cannot be opened"
        kind, remedy = (
            (BusyError, "make room, then do this again") if is_full else (UsageError, remedy)
        )
        raise kind(f"{place}: {why}; {remedy}") from None


def say(*lines: str) -> int:
    """Prints lines without buffering, since progress goes to stderr; returns the exit status 0."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
    return 0


class FailedError(Exception):
    """An error that ends a command with its one line and the exit status 1."""


class StrictParser(ArgumentParser):
    """A parser without abbreviations, whose error is one line."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    is_subcommand = False
    """True for a subcommand's parser: it reports unknown words itself, not its parent."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parses as argparse does, and remembers the words for `error`."""
        self._words = list(sys.argv[1:] if args is None else args)
        known, rest = super().parse_known_args(self._words, namespace)
        if rest and self.is_subcommand:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return known, rest

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses as argparse does; optional words may also follow options."""
        several = sum(action.nargs == "?" for action in self._get_positional_actions()) > 1
        return (self.parse_intermixed_args if several else super().parse_args)(args, namespace)

    def options(self) -> dict[str, Action]:
        """Returns the options and arguments by name."""
        return {action.dest: action for action in self._actions}

    def error(self, message: str) -> NoReturn:
        """Raises a UsageError of one line, with a likely correct option or word."""
        left = meant = ""
        if message.startswith("unrecognized arguments: "):
            left = message.split(" ")[2]
        elif message.startswith("the following arguments are required"):
            # A mistyped option is also missing: the error names the mistyped option.
            known = self._option_string_actions
            options = (word for word in self._words if word.startswith("--"))
            left = next((word for word in options if word.partition("=")[0] not in known), "")
        if left:
            message, meant = unknown_word(left, self._option_string_actions)
        elif lacks := re.match(r"argument (\S+): expected (?:at least )?one argument", message):
            action = self._option_string_actions[lacks[1].split("/")[0]]
            wanted = action.metavar or "|".join(map(str, action.choices or ["VALUE"]))
            message = f"{lacks[1]} has no value; give {lacks[1]} {wanted}"
        elif chosen := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            meant = did_you_mean(chosen[1], re.findall(r"[\w-]+", chosen[2]))
        raise UsageError(f"{self.prog}: {message}{meant} (see {self.prog} --help)")


def unknown_word(word: str, known: Iterable[str]) -> tuple[str, str]:
    """Returns the error on a word that no option takes, and the likely correct word."""
    if not word.startswith("-"):
        return f"unexpected argument {word!r}", ""
    option = word.partition("=")[0]
    return f"unknown option {option}", did_you_mean(option, known)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns "; did you mean X?" for the most similar known word, or nothing."""
    names = {name.lstrip("-"): name for name in known}
    if RENAMED.get(word, "").lstrip("-") in names:
        return f"; did you mean {RENAMED[word]}?"
    near = get_close_matches(word.lstrip("-"), names, n=1) if word else []
    return f"; did you mean {names[near[0]]}?" if near else ""


Flags = _ActionsContainer
"""A parser, or a group in it, that flags are added to."""

Declaration = Callable[[Flags], object]
"""A function that declares flags."""

Work = Callable[[Namespace], int]
"""A function that does a command's work; it returns the exit status."""


def moment(text: str) -> datetime:
    """Parses an ISO 8601 time with a zone, as the `type` of a flag; returns it in UTC."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):  # the year would be 0 or 10000 in UTC
        raise ArgumentTypeError(f"'{text}' is not an ISO 8601 time") from None
    raise ArgumentTypeError(f"'{text}' has no zone, such as Z or +01:00")


@dataclass(frozen=True)
class Number:
    """The `type` of a flag that takes a number from `least` to `most`."""

    least: float
    most: float

    def __call__(self, text: str) -> float:
        """Parses the number."""
        number = self.parse(text)
        if not self.least <= number <= self.most:
            raise ArgumentTypeError(f"'{text}' is not {self}")
        return number

    def parse(self, text: str) -> float:
        """Returns the number of a text; NaN for none."""
        try:
            return float(text)
        except ValueError:
            return math.nan

    def __str__(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"


class WholeNumber(Number):
    """The `type` of a flag that takes a whole number."""

    def parse(self, text: str) -> float:
        """Returns the number of a text; NaN for none."""
        return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else math.nan

    def __str__(self) -> str:
        return f"a whole number from {self.least} to {self.most}"


SHARE = Number(0, 1)


def time_zone(text: str) -> str:
    """Checks the name of a time zone, as the `type` of a flag; returns the text."""
    from transforms.values import parse_zone  # loads Arrow, as --help need not

    try:
        parse_zone(text)
    except ValueError:
        raise ArgumentTypeError(
            f"'{text}' is no time zone; give one such as Europe/Madrid, or an offset such as +05:30"
        ) from None
    return text


def _country(text: str) -> str:
    code = text.upper()
    if code not in COUNTRIES:
        raise ArgumentTypeError(f"'{text}' is no country; use two letters, such as US")
    return code


def _checked_format(kind: RecordKind, text: str) -> str:
    from transforms.read import ADAPTERS_BY_NAME  # loads Beam, as --help need not

    known = [name for name, adapter in ADAPTERS_BY_NAME.items() if kind in adapter.kinds]
    if text not in known:
        # Nobody names a file's format `empty`; a file that a map reads needs only --map.
        named = ", ".join(name for name in known if name != "empty" and not name.startswith("map-"))
        raise ArgumentTypeError(f"'{text}' is not a format of {kind}s; choose {named}")
    return text


def help_text(action: Action) -> str:
    """Returns the help of an option or argument with its placeholders, such as the default."""
    return (action.help or "") % (vars(action) | {"prog": "ringtrace"})


def flag(name: str, metavar: str | None, about: str, **settings: Any) -> Declaration:
    """Returns the declaration of an option with a value, or of an argument; parses a TIME."""
    if metavar == "TIME":
        settings.setdefault("type", moment)
    return methodcaller("add_argument", name, metavar=metavar, help=about, **settings)


def switch(name: str, about: str) -> Declaration:
    """Returns the declaration of an option without a value."""
    return methodcaller("add_argument", name, action="store_true", help=about)


def several(name: str, metavar: str, about: str, **settings: Any) -> Declaration:
    """Returns the declaration of an option that takes several values and may be repeated."""
    repeated = {"nargs": "+", "action": "extend", "default": []}
    return flag(name, metavar, about, **repeated | settings)


def all_of(*declarations: Declaration) -> Declaration:
    """Returns the declaration of several flags."""

    def declare(parser: Flags) -> None:
        for declaration in declarations:
            declaration(parser)

    return declare


def group(title: str, *declarations: Declaration) -> Declaration:
    """Returns the declaration of flags that --help shows under a title."""
    return lambda parser: all_of(*declarations)(parser.add_argument_group(title))


def exclusive(*declarations: Declaration) -> Declaration:
    """Returns the declaration of flags that exclude each other."""
    return lambda parser: all_of(*declarations)(parser.add_mutually_exclusive_group())


class Subcommand(NamedTuple):
    """A word after a command, its line in --help, its flags, and the function that does the work.

    If it has subcommands itself, the function is `run_subcommand`.
    """

    name: str
    summary: str
    declare: Declaration
    run: Work


def subcommand(name: str, summary: str, *flags: Declaration) -> Callable[[Work], Subcommand]:
    """Makes a function a subcommand."""
    return partial(Subcommand, name, summary, all_of(*flags))


def subcommands(*words: Subcommand, required: bool = True) -> Declaration:
    """Returns the declaration of subcommands; the innermost given one becomes `subcommand`."""

    def declare(parser: Any) -> None:
        subparsers = parser.add_subparsers(metavar="WORD", required=required)
        for word in words:
            below = subparsers.add_parser(word.name, help=word.summary, description=word.summary)
            if isinstance(below, StrictParser):
                below.is_subcommand = True
            word.declare(below)
            below.set_defaults(subcommand=word)

    return declare


def run_subcommand(arguments: Namespace) -> int:
    """Runs the innermost given subcommand; returns the exit status."""
    return int(arguments.subcommand.run(arguments))


NEW_FOLDER = flag("--output", "DIR", "new folder to write", required=True)

TIME_NOW = flag("--now", "TIME", "the time (default: now)")

OWN_SLUG = flag("--from", "ORG", "your own slug", dest="sender", required=True)


INPUT_FLAGS = all_of(
    several("--complaints", "GLOB", "complaint files, folders or globs; also gs:// and s3://"),
    several("--calls", "GLOB", "call record files, folders or globs"),
)
"""The flags that name records."""


FORMAT_FLAGS = all_of(
    flag(
        "--complaints-format",
        "NAME",
        "format of complaints, if not recognized",
        type=partial(_checked_format, RecordKind.COMPLAINT),
    ),
    flag(
        "--calls-format",
        "NAME",
        "format of call records, if not recognized",
        type=partial(_checked_format, RecordKind.CALL),
    ),
    flag("--source-org", "ORG", "organisation of files that do not name theirs"),
    several(
        "--map",
        "FILE",
        "TOML of how files of no known format are read, which `ringtrace map` writes; one for "
        "complaints, one for calls",
    ),
    flag(
        "--timezone",
        "ZONE",
        "zone of times that name none in files read by a map, such as Europe/Madrid (default: "
        "the map's, or UTC)",
        type=time_zone,
    ),
)
"""The flags that say how to read records."""


KNOWN_LEGITIMATE_FLAG = several(
    "--known-legitimate",
    "FILE",
    "CSV entity_id,reason of identifiers never to name, added to the shipped list",
)
"""The flag that names the lists of innocent identifiers."""


REGISTER_FLAGS = all_of(
    flag(
        "--register-key",
        "FILE",
        "32 secret bytes that key the victim register (default: your own, made on first use; "
        "see docs/operations.md)",
    ),
    switch("--no-register", "keep no victim register, and compare nothing with one"),
)
"""The flags of the victim register."""


PRIVATE_OUTPUT_FLAG = flag(
    "--private-output",
    "DIR",
    "restricted folder for private/, in place of the output's; without it nothing private "
    "is kept where the output has no file modes, as in an object store",
)
"""The flag of the folder of a run's private files."""


OTHER_REGISTERS_FLAG = several(
    "--register",
    "FILE",
    "more victim registers of your own: private/victims of another run, or a file of it",
)
"""The flag of further registers, besides the named runs' registers."""


READING_FLAGS = all_of(
    FORMAT_FLAGS,
    flag(
        "--calls-direction",
        None,
        "direction of calls whose records do not say it: inbound if the suspect called",
        choices=[str(direction) for direction in Direction],
    ),
    flag(
        "--victim-country",
        "CODE",
        "country of victims who got e-mail, such as US, by which numbers in it are read: a "
        "message does not say where they are dialed",
        type=_country,
    ),
    several(
        "--passport-keys",
        "FILE",
        "public keys or certificates in PEM; signed caller IDs (PASSporTs) that none of them "
        "signed are rejected",
    ),
    switch(
        "--skip-unreadable",
        "leave out files in an input folder that cannot be read (default: the run fails)",
    ),
)
"""The flags for reading records, common to a batch and a stream."""


PEOPLE_FLAG = flag(
    "--people",
    "FILE",
    "TOML of who may decide: a table [[person]] each, with id, name, names, roles and key",
)
"""The flag that names the people."""


CLUSTERING_FLAGS = all_of(
    flag("--previous", "RUN", "an earlier run, whose cluster ids are kept"),
    flag(
        "--decisions",
        "FILE",
        "CSV or JSON Lines of analysts' decisions, which outweigh the evidence",
    ),
    PEOPLE_FLAG,
    switch(
        "--two-person",
        "a confirm or a review counts once a second person made the same, without the first one's",
    ),
    KNOWN_LEGITIMATE_FLAG,
    flag(
        "--sources",
        "FILE",
        "CSV source_org,rule of how rows without a victim_id count as reporters: victim_id "
        "(as unknown ones), each_row or per_day; added to the shipped rules of public sources",
    ),
    flag(
        "--priority-weights",
        "FILE",
        "TOML of weights that rank clusters, in place of the shipped ones",
    ),
)
"""The flags of decisions on clusters, common to a batch and a stream."""


WRITING_FLAGS = all_of(
    flag(
        "--shards",
        "N",
        "files that each table is written as (default: %(default)s)",
        type=WholeNumber(1, 10_000),
        default=1,
    ),
    PRIVATE_OUTPUT_FLAG,
    REGISTER_FLAGS,
)
"""The flags of the output, common to a batch and a stream."""


PROCESS_FLAGS = all_of(
    switch(
        "--no-wait", "return when a remote runner has taken the job, without waiting for its end"
    ),
    flag("--config", "FILE", "TOML of any of these options"),
    switch("--debug", "show tracebacks and Beam's own log"),
)
"""The flags of the command itself, common to a batch and a stream."""


def parse_with_beam(parser: StrictParser, arguments: Sequence[str]) -> Namespace:
    """Parses the flags of a parser that has `--config`, and takes the rest as Beam's.

    The command line outweighs the TOML file.

    Returns:
        The values, lists as tuples; `beam`, Beam's flags; and `usage_error`, which raises a
        UsageError with its message.

    Raises:
        UsageError: for an unknown flag, or an impossible value.
    """
    known, rest = parser.parse_known_args(arguments)
    if known.config:
        of_file = _flags_of_toml(known.config, parser)
        known, rest = parser.parse_known_args([*of_file, *arguments])
    fields = vars(known)
    del fields["config"]
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    beam = beam_flags(rest, parser.prog, parser._option_string_actions)
    return Namespace(**fields | lists, beam=beam, usage_error=parser.error)


def make_parser(name: str, summary: str, module: Any, *, takes_beam_options: bool) -> StrictParser:
    """Returns the parser of `ringtrace NAME`, whose module has `add_arguments(parser)`."""
    epilog = EPILOG if takes_beam_options else None
    parser = StrictParser(prog=f"ringtrace {name}", description=summary, epilog=epilog)
    module.add_arguments(parser)
    return parser


@contextmanager
def files_of_owner() -> Iterator[None]:
    """Makes files and folders that only their owner can read and write.

    The process has the mask, so the last of its threads that needs it restores the first.
    """
    with _masking:
        _masks.append(os.umask(0o077))
    try:
        yield
    finally:
        with _masking:
            before = _masks.pop()
            if not _masks:
                os.umask(before)


_masks: list[int] = []
_masking = Lock()


_notices: list[str] = []


def add_notice(line: str) -> None:
    """Keeps a line to print if the command succeeds; if it fails, only the error is printed."""
    if line not in _notices:
        _notices.append(line)


def take_notices() -> list[str]:
    """Returns and forgets the kept lines."""
    lines = [*_notices]
    _notices.clear()
    return lines


def run_command(
    name: str, summary: str, module: Any, arguments: Sequence[str], *, takes_beam_options: bool
) -> int:
    """Parses the arguments of `ringtrace NAME` and runs its `module`; returns the exit status.

    If it `takes_beam_options`, there is `--config`, and unknown flags go to Beam.
    """
    parser = make_parser(name, summary, module, takes_beam_options=takes_beam_options)
    take_notices()
    try:
        with files_of_owner():
            if not takes_beam_options:
                status = int(module.run(parser.parse_args(arguments)))
            else:
                with gc_paused(), not_imported(UNUSED_BY_BEAM):
                    status = int(module.run(parse_with_beam(parser, arguments)))
        sys.stderr.writelines(f"ringtrace: {printable(line)}\n" for line in take_notices())
        return status
    except (FailedError, UsageError, KeyboardInterrupt) as error:
        sys.stderr.write(f"{printable(str(error)) or 'ringtrace: stopped'}\n")
        return 2 if isinstance(error, UsageError) else 1
    except ValueError as error:
        from reports.tables import TableError
        from transforms.custody import AlteredRunError, PrivateFileError, RunError

        if not isinstance(error, RunError | AlteredRunError | TableError | PrivateFileError):
            raise
        remedy = "; name a finished run of this version" if isinstance(error, RunError) else ""
        sys.stderr.write(f"{printable(str(error))}{remedy}\n")
    except FileNotFoundError as error:
        if error.filename is None or takes_beam_options:
            raise
        path = printable(str(error.filename))
        sys.stderr.write(f"{path}: {error.strerror}; give a file that exists\n")
    except OSError as error:
        if not error.errno:
            raise
        path = f"{printable(str(error.filename))}: " if error.filename is not None else ""
        sys.stderr.write(f"{path}{describe_system_error(error.errno)}\n")
        return 1
    return 2


def describe_system_error(number: int) -> str:
    """Returns a system error's name and its remedy; its own text may hold a path or data."""
    name = errno.errorcode.get(number, str(number))
    remedy = SYSTEM_REMEDIES.get(name)
    return f"{os.strerror(number)} ({name})" + (f"; {remedy}" if remedy else "")


class _NotImported:
    """A finder of modules that makes imports of some names fail."""

    def __init__(self, names: Container[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """Raises ModuleNotFoundError for these names."""
        if name in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextmanager
def not_imported(names: Container[str]) -> Iterator[None]:
    """Makes imports of optional modules fail until the block ends, unless already loaded."""
    finder: Any = _NotImported(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def run_writer(
    module: str, metavar: str, write: Callable[[Path], None], arguments: Sequence[str]
) -> int:
    """Runs `python -m MODULE PATH`, which writes to PATH; returns the exit status."""
    parser = StrictParser(prog=f"python -m {module}")
    flag("path", metavar, "where to write", type=Path)(parser)
    try:
        path: Path = parser.parse_args(arguments).path
        with system_errors(path, f"give a {metavar} to write", below=True):
            write(path)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def gives(flags: Iterable[str], name: str) -> bool:
    """Tells whether Beam's flags give an option a value."""
    return any(flag.partition("=")[0] == name for flag in flags)


def with_default_runner(flags: tuple[str, ...], runner: str) -> tuple[str, ...]:
    """Returns Beam's flags, with `runner` if they name none."""
    return flags if gives(flags, "--runner") else (*flags, f"--runner={runner}")


def has_job_server(flags: Iterable[str]) -> bool:
    """Tells whether Beam's flags name a runner with a job server."""
    return not JOB_SERVERS.isdisjoint(word.lower() for flag in flags for word in flag.split("="))


def _flags_of_toml(path: str, parser: StrictParser) -> list[str]:
    """Reads a TOML file of options as the equivalent flags."""
    with (
        usage_errors(UnicodeDecodeError, tomllib.TOMLDecodeError, before=f"{path}: not TOML: ",
                     after="; write name = value lines in UTF-8"),
        system_errors(path, "give a TOML file of options"),
    ):  # fmt: skip
        settings = parse_toml(read_bytes(path).decode())
    takes = parser.options().keys() - {"config", "help"}
    flags: list[str] = []
    with usage_errors(UsageError, TypeError, before=f"{path}: "):
        for name, value in settings.items():
            own = name.replace("-", "_")
            if own not in takes:
                meant = did_you_mean(own, sorted(takes)).replace("_", "-")
                raise UsageError(f"unknown option '{name}'{meant} (see {parser.prog} --help)")
            flags += option_flags(name, value, parser.options()[own])
        parser.parse_known_args(flags)
    return flags


def option_flags(name: str, value: object, action: Action | None) -> Iterator[str]:
    """Yields the flags that give an option its value; without an `action` it is Beam's option.

    Raises:
        TypeError: for a value of a type that the option does not take.
    """
    if value is None:
        return
    flag, default = f"--{name}", None
    if action is not None:
        flag, default = action.option_strings[0], action.default
    if isinstance(value, bool) and (action is None or isinstance(default, bool)):
        yield from [flag] * value
        return
    if isinstance(default, bool):
        raise TypeError(f"{name}: give True or False, not {value!r:.80}")
    if isinstance(value, bool):
        raise TypeError(f"{name}: takes a value, not {value}")
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    several: Any = value if is_list else [value]
    if len(several) != 1 and action is not None and not isinstance(default, list):
        raise TypeError(f"{name}: takes one value, not {len(several)}")
    for part in several:
        if isinstance(part, datetime):
            part = part.isoformat()  # noqa: PLW2901
        elif not isinstance(part, str | os.PathLike) and (
            not isinstance(part, int | float) or (action is not None and action.type is None)
        ):
            raise TypeError(f"{name}: takes text, a number or a path, not {type(part).__name__}")
        yield f"{flag}={part}"


def beam_flags(rest: Sequence[str], prog: str, own: Iterable[str] = ()) -> tuple[str, ...]:
    """Returns the flags unchanged, if Beam knows all of them.

    Args:
        rest: flags that are not ringtrace's.
        prog: the program that an error names.
        own: ringtrace's options, to suggest in an error.

    Raises:
        UsageError: for an unknown flag.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

    from pipelines import flink_options  # noqa: F401  # declares Flink's options to Beam

    class Strict(StrictParser, _BeamArgumentParser):
        """Beam's own parser, which its option classes need, with strict errors."""

    parser = Strict(prog=prog, add_help=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        # Options of ringtrace's own steps are declared where they have a meaning.
        if "_add_argparse_args" in vars(options) and not options.__module__.startswith(
            "transforms"
        ):
            options._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(rest))
    if unknown:
        message, meant = unknown_word(unknown[0], [*own, *parser._option_string_actions])
        raise UsageError(f"{prog}: {message}{meant} (see {prog} --help)")
    return tuple(rest)
