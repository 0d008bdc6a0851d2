"""Small graphs for the tests of clustering."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from schemas.decision import DecisionKind
from tests.support.made_up_evidence import DAY
from transforms.decisions import Decision
from transforms.extract.allowlist import KnownLegitimate
from transforms.graph import epochs
from transforms.graph.activity import settle_carried, sum_activity
from transforms.graph.entities import NO_LIFETIMES, annotate_mentions, determine_status
from transforms.graph.incidence import Incidence
from transforms.graph.ownership import settle_roles
from transforms.graph.refinement import EpochPairs, PhoneLines
from transforms.graph.supplier_likelihood import SupplierCounts


@dataclass(frozen=True)
class ClassifiedEvidence:
    """CLASSIFIED_ENTITY, CLASSIFIED_MENTION, WITHHELD and CONTESTED rows."""

    entities: pa.Table
    mentions: pa.Table
    withheld: pa.Table
    contested: pa.Table


def classify_evidence(
    evidence: pa.Table, known: KnownLegitimate, lives: epochs.Lifetimes = NO_LIFETIMES, **more
) -> ClassifiedEvidence:
    """Classifies all EVIDENCE_MENTION rows of some entities at once; see `determine_status`.

    `more` are arguments of that.
    """
    evidence = settle_carried(settle_roles(evidence))
    result = determine_status(sum_activity(evidence), known, lives, **more)
    mentions, withheld = annotate_mentions(evidence, result.statuses)
    return ClassifiedEvidence(result.entities, mentions, withheld, result.contested)


def decision(kind: DecisionKind, entity_id: str) -> Decision:
    """A decision on one entity."""
    return Decision("d1", kind, entity_id, None, "ann", "seen", DAY, None)


def evidence(groups, nodes, victims=None, days=None):
    """An Incidence of these groups of node numbers."""
    group = np.array([g for g, named in enumerate(groups) for _ in named], np.int64)
    node = np.array([n for named in groups for n in sorted(named)], np.int64)
    victim = np.arange(len(groups)) if victims is None else np.array(victims, np.int64)
    day = np.zeros(len(groups)) if days is None else np.array(days, float)
    return Incidence(group, node, victim, day, nodes)


def no_suppliers(nodes):
    """Suppliers of calls that nobody recorded."""
    return SupplierCounts((csr_array((nodes, 1)),))


def no_lines(nodes):
    """Lines where nothing is a phone."""
    return PhoneLines(np.zeros(nodes, bool), np.zeros(nodes, bool), np.zeros(nodes, np.int64))


def no_epochs():
    """Epochs where nothing came back."""
    return EpochPairs(np.empty(0, np.int64), np.empty(0, np.int64))


def parts(label):
    """A labelling as a set of frozensets of node numbers."""
    groups = {}
    for node, name in enumerate(np.asarray(label).tolist()):
        groups.setdefault(name, set()).add(node)
    return {frozenset(part) for part in groups.values()}
