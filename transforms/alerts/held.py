"""What alerts are made of: the records that show an identifier held, by identifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.alert import AlertKind
from schemas.field import TIMESTAMP
from schemas.kinds import HARD_ROLES
from transforms.alerts.known import Known
from transforms.graph.assignment import ABSENT, cluster_id, cluster_number

SAMPLE = 10
"""Record ids, and members, that an alert names."""

TIE = pa.schema([("entity_id", pa.string()), ("other", pa.string()), ("weight", pa.float64())])
"""An accepted link, seen from one of its ends."""

Alert = Mapping[str, Any]
"""One ALERT row."""


@dataclass(frozen=True)
class Held:
    """An infrastructure identifier in its cluster, and the records that show it held, oldest first.

    `known_cluster` is its cluster in the known run, if it was a member there; `joins` says that it
    was none and is now in a known cluster, whose members `ties` names, strongest first.
    """

    entity_id: str
    cluster_id: str
    known_cluster: str | None
    joins: bool
    ties: Sequence[str]
    at: Sequence[datetime]
    record_ids: Sequence[str]
    orgs: Sequence[str]
    victims: Sequence[str | None]

    def alert(
        self, kind: AlertKind, key: Sequence[str], reason: str, upto: int, **more: Any
    ) -> Alert:
        """An alert on the identifier, from its first `upto` records."""
        return {
            "alert_id": alert_id(kind, key),
            "kind": str(kind),
            "entity_id": self.entity_id,
            "cluster_id": self.cluster_id,
            "known_clusters": [self.known_cluster] if self.known_cluster else [],
            "reason": reason,
            "observed_at": self.at[upto - 1],
            "records": upto,
            "victims": len(set(self.victims[:upto]) - {None}),
            "orgs": sorted(set(self.orgs[:upto])),
            "record_ids": list(reversed(self.record_ids[max(0, upto - SAMPLE) : upto])),
            "tied_to": [],
        } | more


def alert_id(kind: AlertKind, key: Sequence[str]) -> str:
    """The same for the same kind and key, on every machine and in every run."""
    return f"a-{xxhash.xxh3_128_hexdigest(chr(31).join([str(kind), *key]).encode())}"


def held(
    members: pa.Table, evidence: pa.Table, ties: pa.Table, known: Known, since: datetime
) -> list[Held]:
    """MEMBERSHIP, CLASSIFIED and TIE rows of the same identifiers: those held `since` then.

    Only records that show an identifier in a role that the scammer must really hold count: one that
    a caller forged, or that somebody merely mentioned, raises nothing.
    """
    recent = pc.greater_equal(members["last_seen"], pa.scalar(since, TIMESTAMP))
    members = members.filter(recent).combine_chunks()
    if not members.num_rows:
        return []
    records = _records(evidence, members["entity_id"].combine_chunks())
    before = known.clusters_of(members["entity_id"].combine_chunks())
    numbers = pa.array(
        [cluster_number(one) for one in members["cluster_id"].to_pylist()], pa.int64()
    )
    joins = known.is_cluster(numbers.to_numpy()) & (before == ABSENT)
    tied = _ties(ties, members["entity_id"].combine_chunks(), known)
    found = []
    for row, name in enumerate(members["entity_id"].to_pylist()):
        of = records.get(name)
        if of is not None and of["at"][-1] >= since:
            found.append(
                Held(
                    entity_id=name,
                    cluster_id=members["cluster_id"][row].as_py(),
                    known_cluster=cluster_id(before[row]) if before[row] != ABSENT else None,
                    joins=bool(joins[row]),
                    ties=tied.get(name, ())[:SAMPLE],
                    **of,
                )
            )
    return found


def _records(evidence: pa.Table, entity_ids: pa.Array) -> dict[str, dict[str, list[Any]]]:
    """Columns of the pieces of evidence that show each of the identifiers held, oldest first."""
    hard = pc.is_in(evidence["role"], pa.array([str(role) for role in HARD_ROLES]))
    ours = pc.is_in(evidence["entity_id"], entity_ids)
    once = (
        evidence.filter(pc.and_(hard, ours))
        .group_by(["entity_id", "group_id"], use_threads=False)
        .aggregate([("observed_at", "min"), ("source_org", "min"), ("victim_key", "min")])
        .sort_by([(name, "ascending") for name in ("entity_id", "observed_at_min", "group_id")])
    )
    columns = {
        "at": _moments(once["observed_at_min"]),
        "record_ids": once["group_id"].to_pylist(),
        "orgs": once["source_org_min"].to_pylist(),
        "victims": once["victim_key_min"].to_pylist(),
    }
    ids = once["entity_id"].to_pylist()
    starts = [row for row, one in enumerate(ids) if not row or ids[row - 1] != one]
    return {
        ids[start]: {name: column[start:end] for name, column in columns.items()}
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)
    }


def _moments(times: pa.ChunkedArray) -> list[datetime]:
    """TIMESTAMP values as Python has them; four times as fast as Arrow's own way."""
    naive: list[datetime] = times.cast(pa.timestamp("us")).to_numpy().tolist()
    return [one.replace(tzinfo=UTC) for one in naive]


def _ties(ties: pa.Table, entity_ids: pa.Array, known: Known) -> dict[str, list[str]]:
    """The known members that each identifier is tied to, strongest first."""
    rows = ties.filter(pc.is_in(ties["entity_id"], entity_ids)).combine_chunks()
    old = known.clusters_of(rows["other"].combine_chunks()) != ABSENT
    rows = rows.filter(pa.array(old)).sort_by([("weight", "descending"), ("other", "ascending")])
    found: dict[str, list[str]] = {}
    for name, other in zip(rows["entity_id"].to_pylist(), rows["other"].to_pylist(), strict=True):
        found.setdefault(name, []).append(other)
    return found
