"""Small graphs for the tests of clustering."""

import numpy as np
from scipy.sparse import csr_array

from transforms.graph.incidence import Incidence
from transforms.graph.refinement import Epochs, Lines
from transforms.graph.supplier_likelihood import Suppliers


def evidence(groups, nodes, victims=None, days=None):
    """An Incidence of these groups of node numbers."""
    group = np.array([g for g, named in enumerate(groups) for _ in named], np.int64)
    node = np.array([n for named in groups for n in sorted(named)], np.int64)
    victim = np.arange(len(groups)) if victims is None else np.array(victims, np.int64)
    day = np.zeros(len(groups)) if days is None else np.array(days, float)
    return Incidence(group, node, victim, day, nodes)


def no_suppliers(nodes):
    """Suppliers of calls that nobody recorded."""
    return Suppliers((csr_array((nodes, 1)),))


def no_lines(nodes):
    """Lines where nothing is a phone."""
    return Lines(np.zeros(nodes, bool), np.zeros(nodes, bool), np.zeros(nodes, np.int64))


def no_epochs():
    """Epochs where nothing came back."""
    return Epochs(np.empty(0, np.int64), np.empty(0, np.int64))


def parts(label):
    """A labelling as a set of frozensets of node numbers."""
    found = {}
    for node, name in enumerate(np.asarray(label).tolist()):
        found.setdefault(name, set()).add(node)
    return {frozenset(part) for part in found.values()}
