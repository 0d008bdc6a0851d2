"""Raises alerts on what the records of a tick show, and delivers each once.

In: the members, evidence, links and lineage of a tick's clusters, and the known run. Out: ALERT
batches to files, a webhook, Kafka or Pub/Sub, each alert once however often it is raised.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
