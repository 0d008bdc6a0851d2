"""The entity: one identifier, over all records that name it.

Reads and writes epochs in entity ids: `phone:+18885550123`, after a long gap the same + `#2`.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Status
from schemas.facts import FACT_LIST
from schemas.field import TIMESTAMP, field

_STRING = pa.string()

ENTITY = pa.schema(
    [
        field(
            "entity_id",
            _STRING,
            "Canonical id; withheld where it may be a victim's.",
            required=True,
        ),
        field("kind", _STRING, "Namespace of the id.", required=True, values=tuple(EntityKind)),
        field("value", _STRING, "The id without its namespace and epoch; null when withheld."),
        field("first_seen", TIMESTAMP, "Earliest record that names it.", required=True),
        field("last_seen", TIMESTAMP, "Latest record that names it.", required=True),
        field("complaints", pa.int64(), "Complaints that name it.", required=True),
        field("calls", pa.int64(), "Calls that name it.", required=True),
        field("victims", pa.int64(), "Distinct victims among those records.", required=True),
        field("orgs", pa.list_(_STRING), "Organisations that saw it, sorted.", required=True),
        field("region", _STRING, "Region of a phone number."),
        field("line_type", _STRING, "Line type of a phone number."),
        field("status", _STRING, "What may be said of it.", required=True, values=tuple(Status)),
        field("reason", _STRING, "Why it has that status.", required=True),
        field("facts", FACT_LIST, "The same as codes with arguments.", required=True),
        field(
            "reporters",
            pa.int64(),
            "Distinct reporters who show a suspect using it.",
            required=True,
        ),
        field("epoch", pa.int64(), "1, or its place among the holders of what was passed on."),
        field("first_used", TIMESTAMP, "Earliest record that shows a suspect using it."),
        field("last_used", TIMESTAMP, "Latest record that shows a suspect using it."),
        field("hosted_by", _STRING, "Platform whose tenant a domain or web address is."),
    ]
)
"""entities/: every identifier, whatever its status; nothing is suppressed silently."""

ENTITY_KEY = ("entity_id",)

CONTESTED = pa.schema(
    [
        field("entity_id", _STRING, "The withheld id that stands in all tables.", required=True),
        field("kind", _STRING, "Namespace of the id.", required=True, values=tuple(EntityKind)),
        field("value", _STRING, "What it stands for, without namespace and epoch.", required=True),
        field("suspect_reporters", pa.int64(), "Reporters who show a suspect using it.",
              required=True),
        field("victim_reporters", pa.int64(), "Reporters who call it a victim's own.",
              required=True),
        field("first_seen", TIMESTAMP, "Earliest record that names it.", required=True),
    ]
)  # fmt: skip
"""private/contested/: what the withheld ids of contested identifiers stand for.

Who is on both sides counts on the victim's. Calls without a pseudonym may show a suspect using one
that no reporter does. A mailbox at a freemail host that one reporter alone names is here too, with
nobody who calls it a victim's.
"""

CONTESTED_KEY = ("entity_id",)

VICTIM_ENTRY = pa.schema(
    [
        field("mac", _STRING, "HMAC-SHA256 of the id under the organisation's secret, in hex.",
              required=True),
        field("digits_mac", _STRING, "The same of a phone number's national digits, or of the "
              "letters and digits of another value."),
        field("kind", _STRING, "Namespace of the id.", required=True,
              values=(*EntityKind, "paper")),
        field("reporters", pa.int64(), "Distinct reporters who call it a victim's.", required=True),
        field("first_seen", TIMESTAMP, "Earliest record that names it.", required=True),
        field("key_id", _STRING, "Names the secret and says nothing of it.", required=True),
        field("records", _STRING, "Keyed hashes of the records that name it, sorted, with blanks "
              "between; null where they are many or not known."),
    ]
)  # fmt: skip
"""private/victims/: the victim register, the identifiers that a run withholds as keyed hashes."""

VICTIM_ENTRY_KEY = ("mac",)

_KINDS = "(?:phone|domain|email|handle|account)"

_TURN = r"[2-9]|[1-9]\d+"

_MARK = rf"^({_KINDS}:.*)#({_TURN})$"
"""No id of these kinds ends so by itself: none of them ends in digits after a `#`."""

_NUMBERED = rf"^{_KINDS}:.*#(?P<number>{_TURN})$"


_WITHHELD = r"^[a-z_]+:withheld-[0-9a-f]{16}$"


def withheld_id(kind: str, digest: str) -> str:
    """Returns the id under which an identifier is shown; `digest` must say nothing of it."""
    return f"{kind}:withheld-{digest}"


def withheld_ids(kinds: pa.Array, digests: pa.Array) -> pa.Array:
    """Applies `withheld_id` to columns."""
    return pc.binary_join_element_wise(kinds, digests, ":withheld-")


def is_withheld(entity_id: str) -> bool:
    """Tells whether an id, with or without an epoch, stands for an identifier that is withheld."""
    return ":withheld-" in entity_id and bool(re.match(_WITHHELD, without_epoch(entity_id)))


def are_withheld(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Applies `is_withheld` to a column of ids."""
    maybe = pc.match_substring(column, ":withheld-")
    if not pc.any(maybe).as_py():
        return maybe
    return pc.match_substring_regex(without_epochs(column), _WITHHELD)


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
    marked = pc.binary_join_element_wise(column, pc.cast(epochs, pa.string()), "#")
    return pc.if_else(pc.equal(epochs, 1), column, marked)


def without_epochs(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Applies `without_epoch` to a column of ids."""
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([without_epochs(one) for one in column.chunks], column.type)
    # Few have one, and to search each for a pattern takes long.
    maybe = pc.fill_null(pc.match_substring(column, "#"), False)
    return pc.replace_with_mask(
        column, maybe, pc.replace_substring_regex(column.filter(maybe), _MARK, r"\1")
    )


def id_epochs(column: pa.Array) -> pa.Array:
    """Applies `epoch_number` to a column of ids."""
    maybe = pc.fill_null(pc.match_substring(column, "#"), False)
    matched = pc.struct_field(pc.extract_regex(column.filter(maybe), _NUMBERED), "number")
    numbers = pc.fill_null(pc.cast(matched, pa.int64()), 1)
    first = pa.repeat(pa.scalar(1, pa.int64()), len(column))
    return pc.replace_with_mask(first, maybe, numbers)
