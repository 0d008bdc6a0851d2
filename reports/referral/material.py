"""Everything that a referral of one cluster is made from, gathered once and numbered.

Records are the complaints and calls that name a member. What the tables hold of a victim (id,
narrative, country of a single record) does not go on from here, but for counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import Facts, gather
from reports.tables import Run
from schemas.joint import OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest
from schemas.tables import CALLS, CLUSTERS, COMPLAINTS, MENTIONS

Row = dict[str, Any]


Key = tuple[str, str, str]
"""Kind of record, organisation, record id."""


@dataclass(frozen=True)
class Place:
    """Where a record was read: a file of the run's inputs, and the row.

    `position` is the 1-based line of a text file, the row of a Parquet file, or the place in the
    evidence of another organisation's offer. `copies` counts
    other rows of the inputs with the same id, which the run counted as duplicates.
    """

    file: str
    sha256: str
    position: int
    copies: int


@dataclass(frozen=True)
class Record:
    """One complaint or call that names a member. `number` is its row in Exhibit 1."""

    number: int
    key: Key
    observed_at: datetime
    place: Place
    loss: Decimal | None
    currency: str | None
    payments: list[Row]
    carrier: str | None


@dataclass(frozen=True)
class Material:
    """A cluster, its records by key and by member, every reading, victims and losses by country.

    Of a joint run, `offered` holds what offers say of their parts of it, and `union_links` counts
    the links that only the union of the contributors reveals. Victims and losses are of the run's
    own records alone.
    """

    facts: Facts
    manifest: Manifest
    moment: datetime
    records: dict[Key, Record]
    records_of: dict[str, set[Key]]
    sightings: list[Row]
    victims: dict[str | None, int]
    losses: dict[str, dict[str, Decimal]]
    offered: list[Row]
    union_links: int

    @property
    def member_ids(self) -> list[str]:
        """Entity ids of the members."""
        return [one["entity_id"] for one in self.facts.members]

    @property
    def in_order(self) -> list[Record]:
        """Records by number."""
        return sorted(self.records.values(), key=_by_number)

    def first(self, entity_id: str) -> Record:
        """The earliest record that names a member."""
        return min((self.records[key] for key in self.records_of[entity_id]), key=_by_number)


class UnknownClusterError(ValueError):
    """The run has no such cluster."""


def wanted(run: Run, cluster_id: str) -> set[Key]:
    """Keys of the records that name a member of a cluster.

    Raises:
        UnknownClusterError: if the run has no such cluster.
    """
    if not tables.count(run, CLUSTERS, pc.field("cluster_id") == cluster_id):
        raise UnknownClusterError(f"has no cluster {cluster_id[:80]!r}; see its clusters/")
    return {_key(one) for one in _sightings(run, _facts(run, cluster_id))}


def run_moment(run: Run, manifest: Manifest) -> datetime:
    """When a run is seen from: its --as-of, or the newest record of any cluster."""
    given = manifest["options"].get("as_of")
    if isinstance(given, str):
        return datetime.fromisoformat(given)
    newest: datetime = pc.max(tables.read(run, CLUSTERS, ["last_seen"])["last_seen"]).as_py()
    return newest


def collect(
    run: Run,
    manifest: Manifest,
    cluster_id: str,
    places: Mapping[Key, Place],
    moment: datetime,
) -> Material:
    """The material of a cluster. `places` holds every record of `wanted`."""
    facts = _facts(run, cluster_id)
    sightings = _sightings(run, facts)
    keys = {_key(one): one["observed_at"] for one in sightings}
    ordered = sorted(keys, key=_Order(keys))
    complaints = _rows(run, COMPLAINTS, "complaint_id", [k for k in ordered if k[0] != "call"])
    calls = _rows(run, CALLS, "call_id", [k for k in ordered if k[0] == "call"])
    # What an offer counts has no record here: nothing more is known of it.
    nothing: Row = {}
    held = dict.fromkeys(ordered, nothing) | complaints | calls
    members = {one["entity_id"] for one in facts.members}
    records = {
        key: Record(
            number=number,
            key=key,
            observed_at=keys[key],
            place=places[key],
            loss=held[key].get("loss_amount"),
            currency=held[key].get("loss_currency"),
            payments=_payments(key, held[key], sightings, members),
            carrier=held[key].get("carrier"),
        )
        for number, key in enumerate(ordered, 1)
    }
    return Material(
        facts=facts,
        manifest=manifest,
        moment=moment,
        records=records,
        records_of=_records_of(sightings),
        sightings=sightings,
        victims=_victims(held),
        losses=_losses(complaints),
        offered=_offered(run, manifest, cluster_id),
        union_links=_union_links(run, manifest, cluster_id),
    )


@dataclass(frozen=True)
class _Order:
    when: Mapping[Key, datetime]

    def __call__(self, key: Key) -> tuple[datetime, Key]:
        return self.when[key], key


def _by_number(one: Record) -> int:
    return one.number


def _key(sighting: Row) -> Key:
    return sighting["record_kind"], sighting["source_org"], sighting["record_id"]


def _offered(run: Run, manifest: Manifest, cluster_id: str) -> list[Row]:
    """Rows of offered_clusters/ that a joint cluster holds members of."""
    if not manifest["options"].get("offers"):
        return []
    rows = tables.read(run, OFFERED_CLUSTERS).to_pylist()
    return [one for one in rows if cluster_id in one["cluster_ids"]]


def _union_links(run: Run, manifest: Manifest, cluster_id: str) -> int:
    if not manifest["options"].get("offers"):
        return 0
    here = (pc.field("cluster_id") == cluster_id) & (pc.field("kind") == "link")
    return tables.count(run, UNION_LINKS, here)


def _records_of(sightings: list[Row]) -> dict[str, set[Key]]:
    found: dict[str, set[Key]] = defaultdict(set)
    for one in sightings:
        found[one["entity_id"]].add(_key(one))
    return dict(found)


def _facts(run: Run, cluster_id: str) -> Facts:
    return gather(run, [cluster_id], narratives=False)[0]


def _sightings(run: Run, facts: Facts) -> list[Row]:
    """Rows of mentions/ of the members, by the table's key."""
    ids = pa.array(sorted(one["entity_id"] for one in facts.members), pa.string())
    return tables.read(run, MENTIONS, where=pc.field("entity_id").isin(ids)).to_pylist()


def _rows(run: Run, table: Any, id_field: str, keys: list[Key]) -> dict[Key, Row]:
    ids = pa.array(sorted({record for _, _, record in keys}), pa.string())
    wanted_keys = {(org, record): (kind, org, record) for kind, org, record in keys}
    found = tables.read(run, table, where=pc.field(id_field).isin(ids)).to_pylist()
    return {
        wanted_keys[at]: one
        for one in found
        if (at := (one["source_org"], one[id_field])) in wanted_keys
    }


def _payments(key: Key, row: Row, sightings: list[Row], members: set[str]) -> list[Row]:
    """Payments of a complaint whose payee is a member: with the member, not the text."""
    listed = row.get("payments") or []
    found = []
    for one in sightings:
        field = one["field"] or ""
        if _key(one) != key or not field.startswith("payments[") or one["entity_id"] not in members:
            continue
        at = int(field.removeprefix("payments[").partition("]")[0])
        if at < len(listed):
            found.append(listed[at] | {"payee": one["entity_id"]})
    return found


def _victims(held: Mapping[Key, Row]) -> dict[str | None, int]:
    """Distinct victims by country, None where it is not known.

    Those without an id are not counted, as in clusters/.
    """
    seen: dict[str | None, set[tuple[str, str]]] = defaultdict(set)
    for (_, org, _), row in held.items():
        if row.get("victim_id"):
            seen[row.get("victim_country")].add((org, row["victim_id"]))
    return {country: len(victims) for country, victims in seen.items()}


def _losses(complaints: Mapping[Key, Row]) -> dict[str, dict[str, Decimal]]:
    """Losses by country and currency, exact."""
    found: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in complaints.values():
        amount, currency = row.get("loss_amount"), row.get("loss_currency")
        if amount is not None and currency is not None:
            of = found[row.get("victim_country") or "unknown"]
            of[currency] = of.get(currency, Decimal(0)) + amount
    return dict(sorted(found.items()))
