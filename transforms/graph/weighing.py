"""What one piece of evidence counts for: the constants of docs/evidence.md, without Beam."""

from __future__ import annotations

import math

MILLION = 1_000_000
"""Weights are whole millionths: sums of integers do not depend on their order."""

WIDEST = 20
"""A record that names more hard entities is a copied list: it is counted, but links nothing."""

PARTS = math.lcm(*range(1, WIDEST))
"""Parts of a record: each 1/(k-1) of it is a whole number of them, and sums of these are exact."""
