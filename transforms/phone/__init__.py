"""Phone numbers: normalized to E.164, and found in free text.

Numbers as written, or texts, come in with the region of their record, one by one or as Arrow
columns. Out go readings: E.164, region, line type, how the number was read and with what
confidence, or the reason why it was refused; numbers found in texts also with their offsets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
