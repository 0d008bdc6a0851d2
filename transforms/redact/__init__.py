"""Redaction: takes the victim's own identifiers out of all tables that are kept.

Accepted records, their WITHHELD rows, rejected rows and the index of all victims' numbers
(`transforms.victims.number_index`) come in. COMPLAINT, CALL, MENTION and REJECT rows go out.
Victims' identifiers, card and social security numbers, and self-identified contacts are masked in
them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
