"""The referral package: one confirmed cluster of a run, for one recipient.

In: a run's tables, the sources of its records in the input files (`case_records`), the recipient's
reference data (`reference`). Out: the files of two sealed BagIt bags by path (`package`). One
leaves: the recipient's document as HTML and PDF, exhibits, letters and exports. The other is
counsel's memo (`counsel`), which stays. No file has a victim's id, number or name.
`verify` compares a package with its seal, offline.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
