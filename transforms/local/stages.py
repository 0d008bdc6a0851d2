"""Cuts a pipeline into stages, within which a step hands every element on at once.

A stage begins with an Impulse, with groups, or with a collection that earlier stages left whole. A
collection is left whole where a later step needs all of it first: to group it, as a side input, or
since it meets a side input that is made later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.pvalue import AsSideInput, PCollection
from apache_beam.runners.common import DoFnSignature

_BUNDLE_METHODS = ("start_bundle", "finish_bundle")


class UnsupportedStepError(Exception):
    """A step that needs a runner of Beam's: state, timers, windows, bundles, restrictions."""


@dataclass(frozen=True)
class Pairs:
    """The keys and values of a collection, whole, for a GroupByKey."""

    collection: PCollection


Whole: TypeAlias = PCollection | Pairs
"""Elements that earlier stages leave whole for a later one."""


@dataclass(eq=False)
class Step:
    """A ParDo, its side inputs, and its outputs by tag."""

    transform: Any
    sides: list[AsSideInput]
    outputs: Mapping[str | None, PCollection]


@dataclass(eq=False)
class Stage:
    """Steps that run together.

    Attributes:
        source: The collection or pairs that it begins with; None for an Impulse.
        start: The collection of its first elements: its source, groups, or an Impulse.
        labels: The full labels of its transforms.
        steps: Its steps, by their main input.
        reads: Its source and its side inputs.
        after: The stages that end before it begins.
    """

    source: Whole | None
    start: PCollection
    labels: list[str] = field(default_factory=list)
    steps: dict[PCollection, list[Step]] = field(default_factory=dict)
    reads: set[Whole] = field(default_factory=set)
    after: set[Stage] = field(default_factory=set)

    def ends_before(self, others: Iterable[Stage]) -> bool:
        """Tells whether this stage is among `others`, or ends before any of them begins."""
        seen: set[Stage] = set()
        pending = list(others)
        while pending:
            stage = pending.pop()
            if stage is self:
                return True
            if stage not in seen:
                seen.add(stage)
                pending += stage.after
        return False


class Stages(PipelineVisitor):
    """The stages of a pipeline.

    Attributes:
        whole: Collections and pairs that are left whole for later stages.
        pairs: Pairs that are left whole, by their collection.
        flattened: The outputs of every Flatten, by each of its inputs.

    Raises:
        UnsupportedStepError: for a step that is more than a function of its input.
    """

    def __init__(self, pipeline: beam.Pipeline) -> None:
        self.stages: list[Stage] = []
        self.whole: list[Whole] = []
        self.pairs: dict[PCollection, Pairs] = {}
        self.flattened: dict[PCollection, list[PCollection]] = {}
        self._makers: dict[PCollection, set[Stage]] = {}
        self._of_source: dict[PCollection, list[Stage]] = {}
        pipeline.visit(self)

    def steps(self) -> list[Step]:
        """Lists all steps."""
        return [step for stage in self.stages for steps in stage.steps.values() for step in steps]

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        """Puts a primitive transform into a stage, for the visit of the pipeline."""
        _check(transform_node)
        inputs = [value for value in transform_node.inputs if isinstance(value, PCollection)]
        if isinstance(transform_node.transform, beam.ParDo):
            self._add_step(transform_node, inputs[0])
            return
        (output,) = transform_node.outputs.values()
        if isinstance(transform_node.transform, beam.Flatten):
            self._makers[output] = set().union(*(self._makers[value] for value in inputs))
            for value in inputs:
                self.flattened.setdefault(value, []).append(output)
        else:
            stage = Stage(None, output)
            if inputs:
                stage.source = self.pairs.setdefault(inputs[0], Pairs(inputs[0]))
            self._begin(stage, self._makers[inputs[0]] if inputs else set())
            stage.labels.append(transform_node.full_label)
            self._makers[output] = {stage}

    def _add_step(self, node: AppliedPTransform, main: PCollection) -> None:
        transform: Any = node.transform
        sides = [side.pvalue for side in node.side_inputs]
        before = set().union(*(self._makers[side] for side in sides)) if sides else set()
        stage = self._stage_of(main, before)
        stage.labels.append(node.full_label)
        stage.after |= before
        stage.reads.update(sides)
        for side in sides:
            self._leave_whole(side)
        outputs = dict(node.outputs)
        stage.steps.setdefault(main, []).append(Step(transform, list(node.side_inputs), outputs))
        for output in outputs.values():
            self._makers[output] = {stage}

    def _stage_of(self, main: PCollection, before: set[Stage]) -> Stage:
        """Returns the stage of a step that reads `main` when the stages `before` have ended."""
        makers = self._makers[main]
        stages = [*(makers if len(makers) == 1 else ()), *self._of_source.get(main, ())]
        for stage in stages:
            if not stage.ends_before(before):
                return stage
        stage = Stage(main, main)
        self._begin(stage, makers)
        self._of_source.setdefault(main, []).append(stage)
        return stage

    def _begin(self, stage: Stage, after: set[Stage]) -> None:
        self.stages.append(stage)
        stage.after |= after
        if stage.source is not None:
            self._leave_whole(stage.source)
            stage.reads.add(stage.source)

    def _leave_whole(self, source: Whole) -> None:
        if source not in self.whole:
            self.whole.append(source)


def _check(node: AppliedPTransform) -> None:
    """Raises if the step would give other results here than on a runner of Beam's."""
    transform: Any = node.transform
    if isinstance(transform, beam.ParDo):
        signature = DoFnSignature(transform.fn)
        special = type(beam.DoFn.ElementParam)
        has_special = any(isinstance(value, special) for value in signature.process_method.defaults)
        kind = type(transform.fn)
        bundled = any(
            getattr(kind, name) is not getattr(beam.DoFn, name) for name in _BUNDLE_METHODS
        )
        stateful = signature.is_stateful_dofn() or signature.is_splittable_dofn()
        if has_special or bundled or stateful:
            raise UnsupportedStepError(node.full_label)
    elif not isinstance(transform, beam.Impulse | beam.GroupByKey | beam.Flatten):
        raise UnsupportedStepError(node.full_label)
