"""Victims' own identifiers: which records state them, and where they are written in other text.

Accepted records come in. Out go the numbers that they state as a victim's, an index of all dial
formats of these numbers, evidence in which whatever contains one has the victim's role, and the
places of such identifiers in text, for `transforms.redact` to mask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
