from .names import (
    MissingNamesLibraryError as MissingNamesLibraryError,
    mask_names as mask_names,
    recognizer_version as recognizer_version,
)
from .records import RedactRecords as RedactRecords, redact_mentions as redact_mentions
from .rejects import (
    mask_rejects as mask_rejects,
    stated_victim_numbers_in_rejects as stated_victim_numbers_in_rejects,
)
