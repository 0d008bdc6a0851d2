"""Runs a pipeline on this machine, in this process and, if they save time, in forks of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
