from .allowlist import (
    KnownLegitimate as KnownLegitimate,
    LegitimateListError as LegitimateListError,
    canonical_entity_id as canonical_entity_id,
    parse_allowlist as parse_allowlist,
    reads_as_itself as reads_as_itself,
    shipped_allowlist as shipped_allowlist,
)
from .evidence import (
    EVIDENCE_ROWS as EVIDENCE_ROWS,
    FINGERPRINTS as FINGERPRINTS,
    RECORDS as RECORDS,
    STATED as STATED,
    Extract as Extract,
    few_words as few_words,
)
from .fields import complaint_mentions as complaint_mentions
from .impersonation import canonical_brands as canonical_brands, infer_brands as infer_brands
from .kinds.url import Click as Click, clicks as clicks
from .sensitive_text import mask_contacts as mask_contacts, mask_file_name as mask_file_name
