"""Decisions of analysts: at rest, bound to facts, and in force; and the people who judge.

`decisions_file` reads and checks what people wrote, `in_force` binds it to what was shown and
resolves it, `judgements` asks for a second person.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
