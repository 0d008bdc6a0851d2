"""One organisation's run and what others offer it, as one body of evidence."""
