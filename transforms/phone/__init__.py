"""Phone numbers: normalized to E.164, and found in free text.

Numbers as written, or texts, come in with the region of their record, one by one or as Arrow
columns. Readings go out: E.164, region, line type, method and confidence, or the reason of refusal.
Numbers found in texts also have their offsets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
