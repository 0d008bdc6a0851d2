"""The parts of Beam that steps need besides their own functions: shuffles, codecs, counters.

RecordBatches move to the worker that owns their key, spilled to disk on this machine.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
