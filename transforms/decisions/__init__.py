"""Decisions of analysts: in files, bound to facts, and in force; and the people who judge.

`decisions_file` reads and checks decisions, `in_force` binds them to members and resolves
contradictions, `judgements` asks for a second person.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
