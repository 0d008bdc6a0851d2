"""Run one bounded pipeline again and again in this process, at the cost of its steps alone.

Beam's in-process runner builds, translates, plans and serializes a pipeline anew for every run. A
tick has a hundred and fifty small steps, and two CPU seconds went there whatever it had to do.
Here the steps are taken once from the graph that Beam built, and called in its order.

Look at a tick at one place: a bounded pipeline of its own, inside the stream's.

The steps of the batch run hand small tables to each other as side inputs. On a stream these are
windowed, and not every engine waits for the window of a side input to be over. Here the outer
pipeline has none: what is alive at a tick comes together in one worker, which holds the graph as a
whole for clustering in any case, and runs the steps on it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.internal.util import insert_values_in_args
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.runners.common import DoFnSignature

from transforms.shuffle import MAIN
from transforms.stream.state import PRINTED, RECORDS, REJECTED, SAID, STATED, TALLIES, TICKS

Values = dict[PCollection, list[Any]]


ALONE = ("--partitions=1",)
"""Options of a pipeline that one process runs: pieces would only have to be put together again."""


_BUNDLES = ("start_bundle", "finish_bundle")


class UnsupportedStepError(Exception):
    """A step that needs a runner: state, timers, windows, bundles, restrictions."""


@dataclass(frozen=True)
class _Step:
    """A primitive transform, what it reads and what it gives."""

    transform: Any
    inputs: Sequence[PCollection]
    sides: Sequence[beam.pvalue.AsSideInput]
    outputs: Mapping[str | None, PCollection]
    over: Sequence[PCollection]
    """PCollections of these that no later step reads."""

    def run(self, values: Values, element: object) -> None:
        """Add the values of the outputs."""
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

    def _par_do(self, values: Values) -> None:
        outputs: dict[str | None, list[Any]] = {tag: [] for tag in self.outputs}
        given = values[self.inputs[0]]
        if given:
            transform = self.transform
            sides = [_view(one, values[one.pvalue]) for one in self.sides]
            args, kwargs = insert_values_in_args(transform.args, transform.kwargs, sides)
            for value in given:
                for result in transform.fn.process(value, *args, **kwargs) or ():
                    if isinstance(result, TaggedOutput):
                        outputs[result.tag].append(result.value)
                    else:
                        outputs[None].append(result)
        for tag, found in outputs.items():
            values[self.outputs[tag]] = found


def _view(side: beam.pvalue.AsSideInput, values: list[Any]) -> Any:
    return side._from_runtime_iterable(values, side._view_options())


class _Taken(PipelineVisitor):
    """The primitive transforms of a pipeline, in an order in which they can run."""

    def __init__(self) -> None:
        self.nodes: list[AppliedPTransform] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        """Keep one."""
        self.nodes.append(transform_node)


class Rerun:
    """The steps of a pipeline, which must not be run otherwise.

    Its DoFns are the very objects that it was built with: what one holds on to lasts from run to
    run. Every Impulse gives the element of the run, and all values are in the global window.

    Raises:
        UnsupportedStepError: for a step that is more than a function of its input.
    """

    def __init__(self, pipeline: beam.Pipeline) -> None:
        taken = _Taken()
        pipeline.visit(taken)
        self._steps: list[_Step] = []
        read: set[PCollection] = set()
        for node in reversed(taken.nodes):
            _check(node)
            inputs = [one for one in node.inputs if isinstance(one, PCollection)]
            outputs = dict(node.outputs)
            sides = list(node.side_inputs)
            touched = {*inputs, *(one.pvalue for one in sides), *outputs.values()}
            step = _Step(node.transform, inputs, sides, outputs, list(touched - read))
            read |= touched
            self._steps.append(step)
        self._steps.reverse()
        self._open = False

    def run(self, element: object) -> None:
        """Call every step once, on all that the steps before it gave."""
        if not self._open:
            self._open = True
            for fn in self._functions():
                fn.setup()
        values: Values = {}
        for step in self._steps:
            step.run(values, element)
            for one in step.over:
                del values[one]

    def close(self) -> None:
        """Tear down what the first run set up."""
        if self._open:
            self._open = False
            for fn in self._functions():
                fn.teardown()

    def _functions(self) -> list[Any]:
        return [one.transform.fn for one in self._steps if isinstance(one.transform, beam.ParDo)]


def _check(node: AppliedPTransform) -> None:
    """Raise unless the step gives here what it gives on a runner."""
    transform: Any = node.transform
    if isinstance(transform, beam.ParDo):
        signature = DoFnSignature(transform.fn)
        special = [one for one in signature.process_method.defaults if _is_special(one)]
        kind = type(transform.fn)
        bundled = any(getattr(kind, one) is not getattr(beam.DoFn, one) for one in _BUNDLES)
        if special or bundled or signature.is_stateful_dofn() or signature.is_splittable_dofn():
            raise UnsupportedStepError(node.full_label)
    elif not isinstance(transform, beam.Impulse | beam.GroupByKey | beam.Flatten):
        raise UnsupportedStepError(node.full_label)


def _is_special(default: object) -> bool:
    return isinstance(default, type(beam.DoFn.ElementParam))


NAMES = (MAIN, RECORDS, STATED, PRINTED, SAID, REJECTED, TALLIES, TICKS)


def _named(value: Any, name: str) -> tuple[int, tuple[str, Any]]:
    return 0, (name, value)


def _part(whole: Mapping[str, list[Any]], name: str) -> list[Any]:
    return whole[name]


class _Heard(beam.DoFn):
    """Keeps what the last steps of a `Rerun` gave."""

    def __init__(self) -> None:
        self.alerts: list[pa.RecordBatch] = []

    def process(self, alerts: pa.RecordBatch) -> None:
        self.alerts.append(alerts)


class _Steps:
    """The steps of `look` on all that one tick handed out."""

    def __init__(self, look: Any) -> None:
        pipeline = beam.Pipeline(options=PipelineOptions(list(ALONE)))
        whole = pipeline | "Whole" >> beam.Impulse()
        kept = {name: whole | f"Take {name}" >> beam.FlatMap(_part, name) for name in NAMES}
        self._heard = _Heard()
        _ = kept | "Look" >> look | "Hear" >> beam.ParDo(self._heard)
        self._steps = Rerun(pipeline)

    def run(self, whole: Mapping[str, list[Any]]) -> list[pa.RecordBatch]:
        """The alerts."""
        self._heard.alerts = []
        self._steps.run(whole)
        return self._heard.alerts


class _Look(beam.DoFn):
    """All that one tick handed out, to what `look` makes of it."""

    def __init__(self, look: Any) -> None:
        self._look = look
        self._steps: dict[bool, _Steps] = {}

    def process(self, keyed: tuple[int, Iterable[tuple[str, Any]]]) -> Iterator[pa.RecordBatch]:
        whole: dict[str, list[Any]] = {name: [] for name in NAMES}
        for name, value in keyed[1]:
            whole[name].append(value)
        snapshot = any(tick.snapshot for tick in whole[TICKS])
        if snapshot not in self._steps:
            # A transform that was applied once belongs to that pipeline.
            look = replace(self._look, **({} if snapshot else {"snapshots": None}))
            self._steps[snapshot] = _Steps(look)
        yield from self._steps[snapshot].run(whole)


@dataclass(eq=False)
class LookAtOnePlace(beam.PTransform):
    """As `look`, a dataclass, on the whole of each window at one worker."""

    look: Any

    def expand(self, kept: Mapping[str, beam.PCollection]) -> Any:
        """Bring each tick's whole together."""
        placed = tuple(
            kept[name] | f"Name {name}" >> beam.Map(_named, name).with_output_types(tuple[int, Any])
            for name in NAMES
        )
        return (
            placed
            | "All" >> beam.Flatten()
            | "One place" >> beam.GroupByKey()
            | "Look" >> beam.ParDo(_Look(self.look))
        )
