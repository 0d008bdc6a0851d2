"""The programs: `ringtrace batch`, `stream` and the other commands.

They take command lines and files, and write runs, reports, packages and offers to disk. The command
line is in `cli`, its commands in `commands`. The pipelines in `batch`, `streaming` and `exchange`
use the steps of `transforms`.
"""

import logging


def _is_useful(record: logging.LogRecord) -> bool:
    """Drops Beam's warning at import that a Google library is missing: nothing here needs it."""
    return not record.getMessage().startswith("apitools not found")


logging.getLogger().addFilter(_is_useful)
