"""The HTML report of a run, and the files that go with it.

In: a `reports.run.Run` whose tables are written, and a job pool. Out: report/index.html, a page for
each cluster that is described with its downloads beside it, and graph/. A page needs no network.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
