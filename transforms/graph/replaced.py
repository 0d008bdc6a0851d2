"""Identifiers that a record named until another version of it took its place.

Whoever hands in rows for an organisation can replace its records, and a ring's number is in none of
them then. Each is counted; where most of those who reported one are gone so, it is an alarm.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.field import FLAG, TEXT
from schemas.mention import MENTIONS
from transforms.arrow_util import (
    aggregate,
    each_once,
    explode,
    hash_columns,
    hash_text,
    one_batch,
    one_table,
)
from transforms.counters import count_values
from transforms.deduplicate import RECORD_ORDER, winning_rows
from transforms.erasure import RECORD_KEY
from transforms.extract.evidence import call_evidence, complaint_evidence
from transforms.graph.incidence import are_hard
from transforms.manifest import EMPTIED_IDENTIFIERS, REPLACED_IDENTIFIERS, CounterValue
from transforms.reporters import NO_RULES, SourceRules

LEAST_LOST = 3
"""Reporters who named an identifier and no longer do, from which on that can be an alarm."""

LOST_SHARE = 0.5
"""Share that they are of all who name it or did, from which on it is one."""

GONE_ITEM = pa.struct({"entity_id": TEXT, "reporter_key": TEXT, "held": FLAG})

GONE = pa.schema([*((name, TEXT) for name in RECORD_KEY), *GONE_ITEM])
"""An identifier that a replaced version of a record names, and the one in its place does not.

`held`: the former shows a suspect using it, in a hard role, and the latter does not.
"""


def gone_from_versions(
    versions: pa.RecordBatch, kind: RecordKind, rules: SourceRules = NO_RULES
) -> pa.RecordBatch:
    """Returns GONE rows of all versions of some records, COMPLAINT_ACCEPTED or CALL_ACCEPTED."""
    wins = np.zeros(versions.num_rows, bool)
    wins[winning_rows(one_table(versions), *RECORD_ORDER[kind])] = True
    before, after = (
        call_evidence(rows) if kind is RecordKind.CALL else complaint_evidence(rows, rules)
        for rows in (versions.filter(~wins), versions.filter(wins))
    )
    return gone_between(before, after)


def gone_between(
    before: pa.RecordBatch, after: pa.RecordBatch, carried: pa.RecordBatch | None = None
) -> pa.RecordBatch:
    """Returns GONE rows of what is in the EVIDENCE `before`, or was `carried`, and not `after`."""
    old, new = map(_named, (before, after))
    if carried is not None:
        old = pa.concat_tables([old, one_table(carried)])
    names = (*RECORD_KEY, "entity_id")
    named = hash_columns(new, names)
    known, held = hash_columns(old, names), old["held"].to_numpy()
    still = np.where(held, np.isin(known, named[new["held"].to_numpy()]), np.isin(known, named))
    return one_batch(each_once(old.filter(~still), GONE))


def count_replaced(activity: pa.Table, gone: pa.Table) -> Iterator[CounterValue]:
    """Counts GONE rows of whole identifiers by organisation, and those that most lost.

    `activity` has the ACTIVITY rows of these.
    """
    pair = ["source_org", "entity_id"]
    yield from count_values(REPLACED_IDENTIFIERS, aggregate(gone, pair)["source_org"])
    lost = gone.filter(pc.and_(gone["held"], pc.is_valid(gone["reporter_key"])))
    if not lost.num_rows:
        return
    reporter = pa.array(hash_text(lost["reporter_key"]))
    left = activity.filter(
        pc.and_(pc.greater(activity["held"], 0), pc.is_in(activity["entity_id"], lost["entity_id"]))
    )
    both = pa.concat_tables(
        [
            left.select([*pair, "reporter"]).append_column("lost", pa.repeat(0, left.num_rows)),
            lost.select(pair)
            .append_column("reporter", reporter)
            .append_column("lost", pa.repeat(1, lost.num_rows)),
        ]
    )
    people = aggregate(both, [*pair, "reporter"], [("lost", "min")])
    sums = aggregate(people, pair, [("lost", "sum"), ([], "count_all")])
    enough = pc.and_(
        pc.greater_equal(sums["lost"], LEAST_LOST),
        pc.greater_equal(sums["lost"], pc.multiply(sums["count_all"], LOST_SHARE)),
    )
    yield from count_values(EMPTIED_IDENTIFIERS, sums.filter(enough)["source_org"])


def _named(evidence: pa.RecordBatch) -> pa.Table:
    rows = one_table(explode(evidence, MENTIONS, (*RECORD_KEY, "reporter_key")))
    rows = rows.append_column("held", pa.array(are_hard(rows["role"])))
    return rows.select(GONE.names).cast(GONE)
