"""The package that `--setup_file ./setup.py` sends to remote workers is enough to run there."""

import subprocess
import sys
from shutil import copy, copytree, ignore_patterns

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.stager import Stager

from tests.support.real_data import ROOT

PACKAGES = ("schemas", "transforms", "reports", "pipelines")

FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "ringtrace.py")


def test_workers_get_all_packages_and_their_data(tmp_path):
    tree, staged, installed = (tmp_path / name for name in ("tree", "staged", "installed"))
    for name in PACKAGES:
        copytree(ROOT / name, tree / name, ignore=ignore_patterns("__pycache__"))
    for name in FILES:
        copy(ROOT / name, tree)
    staged.mkdir()
    options = PipelineOptions([f"--setup_file={tree / 'setup.py'}"])
    Stager.create_job_resources(options, str(staged))
    (sdist,) = staged.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(installed), str(sdist)], check=True)
    assert (installed / "ringtrace.py").exists()
    missing = [
        str(file.relative_to(tree))
        for name in PACKAGES
        for file in (tree / name).rglob("*")
        if file.is_file()
        and "egg-info" not in str(file)
        and not (installed / file.relative_to(tree)).exists()
    ]
    assert missing == []
