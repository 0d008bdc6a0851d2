from . import call_scripts as call_scripts
from .allowlist import (
    KnownLegitimate as KnownLegitimate,
    LegitimateListError as LegitimateListError,
    canonical_entity_id as canonical_entity_id,
    parse_allowlist as parse_allowlist,
    reads_as_itself as reads_as_itself,
    shipped_allowlist as shipped_allowlist,
)
from .call_scripts import (
    MIN_SHARE as MIN_SHARE,
    MIN_TELLERS as MIN_TELLERS,
    PAIR_COUNT as PAIR_COUNT,
    SHARED_PAIR as SHARED_PAIR,
    WHOLE_TEXT as WHOLE_TEXT,
    Batches as Batches,
    Pairs as Pairs,
    Scripts as Scripts,
    adjacent_fingerprints as adjacent_fingerprints,
    assemble_families as assemble_families,
    assemble_passages as assemble_passages,
    co_occurring_passages as co_occurring_passages,
    count_pairs as count_pairs,
    match_families as match_families,
    own_fingerprints as own_fingerprints,
    pair_count_table as pair_count_table,
    passages_of_texts as passages_of_texts,
    place_or_minus_one as place_or_minus_one,
    script_matches as script_matches,
    shared_pairs as shared_pairs,
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
