"""The digest of a run's evidence on an identifier: a decision says by it what its author saw."""

from __future__ import annotations

import hashlib
import json

from reports.run import Run
from reports.tables import among, read_table
from schemas.tables import ENTITIES, LINKS, MEMBERS


def evidence_digest(run: Run, entity_id: str) -> str:
    """Returns the SHA-256 of the rows of a cluster, the same for each of its members, in hex.

    The rows are those of members/ and entities/, and all links of its members, accepted or not:
    how many reporters, records and organisations bear each. An identifier in no cluster has a
    digest of its own rows.
    """
    clusters = read_table(run, MEMBERS, ["cluster_id"], among("entity_id", [entity_id]))
    members = read_table(
        run, MEMBERS, where=among("cluster_id", clusters["cluster_id"].to_pylist())
    )
    ids = {entity_id, *members["entity_id"].to_pylist()}
    ends = among("entity_a", ids) | among("entity_b", ids)
    rows = [
        members,
        read_table(run, ENTITIES, where=among("entity_id", ids)),
        read_table(run, LINKS, where=ends),
    ]
    text = json.dumps([table.to_pylist() for table in rows], default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
