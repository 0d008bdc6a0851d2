"""Every sighting with what its identifier is, over all records that name it.

Sightings stay with their records: what travels to the owner of an identifier is what they add up to
(`activity`), and back to each share of the records comes what it is (`verdicts`). A number that ten
million calls name so takes a row for each of its victims and days, not one for each call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa

from schemas.mention import EVIDENCE
from transforms.decisions.rulings import NO_DECISIONS, InForce
from transforms.graph import epochs
from transforms.graph.activity import ACTIVITY, activity
from transforms.graph.entities import NOTHING_LAPSES, judge
from transforms.graph.verdicts import VERDICT, tell
from transforms.identify.legitimate import KnownLegitimate
from transforms.shuffle import MAIN, Keyed, PerPartition, ShuffleOptions, batches_of, partition_of

FOUND_ENTITIES, HIDDEN, ACTIVITIES = "found_entities", "hidden", "activities"

GROUP = ("group_id",)


@dataclass(frozen=True)
class Classified:
    """FOUND, CLASSIFIED and WITHHELD rows."""

    entities: pa.Table
    sightings: pa.Table
    withheld: pa.Table


def classify(
    sightings: pa.Table, known: KnownLegitimate, lives: epochs.Lives = NOTHING_LAPSES
) -> Classified:
    """All EVIDENCE rows of some entities at once; see `judge`."""
    entities, verdicts = judge(activity(sightings), known, lives)
    return Classified(entities, *tell(sightings, verdicts))


def _added(evidence: pa.Table, *, partitions: int) -> Iterator[Any]:
    yield from evidence.to_batches()
    share = partition_of(evidence, GROUP, partitions)
    for batch in batches_of(activity(evidence, share)):
        yield beam.pvalue.TaggedOutput(ACTIVITIES, batch)


def _judged(
    added: pa.Table,
    decided: InForce = NO_DECISIONS,
    *,
    known: KnownLegitimate,
    lives: epochs.Lives,
) -> Iterator[Any]:
    entities, verdicts = judge(added, decided.known(known), lives)
    yield from batches_of(verdicts)
    for batch in batches_of(entities):
        yield beam.pvalue.TaggedOutput(FOUND_ENTITIES, batch)


def _told(evidence: pa.Table, verdicts: pa.Table) -> Iterator[Any]:
    classified, withheld = tell(evidence, verdicts)
    yield from classified.combine_chunks().to_batches()
    for batch in batches_of(withheld):
        yield beam.pvalue.TaggedOutput(HIDDEN, batch)


@dataclass(eq=False)
class Classify(beam.PTransform):
    """EVIDENCE batches to a dict: MAIN (CLASSIFIED), FOUND_ENTITIES (FOUND), HIDDEN (WITHHELD).

    Every batch of MAIN holds whole groups: all evidence of the records that are one piece of it.
    `decided` is the one InForce, whose legitimate entities are suppressed too.
    """

    known: KnownLegitimate
    decided: beam.pvalue.AsSingleton
    lives: epochs.Lives = field(default_factory=epochs.shipped)

    def expand(self, evidence: beam.PCollection) -> dict[str, Any]:
        """Add up by record, judge by identifier, tell the records."""
        partitions = evidence.pipeline.options.view_as(ShuffleOptions).partitions
        grouped = Keyed(EVIDENCE, GROUP)
        added = {"evidence": evidence} | "Add up" >> PerPartition(
            {"evidence": grouped},
            partial(_added, partitions=partitions),
            (ACTIVITIES,),
            partitions=partitions,
        )
        judged = {"added": added[ACTIVITIES]} | "Judge" >> PerPartition(
            {"added": Keyed(ACTIVITY, ("entity_id",))},
            partial(_judged, known=self.known, lives=self.lives),
            (FOUND_ENTITIES,),
            self.decided,
        )
        parts = {"evidence": added[MAIN], "verdicts": judged[MAIN]}
        told = parts | "Tell" >> PerPartition(
            {"evidence": grouped, "verdicts": Keyed(VERDICT, ("share",), placed=True)},
            _told,
            (HIDDEN,),
            partitions=partitions,
        )
        return {
            MAIN: told[MAIN],
            HIDDEN: told[HIDDEN],
            FOUND_ENTITIES: judged[FOUND_ENTITIES],
        }
