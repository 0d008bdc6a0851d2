"""Custody of a run: its inputs and outputs, its sealed files, and erased records.

`manifest` reconciles every row, `private_files` seals what is for the owner alone, and `erasure`
knows erased records by keyed hashes.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
