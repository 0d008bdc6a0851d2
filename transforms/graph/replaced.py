"""Identifiers that a record named until another version of it took its place.

Whoever hands in rows for an organisation can replace its records, and a ring's number is in none of
them then. Each is counted; where most of those who reported one are gone so, it is an alarm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from schemas.field import TEXT
from schemas.mention import MENTIONS
from transforms.arrow import (
    each_once,
    explode,
    hash_columns,
    hash_text,
    is_among,
    one_batch,
    one_table,
    row_tuples,
)
from transforms.custody import EMPTIED_IDENTIFIERS, RECORD_KEY, REPLACED_IDENTIFIERS, CounterValue
from transforms.extract.evidence import call_evidence, complaint_evidence
from transforms.graph.incidence import are_hard
from transforms.validate import RECORD_ORDER, winning_rows
from transforms.values import NO_RULES, SourceRules

LEAST_LOST = 3
"""Reporters who showed an identifier and no longer do, from which on that can be an alarm."""

LOST_SHARE = 0.5
"""Share that they are of all who show it or did, from which on it is one."""

GONE_ITEM = pa.struct({"entity_id": TEXT, "reporter_key": TEXT})

GONE = pa.schema([*((name, TEXT) for name in RECORD_KEY), *GONE_ITEM])
"""An identifier that a replaced version of a record shows a suspect using, in a hard role.

The version in its place does not; `reporter_key` is that of the former.
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
    """Returns GONE rows of what the EVIDENCE `before` shows, or was `carried`, and not `after`."""
    old, new = map(_shown, (before, after))
    if carried is not None:
        old = pa.concat_tables([old, one_table(carried)])
    known, named = (hash_columns(rows, (*RECORD_KEY, "entity_id")) for rows in (old, new))
    return one_batch(each_once(old.filter(~np.isin(known, named)), GONE))


def count_replaced(activity: pa.Table, gone: pa.Table) -> Iterator[CounterValue]:
    """Counts identifiers of GONE rows by organisation, and those that most who showed them lost.

    Args:
        activity: ACTIVITY rows.
        gone: GONE rows of whole identifiers of it.
    """
    shown = pc.and_(
        pc.greater(activity["held"], 0),
        is_among(activity["entity_id"], gone["entity_id"].to_pylist()),
    )
    left, lost = (defaultdict[tuple[str, str], set[int | None]](set) for _ in range(2))
    names = ("source_org", "entity_id", "reporter")
    for org, entity_id, reporter in row_tuples(activity.filter(shown), *names):
        left[org, entity_id].add(reporter)
    who = pc.if_else(
        pc.is_valid(gone["reporter_key"]), pa.array(hash_text(gone["reporter_key"])), None
    )
    for org, entity_id, reporter in row_tuples(gone.append_column("reporter", who), *names):
        lost[org, entity_id].add(reporter)
    for (org, entity_id), people in lost.items():
        yield (REPLACED_IDENTIFIERS, org), 1
        still = left[org, entity_id]
        away = people - still - {None}
        if len(away) >= max(LEAST_LOST, LOST_SHARE * len((away | still) - {None})):
            yield (EMPTIED_IDENTIFIERS, org), 1


def _shown(evidence: pa.RecordBatch) -> pa.Table:
    rows = explode(evidence, MENTIONS, (*RECORD_KEY, "reporter_key"))
    return one_table(rows.filter(are_hard(rows["role"]))).select(GONE.names)
