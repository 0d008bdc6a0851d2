from .adapters.base import Layout as Layout
from .adapters.registry import ADAPTERS_BY_NAME as ADAPTERS_BY_NAME, file_layout as file_layout
from .detect import (
    known_format as known_format,
    plan_input_files as plan_input_files,
    recognize_file as recognize_file,
    survey_inputs as survey_inputs,
)
from .entries import (
    Entry as Entry,
    folder_entries as folder_entries,
    sheet_entries as sheet_entries,
    skip_reason as skip_reason,
    summarize_entries as summarize_entries,
)
from .files import (
    InputError as InputError,
    InputFile as InputFile,
    ReadOptions as ReadOptions,
    raw_blocks as raw_blocks,
)
from .framing import (
    Origin as Origin,
    Record as Record,
    join_cells as join_cells,
    split_cells as split_cells,
)
from .map_guess import Guess as Guess, guess_map as guess_map
from .read_records import (
    CALLS as CALLS,
    COMPLAINTS as COMPLAINTS,
    REJECTS as REJECTS,
    SHARD_BYTES as SHARD_BYTES,
    TAGS as TAGS,
    ReadRecords as ReadRecords,
    ReadShards as ReadShards,
    Shard as Shard,
    read_shard as read_shard,
    scan_file as scan_file,
)
from .rejects import Reject as Reject, decode_raw as decode_raw, rejects_batch as rejects_batch
from .samples import Sample as Sample, preview as preview, sample_file as sample_file
