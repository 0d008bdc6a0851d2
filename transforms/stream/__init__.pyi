from .delta import (
    DELTA_SCHEMAS as DELTA_SCHEMAS,
    Delta as Delta,
    empty_delta as empty_delta,
    gone_of as gone_of,
    shown_phrases as shown_phrases,
    stated_in_records as stated_in_records,
    unexpired_stated as unexpired_stated,
)
from .one_worker import RunOnOneWorker as RunOnOneWorker
from .sources import (
    Decoder as Decoder,
    Encoding as Encoding,
    FromQueues as FromQueues,
    KafkaQueue as KafkaQueue,
    PubSubQueue as PubSubQueue,
)
from .state import (
    DELTAS as DELTAS,
    FINGERPRINTS as FINGERPRINTS,
    KEYED_BY_PARTITION as KEYED_BY_PARTITION,
    PHRASES as PHRASES,
    RECORDS as RECORDS,
    REJECTED as REJECTED,
    RETENTION_DAYS as RETENTION_DAYS,
    STATED as STATED,
    TICKS as TICKS,
    VALIDATED as VALIDATED,
    Clock as Clock,
    KeepState as KeepState,
    KeepStateInMemory as KeepStateInMemory,
    LiveState as LiveState,
    Tick as Tick,
    count_live_records as count_live_records,
    deltas_of_records as deltas_of_records,
    deltas_of_rejects as deltas_of_rejects,
    longest_retention as longest_retention,
    settle_deltas as settle_deltas,
    unexpired as unexpired,
)
from .tick_files import (
    SNAPSHOTS_FOLDER as SNAPSHOTS_FOLDER,
    KnownMembers as KnownMembers,
    SnapshotOptions as SnapshotOptions,
    WriteRejects as WriteRejects,
    snapshot_run as snapshot_run,
)
