"""Call scripts: accepted complaints in, EVIDENCE of `script:` entities out.

A script family is what many victims heard in nearly the same words. `Scripts` finds families and
the narratives that hold them; `ScriptsFromFingerprints` does so where narratives are gone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
