"""Exchange between organisations: offers of evidence, and counts of shared victims.

Out: a run's tables and a policy become an `Offer` without victims (`offer`). In: signed bytes of
another organisation become a checked offer or revocation (`read_offer`). `victim_overlap` has the
protocol and the letters by which two organisations count the victims that they share.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
