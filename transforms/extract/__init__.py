"""Extraction: reads accepted records once, so that later steps only read columns.

`Extract` is the PTransform. Its input is COMPLAINT_ACCEPTED or CALL_ACCEPTED batches. Its outputs
are EVIDENCE, numbers stated as victims', fingerprints of narratives, and the records with columns
of readings. Identifiers in fields and narratives get a kind (`kinds.registry`), a canonical value
and a role. `find_impersonation` finds impersonated brands, `parse_allowlist` reads known-legitimate
lists. `mask_contacts` masks numbers and addresses in analysts' texts, `mask_file_name` in file
names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
