from .file_texts import (
    lines_of as lines_of,
    texts_of_column as texts_of_column,
    texts_of_file as texts_of_file,
)
from .http import OneServer as OneServer
from .reader import (
    MAX_DEPTH as MAX_DEPTH,
    MOST_BYTES as MOST_BYTES,
    MOST_KEPT_BYTES as MOST_KEPT_BYTES,
    RefusedFileError as RefusedFileError,
    beam_stores as beam_stores,
    is_too_deep as is_too_deep,
    open_bytes as open_bytes,
    read_bytes as read_bytes,
    read_json as read_json,
)
