"""The lists of a complaint: numbers that were typed into fields, and payments."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.kinds import NUMBER_ROLES, Role
from schemas.reject import Code
from transforms import columns
from transforms.validate.checking import Checking

BAD_AMOUNT = "not an amount from 0 to below ten trillion, of at most 18 decimals"


def numbers(batch: Checking) -> None:
    """Take the numbers; a role that is not known refuses the row."""
    lists = batch.rows["phone_numbers"]
    items = lists.flatten()
    roles, strange = columns.choices(pc.struct_field(items, "role"), NUMBER_ROLES, None)
    # A strange word may mean the victim: taken for a mention, it would show the victim's number.
    batch.refuse(
        _any_of(lists, strange),
        Code.BAD_VALUE,
        "phone_numbers[].role",
        f"not one of {', '.join(NUMBER_ROLES)}",
    )
    flat = pa.StructArray.from_arrays(
        [pc.struct_field(items, "raw"), pc.fill_null(roles, str(Role.MENTIONED))],
        fields=list(COMPLAINT_ACCEPTED.field("phone_numbers").type.value_type.fields),
    )
    batch.typed["phone_numbers"] = _relist(lists, flat)


def payments(batch: Checking) -> None:
    """Take the payments, with amounts as exact decimals."""
    lists = batch.rows["payments"]
    paid = lists.flatten()
    method, payee, written, currency = (
        pc.struct_field(paid, name) for name in ("method", "payee", "amount", "currency")
    )
    amount, bad = columns.amounts(written)
    batch.refuse(_any_of(lists, bad), Code.BAD_AMOUNT, "payments[].amount", BAD_AMOUNT)
    flat = pa.StructArray.from_arrays(
        [method, payee, amount, currency],
        fields=list(COMPLAINT_ACCEPTED.field("payments").type.value_type.fields),
    )
    batch.typed["payments"] = _relist(lists, flat)


def rows_of(lists: pa.ListArray) -> np.ndarray:
    """The row of each item of `lists.flatten()`."""
    return np.repeat(np.arange(len(lists)), _lengths(lists))


def _any_of(lists: pa.ListArray, bad: np.ndarray) -> np.ndarray:
    """Which lists hold an item of `bad`, a mask over `lists.flatten()`."""
    rows = np.zeros(len(lists), bool)
    rows[rows_of(lists)[bad]] = True
    return rows


def _relist(lists: pa.ListArray, flat: pa.Array) -> pa.ListArray:
    """The same lists over other elements; `lists.flatten()` must be what `flat` came from."""
    offsets = np.concatenate([[0], np.cumsum(_lengths(lists))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat)


def _lengths(lists: pa.ListArray) -> np.ndarray:
    return pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
