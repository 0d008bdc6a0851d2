"""The accepted records as they are kept: without what is the victim's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_ACCEPTED, CALL_KEY
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_KEY
from schemas.kinds import RecordKind
from transforms.columns import mask as true
from transforms.graph.verdicts import WITHHELD
from transforms.identify.own import NOBODY, Own, together
from transforms.identify.searched import searched, shown
from transforms.identify.strays import in_some
from transforms.lists import items
from transforms.privacy.masking import suspect_calls, withhold
from transforms.privacy.named import WITHHELD_KEY, Named
from transforms.privacy.searching import masked
from transforms.privacy.sought import Sought
from transforms.shuffle import Keyed, PerPartition, batches_of

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
    for batch in batches_of(complaints):
        named = Named(batch, "complaint_id", withheld)
        found = _found(batch, _SEARCHED, numbers)
        hidden = together(named.own(RecordKind.COMPLAINT), found)
        yield _masked(withhold(batch, hidden, named.places()), ("victim_id",), hidden)


def kept_calls(
    calls: pa.Table, withheld: pa.Table, numbers: np.ndarray
) -> Iterator[pa.RecordBatch]:
    """CALL_ACCEPTED and WITHHELD rows of the same records to CALL rows.

    A caller id that some record knows as a victim's own number is spoofed: it is left out.
    """
    for batch in batches_of(calls):
        kept = suspect_calls(batch)
        own = Named(batch, "call_id", withheld).own(RecordKind.CALL)
        kept = _with(kept, "suspect_number", _without_spoofed(kept["suspect_number"], own))
        hidden = together(own, _found(kept, _SIGNALLED, numbers))
        yield _masked(kept, _SIGNALLED, hidden)


def _without_spoofed(suspects: pa.Array, own: Own) -> pa.Array:
    """Suspects' numbers, null where they are the victim's of their row."""
    theirs = pc.binary_join_element_wise("phone:", suspects.take(pa.array(own.rows)), "")
    spoofed = np.zeros(len(suspects), bool)
    spoofed[own.rows[true(pc.equal(theirs, own.numbers))]] = True
    return pc.if_else(pa.array(spoofed), pa.scalar(None, pa.string()), suspects)


def _found(batch: pa.RecordBatch, names: Sequence[str], numbers: np.ndarray) -> Own:
    """The digits of victims' numbers in the named columns of each row."""
    rows: list[np.ndarray] = []
    texts: list[pa.Array] = []
    for name in names:
        where, parts = _texts(batch[name])
        for part in parts:
            rows.append(where)
            texts.append(part)
    found = in_some(searched(pa.concat_arrays(texts)), numbers)
    at = np.repeat(
        np.array(list(found), np.int64), np.array(list(map(len, found.values())), np.int64)
    )
    row, digits = (
        np.concatenate(rows)[at],
        pa.array(chain.from_iterable(found.values()), pa.string()),
    )
    order = np.argsort(row, kind="stable")
    return Own(row[order], digits.take(pa.array(order)))


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


def _masked(batch: pa.RecordBatch, names: Sequence[str], hidden: Own) -> pa.RecordBatch:
    """The named text columns with each row's hidden identifiers masked in them."""
    wanted = Sought(len(batch), hidden, NOBODY)
    for name in names:
        batch = _with(batch, name, masked(shown(batch[name]), wanted))
    return batch


def _with(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    return batch.set_column(at, batch.schema.field(at), column)


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
