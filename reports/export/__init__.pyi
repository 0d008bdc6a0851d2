from .registry import (
    ExportFormat as ExportFormat,
    RunExport as RunExport,
    leaving_formats as leaving_formats,
)
from .stix import (
    DEFAULT_TLP as DEFAULT_TLP,
    RINGTRACE_ID as RINGTRACE_ID,
    MissingStixError as MissingStixError,
    entry_stix as entry_stix,
    hub_stix as hub_stix,
    stix_id as stix_id,
    strictest_tlp as strictest_tlp,
    withdrawn_stix as withdrawn_stix,
)
from .tabular import NODES_FILE as NODES_FILE, harmless as harmless
