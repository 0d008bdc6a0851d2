"""Arrow columns and numpy arrays, a whole column at a time: rows, items, hashes, groups, spans.

RecordBatches, columns and arrays come in and go out; nothing here knows what a complaint is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
