"""What you run: batch and the other commands, their options and the command line."""

import logging


def _telling(record: logging.LogRecord) -> bool:
    """Beam says at import that it lacks a Google library which nothing here needs."""
    return not record.getMessage().startswith("apitools not found")


logging.getLogger().addFilter(_telling)
