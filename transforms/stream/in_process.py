"""Runs a bounded pipeline again and again in this process, at the cost of its steps alone.

Beam's in-process runner builds, translates, plans and serializes a pipeline anew for every run. A
tick has a hundred and fifty small steps, and two CPU seconds went there whatever it had to do.
Here the steps are taken once from the graph that Beam built, and called in its order.

On an engine, `RunOnOneWorker` does so for each tick inside a step of the stream. The steps of the
batch run hand small tables to each other as side inputs; on a stream these are windowed, and not
every engine waits for the window of a side input to be over. So what is alive at a tick comes
together on one worker, which holds the graph as a whole for clustering in any case.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.internal.util import insert_values_in_args
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.runners.common import DoFnSignature

from transforms.shuffle import OptionsParsedOnce, Pure
from transforms.stream.state import STATE_OUTPUTS, TICKS

SINGLE_PARTITION_OPTIONS = ("--partitions=1",)
"""Options of a pipeline that one process runs: parts would only have to be put together again."""

_Values = dict[PCollection, list[Any]]

_BUNDLE_METHODS = ("start_bundle", "finish_bundle")


class UnsupportedStepError(Exception):
    """A step that needs a runner: state, timers, windows, bundles, restrictions."""


class InProcessRunner:
    """Runs the steps of a pipeline, which must not be run otherwise.

    Its DoFns are the very objects that it was built with: what one holds on to lasts from run to
    run. Every Impulse gives the element of the run, and all values are in the global window. With
    `remembers`, what a `Pure` step was given in the run before, it is not given again: the outputs
    are those of then, as the very same objects.

    Raises:
        UnsupportedStepError: for a step that is more than a function of its input.
    """

    def __init__(self, pipeline: beam.Pipeline, *, remembers: bool = False) -> None:
        collected = _CollectTransforms()
        pipeline.visit(collected)
        self._steps: list[_Step] = []
        read: set[PCollection] = set()
        for node in reversed(collected.nodes):
            _check(node)
            inputs = [one for one in node.inputs if isinstance(one, PCollection)]
            outputs = dict(node.outputs)
            sides = list(node.side_inputs)
            touched = {*inputs, *(one.pvalue for one in sides), *outputs.values()}
            transform: Any = node.transform
            is_pure = isinstance(transform, beam.ParDo) and isinstance(transform.fn, Pure)
            memory = _Memory() if remembers and is_pure else None
            step = _Step(transform, inputs, sides, outputs, list(touched - read), memory)
            read |= touched
            self._steps.append(step)
        self._steps.reverse()
        self._open = False
        # Beam makes a folder for the files of a run, and removes it after one.
        shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)

    def run(self, element: object) -> None:
        """Calls every step once, on all that the steps before it gave."""
        if not self._open:
            self._open = True
            for fn in self._functions():
                fn.setup()
        values: _Values = {}
        for step in self._steps:
            step.run(values, element)
            for one in step.last_read:
                del values[one]

    def close(self) -> None:
        """Tears down what the first run set up."""
        if self._open:
            self._open = False
            for fn in self._functions():
                fn.teardown()

    def _functions(self) -> list[Any]:
        return [one.transform.fn for one in self._steps if isinstance(one.transform, beam.ParDo)]


@dataclass(eq=False)
class RunOnOneWorker(beam.PTransform):
    """Applies `analyze`, a dataclass, to the whole of each window on one worker."""

    analyze: Any

    def expand(self, kept: Mapping[str, beam.PCollection]) -> Any:
        """Brings each tick's whole together."""
        named = tuple(
            kept[name] | f"Name {name}" >> beam.Map(_named, name).with_output_types(tuple[int, Any])
            for name in STATE_OUTPUTS
        )
        return (
            named
            | "All" >> beam.Flatten()
            | "One place" >> beam.GroupByKey()
            | "Look" >> beam.ParDo(_RunOnOneWorker(self.analyze))
        )


@dataclass(frozen=True)
class _Step:
    """A primitive transform, what it reads and what it gives.

    No later step reads the PCollections of `last_read`.
    """

    transform: Any
    inputs: Sequence[PCollection]
    sides: Sequence[beam.pvalue.AsSideInput]
    outputs: Mapping[str | None, PCollection]
    last_read: Sequence[PCollection]
    memory: _Memory | None

    def run(self, values: _Values, element: object) -> None:
        """Adds the values of the outputs."""
        if isinstance(self.transform, beam.ParDo):
            self._par_do(values)
            return
        (output,) = self.outputs.values()
        if isinstance(self.transform, beam.Impulse):
            values[output] = [element]
        elif isinstance(self.transform, beam.GroupByKey):
            groups: dict[Any, list[Any]] = {}
            for key, value in values[self.inputs[0]]:
                groups.setdefault(key, []).append(value)
            values[output] = list(groups.items())
        else:
            values[output] = [value for one in self.inputs for value in values[one]]

    def _par_do(self, values: _Values) -> None:
        outputs: dict[str | None, list[Any]] = {tag: [] for tag in self.outputs}
        elements = values[self.inputs[0]]
        if elements:
            transform = self.transform
            sides = [
                one._from_runtime_iterable(values[one.pvalue], one._view_options())
                for one in self.sides
            ]
            args, kwargs = insert_values_in_args(transform.args, transform.kwargs, sides)
            apply = partial(_apply, transform.fn, args, kwargs)
            given = [values[one.pvalue] for one in self.sides]
            recall = self.memory.recall(elements, given, apply) if self.memory else None
            found = map(apply, elements) if recall is None else recall
            for result in chain.from_iterable(found):
                if isinstance(result, TaggedOutput):
                    outputs[result.tag].append(result.value)
                else:
                    outputs[None].append(result)
        for tag, results in outputs.items():
            values[self.outputs[tag]] = results


class _Memory:
    """Elements and side inputs that a step had in the run before, and what it gave for each."""

    def __init__(self) -> None:
        self._elements: list[Any] = []
        self._sides: list[list[Any]] = []
        self._results: list[list[Any]] = []

    def recall(
        self, elements: list[Any], sides: list[list[Any]], apply: Callable[[Any], list[Any]]
    ) -> list[list[Any]]:
        """Returns what a step gives for each element, and applies it to what is another one."""
        alike = _same(sides, self._sides)
        results = []
        for place, element in enumerate(elements):
            known = place < len(self._elements)
            if known and alike and _same(element, self._elements[place]):
                results.append(self._results[place])
                continue
            found = apply(element)
            known = known and _same(found, self._results[place])
            results.append(self._results[place] if known else found)
        self._elements, self._sides, self._results = list(elements), sides, results
        return results


def _same(one: Any, other: Any) -> bool:
    """Tells whether values are equal, as far as that is cheap to tell."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, TaggedOutput):
        return one.tag == other.tag and _same(one.value, other.value)
    if isinstance(one, pa.RecordBatch):
        return bool(one.schema.equals(other.schema) and one.equals(other))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return isinstance(one, int | str) and one == other


def _apply(fn: Any, args: Sequence[Any], kwargs: Mapping[str, Any], element: Any) -> list[Any]:
    return list(fn.process(element, *args, **kwargs) or ())


class _CollectTransforms(PipelineVisitor):
    """Collects the primitive transforms of a pipeline, in an order in which they can run."""

    def __init__(self) -> None:
        self.nodes: list[AppliedPTransform] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        """Collects one."""
        self.nodes.append(transform_node)


def _check(node: AppliedPTransform) -> None:
    """Raises unless the step gives here what it gives on a runner."""
    transform: Any = node.transform
    if isinstance(transform, beam.ParDo):
        signature = DoFnSignature(transform.fn)
        kind_of_special = type(beam.DoFn.ElementParam)
        special = [d for d in signature.process_method.defaults if isinstance(d, kind_of_special)]
        kind = type(transform.fn)
        bundled = any(getattr(kind, one) is not getattr(beam.DoFn, one) for one in _BUNDLE_METHODS)
        if special or bundled or signature.is_stateful_dofn() or signature.is_splittable_dofn():
            raise UnsupportedStepError(node.full_label)
    elif not isinstance(transform, beam.Impulse | beam.GroupByKey | beam.Flatten):
        raise UnsupportedStepError(node.full_label)


def _named(value: Any, name: str) -> tuple[int, tuple[str, Any]]:
    return 0, (name, value)


class _RunOnOneWorker(beam.DoFn):
    """Applies `analyze` to all that one tick handed out."""

    def __init__(self, analyze: Any) -> None:
        self._analyze = analyze
        self._pipelines: dict[bool, _TickPipeline] = {}

    def process(self, keyed: tuple[int, Iterable[tuple[str, Any]]]) -> Iterator[pa.RecordBatch]:
        whole: dict[str, list[Any]] = {name: [] for name in STATE_OUTPUTS}
        for name, value in keyed[1]:
            whole[name].append(value)
        snapshot = any(tick.snapshot for tick in whole[TICKS])
        if snapshot not in self._pipelines:
            # A transform that was applied once belongs to that pipeline.
            analyze = replace(self._analyze, **({} if snapshot else {"snapshots": None}))
            self._pipelines[snapshot] = _TickPipeline(analyze)
        yield from self._pipelines[snapshot].run(whole)


class _TickPipeline:
    """Runs `analyze` on all that one tick handed out."""

    def __init__(self, analyze: Any) -> None:
        pipeline = beam.Pipeline(options=OptionsParsedOnce(list(SINGLE_PARTITION_OPTIONS)))
        whole = pipeline | "Whole" >> beam.Impulse()
        kept = {
            name: whole | f"Take {name}" >> beam.FlatMap(itemgetter(name)) for name in STATE_OUTPUTS
        }
        self._collected = _CollectAlerts()
        _ = kept | "Look" >> analyze | "Collect" >> beam.ParDo(self._collected)
        self._runner = InProcessRunner(pipeline)

    def run(self, whole: Mapping[str, list[Any]]) -> list[pa.RecordBatch]:
        """Returns the alerts."""
        self._collected.alerts = []
        self._runner.run(whole)
        return self._collected.alerts


class _CollectAlerts(beam.DoFn):
    """Collects what the last steps of a tick's pipeline gave."""

    def __init__(self) -> None:
        self.alerts: list[pa.RecordBatch] = []

    def process(self, alerts: pa.RecordBatch) -> None:
        self.alerts.append(alerts)
