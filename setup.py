"""What `--setup_file ./setup.py` ships to remote workers; all it says is in pyproject.toml."""

from setuptools import setup

setup()
