"""The reporters of ties in a join of offers, as clustering counts them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from schemas.entity import without_epoch
from transforms.arrow import hash_text
from transforms.graph import AcceptedOffer, crowds_of_offers
from transforms.graph.incidence import INCIDENCE, cluster_ties, incidence_from_rows

WHEN = datetime(2026, 6, 1, tzinfo=UTC)


def hash_of(text: str) -> int:
    return int(hash_text(pa.array([text]))[0])


def tie_reporters(
    offers: Sequence[AcceptedOffer],
    most: Mapping[str, int] | None = None,
    own: Collection[str] = (),
) -> dict[tuple[str, str], int]:
    """The reporters of each tie between the identifiers of offers, by their ids without epochs."""
    crowds = crowds_of_offers(offers, most, own)
    names = sorted({without_epoch(e.entity_id) for offer in offers for e in offer.offer.entities})
    place = {hash_of(name): name for name in names}
    rows = [
        {
            "group": hash_of(key),
            "node": hash_of(without_epoch(taken.offer.entities[place].entity_id)),
            "reporter": hash_of(key),
            "observed_at": WHEN,
        }
        for taken in offers
        for record, _, key in taken.records()
        for place in record.entities
    ]
    node = np.array(sorted(place))
    evidence = incidence_from_rows(pa.Table.from_pylist(rows, INCIDENCE), node, crowds)
    ties = cluster_ties(evidence, np.arange(len(node)))
    ends = (
        [place[int(node[node_number])] for node_number in column] for column in (ties.a, ties.b)
    )
    return {
        tuple(sorted(pair)): int(count)
        for pair, count in zip(zip(*ends, strict=True), ties.reporters, strict=True)
    }
