"""Raises the alerts of one tick, by identifier and by cluster, each alert once over all ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import PickleCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindows

from schemas.cluster import ALERT, LINEAGE
from transforms.alerts.rules import (
    HARD_MENTION,
    TIE,
    Alert,
    AlertRules,
    KnownClusters,
    attested_ties,
    hard_mentions,
    identifier_alerts,
    identifier_histories,
    merge_alerts,
)
from transforms.arrow_util import batch_of_rows
from transforms.graph.final_status import CLUSTER_LINK, MEMBERSHIP
from transforms.shuffle import KeyedInput, PerPartition, Pure, split_by_key, table_of

REMEMBERED_SECONDS = 90 * 86_400
"""Seconds after which an alert that was not raised any more is forgotten; evidence of most kinds
has expired by then."""

_SCHEMAS = {
    "members": MEMBERSHIP,
    "evidence": HARD_MENTION,
    "ties": TIE,
    "links": CLUSTER_LINK,
    "events": LINEAGE,
}


@dataclass(eq=False)
class RaiseAlerts(beam.PTransform):
    """Converts the clusters of a tick to ALERT batches.

    Input: a dict of `members` (MEMBERSHIP), `evidence` (CLASSIFIED), `links` (CLUSTER_LINK) and
    `events` (LINEAGE) batches. Members alone can raise an alert: they are infrastructure, not
    suppressed, and nobody's victim's. `known` is the one `KnownClusters`.
    """

    rules: AlertRules
    known: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Brings the rows of an identifier together, and those of a cluster."""
        mentions = inputs["evidence"] | "By mention" >> beam.ParDo(Pure(hard_mentions))
        given = {**inputs, "evidence": mentions}
        given["ties"] = self._apply(attested_ties, "cluster_id", ("members", "links"), given)
        by_entity = self._apply(_of_entities, "entity_id", ("members", "evidence", "ties"), given)
        by_cluster = self._apply(_of_clusters, "cluster_id", ("events", "members", "links"), given)
        return (by_entity, by_cluster) | "All" >> beam.Flatten()

    def _apply(
        self,
        work: Callable[..., Iterator[pa.RecordBatch]],
        key: str,
        names: tuple[str, ...],
        given: Mapping[str, beam.PCollection],
    ) -> beam.PCollection:
        """Brings together the rows of some inputs that have the same key."""
        keyed = {name: KeyedInput(_SCHEMAS[name], (key,)) for name in names}
        step = PerPartition(keyed, partial(work, rules=self.rules), side=self.known)
        return {name: given[name] for name in names} | work.__name__ >> step


@dataclass(eq=False)
class DropRepeatedAlerts(beam.PTransform):
    """Passes on ALERT batches of a tick's window that no earlier tick had, in the global window."""

    def expand(self, alerts: beam.PCollection) -> Any:
        """Brings a tick's alerts together by id, then compares them with state."""
        return (
            alerts
            | "By id" >> beam.FlatMap(split_by_key, ("alert_id",))
            | "Of a tick" >> beam.GroupByKey()
            | "As a list" >> beam.Map(_listed).with_output_types(tuple[int, Any])
            | "For ever" >> beam.WindowInto(GlobalWindows())
            | "Once" >> beam.ParDo(_DropRepeated())
        )


def alerts_to_batch(alerts: list[Alert]) -> pa.RecordBatch:
    """Makes ALERT rows, each id once: of equal ids the one raised first, then by identifier."""
    once: dict[str, Alert] = {}
    for one in sorted(alerts, key=_first):
        once.setdefault(one["alert_id"], one)
    return batch_of_rows(list(once.values()), ALERT)


def _first(alert: Alert) -> tuple[datetime, str, str]:
    return alert["observed_at"], alert["entity_id"] or "", alert["reason"]


def _of_entities(
    members: pa.Table,
    evidence: pa.Table,
    ties: pa.Table,
    known: KnownClusters,
    *,
    rules: AlertRules,
) -> Iterator[pa.RecordBatch]:
    histories = identifier_histories(members, evidence, ties, known, rules)
    since = known.since(rules)
    yield alerts_to_batch(
        [alert for one in histories for alert in identifier_alerts(one, rules, since)]
    )


def _of_clusters(
    events: pa.Table, members: pa.Table, links: pa.Table, known: KnownClusters, *, rules: AlertRules
) -> Iterator[pa.RecordBatch]:
    yield alerts_to_batch(list(merge_alerts(events, members, links, known, known.since(rules))))


def _listed(keyed: tuple[int, Iterable[pa.RecordBatch]]) -> tuple[int, list[pa.RecordBatch]]:
    return keyed[0], list(keyed[1])


class _DropRepeated(beam.DoFn):
    """State of a partition: the ids of alerts that were raised, and when each was raised last."""

    RAISED = ReadModifyWriteStateSpec("raised", PickleCoder())

    def process(
        self,
        keyed: tuple[int, list[pa.RecordBatch]],
        at: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(RAISED),  # noqa: B008 - how Beam declares state
    ) -> Iterator[pa.RecordBatch]:
        now = int(at.micros // 1_000_000)
        raised: dict[str, int] = state.read() or {}
        rows = alerts_to_batch(table_of(keyed[1], ALERT).to_pylist())
        ids = rows["alert_id"].to_pylist()
        new = [row for row, one in enumerate(ids) if one not in raised]
        raised = {one: then for one, then in raised.items() if now - then <= REMEMBERED_SECONDS}
        state.write(raised | dict.fromkeys(ids, now))
        if new:
            yield rows.take(pa.array(new))
