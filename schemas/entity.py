"""The entity: one identifier, over all records that name it.

Reads and writes epochs in entity ids: `phone:+18885550123`, after a long gap the same + `#2`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Status
from schemas.facts import FACT_LIST
from schemas.field import INTEGER, TEXT, TEXTS, TIMESTAMP, Column, contract, optional, required

ENTITY = contract(
    required(entity_id="Canonical id; withheld where it may be a victim's."),
    required(EntityKind, kind="Namespace of the id."),
    optional(value="The id without its namespace and epoch; null when withheld."),
    required(
        TIMESTAMP,
        first_seen="Earliest record that names it.",
        last_seen="Latest record that names it.",
    ),
    required(
        INTEGER,
        complaints="Complaints that name it.",
        calls="Calls that name it.",
        victims="Distinct victims among those records.",
    ),
    required(TEXTS, orgs="Organisations that saw it, sorted."),
    optional(region="Region of a phone number.", line_type="Line type of a phone number."),
    required(Status, status="What may be said of it."),
    required(reason="Why it has that status."),
    required(FACT_LIST, facts="The same as codes with arguments."),
    required(INTEGER, reporters="Distinct reporters who show a suspect using it."),
    optional(INTEGER, epoch="1, or its place among the holders of what was passed on."),
    optional(
        TIMESTAMP,
        first_used="Earliest record that shows a suspect using it.",
        last_used="Latest record that shows a suspect using it.",
    ),
    optional(hosted_by="Platform whose tenant a domain or web address is."),
)
"""entities/: every identifier of any status, so that no suppression is silent."""

ENTITY_KEY = ("entity_id",)

CONTESTED = contract(
    required(entity_id="The withheld id that stands in all tables."),
    required(EntityKind, kind="Namespace of the id."),
    required(value="What it stands for, without namespace and epoch."),
    required(
        INTEGER,
        suspect_reporters="Reporters who show a suspect using it.",
        victim_reporters="Reporters who call it a victim's own.",
    ),
    required(TIMESTAMP, first_seen="Earliest record that names it."),
)
"""private/contested/: what the withheld ids of contested identifiers stand for.

Who is on both sides counts on the victim's. Calls without a pseudonym may show a suspect using one
that no reporter does. A mailbox at a freemail host that one reporter alone names is here too, with
nobody who calls it a victim's.
"""

CONTESTED_KEY = ("entity_id",)

VICTIM_ENTRY = contract(
    required(mac="HMAC-SHA256 of the id under the organisation's secret, in hex."),
    optional(
        digits_mac="The same of a phone number's national digits, or of the "
        "letters and digits of another value."
    ),
    required((*EntityKind, "paper"), kind="Namespace of the id."),
    required(INTEGER, reporters="Distinct reporters who call it a victim's."),
    required(TIMESTAMP, first_seen="Earliest record that names it."),
    required(key_id="Names the secret and says nothing of it."),
    optional(
        records="Keyed hashes of the records that name it, sorted, with blanks "
        "between; null where they are many or not known."
    ),
)
"""private/victims/: the victim register, the identifiers that a run withholds as keyed hashes."""

VICTIM_ENTRY_KEY = ("mac",)

_KINDS = "(?:phone|domain|email|handle|account)"

_TURN = r"[2-9]|[1-9]\d+"

_MARK = rf"^({_KINDS}:.*)#({_TURN})$"
"""No id of these kinds ends so by itself: none of them ends in digits after a `#`."""

_WITHHELD = r"^[a-z_]+:withheld-[0-9a-f]{16}$"


def withheld_id(kind: str, digest: str) -> str:
    """Returns the id that stands for a withheld identifier; `digest` must not reveal it."""
    return f"{kind}:withheld-{digest}"


def withheld_ids(kinds: pa.Array, digests: pa.Array) -> pa.Array:
    """Applies `withheld_id` to columns."""
    return pc.binary_join_element_wise(kinds, digests, ":withheld-")


def is_withheld(entity_id: str) -> bool:
    """Tells whether an id, with or without an epoch, stands for an identifier that is withheld."""
    return ":withheld-" in entity_id and bool(re.match(_WITHHELD, without_epoch(entity_id)))


def are_withheld(column: Column) -> Column:
    """Applies `is_withheld` to a column of ids."""
    maybe = pc.match_substring(column, ":withheld-")
    return _change_signed(column, ":withheld-", is_withheld, maybe)


def without_epoch(entity_id: str) -> str:
    """Returns the id without its epoch, which all holders of the identifier have in common."""
    return re.sub(_MARK, r"\1", entity_id) if "#" in entity_id else entity_id


def epoch_number(entity_id: str) -> int:
    """Returns the epoch that an id names; 1 for the first, whose id has no mark."""
    match = re.match(_MARK, entity_id) if "#" in entity_id else None
    return int(match[2]) if match else 1


def with_epoch(entity_id: str, epoch: int) -> str:
    """Returns the id of an epoch of an id without one."""
    return entity_id if epoch == 1 else f"{entity_id}#{epoch}"


def with_epochs(column: pa.Array, epochs: pa.Array) -> pa.Array:
    """Applies `with_epoch` to a column of ids."""
    marked = pc.binary_join_element_wise(column, pc.cast(epochs, TEXT), "#")
    return pc.if_else(pc.equal(epochs, 1), column, marked)


def without_epochs(column: Column) -> Column:
    """Applies `without_epoch` to a column of ids."""
    return _change_signed(column, "#", without_epoch, column)


def id_epochs(column: pa.Array) -> pa.Array:
    """Applies `epoch_number` to a column of ids."""
    return _change_signed(column, "#", epoch_number, pa.repeat(pa.scalar(1, INTEGER), len(column)))


def _change_signed(
    column: Column, sign: str, change: Callable[[str], object], otherwise: Column
) -> Column:
    """Applies a function to the ids with a sign, which few have; others have another value."""
    ids, values = (
        part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part
        for part in (column, otherwise)
    )
    signed = pc.fill_null(pc.match_substring(ids, sign), False)
    changed = pa.array(map(change, ids.filter(signed).to_pylist()), values.type)
    whole = pc.replace_with_mask(values, signed, changed)
    return pa.chunked_array([whole]) if isinstance(column, pa.ChunkedArray) else whole
