"""Extraction: accepted records in, what later steps need of them out, so that these read columns.

`Extract` is the PTransform: COMPLAINT_ACCEPTED or CALL_ACCEPTED batches in; EVIDENCE, numbers that
are stated as victims', fingerprints of narratives, and records with what was read in them out. The
identifiers of fields and narratives get a kind (`kinds.registry`), a canonical value and a role;
`find_impersonation` reads who was impersonated, `parse_allowlist` what is known to be legitimate;
`mask_contacts` takes numbers and addresses out of what an analyst wrote, `mask_file_name` out of
names of files.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
