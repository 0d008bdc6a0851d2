"""Identifiers that a record named until another version replaced the record.

Anybody who submits rows for an organisation can replace its records, and so remove a ring's number
from them. Each such identifier is counted. If most of its reporters are lost in this way, it is an
alarm.
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
"""Fewest reporters who no longer show an identifier that can make an alarm."""

LOST_SHARE = 0.5
"""Least share of lost reporters, of all who show or showed the identifier, for an alarm."""

GONE_ITEM = pa.struct({"entity_id": TEXT, "reporter_key": TEXT})

GONE = pa.schema([*((name, TEXT) for name in RECORD_KEY), *GONE_ITEM])
"""An identifier that a replaced version of a record shows in a hard role, and the new one does not.

`reporter_key` is the reporter of the replaced version.
"""


def gone_from_versions(
    versions: pa.RecordBatch, kind: RecordKind, rules: SourceRules = NO_RULES
) -> pa.RecordBatch:
    """Returns GONE rows, from all COMPLAINT_ACCEPTED or CALL_ACCEPTED versions of records."""
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
    """Returns GONE rows for identifiers in the EVIDENCE `before`, or `carried`, but not `after`."""
    old, new = map(_shown, (before, after))
    if carried is not None:
        old = pa.concat_tables([old, one_table(carried)])
    known, named = (hash_columns(rows, (*RECORD_KEY, "entity_id")) for rows in (old, new))
    return one_batch(each_once(old.filter(~np.isin(known, named)), GONE))


def count_replaced(activity: pa.Table, gone: pa.Table) -> Iterator[CounterValue]:
    """Counts the identifiers of GONE rows by organisation, and those that lost most reporters.

    Args:
        activity: ACTIVITY rows.
        gone: GONE rows of whole identifiers of `activity`.
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
