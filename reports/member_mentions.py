"""The mentions of members: counted, sampled, quoted, and the wordings of scripts beside them.

In: the table mentions/ of a run, and ids. Out: `MemberMentions`, which gives the page of a cluster,
an explanation and a referral their days, roles, records and excerpts.
"""

from __future__ import annotations

import difflib
import operator
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import (
    SECONDS_A_DAY,
    BoolArray,
    IdIndex,
    IntArray,
    NarrativeReader,
    RunFolder,
    changes,
    first_of_groups,
)
from schemas.enums import EntityKind
from schemas.field import INTEGER, TEXT
from schemas.tables import MENTIONS, NARRATIVES
from transforms.arrow import aggregate, group_changes
from transforms.values import people_counted

NARRATIVE = "narrative"

READINGS_PER_ORG = 2
"""Records of one identifier and organisation that are quoted, narratives first."""

QUOTED_AROUND = 90
"""Characters of a narrative that are shown on either side of an identifier."""

RECORD = ("source_org", "record_kind", "record_id")
"""Columns of mentions/ that name a record."""

_CODED = ("source_org", "record_kind", "role", "victim_country", "field")
"""Columns with few values, which are read as dictionaries."""

VARIANT_LIMIT = 6

WORDING_LIMIT = 2_000
"""Characters of a wording that are compared."""

WordingCounts = dict[str, Counter[str]]
"""By script, records of each wording; a wording has only words that many victims share."""

Pieces = tuple[tuple[str, bool], ...]
"""Words in order, and whether they differ from the template."""


class Reading(NamedTuple):
    """A row of mentions/: an identifier read in one place of one record.

    `before` and `after` are the words around it, masked as the run keeps them. They are None if it
    was not read in a narrative, or narratives are withheld.
    """

    entity_id: str
    source_org: str
    record_kind: str
    record_id: str
    role: str
    observed_at: datetime
    victim_country: str | None
    field: str | None
    start: int | None
    end: int | None
    raw: str | None
    confidence: float
    before: str | None
    after: str | None


EVIDENCE_COLUMNS = Reading._fields[:-2]
"""Columns of mentions/ that a reading has."""


@dataclass(frozen=True)
class MemberMentions:
    """Mentions of members in the order of the table's key: those of a member are together.

    Attributes:
        rows: the mentions, with `EVIDENCE_COLUMNS`.
        member: the place of each mention's member.
        count: number of members.
        of_scripts: mentions of scripts that have words, cut to `WORDING_LIMIT`.
    """

    rows: pa.Table
    member: IntArray
    count: int
    of_scripts: pa.Table

    @cached_property
    def begins_org(self) -> BoolArray:
        """Tells which mentions are the first of a member and organisation."""
        return group_changes(self.member) | changes(self.rows["source_org"])

    @cached_property
    def begins_record(self) -> BoolArray:
        """Tells which mentions are the first of a member and record."""
        kinds, ids = (changes(self.rows[name]) for name in ("record_kind", "record_id"))
        return self.begins_org | kinds | ids

    @property
    def days(self) -> IntArray:
        """The UTC day of each mention, in days since 1970."""
        times = self.rows["observed_at"].cast(INTEGER).to_numpy()
        return np.asarray(times // (SECONDS_A_DAY * 1_000_000))

    @property
    def roles(self) -> pa.ChunkedArray:
        """The role of each mention."""
        return self.rows["role"].cast(TEXT)

    def people_by(self, values: Any) -> pa.Table:
        """Sums people by `member` and `value`, in order; `values` has a value for each mention."""
        columns = {"member": self.member, "value": values, "people": people_counted(self.rows)}
        sums = aggregate(pa.table(columns), ["member", "value"], [("people", "sum")])
        return sums.sort_by([("member", "ascending"), ("value", "ascending")])

    def sample(self, per_org: int) -> IntArray:
        """Returns the mentions to show: `per_org` records of each member and organisation.

        It takes records with a narrative first, then the newest, and one mention a record. Mentions
        stand by member and organisation, then in the order in which they were taken.
        """
        group, record = (np.cumsum(mask) - 1 for mask in (self.begins_org, self.begins_record))
        in_narrative = pc.fill_null(pc.equal(self.rows["field"], NARRATIVE), False)
        newest = -self.rows["observed_at"].cast(INTEGER).to_numpy()
        order = np.lexsort((newest, ~np.asarray(in_narrative, np.bool_), group))
        _, first = np.unique(record[order], return_index=True)
        once = order[np.sort(first)]
        return once[first_of_groups(group[once], int(group.max(initial=-1)) + 1, per_org)]

    def script_wordings(self, cluster_ids: pa.Array) -> dict[str, WordingCounts]:
        """Counts wordings in the records that name members, by cluster; each member has an id."""
        asked = pc.is_in(self.rows["record_id"], self.of_scripts["record_id"].unique())
        naming = self.rows.select(RECORD).filter(asked)
        naming = tables.decoded(naming).append_column(
            "cluster_id", cluster_ids.take(pa.array(self.member).filter(asked.combine_chunks()))
        )
        naming = aggregate(naming, naming.column_names)
        worded = naming.join(self.of_scripts, list(RECORD), join_type="inner")
        keys = ["cluster_id", "entity_id", "raw"]
        counted = worded.group_by(keys).aggregate([([], "count_all")])
        wordings: dict[str, WordingCounts] = defaultdict(lambda: defaultdict(Counter))
        for row in counted.to_pylist():
            wordings[row["cluster_id"]][row["entity_id"]][row["raw"]] = row["count_all"]
        return wordings


def read_mentions(
    run: RunFolder, ids: pa.Array, scripts: Iterable[str] = (), *, few: bool = False
) -> MemberMentions:
    """Reads the mentions of members, and of `scripts`; `few` if the ids are few of the run's."""
    script_ids = pa.array(scripts, TEXT)
    where = pc.field("entity_id").isin(pa.concat_arrays([ids, script_ids])) if few else None
    known, asked = IdIndex(ids), IdIndex(script_ids)
    none = pa.schema([MENTIONS.schema.field(name) for name in EVIDENCE_COLUMNS]).empty_table()
    parts, members, worded = list[pa.Table](), [np.empty(0, np.int64)], [none]
    for batch in tables.read_in_key_order(run, MENTIONS, EVIDENCE_COLUMNS, _CODED, where):
        member, script = (index.places(batch["entity_id"]) for index in (known, asked))
        parts.append(batch.filter(pa.array(member >= 0)))
        members.append(member[member >= 0])
        if (script >= 0).any():
            worded.append(tables.decoded(batch.filter(pa.array(script >= 0))))
    of_scripts = pa.concat_tables(worded).select([*RECORD, "entity_id", "raw"])
    of_scripts = of_scripts.filter(pc.greater(pc.binary_length(of_scripts["raw"]), 0))
    shown = pc.utf8_slice_codeunits(of_scripts["raw"], 0, WORDING_LIMIT)
    return MemberMentions(
        pa.concat_tables(parts).combine_chunks() if parts else none,
        np.concatenate(members),
        len(ids),
        of_scripts.set_column(of_scripts.num_columns - 1, "raw", shown),
    )


def sample_readings(
    run: RunFolder, entity_ids: pa.Array, narratives: NarrativeReader
) -> list[Reading]:
    """Reads `READINGS_PER_ORG` records of each identifier and organisation, by identifier."""
    order = pc.sort_indices(entity_ids)
    mentions = read_mentions(run, entity_ids.take(order), few=True)
    rows = tables.decoded(mentions.rows.take(mentions.sample(READINGS_PER_ORG)))
    columns = (column.to_pylist() for column in rows.columns)
    around = quoted_around(rows, narratives)
    return [Reading(*row) for row in zip(*columns, *zip(*around, strict=True), strict=True)]


def quoted_around(
    rows: pa.Table, narratives: NarrativeReader
) -> Iterator[tuple[str | None, str | None]]:
    """Yields the words before and after each mention, if a narrative has it at that place."""
    names = ("source_org", "record_id", "field", "start", "end", "raw")
    places = list(zip(*(rows[name].to_pylist() for name in names), strict=True))
    wanted = {place[:2] for place in places if place[2] == NARRATIVE}
    ids = pa.array(sorted({record_id for _, record_id in wanted}), TEXT)
    texts = {}
    for batch in narratives(ids):
        columns = (batch[name].to_pylist() for name in NARRATIVES.schema.names)
        for org, complaint_id, narrative in zip(*columns, strict=True):
            if (org, complaint_id) in wanted:
                texts[org, complaint_id] = narrative
    for org, record_id, field, start, end, raw in places:
        narrative = texts.get((org, record_id)) if field == NARRATIVE else None
        if narrative is None or start is None or narrative[start:end] != raw:
            yield None, None
        else:
            first = max(start - QUOTED_AROUND, 0)
            yield narrative[first:start], narrative[end : end + QUOTED_AROUND]


class Script(NamedTuple):
    """A script that a cluster reads out: its template, and its commonest wordings there.

    `variants` have the records of each wording; `more` counts the wordings past them.
    """

    entity_id: str
    template: str
    records: int
    clusters: int
    variants: list[tuple[str, int]]
    more: int


def compare_scripts(
    suppliers: Iterable[Mapping[str, Any]], wordings: WordingCounts
) -> list[Script]:
    """Returns the scripts among suppliers, with their wordings, most frequent first."""
    scripts = []
    for supplier in suppliers:
        if supplier["kind"] != EntityKind.SCRIPT:
            continue
        counted: Mapping[str, int] = wordings.get(supplier["entity_id"]) or {}
        order = sorted(counted.items(), key=lambda wording: (-wording[1], wording[0]))
        template = (supplier["template"] or (order[0][0] if order else ""))[:WORDING_LIMIT]
        row = (supplier["entity_id"], template, supplier["records"], supplier["clusters"])
        scripts.append(Script(*row, order[:VARIANT_LIMIT], len(order[VARIANT_LIMIT:])))
    return scripts


@lru_cache(maxsize=1_024)
def compare_words(template: str, wording: str) -> Pieces:
    """Splits a wording by whether the template has it; cached, since clusters share scripts."""
    if wording == template:
        return ((template, False),)
    words, others = wording.split(), template.split()
    start = _equal_words(words, others)
    end = _equal_words(reversed(words[start:]), reversed(others[start:]))
    # Most wordings differ in a single place, and the words around it need no alignment.
    middle, rest = words[start : len(words) - end], others[start : len(others) - end]
    pieces = [(words[:start], False)]
    if middle and rest:
        opcodes = difflib.SequenceMatcher(None, rest, middle, autojunk=False).get_opcodes()
        pieces += [(middle[a:b], tag != "equal") for tag, _, _, a, b in opcodes]
    else:
        pieces.append((middle, True))
    pieces.append((words[len(words) - end :], False))
    return tuple((" ".join(piece), differs) for piece, differs in pieces if piece)


def _equal_words(words: Iterable[str], others: Iterable[str]) -> int:
    """Counts the words that both begin with."""
    return len([*takewhile(bool, map(operator.eq, words, others))])
