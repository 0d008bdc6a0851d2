"""Redaction: takes the victim's own identifiers out of whatever is kept.

Accepted records, their WITHHELD rows, rejected rows and the index of all victims' numbers
(`transforms.victims.number_index`) come in. Out go COMPLAINT, CALL, MENTION and REJECT rows with
these identifiers, card and social security numbers, and self-identified contacts masked.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
