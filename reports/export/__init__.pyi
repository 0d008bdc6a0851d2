from .registry import (
    ExportFormat as ExportFormat,
    RunExport as RunExport,
    leaving_formats as leaving_formats,
)
from .stix import MissingStixError as MissingStixError
from .tabular import NODES_FILE as NODES_FILE
