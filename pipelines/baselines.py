"""The baselines of `ringtrace evaluate --baselines`, over a run's own links."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.splink_clusters import NAME, splink_clusters
from reports import tables
from reports.tables import Run
from schemas.kinds import Status, Strength
from schemas.tables import ENTITIES, LINKS
from transforms.scoring.baselines import SPLINK_THRESHOLD, baselines, match_probability
from transforms.scoring.metrics import Agreement, compare

HUB = "hub: "
"""How the reason starts of what clustering found to be a hub; no baseline knows that."""


def compared(run: Run, truth: Mapping[str, str], *, splink: bool = False) -> dict[str, Agreement]:
    """Each baseline's agreement with the truth, over every hard link of what may be clustered.

    An identifier that the run did not find counts as a cluster of its own, as for the run itself.
    With `splink` its own clustering is among them.

    Raises:
        NoSplinkError: where that is asked for and not installed.
    """
    entities = tables.read(run, ENTITIES, ["entity_id", "status", "reason"])
    kept = pc.or_(
        pc.equal(entities["status"], str(Status.INFRASTRUCTURE)),
        pc.starts_with(entities["reason"], HUB),
    )
    ids = entities.filter(kept)["entity_id"].combine_chunks()
    columns = ["entity_a", "entity_b", "weight"]
    links = tables.read(run, LINKS, columns, pc.field("strength") == str(Strength.HARD))
    ends = [pc.index_in(links[name], value_set=ids) for name in columns[:2]]
    both = pc.and_(*(pc.is_valid(end) for end in ends))
    a, b = (end.filter(both).to_numpy().astype(np.int64) for end in ends)
    weight = links["weight"].filter(both).to_numpy()
    place = pc.index_in(pa.array(truth, pa.string()), value_set=ids)
    at = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    operation = pa.array(truth.values(), pa.string()).dictionary_encode().indices.to_numpy()
    alone = -1 - np.arange(len(truth))
    labels = dict(baselines(a, b, weight, len(ids)))
    if splink:
        likely = match_probability(weight)
        labels[NAME] = splink_clusters(a, b, likely, len(ids), SPLINK_THRESHOLD)
    return {
        name: compare(operation, np.where(at < 0, alone, np.append(label, -1)[at]))
        for name, label in labels.items()
    }
