"""The alerts of one tick: by identifier, and by cluster.

Each alert once: what was told at an earlier tick is not told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import PickleCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindows

from schemas.alert import ALERT
from schemas.cluster import LINEAGE
from schemas.mention import CLASSIFIED
from transforms.alerts.rules import TIE, Alert, Known, Rules, held, merges, raised
from transforms.graph.final_status import CLUSTER_LINK, MEMBERSHIP
from transforms.shuffle import Keyed, PerPartition, split, table_of


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


REMEMBERED = 90 * 86_400
"""Seconds after which an alert that was not raised any more is forgotten; evidence of most kinds
has expired by then."""


class _Once(beam.DoFn):
    """State of a partition: the ids of alerts that were told, and when each was last raised."""

    TOLD = ReadModifyWriteStateSpec("told", PickleCoder())

    def process(
        self,
        keyed: tuple[int, list[pa.RecordBatch]],
        at: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(TOLD),  # noqa: B008 - how Beam declares state
    ) -> Iterator[pa.RecordBatch]:
        now = int(at.micros // 1_000_000)
        told: dict[str, int] = state.read() or {}
        rows = batch_of(table_of(keyed[1], ALERT).to_pylist())
        ids = rows["alert_id"].to_pylist()
        new = [row for row, one in enumerate(ids) if one not in told]
        told = {one: then for one, then in told.items() if now - then <= REMEMBERED}
        state.write(told | dict.fromkeys(ids, now))
        if new:
            yield rows.take(pa.array(new))


def _listed(keyed: tuple[int, Iterable[pa.RecordBatch]]) -> tuple[int, list[pa.RecordBatch]]:
    return keyed[0], list(keyed[1])


@dataclass(eq=False)
class Once(beam.PTransform):
    """ALERT batches of a tick's window to those that no earlier tick had, in the global window."""

    def expand(self, alerts: beam.PCollection) -> Any:
        """Bring a tick's alerts together by id, then hold them against state."""
        return (
            alerts
            | "By id" >> beam.FlatMap(split, ("alert_id",))
            | "Of a tick" >> beam.GroupByKey()
            | "As a list" >> beam.Map(_listed).with_output_types(tuple[int, Any])
            | "For ever" >> beam.WindowInto(GlobalWindows())
            | "Once" >> beam.ParDo(_Once())
        )
