"""The accepted records as they are kept: without what is the victim's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_ACCEPTED, CALL_KEY
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_KEY
from schemas.kinds import RecordKind
from transforms.graph.verdicts import WITHHELD
from transforms.identify import own
from transforms.identify.searched import searched, shown
from transforms.identify.strays import in_some
from transforms.lists import items
from transforms.privacy.masking import suspect_calls, withhold
from transforms.privacy.searching import masked
from transforms.privacy.sought import Sought
from transforms.shuffle import Keyed, PerPartition, batches_of

WITHHELD_KEY = ("source_org", "record_id")

_SEARCHED = (
    "victim_id",
    "victim_region",
    "language",
    "claimed_brand",
    "narrative",
    "phone_numbers",
    "urls",
    "emails",
    "remote_access",
    "payments",
)
"""Fields of a complaint in which a victim's number can stand."""

_SIGNALLED = ("victim_id", "complaint_id", "suspect_number", "orig_id", "carrier", "trunk")
"""Fields of a call in which it can."""


def kept_complaints(
    complaints: pa.Table, withheld: pa.Table, numbers: np.ndarray
) -> Iterator[pa.RecordBatch]:
    """COMPLAINT_ACCEPTED and WITHHELD rows of the same records to COMPLAINT rows.

    `numbers` holds all victims' numbers (`strays.written_forms`): another record's victim is
    nobody to show here either.
    """
    theirs, places = _by_record(withheld, RecordKind.COMPLAINT), _places(withheld)
    for batch in batches_of(complaints):
        more = _found(batch, _SEARCHED, numbers)
        keys = list(_keys(batch, "complaint_id"))
        hidden = [(*theirs.get(key, ()), *digits) for key, digits in zip(keys, more, strict=True)]
        told = [places.get(key, ()) for key in keys]
        yield _masked(withhold(batch, hidden, told), ("victim_id",), hidden)


def kept_calls(
    calls: pa.Table, withheld: pa.Table, numbers: np.ndarray
) -> Iterator[pa.RecordBatch]:
    """CALL_ACCEPTED and WITHHELD rows of the same records to CALL rows.

    A caller id that some record knows as a victim's own number is spoofed: it is left out.
    """
    theirs = _by_record(withheld, RecordKind.CALL)
    for batch in batches_of(calls):
        kept = suspect_calls(batch)
        suspects = kept["suspect_number"].to_pylist()
        hidden = [theirs.get(key, ()) for key in _keys(batch, "call_id")]
        spoofed = [f"phone:{one}" in those for one, those in zip(suspects, hidden, strict=True)]
        shown = pc.if_else(pa.array(spoofed), pa.scalar(None, pa.string()), kept["suspect_number"])
        kept = _with(kept, "suspect_number", shown)
        more = _found(kept, _SIGNALLED, numbers)
        hidden = [(*those, *digits) for those, digits in zip(hidden, more, strict=True)]
        yield _masked(kept, _SIGNALLED, hidden)


def _found(
    batch: pa.RecordBatch, names: Sequence[str], numbers: np.ndarray
) -> list[tuple[str, ...]]:
    """The digits of victims' numbers in the named columns of each row."""
    rows: list[np.ndarray] = []
    texts: list[pa.Array] = []
    for name in names:
        where, parts = _texts(batch[name])
        for part in parts:
            rows.append(where)
            texts.append(part)
    row_of = np.concatenate(rows)
    found: dict[int, set[str]] = {}
    for at, digits in in_some(searched(pa.concat_arrays(texts)), numbers).items():
        found.setdefault(int(row_of[at]), set()).update(digits)
    return [tuple(sorted(found.get(row, ()))) for row in range(batch.num_rows)]


def _texts(column: pa.Array) -> tuple[np.ndarray, list[pa.Array]]:
    """The texts of a column of text, or of lists of text or of structs, and their rows."""
    if not pa.types.is_list(column.type):
        return np.arange(len(column)), [column]
    listed = items(column)
    rows = np.array(listed.rows, np.int64)
    if not pa.types.is_struct(column.type.value_type):
        return rows, [listed.values]
    fields = [one.name for one in column.type.value_type if pa.types.is_string(one.type)]
    return rows, [listed.field(name) for name in fields]


def _masked(
    batch: pa.RecordBatch, names: Sequence[str], hidden: Sequence[Sequence[str]]
) -> pa.RecordBatch:
    """The named text columns with each row's hidden identifiers masked in them."""
    wanted = Sought(len(hidden), own.given(hidden), own.given([]))
    for name in names:
        batch = _with(batch, name, masked(shown(batch[name]), wanted))
    return batch


def _with(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    return batch.set_column(at, batch.schema.field(at), column)


def _keys(batch: pa.RecordBatch, id_field: str) -> Iterator[tuple[str, str]]:
    return zip(batch["source_org"].to_pylist(), batch[id_field].to_pylist(), strict=True)


def _by_record(withheld: pa.Table, kind: RecordKind) -> dict[tuple[str, str], list[str]]:
    rows = withheld.filter(pc.equal(withheld["record_kind"], str(kind)))
    own: dict[tuple[str, str], list[str]] = {}
    for org, record, entity in zip(
        rows["source_org"].to_pylist(),
        rows["record_id"].to_pylist(),
        rows["entity_id"].to_pylist(),
        strict=True,
    ):
        own.setdefault((org, record), []).append(entity)
    return own


def _places(withheld: pa.Table) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Where the narrative of each complaint names what is a victim's, in code points."""
    rows = withheld.filter(pc.is_valid(withheld["start"]))
    told: dict[tuple[str, str], list[tuple[int, int]]] = {}
    columns = (rows[name].to_pylist() for name in (*WITHHELD_KEY, "start", "end"))
    for org, record, start, end in zip(*columns, strict=True):
        told.setdefault((org, record), []).append((start, end))
    return told


@dataclass(eq=False)
class Withhold(beam.PTransform):
    """A dict of `records` (unique batches) and `withheld` (WITHHELD batches) to kept batches.

    `numbers` is the side input that `strays.VictimNumbers` makes.
    """

    kind: RecordKind
    numbers: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Bring each record and what it must not show together."""
        withheld = Keyed(WITHHELD, WITHHELD_KEY)
        if self.kind is RecordKind.CALL:
            keyed = {"records": Keyed(CALL_ACCEPTED, CALL_KEY), "withheld": withheld}
            return inputs | PerPartition(keyed, kept_calls, side=self.numbers)
        keyed = {"records": Keyed(COMPLAINT_ACCEPTED, COMPLAINT_KEY), "withheld": withheld}
        return inputs | PerPartition(keyed, kept_complaints, side=self.numbers)
