"""Complaints held against the input contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.codes import CURRENCIES
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.kinds import Channel, RecordKind, Role
from schemas.reject import Code
from transforms import columns
from transforms.validate.checking import Checking
from transforms.validate.fields import timestamp, victim
from transforms.validate.ids import ids, own_id
from transforms.validate.nested import BAD_AMOUNT, numbers, payments, rows_of


def validate_complaints(
    rows: pa.RecordBatch, as_of: datetime | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
    """COMPLAINT_LOOSE to (COMPLAINT_ACCEPTED, REJECT, words coerced by field).

    A row that breaks the contract is refused at its first fault. A strange channel is coerced and
    counted: nothing in it is worth losing a report.
    """
    batch = Checking(rows)
    ids(batch, "complaint_id")
    timestamp(batch, "received_at", as_of, required=True)
    timestamp(batch, "occurred_at", None, required=False)
    victim(batch)
    batch.coerce("channel", tuple(Channel), str(Channel.OTHER))
    numbers(batch)
    own_id(batch, "complaint_id", _own_numbers(batch))
    payments(batch)
    batch.keep("loss_amount", columns.amounts(rows["loss_amount"]), Code.BAD_AMOUNT, BAD_AMOUNT)
    batch.keep(
        "loss_currency",
        columns.codes(rows["loss_currency"], CURRENCIES),
        Code.BAD_CURRENCY,
        "not an ISO 4217 code",
    )
    for name in ("victim_region", "language", "claimed_brand"):
        batch.typed[name] = columns.text(rows[name])
    return batch.finish(COMPLAINT_ACCEPTED, RecordKind.COMPLAINT)


def _own_numbers(batch: Checking) -> Iterator[tuple[np.ndarray, pa.Array]]:
    lists = batch.typed["phone_numbers"]
    rows = rows_of(lists)
    items = lists.flatten()
    own = columns.mask(pc.equal(pc.struct_field(items, "role"), str(Role.VICTIM)))
    yield rows[own], pc.struct_field(items, "raw").filter(pa.array(own))
