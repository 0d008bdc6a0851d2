from . import masks as masks, text_util as text_util
from .masks import (
    MASK as MASK,
    Spans as Spans,
    find_by_row as find_by_row,
    hash_spans as hash_spans,
    mask_rows as mask_rows,
    mask_spans as mask_spans,
    mask_spans_fully as mask_spans_fully,
    stuck_spans as stuck_spans,
)
from .text_util import (
    HIDDEN_AT_WORDS as HIDDEN_AT_WORDS,
    HIDDEN_DOT_WORDS as HIDDEN_DOT_WORDS,
    SEARCH_EDGE as SEARCH_EDGE,
    SEARCH_LIMIT as SEARCH_LIMIT,
    cut_to_search_limit as cut_to_search_limit,
    fill_parts as fill_parts,
    fold_column as fold_column,
    fold_pattern as fold_pattern,
    fold_text as fold_text,
    load_reference_data as load_reference_data,
    read_reference_data as read_reference_data,
    truncate_unsearched as truncate_unsearched,
    without_accents as without_accents,
    without_formula as without_formula,
)
