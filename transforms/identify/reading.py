"""What a text was read as: one phone number, or nothing with a reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import pyarrow as pa


class How(StrEnum):
    """How a number was read; what a reading is worth depends on it."""

    INTERNATIONAL = "international"
    """Literally, with its country code."""
    NATIONAL = "national"
    """Literally, under the region of its record."""
    VANITY = "vanity"
    """From letters of the telephone keypad (ITU-T E.161)."""
    SPELLED = "spelled"
    """From digits that were written or transcribed as words."""
    LOOK_ALIKE = "look_alike"
    """From letters that look like digits, such as O for 0."""
    MENDED = "mended"
    """After a spreadsheet's `.0`, or an international prefix of elsewhere, was taken away."""
    FOREIGN = "foreign"
    """Under another plan than its record's region, which its shape gives away."""


PLAUSIBILITY = {
    How.INTERNATIONAL: 1.0,
    How.NATIONAL: 1.0,
    How.VANITY: 0.9,
    How.SPELLED: 0.85,
    How.LOOK_ALIKE: 0.7,
    How.MENDED: 0.9,
    How.FOREIGN: 0.6,
}
"""What a way of reading is worth, as a factor of confidence: a judgement, not a measurement."""
TWO_WAYS = 0.8
"""A further factor where the text reads as a second valid number, less plausibly."""

VALID, POSSIBLE = "valid", "possible"
"""Validity: of an assigned pattern, or only of a length that its plan knows."""


class Reading(NamedTuple):
    """One number as read: `e164` is null exactly when `reason` is set.

    `also_read_as` holds the E.164 of less plausible readings; of all of them where none is the
    most plausible (reason `ambiguous`), with blanks between. `confidence` is 0 where nothing was
    read. A number that is only possible has no E.164: it would name nobody, or somebody else.
    """

    e164: str | None = None
    region: str | None = None
    line_type: str | None = None
    reason: str | None = None
    how: str | None = None
    validity: str | None = None
    extension: str | None = None
    also_read_as: str | None = None
    confidence: float = 0.0


READING = pa.struct(
    [(name, pa.float32() if name == "confidence" else pa.string()) for name in Reading._fields]
)
"""Arrow type of a reading, field by field as `Reading`."""


def worth(how: How, also: str | None) -> float:
    """The confidence of a reading by its way and whether there is a second one."""
    return PLAUSIBILITY[how] * (TWO_WAYS if also else 1.0)
