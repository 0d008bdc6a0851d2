"""Writes a run: sorted Parquet tables, report files and the manifest, published at once.

In: RecordBatches of the output tables, input digests, counters and one RunSettings. Out: a run's
folder that appears at once, and its Manifest. Jobs that write files run in a `JobPool`, without
Beam.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
