"""How much of the graph hangs together before any tie is doubted: for the alarm of a giant cluster.

In complaints 4 to 7 % of the links mislead, which welds nine tenths of everything into one
component (GRAPH.md). Clusters are far smaller where the clustering did its work.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from transforms.accounting import Tally
from transforms.graph.contraction import Components
from transforms.graph.forest import BUDGET, EDGE, LABEL, Forest, SpanningForest
from transforms.shuffle import Keyed, PerPartition

_RECORD = np.int64(1 << 62)
"""The bit that tells a piece of evidence from an entity; it is taken from both hashes."""

MOST_ROUNDS = 16
"""Rounds after which hardly anything can be left: each leaves a third or less."""


def record_edges(named: pa.RecordBatch) -> pa.RecordBatch:
    """INCIDENCE rows as EDGE rows between a piece of evidence and an entity that it names."""
    group = named["group"].to_numpy() | _RECORD
    node = named["node"].to_numpy() & ~_RECORD
    return pa.RecordBatch.from_arrays([pa.array(group), pa.array(node)], schema=EDGE)


Sizes = tuple[int, int, int]
"""Entities that some evidence ties to others, their components, and the largest one's."""


def sizes(node: np.ndarray, component: np.ndarray) -> Sizes:
    """What the nodes of whole components amount to."""
    _, counts = np.unique(component[node & _RECORD == 0], return_counts=True)
    return int(counts.sum()), len(counts), int(counts.max(initial=0))


def _of_forest(forest: Forest) -> Iterator[Sizes]:
    forest.fold()
    yield sizes(forest.node, forest.root)


def _of_labels(labels: pa.Table) -> Iterator[Sizes]:
    yield sizes(labels["node"].to_numpy(), labels["label"].to_numpy())


def _together(parts: Iterable[Sizes]) -> Sizes:
    held = list(parts)
    return (
        sum(n for n, _, _ in held),
        sum(n for _, n, _ in held),
        max((n for *_, n in held), default=0),
    )


def tallies(found: Sizes) -> Iterator[Tally]:
    """The three numbers under their names in the manifest."""
    for name, count in zip(("entities", "components", "largest"), found, strict=True):
        yield ("components", name), count


class ContractionOptions(PipelineOptions):
    """A Beam option: how far the graph is contracted before one worker holds what is left."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--contraction-rounds",
            type=_rounds,
            default=0,
            help="rounds of contraction before one worker holds the graph's forest, 0 to 16; no "
            "result depends on it (batch: chosen from the size of the input unless given)",
        )


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_ROUNDS:
        problem = f"'{text}' is not a whole number from 0 to {MOST_ROUNDS}"
        raise argparse.ArgumentTypeError(problem)
    return int(text)


@dataclass(eq=False)
class LargestComponent(beam.PTransform):
    """INCIDENCE batches to tallies of `Sizes`. Fails where a forest outgrows `budget`.

    The pipeline's `ContractionOptions` say how many rounds of contraction come first.
    """

    budget: int = BUDGET

    def expand(self, named: beam.PCollection) -> beam.PCollection:
        """One forest a window, of 16 bytes a node where it travels; or labels, by component."""
        rounds = named.pipeline.options.view_as(ContractionOptions).contraction_rounds
        edges = named | "Edges" >> beam.Map(record_edges)
        if rounds:
            labels = {"labels": edges | "Components" >> Components(rounds, self.budget)}
            counted = labels | "Count" >> PerPartition(
                {"labels": Keyed(LABEL, ("label",))}, _of_labels
            )
            found = counted | "Add up" >> beam.CombineGlobally(_together).without_defaults()
        else:
            forest = beam.CombineGlobally(SpanningForest(self.budget)).without_defaults()
            found = edges | "Forest" >> forest | "Count" >> beam.FlatMap(_of_forest)
        return found | "Tallies" >> beam.FlatMap(tallies)
