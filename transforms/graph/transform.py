"""From evidence to clusters: the steps that a batch run and a stream's snapshot have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from transforms.extract.allowlist import KnownLegitimate
from transforms.graph.assign import ISLANDS, Assign
from transforms.graph.cluster_summary import MEMBERS, Summarise
from transforms.graph.connected_components import LargestComponent
from transforms.graph.entities import FOUND_ENTITIES, HIDDEN, Classify
from transforms.graph.final_status import CLUSTER_LINKS, MEMBERSHIPS, DecideEntities, DecideLinks
from transforms.graph.lineage import EVENTS, KeepIds
from transforms.graph.links import INCIDENCES, REACHES, Link
from transforms.graph.priority import Weights
from transforms.graph.suppliers import SUPPLIES, ClusterRecords, Suppliers
from transforms.shuffle import MAIN


@dataclass(frozen=True)
class Clustered:
    """What the evidence of one window amounts to. Elements are RecordBatches, but the tallies."""

    classified: beam.PCollection
    """CLASSIFIED."""
    hidden: beam.PCollection
    """WITHHELD."""
    entities: beam.PCollection
    """ENTITY."""
    memberships: beam.PCollection
    """MEMBERSHIP."""
    links: beam.PCollection
    """LINK."""
    cluster_links: beam.PCollection
    """CLUSTER_LINK."""
    lineage: beam.PCollection
    """LINEAGE."""
    islands: beam.PCollection
    """ISLAND."""
    assigned: beam.pvalue.AsSingleton
    """One ASSIGNMENT."""
    tallies: tuple[beam.PCollection, ...]
    """((group, name), count)."""
    searched: beam.PCollection
    """((group, name), count) of islands, which depend on what was known of them."""


@dataclass(frozen=True)
class Summarised:
    """What a run tells of its clusters. Elements are RecordBatches."""

    clusters: beam.PCollection
    """CLUSTER."""
    members: beam.PCollection
    """MEMBER."""
    suppliers: beam.PCollection
    """SUPPLIER."""


def find_clusters(
    evidence: beam.PCollection,
    start: beam.PCollection,
    in_force: beam.PCollection,
    previous: beam.PCollection,
    islands: beam.PCollection,
    known: KnownLegitimate,
    *,
    follows: bool,
) -> Clustered:
    """EVIDENCE batches to what they amount to, window by window.

    `start` has one element a window, `in_force` one InForce; `previous` the PREVIOUS batches of the
    run that this one `follows`, `islands` its ISLAND batches.
    """
    decided = beam.pvalue.AsSingleton(in_force)
    classified: Any = evidence | "Classify" >> Classify(
        known, decided
    )  # CLASSIFIED of whole groups, FOUND
    linked = classified[MAIN] | "Link" >> Link()  # LINK, INCIDENCE, REACH, tallies
    graph = {
        "entities": classified[FOUND_ENTITIES],
        "named": linked[INCIDENCES],
        "reached": linked[REACHES],
        "links": linked["links"],
        "known": islands,
    }
    hanging = linked[INCIDENCES] | "Largest component" >> LargestComponent()  # tallies
    found: Any = graph | "Assign" >> Assign(decided, start)  # ASSIGNMENT, ISLAND, tallies
    kept = found[MAIN] | "Keep ids" >> KeepIds(previous, follows)
    assigned = beam.pvalue.AsSingleton(kept[MAIN])  # one ASSIGNMENT

    entities = classified[FOUND_ENTITIES] | "Decide entities" >> DecideEntities(assigned, decided)
    links = linked["links"] | "Decide links" >> DecideLinks(assigned, decided)  # LINK, CLUSTER_LINK
    return Clustered(
        classified=classified[MAIN],
        hidden=classified[HIDDEN],
        entities=entities[MAIN],
        memberships=entities[MEMBERSHIPS],
        links=links[MAIN],
        cluster_links=links[CLUSTER_LINKS],
        lineage=kept[EVENTS],
        islands=found[ISLANDS],
        assigned=assigned,
        tallies=(linked["tallies"], hanging, kept["tallies"]),
        searched=found["tallies"],
    )


def summarise_clusters(
    found: Clustered, in_force: beam.PCollection, weights: Weights
) -> Summarised:
    """Clusters, as they were found, to what a run tells of them; nothing is decided here."""
    records = found.classified | "Cluster records" >> ClusterRecords(found.assigned)
    clusters = {
        "members": found.memberships,
        "links": found.cluster_links,
        "records": records[MAIN],
    } | "Summarise" >> Summarise(beam.pvalue.AsSingleton(in_force), weights)  # CLUSTER, MEMBER
    return Summarised(
        clusters=clusters[MAIN],
        members=clusters[MEMBERS],
        suppliers=records[SUPPLIES] | "Suppliers" >> Suppliers(),
    )
