"""A refusal of the machine ends a command with one line that names it, and leaves nothing half."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from pipelines.runner import describe_error
from tests.support.real_data import ROOT
from tests.support.run_pipeline import complaint, jsonl

BATCH = [sys.executable, "-m", "pipelines.cli", "batch"]


def test_a_run_that_may_not_write_says_so_in_one_line(tmp_path):
    rows = [complaint(n, narrative=os.urandom(200).hex()) for n in range(3000)]
    path = jsonl(tmp_path / "a.jsonl", rows)
    limit = 200_000
    done = subprocess.run(
        [*BATCH, "--complaints", path, "--output", tmp_path / "out", "--no-register"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "File too large (EFBIG); raise the limit" in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl"}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "a secret"), "No space left on device (ENOSPC); make room"),
        (MemoryError("a secret"), "not enough memory"),
        (OSError("a secret"), "OSError"),
    ],
)
def test_an_error_is_named_without_its_text(error, line):
    assert describe_error(error).startswith(line)
    assert "secret" not in describe_error(error)


def test_an_error_is_named_where_no_file_can_be_opened():
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
    try:
        line = describe_error(OSError(errno.EMFILE, "a secret"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
    assert line.startswith("Too many open files (EMFILE); raise the limit of open files")
