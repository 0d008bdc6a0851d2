"""The decoder of texts: escapes, tokens and number words in, plain characters out.

`escapes` reads look-alike characters, and characters that pages, links and JSON encode. `readings`
also opens Base64, hex and the recipients in bounce addresses, and keeps each character's place.
`number_words` reads words as digits. Finders, masks and the exit scan all use this decoder, so they
see the same. `masks` writes '#' over spans, `text_util` folds a text to ASCII.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
