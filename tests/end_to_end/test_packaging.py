"""A release is the same wherever it is built, and remote workers get all that they need."""

import os
import tarfile
from shutil import copy, copytree, ignore_patterns

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.stager import Stager

from tests.support.real_data import ROOT
from tools import release

FILES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "ringtrace.py")

COMMITTED = 1_780_000_000


def clone(folder):
    """A copy of the packed files, like another clone, without examples/."""
    for name in release.PACKAGES:
        if not name.endswith(".py"):
            copytree(ROOT / name, folder / name, ignore=ignore_patterns("__pycache__"))
    for name in FILES:
        copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The tree of a release, its sdist and its wheel."""
    folder = tmp_path_factory.mktemp("release")
    tree = clone(folder / "tree")
    return tree, *release.build(tree, folder / "dist", COMMITTED)


def test_two_builds_are_equal(built, tmp_path, monkeypatch):
    _, *first = built
    tree = clone(tmp_path / "in" / "a deeper folder")
    release.age(tree)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    umask = os.umask(0o077)
    try:
        second = release.build(tree, tmp_path / "dist", COMMITTED)
    finally:
        os.umask(umask)
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_wheel_has_every_file_of_its_packages(built):
    tree, _, wheel = built
    assert release.left_out(tree, wheel) == []
    (tree / "pipelines/demo_data/new.bin").touch()
    assert release.left_out(tree, wheel) == ["pipelines/demo_data/new.bin"]


def test_workers_get_what_the_release_has(built, tmp_path):
    _, sdist, _ = built
    tree = clone(tmp_path / "tree")
    (tmp_path / "staged").mkdir()
    options = PipelineOptions([f"--setup_file={tree / 'setup.py'}"])
    Stager.create_job_resources(options, str(tmp_path / "staged"))
    (staged,) = (tmp_path / "staged").glob("*.tar.gz")
    with tarfile.open(staged) as ours, tarfile.open(sdist) as released:
        assert sorted(ours.getnames()) == sorted(released.getnames())
