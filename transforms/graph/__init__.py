"""The graph: from EVIDENCE batches to entities, links and clusters, window by window.

Input: evidence, the decisions in force, and the members and components of a previous run. Output:
each entity with its status, LINK rows with `accepted` and a reason, MEMBERSHIP, CLUSTER, MEMBER,
SUPPLIER and LINEAGE rows, COMPONENT rows for the next run, and counters. `find_clusters` and
`summarize_clusters` (`transform`) run all steps; only the global step (`assign`) runs in one
place.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
