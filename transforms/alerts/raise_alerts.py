"""The alerts of one tick: by identifier, and by cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa

from schemas.alert import ALERT
from schemas.cluster import LINEAGE
from schemas.mention import CLASSIFIED
from transforms.alerts.held import TIE, Alert, held
from transforms.alerts.known import Known
from transforms.alerts.merges import merges
from transforms.alerts.rules import Rules, raised
from transforms.graph.decide import CLUSTER_LINK, MEMBERSHIP
from transforms.shuffle import Keyed, PerPartition


def ties_of(links: pa.RecordBatch) -> pa.RecordBatch:
    """CLUSTER_LINK rows to TIE rows, one for each end."""
    a, b, weight = (links[name] for name in ("entity_a", "entity_b", "weight"))
    columns = [pa.concat_arrays([a, b]), pa.concat_arrays([b, a]), pa.concat_arrays([weight] * 2)]
    return pa.RecordBatch.from_arrays(columns, schema=TIE)


def batch_of(alerts: list[Alert]) -> pa.RecordBatch:
    """ALERT rows, each id once: of equal ids the one raised first, then by identifier."""
    once: dict[str, Alert] = {}
    for one in sorted(alerts, key=_first):
        once.setdefault(one["alert_id"], one)
    return pa.RecordBatch.from_pylist(list(once.values()), ALERT)


def _first(alert: Alert) -> tuple[datetime, str, str]:
    return alert["observed_at"], alert["entity_id"] or "", alert["reason"]


def _of_entities(
    members: pa.Table, evidence: pa.Table, ties: pa.Table, known: Known, *, rules: Rules
) -> Iterator[pa.RecordBatch]:
    if known.newest is not None:
        since = known.newest - rules.fresh
        found = held(members, evidence, ties, known, since)
        yield batch_of([alert for one in found for alert in raised(one, rules, since)])


def _of_clusters(
    events: pa.Table, members: pa.Table, links: pa.Table, known: Known, *, rules: Rules
) -> Iterator[pa.RecordBatch]:
    if known.newest is not None:
        since = known.newest - rules.fresh
        yield batch_of(list(merges(events, members, links, known, since)))


@dataclass(eq=False)
class RaiseAlerts(beam.PTransform):
    """A dict of `members` (MEMBERSHIP), `evidence` (CLASSIFIED), `links` (CLUSTER_LINK) and
    `events` (LINEAGE) batches to ALERT batches.

    Members alone can raise one: they are infrastructure, not suppressed, and nobody's victim's.
    `known` is the one `Known`.
    """  # noqa: D205 - the dict takes more than a line

    rules: Rules
    known: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Bring what is known of an identifier together, and what is known of a cluster."""
        entity, cluster = ("entity_id",), ("cluster_id",)
        ties = inputs["links"] | "Ties" >> beam.Map(ties_of)
        by_entity = {
            "members": Keyed(MEMBERSHIP, entity),
            "evidence": Keyed(CLASSIFIED, entity),
            "ties": Keyed(TIE, entity),
        }
        of_entities = {
            "members": inputs["members"],
            "evidence": inputs["evidence"],
            "ties": ties,
        } | "By identifier" >> PerPartition(
            by_entity, partial(_of_entities, rules=self.rules), side=self.known
        )
        by_cluster = {
            "events": Keyed(LINEAGE, cluster),
            "members": Keyed(MEMBERSHIP, cluster),
            "links": Keyed(CLUSTER_LINK, cluster),
        }
        of_clusters = {name: inputs[name] for name in by_cluster} | "By cluster" >> PerPartition(
            by_cluster, partial(_of_clusters, rules=self.rules), side=self.known
        )
        return (of_entities, of_clusters) | "All" >> beam.Flatten()
