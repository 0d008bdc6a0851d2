"""The gates to what others wrote: files and servers, in bounded bytes, depth and time.

Everything that ringtrace opens and did not write itself comes through `reader` or `http`;
`file_texts` unpacks what a file holds, as whoever opens it reads it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
