from .find import find_numbers as find_numbers
from .normalize import normalize_number as normalize_number, normalize_numbers as normalize_numbers
from .numbering_plan import (
    FIXED as FIXED,
    MOBILE as MOBILE,
    SPECIAL_LINE_TYPES as SPECIAL_LINE_TYPES,
)
from .plain_number import claim as claim
