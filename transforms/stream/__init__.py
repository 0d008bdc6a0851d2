"""Keeps a stream's evidence alive in state, and runs the batch steps on it at every tick.

In: messages of a queue, or files of a watched folder, as loose batches, and ticks. Out: at each
tick all live evidence, records, stated numbers, fingerprints and phrases, as the steps of the batch
run take them; snapshots as runs of their own, and files of rejects.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
