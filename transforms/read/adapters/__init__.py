"""Input formats: a module each, which makes one `Adapter`, and their list in registry.py.

In come records as framing cuts them out of a file (bytes, not yet understood), or batches of
Parquet; out go loose rows of the contract, and a reject for every record that is no such row.
"""
