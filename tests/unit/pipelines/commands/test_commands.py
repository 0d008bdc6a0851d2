"""The registry: every row's module has the interface, and a command is one module and one row."""

import argparse
import inspect
import subprocess
import sys
from importlib import import_module, metadata

import pytest

from pipelines import cli, commands
from pipelines.commands import COMMANDS, Command, Group
from tests.support.real_data import ROOT

TOY = '''
"""A toy command."""


def add_arguments(parser):
    parser.add_argument("name")


def run(arguments):
    print(f"hello {arguments.name}")
    return 1
'''


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_module_has_the_interface(command):
    module = import_module(command.module)
    for name, parameter in (("add_arguments", "parser"), ("run", "arguments")):
        signature = inspect.signature(getattr(module, name))
        assert list(signature.parameters) == [parameter], f"{command.module}.{name}"
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    assert command.takes_beam_options == ("--config" in parser.format_help())


def test_names_are_unique_and_every_group_is_used():
    assert len({command.name for command in COMMANDS}) == len(COMMANDS)
    assert {command.group for command in COMMANDS} == set(Group)


def test_a_command_is_one_module_and_one_row(tmp_path, monkeypatch, capsys):
    (tmp_path / "toy_command.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    row = Command("toy-command", Group.READ, "say hello", "toy_command")
    monkeypatch.setattr(cli, "COMMANDS", (*commands.COMMANDS, row))
    assert cli.main(["toy-command", "Ada"]) == 1
    assert capsys.readouterr().out == "hello Ada\n"
    assert "  toy-command  say hello" in cli.usage()
    assert cli.main(["toy-command"]) == 2
    assert capsys.readouterr().err.startswith("ringtrace toy-command: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], ["apache_beam", "pyarrow", "numpy", "rich"]),
        (["batch", "--help"], ["apache_beam"]),
        (["simulate", "--help"], ["apache_beam"]),
        (["exchange", "--help"], ["apache_beam"]),
    ],
)
def test_help_loads_no_more_than_it_needs(words, absent):
    script = f"""
import sys
from pipelines.cli import main
try:
    main({words!r})
except SystemExit:
    pass
print(*sorted(set({absent!r}) & set(sys.modules)), file=sys.stderr)
"""
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)
    assert done.stderr.split() == []


def test_help_of_a_command_is_what_it_prints_itself(capsys):
    for words in (["batch"], ["exchange", "overlap", "request"]):
        with pytest.raises(SystemExit, match="0"):
            cli.main(["help", *words])
        asked = capsys.readouterr().out
        with pytest.raises(SystemExit, match="0"):
            cli.main([*words, "--help"])
        assert capsys.readouterr().out == asked
        assert asked.startswith(f"usage: ringtrace {' '.join(words)}")
    assert cli.main(["help"]) == 0
    assert capsys.readouterr().out == cli.usage()
    assert cli.main(["help", "frob"]) == 2
    assert "unknown command 'frob'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("module", ["pipelines.flex_template", "pipelines.reference_docs"])
def test_a_module_that_is_run_refuses_an_option_in_one_line(module):
    words = [sys.executable, "-m", module, "--frob"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60, cwd=ROOT)
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("WARNING:root:")]
    assert done.returncode == 2
    assert "--frob" in line


def test_the_version_is_that_of_the_distribution(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"ringtrace {metadata.version('ringtrace')}\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["bach"], "batch"),
        (["batch", "--complaint", "x"], "--complaints"),
        (["batch", "--ruuner=x"], "--runner"),
        (["exchange", "oferr"], "offer"),
        (["exchange", "join", "RUN", "--output", "x", "--weights", "x"], "--priority-weights"),
        (["stream", "--every", "3"], "--tick-interval"),
        (["--verison"], "--version"),
    ],
)
def test_a_mistyped_word_gets_a_suggestion(words, meant, capsys):
    assert cli.main(words) == 2
    error = capsys.readouterr().err
    assert f"did you mean {meant}?" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("words", [["batch", "--frobnicate"], ["health", "x", "--rejected-share"]])
def test_what_is_like_nothing_or_right_gets_none(words, capsys):
    assert cli.main(words) == 2
    assert "did you mean" not in capsys.readouterr().err
