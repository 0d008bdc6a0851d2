"""Simulated worlds: two companies' complaints and calls about rings whose truth is known."""

from pipelines.simulate.__main__ import add_arguments, run
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World

__all__ = ["World", "add_arguments", "run", "simulate"]
