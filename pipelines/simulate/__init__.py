"""Simulated worlds: two companies' complaints and calls about rings whose truth is known.

In comes a `World` (seed, size, noise); `simulate` writes complaints and calls in the input
contract, and the truth that `ringtrace evaluate` scores a run against.
"""

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World

__all__ = ["World", "simulate"]
