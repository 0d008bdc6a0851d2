"""What was found of identifiers, told back to the records that name them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import epoch
from schemas.kinds import Status
from schemas.mention import CLASSIFIED
from transforms.columns import mask
from transforms.graph.epochs import turns
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.identify.agreement import NARRATIVE

VERDICT = pa.schema(
    [
        ("entity_id", pa.string()),
        ("share", pa.int32()),
        ("begins", pa.int32()),
        ("status", pa.string()),
    ]
)
"""The status of one epoch of an identifier, for one share of the records.

`entity_id` is the bare one; `begins` is the day that the epoch begins with, null for the first.
"""

WITHHELD = pa.schema(
    [
        ("source_org", pa.string()),
        ("record_kind", pa.string()),
        ("record_id", pa.string()),
        ("entity_id", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
    ]
)
"""A victim's own identifier and a record that names it, so that it can be taken out there.

`start` and `end` are code points of the narrative, null where another field names it: what is said,
spelled or disguised there can be told by its place alone.
"""

_EVER = -(1 << 31)
"""Before any day that an epoch begins with."""


def tell(evidence: pa.Table, verdicts: pa.Table) -> tuple[pa.Table, pa.Table]:
    """EVIDENCE rows and the VERDICT rows on all that they name, to CLASSIFIED and WITHHELD rows.

    Raises:
        ValueError: if nothing was found of an identifier.
    """
    if not evidence.num_rows:
        return CLASSIFIED.empty_table(), WITHHELD.empty_table()
    since = pc.fill_null(verdicts["begins"], _EVER)
    keys = verdicts.select(["entity_id"]).append_column("since", since)
    order = [("entity_id", "ascending"), ("since", "ascending")]
    verdicts = verdicts.take(pc.sort_indices(keys, sort_keys=order))
    ids, begins = verdicts["entity_id"].combine_chunks(), verdicts["begins"].combine_chunks()
    named = evidence["entity_id"].combine_chunks()
    at = pc.index_in(named, ids)  # the first epoch of each
    if at.null_count:
        raise ValueError("evidence of an identifier that was not judged")
    row = at.to_numpy().astype(np.int64)
    later = np.flatnonzero(mask(pc.is_valid(begins)))
    if len(later):
        of = pc.index_in(ids.take(pa.array(later)), ids).to_numpy()
        day = evidence["observed_at"].cast(pa.int64()).to_numpy() // MICROSECONDS_A_DAY
        passed = turns(row, day, of, begins.take(pa.array(later)).to_numpy()) - 1
        row = row + passed
        evidence = _renamed(evidence, named, passed)
    status = verdicts["status"].combine_chunks().take(pa.array(row))
    classified = evidence.append_column(CLASSIFIED.field("status"), status)
    victims = mask(pc.equal(status, Status.VICTIM_SIDE))
    return classified.filter(pa.array(~victims)), _withheld(evidence.filter(pa.array(victims)))


def _withheld(own: pa.Table) -> pa.Table:
    """Evidence of victims' own identifiers to WITHHELD rows, each once."""
    told = pc.fill_null(pc.equal(own["field"], NARRATIVE), False)
    for name in ("start", "end"):
        place = pc.if_else(told, own[name], pa.scalar(None, pa.int32()))
        own = own.set_column(own.schema.get_field_index(name), WITHHELD.field(name), place)
    places = own.select(WITHHELD.names).group_by(WITHHELD.names, use_threads=False).aggregate([])
    return places.select(WITHHELD.names).cast(WITHHELD)


def _renamed(evidence: pa.Table, named: pa.Array, passed: np.ndarray) -> pa.Table:
    """Evidence with the ids of its epochs; `passed` counts those that were over."""
    rows = np.flatnonzero(passed)
    ids = named.take(pa.array(rows)).to_pylist()
    epochs = [epoch.named(one, 1 + int(n)) for one, n in zip(ids, passed[rows], strict=True)]
    marked = pc.replace_with_mask(named, pa.array(passed > 0), pa.array(epochs, pa.string()))
    place = evidence.schema.get_field_index("entity_id")
    return evidence.set_column(place, evidence.schema.field(place), marked)
