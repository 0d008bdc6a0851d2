"""The package that `--setup_file ./setup.py` ships to remote workers, as pyproject.toml says."""

from setuptools import setup

setup()
