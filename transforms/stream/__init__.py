"""A stream's evidence, kept alive in state and handed to the batch steps at every tick."""
