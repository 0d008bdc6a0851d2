"""The reject: a row that breaks the contract, kept with the reason."""

from __future__ import annotations

from enum import StrEnum

from schemas.complaint import ORIGIN
from schemas.enums import RecordKind, Stage
from schemas.field import INTEGER, contract, optional, required

RAW_LIMIT = 65_536
"""Bytes of a rejected row that are kept; the position finds the rest in its source."""


class Code(StrEnum):
    """Reasons for which a row is rejected."""

    BAD_ENCODING = "bad_encoding"
    BROKEN_JSON = "broken_json"
    NOT_AN_OBJECT = "not_an_object"
    BROKEN_CSV = "broken_csv"
    BROKEN_TOKEN = "broken_token"
    ROW_TOO_LARGE = "row_too_large"
    TRUNCATED_FILE = "truncated_file"
    UNREADABLE_FILE = "unreadable_file"
    OVER_LIMIT = "over_limit"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    BAD_VALUE = "bad_value"
    BAD_TIMESTAMP = "bad_timestamp"
    IMPOSSIBLE_DATE = "impossible_date"
    BAD_COUNTRY = "bad_country"
    BAD_AMOUNT = "bad_amount"
    BAD_CURRENCY = "bad_currency"
    VICTIM_ID_IS_CONTACT = "victim_id_is_contact"
    ID_IS_CONTACT = "id_is_contact"
    AFTER_AS_OF = "after_as_of"
    IN_FUTURE = "in_future"


REJECT = contract(
    ORIGIN,
    required(RecordKind, record_kind="Complaint or call."),
    optional(raw="The row as read, cut at 64 KiB; in rejects/ numbers and addresses are masked."),
    required(
        ("utf-8", "latin-1"),
        raw_encoding="latin-1 where the row is not UTF-8: each character is then one byte.",
    ),
    required(INTEGER, raw_bytes="Length of the row before the cut."),
    required(Stage, stage="Step that refused it."),
    required(Code, code="Reason as a code."),
    optional(field="Field at fault, if one is."),
    required(message="Reason for people; holds nothing from the row."),
)
"""rejects/: what was refused; can be corrected and fed back in."""
