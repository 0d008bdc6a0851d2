from . import batch_codec as batch_codec, shuffle as shuffle
from .batch_codec import (
    EncodedBatch as EncodedBatch,
    SpillFile as SpillFile,
    SpillRef as SpillRef,
    decode_batch as decode_batch,
    encode_batch as encode_batch,
)
from .counters import (
    ENGINE_COUNTERS as ENGINE_COUNTERS,
    KIND_PLURAL as KIND_PLURAL,
    NAMESPACE as NAMESPACE,
    count_accepted as count_accepted,
    count_members as count_members,
    count_read as count_read,
    count_rejects as count_rejects,
    count_values as count_values,
    increment_engine_counter as increment_engine_counter,
)
from .gc_tuning import (
    gc_paused as gc_paused,
    gc_tuned as gc_tuned,
    keep_memory as keep_memory,
    release_memory as release_memory,
)
from .shuffle import (
    MAIN as MAIN,
    MAX_PARTITIONS as MAX_PARTITIONS,
    PARTITIONS as PARTITIONS,
    KeyedInput as KeyedInput,
    PerPartition as PerPartition,
    Place as Place,
    Pure as Pure,
    ShuffleOptions as ShuffleOptions,
    batches_of as batches_of,
    partition_numbers as partition_numbers,
    split_by_key as split_by_key,
    split_by_partition as split_by_partition,
    table_of as table_of,
    tagged as tagged,
    tagged_batches as tagged_batches,
)
