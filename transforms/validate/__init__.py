"""Validation and deduplication: loose rows in, accepted rows, duplicates and rejects out.

Every row ends in one of the three. `rows` gives a reject its code, and `deduplicate` keeps a single
row for each id.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
