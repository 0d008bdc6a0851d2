from .deduplicate import (
    RECORD_ORDER as RECORD_ORDER,
    REPLACED as REPLACED,
    Deduplicate as Deduplicate,
    content_hashes as content_hashes,
    unique_records as unique_records,
    versions_of as versions_of,
    winning_rows as winning_rows,
)
from .rows import (
    ACCEPTED as ACCEPTED,
    CONTACT_PATTERN as CONTACT_PATTERN,
    COUNTERS as COUNTERS,
    REJECTS as REJECTS,
    Validate as Validate,
    folded_pseudonym as folded_pseudonym,
    validate_calls as validate_calls,
    validate_complaints as validate_complaints,
)
