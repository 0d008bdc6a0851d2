"""Victims' own identifiers: which records state them, and where they are written in other text.

Accepted records come in. Out go:

- the numbers that they state as a victim's, and an index of these numbers' dial formats
- evidence in which identifiers that contain such a number have the victim's role
- the places of victims' identifiers in text, for `transforms.redact` to mask
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
