"""The programs: `ringtrace batch`, `stream` and the other commands.

In come command lines and files; out come runs, reports, packages and offers on disk. The command
line is in `cli`, its commands in `commands`; the pipelines of `batch`, `streaming` and `exchange`
are made of the steps in `transforms`.
"""

import logging


def _is_useful(record: logging.LogRecord) -> bool:
    """Drops what Beam logs at import: it lacks a Google library that nothing here needs."""
    return not record.getMessage().startswith("apitools not found")


logging.getLogger().addFilter(_is_useful)
