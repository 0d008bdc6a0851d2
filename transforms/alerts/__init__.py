"""Raises alerts on the records of a tick, and delivers each alert once.

The members, evidence, links and lineage of a tick's clusters and the known run come in. ALERT
batches go out to files, a webhook, Kafka or Pub/Sub; an alert that is raised again is not repeated.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
