"""The documents against the parsers: every command and option that they name is one."""

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import (
    flink_options,  # noqa: F401 - declares Flink's options
    reference_docs,
)
from pipelines.commands import COMMANDS
from pipelines.data_files import read_data
from pipelines.flex_template import TEMPLATES, template_options
from pipelines.options import Number, WholeNumber, help_text
from tests.support.real_data import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(
        path for path in (ROOT / "deploy").rglob("*") if path.suffix in (".sh", ".service", ".py")
    ),
]

OTHER_PROGRAMS = re.compile(
    r"^\s*(curl|docker|gcloud|git|pip|systemctl|python -m (?:benchmarks|tests)|kubectl)\b"
)

NOT_OURS = {
    "--now": "systemctl enable --now",
    "--by-module": "python -m benchmarks.batch",
    "--record": "python -m benchmarks.batch",
    "--simulated": "python -m benchmarks.cuts",
    "--share": "python -m benchmarks.report",
    "--fit": "python -m benchmarks.campaigns",
    "--overlap": "python -m benchmarks.exchange",
    "--names": "python -m benchmarks.readings",
    "--transcripts": "python -m benchmarks.readings",
    "--full": "python -m benchmarks.poisoning",
    "--minutes": "python -m benchmarks.stream",
    "--rate": "python -m benchmarks.stream",
    "--kafka": "python -m benchmarks.stream",
    "--flink": "python -m benchmarks.stream",
    "--prism": "python -m benchmarks.stream",
    "--grep": "git log",
}
"""Options of other programs in running text, and of which."""

FORMER = ROOT / "docs" / "glossary.md"
"""The document that lists names of the past."""

Parsers = dict[str, argparse.ArgumentParser]


def leaves(
    name: str, parser: argparse.ArgumentParser
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from leaves(f"{name} {word}", below)


PARSERS: Parsers = {
    name: parser for command in COMMANDS for name, parser in leaves(command.name, command.parser())
}


def options(parser: argparse.ArgumentParser) -> set[str]:
    return set(parser._option_string_actions)


def beam_options() -> set[str]:
    parser = argparse.ArgumentParser(conflict_handler="resolve")
    for group in PipelineOptions.__subclasses__():
        if "_add_argparse_args" in vars(group):
            group._add_argparse_args(parser)
    return options(parser)


BEAM = beam_options()

OURS = set().union(*map(options, PARSERS.values()))


def code(text: str) -> Iterator[tuple[str, bool]]:
    """Each piece of code of a document, and whether it is a fenced line; lines are put together."""
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.M | re.S)
    for block in fenced:
        for line in block.replace("\\\n", " ").splitlines():
            yield line, True
    for block in re.findall(r"(?:^    \S.*\n)+", text, re.M):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.strip(), True
    prose = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
    for span in re.findall(r"`([^`]+)`", prose):
        yield " ".join(span.replace("\\|", "|").split()), False


def command_of(line: str) -> str | None:
    """The longest command that a line of code names, if it is one of ours."""
    words = re.match(r"(?:\.venv/bin/|exec )?ringtrace ((?:[a-z]+ ?)*)", line)
    named = words[1].split() if words else []
    for length in range(len(named), 0, -1):
        if (name := " ".join(named[:length])) in PARSERS:
            return name
    assert not named, f"{line}: is no command of ringtrace"
    return None


def read(path) -> str:
    text = path.read_text(encoding="utf-8")
    if path == FORMER:
        text = re.sub(r"^\|(.*?)\|.*\|$", r"|\1|", text, flags=re.M)
    return text


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_option_that_stands_in_a_document_is_known(path):
    text = read(path)
    for line, _ in (
        code(text) if path.suffix == ".md" else ((line, True) for line in text.splitlines())
    ):
        command = None if OTHER_PROGRAMS.match(line) else command_of(line)
        named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", line))
        if command is not None:
            beam = BEAM if command in TEMPLATES else set()
            assert named <= options(PARSERS[command]) | beam, f"{path.name}: {line}"
        elif not OTHER_PROGRAMS.match(line):
            assert named <= OURS | BEAM | NOT_OURS.keys() | {"--version"}, f"{path.name}: {line}"


VALUE_OF = {WholeNumber: "3", Number: "0.5"}


def filled(line: str, parser: argparse.ArgumentParser) -> list[str]:
    """The words of a line, with values that parse in place of TIME, N and the like."""
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    for place, word in enumerate(words):
        action = parser._option_string_actions.get(words[place - 1]) if place else None
        if action is not None and word == action.metavar:
            sample = {"TIME": "2026-03-01T00:00:00Z", "KIND=DAYS": "phone=90"}
            words[place] = sample.get(word) or VALUE_OF.get(type(action.type), word)
    return words


@pytest.mark.parametrize(
    "path", [page for page in DOCUMENTS if page.suffix == ".md"], ids=lambda page: page.name
)
def test_every_fenced_command_line_is_one_that_its_parser_takes(path):
    for line, whole in code(read(path)):
        command = command_of(line) if whole else None
        if command is not None and "|" not in line:
            parser = PARSERS[command]
            words = filled(line, parser)
            _, rest = parser.parse_known_args(words[1 + len(command.split()) :])
            unknown = {word.partition("=")[0] for word in rest if word.startswith("-")} - BEAM
            assert not unknown, f"{path.name}: {line}"


def actions() -> list[tuple[str, argparse.Action]]:
    return [
        (name, action)
        for name, parser in PARSERS.items()
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction) and action.dest != "help"
    ]


def test_every_option_has_a_help_and_its_value_a_name_of_the_vocabulary():
    used = set()
    for name, action in actions():
        about = help_text(action)
        assert len(about) >= 5, (name, action.dest)
        assert "%" not in about, (name, action.dest)
        if action.nargs != 0 and not action.choices:
            assert action.metavar in read_data("words")["values"], (name, action.dest)
            used.add(action.metavar)
    assert used == read_data("words")["values"].keys()


def test_one_option_takes_one_kind_of_value_in_all_commands():
    values: dict[str, set[object]] = {}
    for _, action in actions():
        for option in action.option_strings:
            value = action.metavar or tuple(map(str, action.choices or ()))
            values.setdefault(option, set()).add(value)
    several = {option: kinds for option, kinds in values.items() if len(kinds) > 1}
    assert several == {
        "--complaints": {"GLOB", "N"},  # of files, and how many simulate makes
        "--from": {"FILE", "ORG"},  # the decisions of a browser, and who sends
        "--output": {"DIR", "FILE"},  # of keys export, and of export
    }


def test_the_reference_of_the_command_line_is_that_of_the_parsers():
    """`make schemas` writes it anew."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == reference_docs.cli_page()
    for name, action in actions():
        section = page.partition(f"### `ringtrace {name}`\n")[2].partition("\n###")[0]
        assert f"`{(action.option_strings or [action.metavar])[0]}" in section, (name, action.dest)


def test_help_reference_and_template_have_an_option_from_one_definition(capsys):
    assert "partitions" in template_options(TEMPLATES["batch"])
    for pipeline, template in TEMPLATES.items():
        shown = PARSERS[pipeline].format_help()
        for action in template_options(template).values():
            assert action.option_strings[0] in shown
            mine = PARSERS[pipeline]._option_string_actions[action.option_strings[0]]
            assert help_text(mine) == help_text(action)
