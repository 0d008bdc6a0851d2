"""The referral package: one confirmed cluster of a run, for one recipient.

In: a run's tables, the sources of its records in the input files (`case_records`), the recipient's
reference data (`reference`). Out: the files of a sealed BagIt bag by path (`package`): the document
as HTML and PDF, exhibits, drafts, exports, seal. No file has a victim's id, number or name.
`verify` compares a package with its seal, offline.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
