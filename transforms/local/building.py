"""Builds pipelines at a third of what Beam takes for it, by asking each thing once.

Beam inspects each step's functions again for every question that it has: 1,200 times in an empty
run, which was a quarter of its CPU. While a pipeline of ours is built, Beam asks here. Before and
after it is as it was, so that other pipelines in the process are built as Beam does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from threading import RLock
from types import FunctionType, MethodType
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms import core, userstate

UNCHECKED = "--no_pipeline_type_check"
"""Beam's check of how steps fit together is for who writes them: a tenth of an empty run.

Not for a stream on an engine: its steps in Java take their types from what the check infers."""

_inspect, _inspect_dofn = core.get_function_args_defaults, userstate.get_dofn_specs

_building = RLock()


@contextmanager
def quick_building() -> Iterator[None]:
    """Lets Beam ask each thing once until the block ends; one thread at a time builds so."""
    with _building, ExitStack() as replaced:
        for place, name, quick in _QUICK:
            replaced.enter_context(mock.patch.object(place, name, quick))
        yield


class OptionsParsedOnce(PipelineOptions):
    """Beam's options that parse the flags once for each kind of view.

    Beam asks for the view of its type checks twice a step. All views share the values, so that one
    which is kept is as good as a new one.
    """

    def view_as(self, cls: Any) -> Any:
        """Returns a view of these options."""
        views: dict[Any, Any] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]

    def __getstate__(self) -> dict[str, Any]:
        """Returns the state without the views, which refer to it."""
        return {name: value for name, value in super().__getstate__().items() if name != "_views"}


def arguments_and_defaults(function: Callable[..., Any]) -> tuple[list[str], list[Any]]:
    """Returns what Beam reads from a function's signature, inspecting each function once."""
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        names, defaults = _of_method(function.__func__)
    elif isinstance(function, FunctionType):
        names, defaults = _of_function(function)
    else:
        return _inspect(function)
    return [*names], [*defaults]


_of_function = lru_cache(maxsize=4096)(_inspect)


@lru_cache(maxsize=4096)
def _of_method(function: FunctionType) -> tuple[list[str], list[Any]]:
    return _inspect(MethodType(function, object()))


def dofn_specs(dofn: beam.DoFn) -> tuple[set[Any], set[Any]]:
    """Returns the states and timers of a DoFn, inspecting each class once.

    A method that an instance was given is not its class's.
    """
    if any(isinstance(value, MethodType) for value in vars(dofn).values()):
        return _inspect_dofn(dofn)
    kind = type(dofn)
    if kind not in _specs:
        _specs[kind] = _inspect_dofn(dofn)
    states, timers = _specs[kind]
    return {*states}, {*timers}


def _take_as_it_is(_function: object) -> bool:
    """Answers Beam's search of each step's source for a `yield` beside a `return`."""
    return False


_specs: MutableMapping[type, tuple[set[Any], set[Any]]] = WeakKeyDictionary()

_QUICK = (
    (core, "get_function_args_defaults", arguments_and_defaults),
    (core, "_check_fn_use_yield_and_return", _take_as_it_is),
    (userstate, "get_dofn_specs", dofn_specs),
)
"""Functions of Beam that inspect, and those in their place."""
