"""Keeps a stream's live evidence in state, and runs the batch steps on it at every tick.

Messages of a queue, or files of a watched folder, come in as loose batches, and so do ticks. At
each tick all live evidence, records, stated numbers, fingerprints and phrases go out to the batch
steps. Snapshots, which are run folders, and files of rejects are written.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
