"""Clusters and graphs in the formats of other tools.

In: `GraphExport`, the graph of a run, or `ClusterExport`, a cluster. Out: files as GraphML,
GEXF, CSV, STIX 2.1 and Parquet. `registry.EXPORT_FORMATS` has a row for each format.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
