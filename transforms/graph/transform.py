"""From evidence to clusters: the steps that a batch run and a stream's snapshot share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsIter, AsSingleton

from transforms.decisions import BindDecisions
from transforms.engine import MAIN, KeyedInput, PerPartition, Place
from transforms.extract.allowlist import KnownLegitimate
from transforms.graph import entities
from transforms.graph.assign import CACHE_COUNTERS, COMPONENTS, AssignClusters
from transforms.graph.cluster_facts import SUPPLIES, SUPPLY, sum_records, supplier_rows
from transforms.graph.cluster_summary import MEMBERS, source_records, source_trials, summaries
from transforms.graph.cuts import cluster_ways
from transforms.graph.epochs import under_own_ids
from transforms.graph.final_status import (
    CLUSTER_LINKS,
    MEMBERSHIPS,
    finalize_batch,
    finalize_entities,
    finalize_links,
)
from transforms.graph.lineage import CHANGES, EVENTS, NameRecords, follow_previous
from transforms.graph.links import INCIDENCE_ROWS, REACH_ROWS, BuildLinks
from transforms.graph.priority import PriorityWeights
from transforms.graph.robustness import core_members
from transforms.values import NO_CROWDS, Crowds, count_sources
from transforms.victims.stated_numbers import CLAIMS

_MAY_LACK = ("before", CLAIMS, "components", "gone", "previous")
"""Inputs of `find_clusters` that may be absent: they have no batches then."""


@dataclass(frozen=True)
class ClusteredWindow:
    """The results of clustering one window. Elements are RecordBatches, except the counters."""

    classified: beam.PCollection
    """CLASSIFIED."""
    withheld: beam.PCollection
    """WITHHELD."""
    contested: beam.PCollection
    """CONTESTED."""
    registered: beam.PCollection
    """REGISTER_CHANGE of the statuses; none without a register."""
    entities: beam.PCollection
    """ENTITY."""
    memberships: beam.PCollection
    """MEMBERSHIP."""
    links: beam.PCollection
    """LINK."""
    cluster_links: beam.PCollection
    """CLUSTER_LINK."""
    ways: beam.PCollection
    """WAY."""
    lineage: beam.PCollection
    """LINEAGE."""
    components: beam.PCollection
    """COMPONENT."""
    assigned: AsSingleton
    """One ASSIGNMENT."""
    counters: tuple[beam.PCollection, ...]
    """((group, name), count)."""
    cache_counters: beam.PCollection
    """((group, name), count) of components, which depend on the cache."""
    crowds: Crowds = NO_CROWDS
    """The reporters that stand for several people."""


@dataclass(frozen=True)
class SummarizedWindow:
    """The summaries of clusters. Elements are RecordBatches."""

    clusters: beam.PCollection
    """CLUSTER."""
    members: beam.PCollection
    """MEMBER."""
    suppliers: beam.PCollection
    """SUPPLIER."""
    counters: beam.PCollection
    """((group, name), count) of how often decisions confirm sources."""


def find_clusters(
    inputs: Mapping[str, beam.PCollection],
    start: beam.PCollection,
    in_force: beam.PCollection,
    known: KnownLegitimate,
    *,
    register: entities.RegisterUse | None = None,
    place: Place | None = None,
    crowds: Crowds = NO_CROWDS,
) -> ClusteredWindow:
    """Clusters EVIDENCE batches, window by window.

    Args:
        inputs: EVIDENCE batches (`evidence`) and, if there are any, batches of CLAIM (`claims`),
            CONTESTED_BEFORE (`before`), GONE (`gone`), PREVIOUS (`previous`) and COMPONENT
            (`components`). A run with `previous` follows another run, even if that has no members.
        start: One element a window.
        in_force: One DecisionsInForce a window.
        known: The known-legitimate list.
        register: The victim register, if there is one.
        place: The partition of each piece of evidence, if pieces are already together.
        crowds: The reporters that stand for several people.
    """
    decided = AsSingleton(in_force)
    follows = "previous" in inputs
    inputs = {
        name: inputs[name] if name in inputs else start | f"No {name}" >> beam.FlatMap(lambda _: ())
        for name in (*inputs, *_MAY_LACK)
    }
    previous, components = inputs["previous"], inputs["components"]
    to_classify = {name: inputs[name] for name in ("evidence", CLAIMS, "before", "gone")}
    to_classify["previous"] = previous | "Under own ids" >> beam.FlatMap(
        under_own_ids, AsIter(inputs["before"])
    )
    classified: Any = to_classify | "Classify" >> entities.ClassifyEvidence(
        known, decided, register, place=place, crowds=crowds
    )  # CLASSIFIED of whole groups, CLASSIFIED_ENTITY
    registered = classified[entities.REGISTER_ROWS]
    if register is not None:
        ends = in_force | "Entries that end" >> beam.FlatMap(
            entities.end_entries_of_suspects, register.key
        )
        registered = (registered, ends) | "Changes of the register" >> beam.Flatten()
    linked = classified[MAIN] | "Link" >> BuildLinks(
        crowds
    )  # LINK, INCIDENCE, VICTIM_REACH, counters
    graph = {
        "entities": classified[entities.CLASSIFIED_ENTITIES],
        "named": linked[INCIDENCE_ROWS],
        "reached": linked[REACH_ROWS],
        "links": linked["links"],
        "known": components,
    }
    clustered: Any = graph | "Assign" >> AssignClusters(
        decided, start, crowds
    )  # ASSIGNMENT, COMPONENT, counters
    kept = clustered[MAIN] | "Keep ids" >> beam.FlatMap(
        follow_previous, AsIter(previous), follows
    ).with_outputs(EVENTS, CHANGES, entities.COUNTERS, main=MAIN)
    assigned = AsSingleton(kept[MAIN])  # one ASSIGNMENT

    finalized = classified[entities.CLASSIFIED_ENTITIES] | "Finalize entities" >> beam.FlatMap(
        finalize_batch, assigned, decided, finalize_entities, MEMBERSHIPS
    ).with_outputs(MEMBERSHIPS, main=MAIN)  # ENTITY, MEMBERSHIP
    links = linked["links"] | "Finalize links" >> beam.FlatMap(
        finalize_batch, assigned, decided, finalize_links, CLUSTER_LINKS
    ).with_outputs(CLUSTER_LINKS, main=MAIN)  # LINK, CLUSTER_LINK
    lineage = kept[EVENTS]
    if follows:
        lineage = {
            "events": lineage,
            "changes": kept[CHANGES],
            "members": finalized[MEMBERSHIPS],
            "mentions": classified[MAIN],
            "links": links[MAIN],
        } | "Name records" >> NameRecords()
    return ClusteredWindow(
        classified=classified[MAIN],
        withheld=classified[entities.WITHHELD_ROWS],
        registered=registered,
        entities=finalized[MAIN],
        memberships=finalized[MEMBERSHIPS],
        links=links[MAIN],
        cluster_links=links[CLUSTER_LINKS],
        ways=linked[INCIDENCE_ROWS] | "Ways" >> beam.FlatMap(cluster_ways, assigned),
        lineage=lineage,
        components=clustered[COMPONENTS],
        assigned=assigned,
        contested=classified[entities.CONTESTED_ROWS],
        counters=tuple(
            outputs[entities.COUNTERS] for outputs in (classified, linked, clustered, kept)
        ),
        cache_counters=clustered[CACHE_COUNTERS],
        crowds=crowds,
    )


def bind_decisions(in_force: beam.PCollection, clustered: ClusteredWindow) -> Any:
    """Binds the unbound decisions of a window's DecisionsInForce to the clusters found."""
    return in_force | "Bind" >> BindDecisions(
        clustered.entities, clustered.memberships, core_members
    )


def summarize_clusters(
    clustered: ClusteredWindow, in_force: beam.PCollection, weights: PriorityWeights
) -> SummarizedWindow:
    """Summarizes the clusters found; changes none of them."""
    decided = AsSingleton(in_force)
    trials = clustered.classified | "Source trials" >> beam.FlatMap(
        source_trials, decided
    )  # SOURCE_TRIAL
    sources = in_force | "Sources" >> beam.Map(source_records, AsIter(trials))  # one SourceRecords
    records = clustered.classified | "Cluster records" >> beam.FlatMap(
        sum_records, clustered.assigned, clustered.crowds
    ).with_outputs(SUPPLIES, main=MAIN)  # CLUSTER_TOTAL, SUPPLY
    clusters = {
        "members": clustered.memberships,
        "links": clustered.cluster_links,
        "records": records[MAIN],
        "ways": clustered.ways,
    } | "Summarise" >> summaries(
        decided, AsSingleton(sources), weights, clustered.crowds
    )  # CLUSTER, MEMBER
    supplies = {"supplies": KeyedInput(SUPPLY, ("entity_id",))}
    suppliers = {"supplies": records[SUPPLIES]} | "Suppliers" >> PerPartition(
        supplies, supplier_rows
    )
    return SummarizedWindow(
        clusters=clusters[MAIN],
        members=clusters[MEMBERS],
        suppliers=suppliers,
        counters=sources | "Count sources" >> beam.FlatMap(count_sources),
    )
