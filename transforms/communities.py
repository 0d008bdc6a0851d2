"""From a graph of hard links to call centers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.components import components


@dataclass(frozen=True)
class Communities:
    """Per node: its community (smallest node number in it), whether it is a hub, and its spread."""

    label: np.ndarray
    hub: np.ndarray
    spread: np.ndarray


def communities(
    nodes: int, a: np.ndarray, b: np.ndarray, weight: np.ndarray, held: np.ndarray
) -> Communities:
    label = components(nodes, a, b)
    return Communities(label, np.zeros(nodes, bool), np.zeros(nodes))
