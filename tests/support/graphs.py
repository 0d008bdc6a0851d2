"""Small graphs for the tests of clustering."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from schemas.decision import DecisionKind
from tests.support.made_up_evidence import DAY
from transforms.arrow import one_batch, one_table
from transforms.decisions import NO_DECISIONS, Decision, DecisionsInForce
from transforms.extract.allowlist import KnownLegitimate, parse_allowlist
from transforms.graph import epochs
from transforms.graph.activity import settle_carried, sum_activity
from transforms.graph.assign import assign_clusters, entity_nodes
from transforms.graph.cluster_facts import cluster_records, sum_cluster_records
from transforms.graph.cluster_summary import summarize
from transforms.graph.entities import NO_LIFETIMES, annotate_mentions, determine_status
from transforms.graph.final_status import finalize_entities, finalize_links
from transforms.graph.incidence import Incidence, hard_evidence, incidences, victim_reach
from transforms.graph.link_weights import MAX_HARD_ENTITIES, build_links, sum_pairs
from transforms.graph.links import pair_entities
from transforms.graph.ownership import settle_roles
from transforms.graph.refinement import EpochPairs, PhoneLines
from transforms.graph.supplier_likelihood import SupplierCounts, supplier_use
from transforms.values import NO_CROWDS, Crowds

NOBODY = parse_allowlist("entity_id,reason\n", "none.csv")
"""An allowlist of nobody."""


@dataclass(frozen=True)
class ClassifiedEvidence:
    """CLASSIFIED_ENTITY, CLASSIFIED_MENTION, WITHHELD and CONTESTED rows."""

    entities: pa.Table
    mentions: pa.Table
    withheld: pa.Table
    contested: pa.Table


def classify_evidence(
    evidence: pa.Table,
    known: KnownLegitimate = NOBODY,
    lives: epochs.Lifetimes = NO_LIFETIMES,
    **more,
) -> ClassifiedEvidence:
    """Classifies all EVIDENCE_MENTION rows of some entities at once; see `determine_status`.

    `more` are arguments of that.
    """
    evidence = settle_carried(settle_roles(evidence))
    result = determine_status(sum_activity(evidence), known, lives, **more)
    mentions, withheld = annotate_mentions(evidence, result.statuses)
    return ClassifiedEvidence(result.entities, mentions, withheld, result.contested)


class GraphTables(NamedTuple):
    """The tables that the graph's steps make of classified evidence; each is one batch."""

    entities: pa.RecordBatch
    links: pa.RecordBatch
    clusters: pa.Table
    members: pa.Table


def link_entities(
    seen: ClassifiedEvidence, decided: DecisionsInForce = NO_DECISIONS, crowds: Crowds = NO_CROWDS
) -> tuple[dict[str, pa.RecordBatch], pa.RecordBatch]:
    """The inputs of the step Assign, by name, and the assignment that it makes of them."""
    shown = hard_evidence(seen.mentions)
    links = build_links(sum_pairs(pair_entities(seen.mentions)[0], crowds), crowds)
    tables = {
        "entities": seen.entities,
        "named": incidences(shown, MAX_HARD_ENTITIES),
        "reached": victim_reach(shown),
        "links": links,
    }
    parts = {name: one_batch(table) for name, table in tables.items()}
    assignment = assign_clusters(
        one_table(entity_nodes(parts["entities"])),
        tables["named"],
        one_table(supplier_use(parts["links"])),
        tables["reached"],
        decided,
        crowds=crowds,
    )
    return parts, assignment


def cluster_entities(
    seen: ClassifiedEvidence, decided: DecisionsInForce = NO_DECISIONS, crowds: Crowds = NO_CROWDS
) -> GraphTables:
    """The tables that a run over this evidence writes of its graph."""
    parts, assignment = link_entities(seen, decided, crowds)
    entities, members = finalize_entities(parts["entities"], assignment, decided)
    links, inside = finalize_links(parts["links"], assignment, decided)
    totals = sum_cluster_records(cluster_records(seen.mentions, assignment)[0], crowds)
    summary = summarize(one_table(members), one_table(inside), totals, decided, crowds=crowds)
    return GraphTables(entities, links, *summary)


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
