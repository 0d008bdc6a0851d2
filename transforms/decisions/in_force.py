"""Analysts' decisions: bound to facts, and resolved to those in force.

A decision outweighs any evidence. It is bound once, to the members that its author saw, so that no
later record changes its members. These are members in the run of `--previous`, or else in this
run, and never a member whose first record is later than the decision. A run writes the bindings of
its decisions, and the next run takes them over.

Decisions expire by the clock or `--as-of`, never by the date of a record. If two decisions
contradict each other, the less harmful stays in force: cannot_link over must_link, dispute over
confirm and review, victim_owned and legitimate over all that accuse somebody. The manifest then
raises an alarm, unless the less harmful decision is signed and made later: it took the other back.
Protecting decisions hold for every epoch of an identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property, partial
from itertools import pairwise, product
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, Protocol

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from apache_beam.pvalue import AsIter, AsSingleton

from schemas.decision import (
    ACCUSING_DECISIONS,
    CLUSTER_DECISIONS,
    OTHERS_DECISIONS,
    PROTECTING_DECISIONS,
    REVIEWING_DECISIONS,
    SUSPECTS_DECISIONS,
    DecisionKind,
    members_digest,
)
from schemas.entity import withheld_id, without_epoch
from schemas.facts import Fact, fact
from schemas.field import FLAG, TEXT, TIMESTAMP, Row
from transforms.custody import CounterValue
from transforms.extract.allowlist import KnownLegitimate

SHOWN = pa.schema(
    {
        "entity_id": TEXT,
        "cluster_id": TEXT,
        "first_seen": TIMESTAMP,
        "core": FLAG,
        "first_used": TIMESTAMP,
        "last_used": TIMESTAMP,
    }
)
"""An entity that a run shows.

It has its cluster or null, the time of its first record, and whether it is a core member.
`first_used` and `last_used` are times of records that show a suspect using it, or null.
"""

CoreMembers = Callable[[Iterable[Row]], frozenset[str]]
"""A function that returns the ids of the core members of one cluster's MEMBERSHIP rows."""

Interval = tuple[datetime, datetime]
"""The first and the last record of a run."""

FileDigest = Mapping[str, str]
"""The name of a file and its SHA-256, as in the manifest."""


class DaysOfUse(NamedTuple):
    """The first and the last day (UTC) with a record that shows a suspect using an entity."""

    entity_id: str
    first: date
    last: date


class BoundBy(StrEnum):
    """The origin of a decision's binding, as the manifest counts it."""

    FILE = "bound_in_file"
    BEFORE = "bound_before"
    PREVIOUS = "bound_to_previous"
    HERE = "bound_here"


@dataclass(frozen=True)
class RowSignature:
    """The signature of a row of a decisions file, and the digest by which the next row names it.

    `known` says that the key is known and not void, and that the signature holds.
    """

    previous: str
    key_id: str
    signature: str
    digest: str = ""
    known: bool = False


@dataclass(frozen=True)
class Decision:
    """One row of `schemas.decision.DECISION`, checked; entities are canonical ids.

    Attributes:
        members: Sorted entity ids that the decision is bound to, or None if unbound.
        used: The days of use of members that a suspect used, in the run that showed them.
        run_id: The run that showed the members, or None for the current run.
        interval: First and last record of that run.
        bound_by: The origin of the binding.
        signature: The signature of its row, or None for a typed row.
        void: The reason why it can have no effect, or None.
        evidence_digest: The digest of the evidence that its author saw (`schemas.decision.SEEN`).
        compared_with: The digests that the tables of the evidence were compared with.
        opened: The narratives and links that the author had open.
    """

    decision_id: str
    kind: DecisionKind
    entity_a: str
    entity_b: str | None
    author: str
    reason: str
    decided_at: datetime
    expires_at: datetime | None
    members: tuple[str, ...] | None = None
    run_id: str | None = None
    interval: Interval | None = None
    bound_by: BoundBy | None = None
    used: tuple[DaysOfUse, ...] = ()
    signature: RowSignature | None = None
    void: str | None = None
    evidence_digest: str | None = None
    compared_with: str | None = None
    opened: str | None = None

    @property
    def signed_by(self) -> str | None:
        """The fingerprint of the key that signed it, if the key is known and valid."""
        return self.signature.key_id if self.signature and self.signature.known else None

    @property
    def entities(self) -> tuple[str, ...]:
        """The one or two entities that it is about."""
        return (self.entity_a,) if self.entity_b is None else (self.entity_a, self.entity_b)

    @property
    def bare_entities(self) -> frozenset[str]:
        """The ids of `entities` without epochs."""
        return frozenset(map(without_epoch, self.entities))

    @property
    def digest(self) -> str | None:
        """The digest of its members; None until it is bound."""
        return None if self.members is None else members_digest(self.members)

    def describe(self) -> str:
        """Returns the decision for people, without its kind."""
        return f"decision {self.decision_id} by {self.author}: {self.reason}"

    def as_fact(self, code: str, *, with_reason: bool = True) -> Fact:
        """Returns the decision as a fact about its entities; its reason may name one of them."""
        reason = self.reason if with_reason else ""
        return fact(code, self.kind, self.decision_id, self.author, reason)


@dataclass(frozen=True)
class DecisionsInForce:
    """The decisions that bind a run, the contradictions among them, and how many had no effect.

    Attributes:
        when: The time to resolve decisions for: `--as-of`, or the clock.
        contradictions: A text for each contradiction that is still open.
        expired: Number of expired decisions.
        later: Number of decisions made after `--as-of`.
        newest: The newest record of a stream; retention counts back from it.
        binding: The decisions in force, by id.
        without_effect: The other decisions: expired, set aside, void, or made later.
        set_aside: The ids of decisions that another decision outweighs, each with a text. This is
            no contradiction if the other decision was made later and is signed.
        file: The file that a stream's tick read.
    """

    when: datetime | None = None
    binding: tuple[Decision, ...] = ()
    contradictions: tuple[str, ...] = ()
    expired: int = 0
    later: int = 0
    newest: datetime | None = None
    without_effect: tuple[Decision, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()
    file: FileDigest | None = None

    @property
    def every(self) -> tuple[Decision, ...]:
        """All decisions, in force or not."""
        return self.binding + self.without_effect

    def of(self, *kinds: DecisionKind) -> tuple[Decision, ...]:
        """Returns the binding decisions of some kinds, by id."""
        return tuple(decision for decision in self.binding if decision.kind in kinds)

    def pairs(self, kind: DecisionKind) -> list[tuple[str, str]]:
        """Returns the two entities of each binding decision of a kind, sorted, each pair once."""
        ends = {(decision.entity_a, decision.entity_b or "") for decision in self.of(kind)}
        return sorted({(min(pair), max(pair)) for pair in ends})

    @cached_property
    def by_entity(self) -> Mapping[str, Sequence[Decision]]:
        """The binding decisions on each entity, by id.

        A protecting decision is under the id without an epoch: see `about`.
        """
        decisions_of: dict[str, list[Decision]] = {}
        for decision in self.binding:
            protects = decision.kind in PROTECTING_DECISIONS
            for entity in decision.bare_entities if protects else decision.entities:
                decisions_of.setdefault(entity, []).append(decision)
        return decisions_of

    def about(self, entity_id: str) -> list[Decision]:
        """Returns the binding decisions on an epoch of an identifier, by id."""
        bare = without_epoch(entity_id)
        decisions = [*self.by_entity.get(entity_id, ())]
        if bare != entity_id:
            of_any_epoch = self.by_entity.get(bare, ())
            decisions += [each for each in of_any_epoch if each.kind in PROTECTING_DECISIONS]
        return sorted(decisions, key=attrgetter("decision_id"))

    def protected(self, kind: DecisionKind) -> frozenset[str]:
        """Returns the ids without epochs of the entities that decisions of a kind are about."""
        return frozenset[str]().union(*(decision.bare_entities for decision in self.of(kind)))

    def disputed(self) -> frozenset[str]:
        """Returns the ids without epochs that disputes cover: their entities and bound clusters."""
        covered = map(without_epoch, self.covered(DecisionKind.DISPUTE))
        return self.protected(DecisionKind.DISPUTE).union(covered)

    def reviewed(self) -> frozenset[str]:
        """Returns the entity ids that analysts reviewed, without those that a dispute covers."""
        disputed = self.disputed()
        covered = self.covered(*REVIEWING_DECISIONS)
        return frozenset(each for each in covered if without_epoch(each) not in disputed)

    def reviewed_as_shown(self) -> frozenset[str]:
        """Returns the `reviewed` ids that an author named, or that an earlier run showed.

        Nobody saw the other members of a `confirm` that is bound to the current run.
        """
        shown = (
            each
            for decision in self.of(*REVIEWING_DECISIONS)
            for each in decision.members or ()
            if decision.run_id is not None or each in decision.entities
        )
        return self.reviewed().intersection(shown)

    def covered(self, *kinds: DecisionKind) -> frozenset[str]:
        """Returns the entity ids that the bound decisions of some kinds cover."""
        return frozenset(each for decision in self.of(*kinds) for each in decision.members or ())

    def suspects_and_others(self) -> tuple[frozenset[str], frozenset[str]]:
        """Returns the ids without epochs that decisions call a suspect's, and that they do not.

        An id in both is not a suspect's.
        """
        suspects, others = (
            frozenset(map(without_epoch, self.covered(*kinds)))
            for kinds in (SUSPECTS_DECISIONS, OTHERS_DECISIONS)
        )
        return suspects - others, others

    def bound_members(self) -> frozenset[str]:
        """Returns the entity ids that any decisions are bound to, in force or not."""
        return frozenset(each for decision in self.every for each in decision.members or ())

    def days_of_use(self) -> list[DaysOfUse]:
        """Returns the days of use of the members of decisions, in the runs they are bound to."""
        return sorted({each for decision in self.every for each in decision.used})

    def unbound(self) -> tuple[Decision, ...]:
        """Returns the decisions, in force or not, that are not bound yet."""
        return tuple(decision for decision in self.every if decision.members is None)

    def bound_to(self, shown: pa.Table, interval: Interval | None) -> DecisionsInForce:
        """Binds the unbound decisions to this run; see `bind`."""
        binding, others = (
            bind(some, shown, interval, None, BoundBy.HERE)
            for some in (self.binding, self.without_effect)
        )
        return replace(self, binding=binding, without_effect=others)

    def add_to(self, known: KnownLegitimate) -> KnownLegitimate:
        """Adds the entities that analysts decided are legitimate to the list, for all epochs."""
        decided = {without_epoch(a.entity_a): a for a in self.of(DecisionKind.LEGITIMATE)}
        why = {entity: a.describe() for entity, a in decided.items()}
        facts = {entity: a.as_fact("decided_legitimate") for entity, a in decided.items()}
        return known.merged(KnownLegitimate(why, facts=facts))

    def counters(self) -> Iterator[CounterValue]:
        """Yields the counters of the manifest."""
        for kind in DecisionKind:
            yield ("decisions", f"in_force_{kind}"), len(self.of(kind))
        yield ("decisions", "expired"), self.expired
        yield ("decisions", "decided_later"), self.later
        yield ("decisions", "entities_named"), len(self.by_entity)
        for place in BoundBy:
            yield ("decisions", place), sum(decision.bound_by is place for decision in self.every)
        idle = (
            decision
            for kind in REVIEWING_DECISIONS
            for decision in self.of(kind)
            if decision.members == ()
        )
        yield ("decisions", "cover_nothing"), sum(1 for _ in idle)
        if typed := sum(decision.signed_by is None for decision in self.every):
            yield ("decisions", "not_signed"), typed
        if void := sum(decision.void is not None for decision in self.every):
            yield ("decisions", "without_effect"), void
        if back := sum(text not in self.contradictions for _, text in self.set_aside):
            yield ("decisions", "taken_back"), back
        for text in self.contradictions:
            yield ("decision_contradictions", text), 1


NO_DECISIONS = DecisionsInForce()


def decisions_in_force(
    decisions: Iterable[Decision], as_of: datetime | None, clock: datetime | None
) -> DecisionsInForce:
    """Resolves the decisions in force at `as_of`, or else by the clock.

    A decision made after `as_of` was not known then. Without `as_of` every decision is known.
    """
    when = as_of or clock
    ordered = sorted(decisions, key=attrgetter("decision_id"))
    later = {each.decision_id for each in ordered if as_of and each.decided_at > as_of}
    expired = {
        each.decision_id
        for each in ordered
        if each.decision_id not in later and when and each.expires_at and each.expires_at <= when
    }
    gone = later | expired
    alive = [each for each in ordered if each.void is None and each.decision_id not in gone]
    set_aside: dict[str, str] = {}
    taken_back: set[str] = set()
    for weaker, safer, text in _contradictions(alive):
        set_aside[weaker.decision_id] = text
        if safer.signed_by is not None and safer.decided_at >= weaker.decided_at:
            taken_back.add(weaker.decision_id)
    contradictions = {text for name, text in set_aside.items() if name not in taken_back}
    binding = {each.decision_id: each for each in alive if each.decision_id not in set_aside}
    return DecisionsInForce(
        when=when,
        binding=tuple(binding.values()),
        contradictions=tuple(sorted(contradictions)),
        expired=len(expired),
        later=len(later),
        without_effect=tuple(
            each
            for each in ordered
            if each.decision_id not in binding
            and (each.decision_id not in later or each.members is not None)
        ),
        set_aside=tuple(sorted(set_aside.items())),
    )


def bind(
    decisions: Iterable[Decision],
    shown: pa.Table,
    interval: Interval | None,
    run_id: str | None,
    bound_by: BoundBy,
) -> tuple[Decision, ...]:
    """Binds the unbound decisions to the members that a run shows.

    A dispute covers the cluster of its entity. A confirm covers its entity and the core members of
    the cluster. Any other kind covers only its entities. No decision covers a member whose first
    record is later. A confirm leaves out members that rest on a single reporter: else the next
    reporter to name such a member would make it publishable.

    Args:
        decisions: The decisions; bound ones stay as they are.
        shown: SHOWN rows of the entities that decisions name, and of their clusters.
        interval: First and last record of the run.
        run_id: The run, or None for the current run.
        bound_by: The origin of the binding.
    """
    row_of: dict[str, dict[str, Any]] = {}
    members: dict[str, list[str]] = {}
    for row in shown.to_pylist():
        entity, cluster_id = row["entity_id"], row["cluster_id"]
        if entity not in row_of or row_of[entity]["cluster_id"] is None:
            row_of[entity] = row
            if cluster_id is not None:
                members.setdefault(cluster_id, []).append(entity)

    def bound(decision: Decision) -> Decision:
        facts = _facts(decision, row_of, members)
        rows = (row_of[each] for each in facts if each in row_of)
        used = tuple(
            DaysOfUse(row["entity_id"], row["first_used"].date(), row["last_used"].date())
            for row in rows
            if row["first_used"] is not None
        )
        seen = replace(decision, members=facts, used=used, bound_by=bound_by)
        return replace(seen, run_id=run_id, interval=interval)

    return tuple(each if each.members is not None else bound(each) for each in decisions)


def named_to_bind(decisions: Iterable[Decision]) -> pa.Array:
    """Returns the sorted entities that unbound decisions name."""
    named = {
        each for decision in decisions if decision.members is None for each in decision.entities
    }
    return pa.array(sorted(named), TEXT)


def stand_in_id(entity_id: str, decision_id: str, place: int = 0) -> str:
    """Returns the id that stands for a victim's own entity in a decision.

    It is derived from the decision, since a hash of the number could be reversed.
    """
    kind = entity_id.partition(":")[0]
    text = f"{kind}|{decision_id}|{place}"
    return withheld_id(kind, xxhash.xxh3_64_hexdigest(text.encode()))


class DecisionSource(Protocol):
    """The decisions of a stream, which can change from tick to tick."""

    def read(self) -> tuple[tuple[Decision, ...], FileDigest | None]:
        """Returns the current decisions, and their file."""

    def keep(self, decided: DecisionsInForce) -> None:
        """Stores the bindings of a tick for later ticks."""


@dataclass(eq=False)
class ResolveDecisions(beam.PTransform):
    """Resolves decisions by a clock, a PCollection of one time a window, to one DecisionsInForce.

    `records` are RECORD batches of a stream, whose newest record counts for retention.
    """

    decisions: tuple[Decision, ...] | DecisionSource
    as_of: datetime | None
    records: beam.PCollection | None = None

    def expand(self, clock: beam.PCollection) -> Any:
        """Applies `decisions_in_force` at the time of the clock."""
        # Beam copies arguments, but a source has a state of its own: bind it with `partial`.
        resolve = partial(_resolve, decisions=self.decisions, as_of=self.as_of)
        if self.records is None:
            return clock | "Resolve" >> beam.Map(resolve)
        newest = self.records | "Newest" >> beam.Map(_newest)
        return clock | "Resolve" >> beam.Map(resolve, AsIter(newest))


@dataclass(eq=False)
class BindDecisions(beam.PTransform):
    """Binds the unbound decisions of a window's DecisionsInForce to the window's members.

    `entities` are ENTITY batches, `members` MEMBERSHIP batches.
    """

    entities: beam.PCollection
    members: beam.PCollection
    core_members: CoreMembers

    def expand(self, in_force: beam.PCollection) -> Any:
        """Selects the clusters of the named entities, and applies `bind`."""
        decided = AsSingleton(in_force)
        clusters = AsIter(
            self.members | "Clusters named" >> beam.FlatMap(_clusters_to_bind, decided)
        )
        members = self.members | "Members shown" >> beam.FlatMap(_members_to_bind, clusters)
        entities = self.entities | "Entities shown" >> beam.FlatMap(_entities_to_bind, decided)
        return in_force | "Bind" >> beam.Map(
            _bind_here, AsIter(members), AsIter(entities), core_members=self.core_members
        )


def _facts(
    decision: Decision, row_of: Mapping[str, Row], members: Mapping[str, list[str]]
) -> tuple[str, ...]:
    """Returns the entities that a decision covers and that had a record when it was made.

    `row_of` has SHOWN rows by entity, `members` the entities of each cluster.
    """
    if decision.kind is DecisionKind.VICTIM_OWNED:
        return (stand_in_id(decision.entity_a, decision.decision_id),)
    own = row_of.get(decision.entity_a)
    covered = [each for each in decision.entities if each in row_of]
    if decision.kind in CLUSTER_DECISIONS and own and own["cluster_id"] is not None:
        covered = members[own["cluster_id"]]
        if decision.kind is DecisionKind.CONFIRM:
            covered = [e for e in covered if row_of[e]["core"] or e == decision.entity_a]
    made = decision.decided_at
    return tuple(sorted(each for each in covered if row_of[each]["first_seen"] <= made))


def _resolve(
    clock: datetime,
    newest: Iterable[datetime | None] = (),
    *,
    decisions: tuple[Decision, ...] | DecisionSource,
    as_of: datetime | None,
) -> DecisionsInForce:
    known, file = (decisions, None) if isinstance(decisions, tuple) else decisions.read()
    latest = max((decision for decision in newest if decision is not None), default=None)
    return replace(decisions_in_force(known, as_of, clock), newest=latest, file=file)


def _newest(records: pa.RecordBatch) -> datetime | None:
    newest: datetime | None = pc.max(records["received_at"]).as_py()
    return newest


def _clusters_to_bind(members: pa.RecordBatch, decided: DecisionsInForce) -> list[str]:
    """Returns the clusters of the entities that unbound decisions name."""
    named = pc.is_in(members["known_as"], named_to_bind(decided.unbound()))
    clusters: list[str] = members["cluster_id"].filter(named).drop_null().to_pylist()
    return clusters


def _members_to_bind(members: pa.RecordBatch, clusters: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Yields the MEMBERSHIP rows of the members of these clusters."""
    wanted = pa.array(sorted(set(clusters)), TEXT)
    if len(wanted):
        yield members.filter(pc.is_in(members["cluster_id"], wanted))


def _entities_to_bind(
    entities: pa.RecordBatch, decided: DecisionsInForce
) -> Iterator[tuple[pa.RecordBatch, Interval]]:
    """Yields the named entities as SHOWN rows without a cluster, and the time span of all."""
    named = named_to_bind(decided.unbound())
    if len(named) and entities.num_rows:
        shown = shown_entities(entities.filter(pc.is_in(entities["entity_id"], named)))
        first, last = pc.min(entities["first_seen"]), pc.max(entities["last_seen"])
        yield shown, (first.as_py(), last.as_py())


def shown_entities(entities: pa.RecordBatch) -> pa.RecordBatch:
    """Converts ENTITY rows to SHOWN rows without a cluster."""
    nothing = pa.nulls(entities.num_rows, TEXT)
    core = pa.repeat(False, entities.num_rows)
    days = entities["first_used"], entities["last_used"]
    columns = [entities["entity_id"], nothing, entities["first_seen"], core, *days]
    return pa.record_batch(columns, SHOWN)


def _shown_members(
    members: Iterable[pa.RecordBatch], core_members: CoreMembers
) -> Iterator[dict[str, Any]]:
    """Yields the MEMBERSHIP rows of whole clusters as SHOWN rows."""
    by_cluster: dict[str, list[dict[str, Any]]] = {}
    for batch in members:
        for row in batch.to_pylist():
            by_cluster.setdefault(row["cluster_id"], []).append(row)
    for _, rows in sorted(by_cluster.items()):
        core = core_members(rows)
        for row in sorted(rows, key=itemgetter("entity_id")):
            yield row | {"entity_id": row["known_as"], "core": row["entity_id"] in core}


def _bind_here(
    decided: DecisionsInForce,
    members: Iterable[pa.RecordBatch],
    entities: Iterable[tuple[pa.RecordBatch, Interval]],
    *,
    core_members: CoreMembers,
) -> DecisionsInForce:
    if not decided.unbound():
        return decided
    shown = list(entities)
    spans = [span for _, span in shown]
    interval = (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None
    of_clusters = pa.Table.from_pylist([*_shown_members(members, core_members)], SHOWN)
    named = pa.Table.from_batches([rows for rows, _ in shown], SHOWN)
    return decided.bound_to(pa.concat_tables([of_clusters, named]), interval)


def _contradictions(alive: list[Decision]) -> Iterator[tuple[Decision, Decision, str]]:
    """Yields (decision set aside, decision that outweighs it, text) of decisions sorted by id."""
    yield from _on_one_entity(alive)
    if not alive:
        return
    import networkx as nx

    graph = nx.Graph()
    by_pair: dict[frozenset[str], list[Decision]] = {}
    for decision in alive:
        if decision.kind is DecisionKind.MUST_LINK:
            graph.add_edge(*decision.entities)
            by_pair.setdefault(frozenset(decision.entities), []).append(decision)
    # Nodes in different parts have no path: skip the search for one.
    part: dict[str, object] = {
        node: place for place, nodes in enumerate(nx.connected_components(graph)) for node in nodes
    }
    epochs: dict[str, list[str]] = {}
    for node in sorted(graph):
        epochs.setdefault(without_epoch(node), []).append(node)
    for decision in sorted(alive, key=lambda each: each.signed_by is None):
        if decision.kind is not DecisionKind.CANNOT_LINK:
            continue
        for a, b in _epochs_apart(decision, epochs):
            while part[a] == part[b] and nx.has_path(graph, a, b):
                path = nx.shortest_path(graph, a, b)
                steps = [frozenset(step) for step in pairwise(path)]
                links = [link for step in steps for link in by_pair[step]]
                ids = sorted(link.decision_id for link in links)
                text = f"cannot_link {decision.decision_id} against must_link {', '.join(ids)}"
                yield from ((link, decision, text) for link in links)
                graph.remove_edges_from(tuple(step) for step in steps)
            if part[a] == part[b]:
                part |= dict.fromkeys(nx.node_connected_component(graph, a), (a, b))


def _epochs_apart(decision: Decision, epochs: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yields the pairs of known epochs that a cannot_link keeps apart.

    `epochs` has the known epochs by bare id. A cannot_link between two epochs of one identifier
    keeps only these two apart.
    """
    a, b = decision.entity_a, decision.entity_b or ""
    if without_epoch(a) == without_epoch(b):
        known = epochs.get(without_epoch(a), [])
        if a in known and b in known:
            yield a, b
        return
    for near in epochs.get(without_epoch(a), []):
        for far in epochs.get(without_epoch(b), []):
            yield near, far


_SAFER = (
    *product((DecisionKind.LEGITIMATE, DecisionKind.VICTIM_OWNED), ACCUSING_DECISIONS),
    *product((DecisionKind.DISPUTE,), REVIEWING_DECISIONS),
)
"""Pairs of kinds that contradict each other on one identifier; the first stays in force."""


def _on_one_entity(alive: list[Decision]) -> Iterator[tuple[Decision, Decision, str]]:
    """Yields decisions set aside by a decision of a safer kind on any epoch of the same entity.

    Of several safer decisions, the text names the last signed one, or else the last.
    """
    ordered = sorted(
        alive, key=lambda decision: (decision.signed_by is not None, decision.decided_at)
    )
    for safer, weaker in _SAFER:
        by_entity = {
            without_epoch(decision.entity_a): decision
            for decision in ordered
            if decision.kind is safer
        }
        for decision in alive:
            if decision.kind is not weaker:
                continue
            named = [by_entity.get(without_epoch(each)) for each in decision.entities]
            against = next((safer_one for safer_one in named if safer_one is not None), None)
            if against is not None:
                text = f"{safer} {against.decision_id} against {weaker} {decision.decision_id}"
                yield decision, against, text
