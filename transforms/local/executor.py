"""Runs a bounded pipeline in this process, once or again and again, at the cost of its steps alone.

Beam's local runners translate, plan and serialize a pipeline anew for every run, and encode what
goes from step to step: a second of CPU for two hundred steps, whatever they have to do. Here the
stages are taken once from the graph that Beam built. A stage that takes long is shared among forks.
"""

from __future__ import annotations

import pickle
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.internal.util import insert_values_in_args
from apache_beam.pvalue import AsSingleton, EmptySideInput, PCollection, TaggedOutput

from transforms.arrow import Array
from transforms.engine import Pure
from transforms.local.building import UNCHECKED, OptionsParsedOnce, quick_building
from transforms.local.forks import Fork, ForkFailedError
from transforms.local.stages import Pairs, Stage, Stages, Step, Whole
from transforms.write import may_fork

PARTS_A_PROCESS = 8
"""Parts that a stage's elements are cut into for each process: the first is timed."""

LEAST_SECONDS = 1.0
"""Least CPU seconds that a stage still needs, by the time of its last part, to be shared.

A fork costs 0.1 to 0.2 s of CPU: it starts in 20 to 40 ms, prepares the stage again, and copies the
35,000 to 40,000 pages that either process writes to."""

BESIDE_SECONDS = 2.5
"""Least CPU seconds of a run before a stage runs in a fork beside others."""

Begins = Callable[[Sequence[str]], object]
"""Takes note of a stage that begins, by the full labels of its transforms."""


_Elements = dict[Whole, list[Any]]
"""Elements of collections, and pairs; those, and the values of these, may be packed."""


class LocalExecutor:
    """Runs the steps of a pipeline, which must not be run otherwise.

    Its DoFns are the very objects that it was built with: what one holds on to lasts from run to
    run. Every Impulse gives the element of the run, and all values are in the global window.

    Args:
        pipeline: The pipeline, built.
        beside: Beginnings of the labels of steps that take long in one process, and wait for no
            step that is ready when they are: they run in a fork while others run here.
        packs: Pickles what is left whole, so that `SpillFile` keeps it on disk.
        begins: Is told of each stage that begins.
        remembers: Does not give a `Pure` step again what it was given in the run before: its
            outputs are the very same objects as then. Nothing forks then.

    Raises:
        UnsupportedStepError: for a step that is more than a function of its input.
    """

    def __init__(
        self,
        pipeline: beam.Pipeline,
        *,
        beside: Sequence[str] = (),
        packs: bool = False,
        begins: Begins | None = None,
        remembers: bool = False,
    ) -> None:
        with quick_building():
            self._stages = Stages(pipeline)
        self._steps = self._stages.steps()
        self._beside = tuple(beside)
        self._packs = packs
        self._begins = begins
        self._remembers = remembers
        pure = [step for step in self._steps if isinstance(step.transform.fn, Pure)]
        self._memories = {step: _Memory() for step in pure} if remembers else {}
        self._open = False
        # Beam makes a folder for the files of a run, and removes it after one.
        shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)

    def run(self, element: object) -> None:
        """Calls every step once, on all outputs of the steps before it."""
        if not self._open:
            self._open = True
            for step in self._steps:
                step.transform.fn.setup()
        processes = 1 if self._remembers else may_fork()
        parts = self._stages, self._memories, element, self._beside, processes, self._begins
        _Run(*parts, packs=self._packs).finish()

    def close(self) -> None:
        """Tears down the DoFns that the first run set up."""
        if self._open:
            self._open = False
            for step in self._steps:
                step.transform.fn.teardown()


def local_executor(
    build: Callable[[beam.Pipeline], None], flags: Sequence[str] = (), *, remembers: bool = False
) -> LocalExecutor:
    """Builds a pipeline of its own, for an executor of it.

    Its shuffles have one part: several would only have to be put together again.
    """
    with quick_building():
        options = OptionsParsedOnce(["--partitions=1", UNCHECKED, *flags])
        pipeline = beam.Pipeline(options=options)
        build(pipeline)
        return LocalExecutor(pipeline, remembers=remembers)


_Answer = list[tuple[int, list[Any]]]
"""Elements that a stage in a fork left whole, by the place of their collection."""


class _Run:
    """A run: the collections that are whole now, and the stages that a fork runs."""

    def __init__(
        self,
        stages: Stages,
        memories: Mapping[Step, _Memory],
        element: object,
        beside: tuple[str, ...],
        processes: int,
        begins: Begins | None,
        *,
        packs: bool,
    ) -> None:
        self.stages = stages
        self.memories = memories
        self.packs = packs
        self.whole: _Elements = {source: [] for source in stages.whole}
        self._element = element
        self._beside = beside
        self._leading = tuple(f"{label.partition('/')[0]}/" for label in beside)
        self._processes = processes
        self._begins = begins
        self._apart: dict[Stage, _Answer | None] = {}
        self._fork: Fork | None = None

    def finish(self) -> None:
        """Runs every stage after the stages that it depends on."""
        waiting = list(self.stages.stages)
        ready: list[Stage] = []  # first what was ready first, within its order
        ended: set[Stage] = set()
        try:
            while waiting or ready:
                ready += [stage for stage in waiting if stage.after <= ended]
                ready.sort(key=self._order)
                waiting = [stage for stage in waiting if not stage.after <= ended]
                self._run_beside(ready)
                stage = ready.pop(0)
                if self._begins is not None:
                    self._begins(stage.labels)
                self._run_stage(stage)
                ended.add(stage)
                for source in stage.reads:
                    if not any(source in later.reads for later in [*waiting, *ready]):
                        self.whole[source] = []
        finally:
            if self._fork is not None:
                self._fork.end()

    def _order(self, stage: Stage) -> int:
        """Returns 2 of a stage for a fork, 0 of what it may wait for, and 1 of all others."""
        if self._is_beside(stage):
            return 2
        return 0 if any(label.startswith(self._leading) for label in stage.labels) else 1

    def _is_beside(self, stage: Stage) -> bool:
        return any(label.startswith(self._beside) for label in stage.labels)

    def _run_beside(self, ready: Sequence[Stage]) -> None:
        """Runs stages meant for a fork in a fork, if other stages are ready; reads them last."""
        if self._apart or self._processes < 2 or time.process_time() < BESIDE_SECONDS:
            return
        apart = [stage for stage in ready if self._is_beside(stage)]
        if 0 < len(apart) < len(ready):
            self._apart = dict.fromkeys(apart)
            self._fork = Fork(
                lambda: [_Work(self, stage).answer(self._elements(stage)) for stage in apart]
            )

    def _run_stage(self, stage: Stage) -> None:
        """Runs a stage, or takes its results from a fork."""
        if stage in self._apart:
            self._take_answers()
            answer = self._apart.pop(stage)
            if answer is not None:
                self._add(answer)
                return
        self._share(_Work(self, stage), self._elements(stage))

    def _take_answers(self) -> None:
        fork, self._fork = self._fork, None
        if fork is not None:
            with suppress(ForkFailedError):  # its stages run here
                self._apart = dict(zip(self._apart, fork.take(), strict=True))

    def _share(self, work: _Work, elements: Sequence[Any]) -> None:
        """Runs a stage on its elements, in forks too where that pays.

        A share that a fork fails on, or leaves when it is killed or hangs, is done again here: the
        error is that of a run without forks.
        """
        count = PARTS_A_PROCESS * self._processes if self._processes > 1 else 1
        parts = [elements[place::count] for place in range(min(count, len(elements)))]
        seconds = 0.0
        while parts and (seconds * len(parts) < LEAST_SECONDS or self._free() < 2):
            begun = time.thread_time()
            work.run(parts.pop(0), self.whole)
            seconds = time.thread_time() - begun
        free = self._free()
        shares = [list(chain(*parts[place::free])) for place in range(min(free, len(parts)))]
        forks: list[Fork] = []
        try:
            forks.extend(Fork(partial(work.answer, share)) for share in shares[1:])
            for share in shares[:1]:
                work.run(share, self.whole)
            for share, fork in zip(shares[1:], forks, strict=True):
                try:
                    self._add(fork.take())
                except ForkFailedError:
                    work.run(share, self.whole)
        finally:
            for fork in forks:
                fork.end()

    def _free(self) -> int:
        """Returns how many processes may share a stage now, this one among them."""
        return self._processes - (self._fork is not None and not self._fork.has_answered())

    def _elements(self, stage: Stage) -> list[Any]:
        """Lists what a stage reads: packed elements, or groups of them."""
        if stage.source is None:
            return [self._element]
        elements = self.whole[stage.source]
        if not isinstance(stage.source, Pairs):
            return elements
        groups: dict[Any, list[Any]] = {}
        for key, value in elements:
            groups.setdefault(key, []).append(value)
        return list(groups.items())

    def _add(self, answer: _Answer) -> None:
        for place, elements in answer:
            self.whole[self.stages.whole[place]] += elements


class _Work:
    """A stage of a run, on elements of it: views of side inputs last from some to the next."""

    def __init__(self, run: _Run, stage: Stage) -> None:
        self._run = run
        self._stage = stage
        self._sides: dict[PCollection, list[Any]] = {}
        self._applied: dict[Step, Callable[[Any], Iterable[Any]]] = {}
        self._begun: list[_Memory] = []
        self._into: _Elements = {}

    def answer(self, elements: Sequence[Any]) -> _Answer:
        """Runs the stage in a fork; returns what it leaves whole."""
        made: _Elements = {source: [] for source in self._run.stages.whole}
        self.run(elements, made)
        return [(place, values) for place, values in enumerate(made.values()) if values]

    def run(self, elements: Sequence[Any], into: _Elements) -> None:
        """Runs the stage; what it leaves whole is added to `into`."""
        self._into = into
        source, start = self._stage.source, self._stage.start
        for element in elements:
            if source is None:
                self._send(start, element)
            elif isinstance(source, Pairs):
                key, values = element
                self._send(start, (key, _GroupValues(values) if self._run.packs else values))
            else:  # whoever made it has left it whole already
                self._apply_steps(start, self._unpack(element))
        for memory in self._begun:
            memory.keep()

    def _send(self, collection: PCollection, value: Any) -> None:
        """Hands an element on: to what is left whole, and to the steps of the stage."""
        if collection in self._into:
            self._into[collection].append(self._pack(value))
        if (pairs := self._run.stages.pairs.get(collection)) is not None:
            self._into[pairs].append((value[0], self._pack(value[1])))
        self._apply_steps(collection, value)
        for output in self._run.stages.flattened.get(collection, ()):
            self._send(output, value)

    def _apply_steps(self, collection: PCollection, value: Any) -> None:
        """Applies the steps of the stage that read a collection to an element of it."""
        for step in self._stage.steps.get(collection, ()):
            apply = self._applied.get(step) or self._prepare(step)
            for result in apply(value):
                if isinstance(result, TaggedOutput):
                    self._send(step.outputs[result.tag], result.value)
                else:
                    self._send(step.outputs[None], result)

    def _prepare(self, step: Step) -> Callable[[Any], Iterable[Any]]:
        """Returns a function that applies a step, with its side inputs, to an element."""
        values = [self._side(side.pvalue) for side in step.sides]
        views = [
            _singleton(view) if isinstance(side, AsSingleton) else view
            for side, view in zip(step.sides, values, strict=True)
        ]
        arguments, named = insert_values_in_args(step.transform.args, step.transform.kwargs, views)
        process = step.transform.fn.process

        def apply(value: Any) -> Iterable[Any]:
            results: Iterable[Any] | None = process(value, *arguments, **named)
            return results or ()

        memory = self._run.memories.get(step)
        if memory is not None:
            memory.begin(values)
            self._begun.append(memory)
            apply = partial(memory.recall, apply)
        self._applied[step] = apply
        return apply

    def _side(self, collection: PCollection) -> list[Any]:
        if collection not in self._sides:
            self._sides[collection] = [*map(self._unpack, self._run.whole[collection])]
        return self._sides[collection]

    def _pack(self, value: Any) -> Any:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL) if self._run.packs else value

    def _unpack(self, value: Any) -> Any:
        return pickle.loads(value) if self._run.packs else value  # noqa: S301 - packed by this run


def _singleton(values: list[Any]) -> Any:
    """Returns the only value of a side input. Raises ValueError where there are several."""
    (value,) = values or [EmptySideInput()]
    return value


class _GroupValues:
    """The values of a group, each unpacked when it is asked for."""

    def __init__(self, packed: Sequence[bytes]) -> None:
        self._packed = packed

    def __iter__(self) -> Iterator[Any]:
        return map(pickle.loads, self._packed)

    def __len__(self) -> int:
        return len(self._packed)


@dataclass
class _Recalled:
    """A step's side inputs and elements in a run, and its outputs for each element."""

    sides: list[list[Any]]
    elements: list[Any] = field(default_factory=list)
    results: list[list[Any]] = field(default_factory=list)


class _Memory:
    """Reuses a step's outputs of the run before for equal inputs."""

    def __init__(self) -> None:
        self._kept = _Recalled([])
        self._new = _Recalled([])
        self._alike = False

    def begin(self, sides: list[list[Any]]) -> None:
        """Begins a run with these side inputs."""
        self._alike = _same(sides, self._kept.sides)
        self._new = _Recalled(sides)

    def recall(self, apply: Callable[[Any], Iterable[Any]], element: Any) -> list[Any]:
        """Returns what a step gives for an element, and applies it to what is another one."""
        place = len(self._new.elements)
        known = place < len(self._kept.elements)
        if known and self._alike and _same(element, self._kept.elements[place]):
            results = self._kept.results[place]
        else:
            results = list(apply(element))
            if known and _same(results, self._kept.results[place]):
                results = self._kept.results[place]
        self._new.elements.append(element)
        self._new.results.append(results)
        return results

    def keep(self) -> None:
        """Keeps this run's inputs and outputs for the next run."""
        self._kept = self._new


def _same(value: Any, before: Any) -> bool:
    """Tells whether values are equal, as far as that is cheap to tell."""
    if value is before:
        return True
    if type(value) is not type(before):
        return False
    if isinstance(value, list | tuple):
        return len(value) == len(before) and all(map(_same, value, before))
    if isinstance(value, TaggedOutput):
        return value.tag == before.tag and _same(value.value, before.value)
    if isinstance(value, pa.RecordBatch):
        return bool(value.schema.equals(before.schema) and value.equals(before))
    if isinstance(value, Array):
        return np.array_equal(value, before)
    return isinstance(value, int | str) and value == before
