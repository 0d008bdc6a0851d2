"""Values of loose columns: numbers, ids and times as types, and who stands behind a record.

`casts` turns columns of text into typed columns and tells which rows cannot be. `times` reads what
other systems write, and `reporters` counts people.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
