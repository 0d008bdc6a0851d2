"""Simulated worlds: two companies' complaints and calls about rings whose truth is known.

From a `World` (seed, size, noise), `simulate` writes complaints and calls in the input contract,
and the truth that `ringtrace evaluate` compares a run with.
"""

from pipelines.simulate.generate import HIDE, NAME, WELD, simulate
from pipelines.simulate.world import World

__all__ = ["HIDE", "NAME", "WELD", "World", "simulate"]
