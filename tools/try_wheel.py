"""Tries the wheel of dist/ as a newcomer does, without any extra: `python -m tools.try_wheel`.

The environment has the locked packages of the core and nothing else, the folder is empty.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.release import DIST, ROOT

UV = os.environ.get("UV", "uv")

RUN, INPUT = "demo/two-companies", "demo/input/two-companies"

WITHOUT_EXTRA = {
    "excel": "map book.xlsx --output map.toml",
    "gcp": "stream --runner=DataflowRunner --pubsub-complaints=projects/project/subscriptions/name"
    " --output stream",
    "kafka": "stream --kafka-servers localhost:1 --kafka-complaints topic --output stream",
    "keyring": "keys protect --keyring",
    "mail": "batch --complaints invoice.eml --source-org amazon --output mail",
    "names": f"batch --complaints {INPUT}/complaints --mask-names --output masked",
    "overlap": "exchange overlap request victims.csv --by phone --from amazon --to microsoft"
    " --output overlap",
    "serve": f"serve {RUN}",
    "splink": f"evaluate {RUN} {INPUT}/truth.csv --splink",
    "taxii": "exchange hub pull https://localhost/root/collections/hub/ --output feed",
}
"""A command that needs each extra. Referrals, which need a confirmed cluster, are left out."""

TRIED = "splink"
"""The extra that is installed by the command that the message names."""

MAIL = """From: a@example.com
To: b@example.com
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: invoice
MIME-Version: 1.0
Content-Type: text/plain

Call 888 555 0123
"""


class StepError(Exception):
    """A step that failed, with the reason."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Prints that a step went well, or ends the program with its name."""
    try:
        yield
    except (StepError, subprocess.CalledProcessError) as error:
        sys.exit(f"FAIL  {name}: {error}")
    print(f"ok    {name}", flush=True)


def run(words: Sequence[str | Path], folder: Path, status: int = 0) -> str:
    """Runs a command in a folder; returns all that it printed.

    Raises:
        StepError: if it ends with another exit status.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "RINGTRACE", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / ".config")},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != status:
        raise StepError(f"exit status {done.returncode}, not {status}\n{done.stdout[-2000:]}")
    return done.stdout


def uv(command: str, *words: str | Path) -> None:
    """Runs a command of uv with further words, which may have blanks."""
    subprocess.run([UV, *command.split(), *words], cwd=ROOT, check=True)


def install(wheel: Path, environment: Path) -> None:
    """Makes an environment of the wheel and the core's locked packages, compared by hash."""
    locked = environment.with_suffix(".txt")
    uv("export --quiet --frozen --no-default-groups --no-emit-project --output-file", locked)
    uv(f"venv --quiet --python {sys.version_info[0]}.{sys.version_info[1]}", environment)
    pip = "pip install --quiet --python", environment
    uv(*pip, "--require-hashes", "--requirements", locked)
    uv(*pip, "--no-deps", wheel)
    uv("pip check --quiet --python", environment)


def show_help(program: Path, folder: Path, words: str = "") -> None:
    """Shows the help of a command, and of each command below it."""
    with step(" ".join(["ringtrace", *words.split(), "--help"])):
        text = run([program, *words.split(), "--help"], folder)
    pattern, listed = r"^  ([a-z]+)  ", text
    if words:
        pattern, listed = r"^    ([a-z][a-z-]*)\b", text.partition("\n  WORD\n")[2]
    for word in re.findall(pattern, listed, re.MULTILINE):
        show_help(program, folder, f"{words} {word}")


def refuse(program: Path, folder: Path, words: str) -> str:
    """Runs a command whose extra is missing, and returns the command that it says to run first.

    Raises:
        StepError: if it says anything but one line.
    """
    text = run([program, *words.split()], folder, status=2)
    remedy = re.search(r"uv pip install --python .*", text)
    if text.count("\n") != 1 or not remedy:
        raise StepError(f"not one line that says what to install:\n{text}")
    return remedy[0]


def write_inputs(folder: Path) -> None:
    """Writes the files that the commands of WITHOUT_EXTRA read."""
    (folder / "victims.csv").write_text("phone,email,country\n+18885550123,,US\n")
    (folder / "invoice.eml").write_text(MAIL)
    with zipfile.ZipFile(folder / "book.xlsx", "w") as book:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            book.writestr(name, "<x/>")


def main() -> None:
    """Prints a line for each step, and ends at the first that fails."""
    (wheel,) = DIST.glob("*.whl")
    with tempfile.TemporaryDirectory() as temporary:
        environment, folder = Path(temporary) / "environment", Path(temporary) / "empty"
        folder.mkdir()
        program = environment / "bin" / "ringtrace"
        with step("install the wheel and its locked packages"):
            install(wheel, environment)
        with step("python -c 'import ringtrace'"):
            run([environment / "bin" / "python", "-c", "import ringtrace"], folder)
        with step("ringtrace demo"):
            run([program, "demo", "demo"], folder)
        show_help(program, folder)
        write_inputs(folder)
        with step("ringtrace keys make"):
            run([program, "keys", "make"], folder)
        for extra, words in WITHOUT_EXTRA.items():
            with step(f"without the extra {extra}, one line: ringtrace {words}"):
                remedy = refuse(program, folder, words)
            if extra == TRIED:
                with step(f"what it says installs the extra: {remedy}"):
                    run([UV, *shlex.split(remedy)[1:]], folder)
                    run([program, *words.split()], folder)


if __name__ == "__main__":
    main()
