"""Known clusters that the evidence would make one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.alert import AlertKind
from schemas.kinds import LineageEvent
from transforms.alerts.held import SAMPLE, Alert, alert_id
from transforms.alerts.known import Known


def merges(
    events: pa.Table, members: pa.Table, links: pa.Table, known: Known, since: datetime
) -> Iterator[Alert]:
    """LINEAGE, MEMBERSHIP and CLUSTER_LINK rows of whole clusters to alerts.

    The evidence is the seam: the accepted links between members that were not in one cluster.
    """
    for event in events.to_pylist():
        if event["event"] != LineageEvent.MERGED or len(event["from_ids"]) < 2:
            continue
        now = event["cluster_id"]
        inside = members.filter(pc.equal(members["cluster_id"], now))
        seam = _seam(links.filter(pc.equal(links["cluster_id"], now)), known)
        tied = list(dict.fromkeys(end for pair in seam for end in pair))
        ends = inside.filter(pc.is_in(inside["entity_id"], pa.array(tied, pa.string())))
        seen = ends if ends.num_rows else inside
        last = pc.max(seen["last_seen"]).as_py()
        if last is None or last < since:
            continue
        by = f", tied by {' and '.join(seam[0])}" if seam else ""
        yield {
            "alert_id": alert_id(AlertKind.CLUSTERS_MERGE, event["from_ids"]),
            "kind": str(AlertKind.CLUSTERS_MERGE),
            "entity_id": None,
            "cluster_id": now,
            "known_clusters": event["from_ids"],
            "reason": f"the known clusters {', '.join(event['from_ids'])} would be one{by}",
            "observed_at": last,
            "records": None,
            "victims": None,
            "orgs": sorted({org for orgs in seen["orgs"].to_pylist() for org in orgs}),
            "record_ids": [],
            "tied_to": tied[:SAMPLE],
        }


def _seam(links: pa.Table, known: Known) -> list[tuple[str, str]]:
    """The ends of the links across, heaviest first."""
    sides = [known.clusters_of(links[name].combine_chunks()) for name in ("entity_a", "entity_b")]
    across = links.filter(pa.array(np.not_equal(*sides)))
    across = across.sort_by(
        [("weight", "descending"), ("entity_a", "ascending"), ("entity_b", "ascending")]
    )
    return list(zip(across["entity_a"].to_pylist(), across["entity_b"].to_pylist(), strict=True))
