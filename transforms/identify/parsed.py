"""One number as `phonenumbers` parses it."""

from __future__ import annotations

from typing import NamedTuple

import phonenumbers as pn

REFUSED_BY_LIBRARY = {
    pn.NumberParseException.NOT_A_NUMBER: "not_a_number",
    pn.NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    pn.NumberParseException.TOO_SHORT_NSN: "too_short",
    pn.NumberParseException.TOO_LONG: "too_long",
}


class Parsed(NamedTuple):
    """A parsed number, the region that claims it, and whether it is valid there."""

    number: pn.PhoneNumber
    region: str | None
    valid: bool


def parse(text: str, region: str | None) -> Parsed | str:
    """The parsed number, or the reason why there is none."""
    try:
        number = pn.parse(text, region, keep_raw_input=True)
    except pn.NumberParseException as error:
        if error.error_type == pn.NumberParseException.INVALID_COUNTRY_CODE:
            return "invalid" if text.lstrip()[:1] in "+＋" else "no_region"
        return REFUSED_BY_LIBRARY[error.error_type]
    claimed = pn.region_code_for_number(number)
    valid = claimed is not None and pn.is_valid_number_for_region(number, claimed)
    return Parsed(number, claimed, valid)


def is_valid(parsed: Parsed | str) -> bool:
    """Whether there is a number, of an assigned pattern."""
    return not isinstance(parsed, str) and parsed.valid


def e164_of(parsed: Parsed | str) -> str:
    """The parsed number in E.164."""
    number = pn.PhoneNumber() if isinstance(parsed, str) else parsed.number
    return pn.format_number(number, pn.PhoneNumberFormat.E164)


def lacks_trunk_zero(number: pn.PhoneNumber, text: str) -> bool:
    """Whether the plan writes this number with a trunk prefix that the text does not have."""
    written = pn.normalize_digits_only(pn.format_number(number, pn.PhoneNumberFormat.NATIONAL))
    return len(pn.normalize_digits_only(text)) < len(written)
