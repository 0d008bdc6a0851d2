"""Reading: input files of any known format, to loose rows of the contract and rejects.

In come paths and patterns with `ReadOptions`; `plan_input_files` gives each file its format, or
raises InputError. Out go batches of COMPLAINT_LOOSE, CALL_LOOSE and REJECT, and a digest a file:
every row that is not blank is in exactly one batch. The formats are in `adapters`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
