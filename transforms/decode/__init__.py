"""One decoder: a text in, what it says once its escapes, tokens and number words are read out.

`escapes` reads characters that look like others, and those that pages, links and JSON encode.
`readings` also opens Base64, hex and the recipients in bounce addresses, and tells where each
character was written. `number_words` reads words as digits. Finders, masks and the search of what
leaves use these, so that what one of them sees the others see too. `masks` writes '#' over what was
found, `text_util` folds a text to ASCII.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
