"""Campaigns: leads to clusters that may be one operation's, by the traits that they share.

CLUSTER and MEMBER rows of a run come in; CAMPAIGN rows go out.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
