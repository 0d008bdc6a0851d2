"""Reporters: who states a record, the unit that statuses, ties, tiers and thresholds count.

A reporter is an organisation's pseudonym of a person, (source_org, victim_id). A person with many
records counts once. Records without a pseudonym count as follows:

- Complaints count by a rule that the user states for their organisation. Without a rule, all such
  complaints of an organisation and day are a single reporter: anybody could have filed them all.
- Mails of an organisation are a single reporter over all days: a mail's sender chooses its date.
- Calls add no reporter, whatever the rule: the caller may also have filed a complaint.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Meta

from schemas.enums import RecordKind, SourceRule
from schemas.field import INTEGER, TEXT, Column, Rows
from schemas.records import Record, RecordError, csv_records, one_of
from transforms.arrow import Array, hash_text, is_among, sorted_lookup, with_column
from transforms.decode import read_reference_data

SourceRules = Mapping[str, SourceRule]
"""The rule of each organisation that has one."""

SHIPPED_FILE = "sources.csv"

NO_RULES: SourceRules = {}

NO_PSEUDONYM = "\x1f"
"""First character after the organisation in a reporter's key that is no pseudonym."""

UNNAMED = f"{NO_PSEUDONYM}unnamed|"
"""Start of that part of the key if no rule says how rows without a pseudonym count."""

OF_DAY = f"{NO_PSEUDONYM}day|"
"""Start of that part of the key if all rows of a day without a pseudonym count as one."""

MAIL_ID = "mail-"
"""Start of the complaint id that a mail gets, before 16 hexadecimal digits of its digest."""

OFFER_FIELD, OFFERED_CALLED = OFFERED = "offer", "offer.called"
"""The `field` of the mentions of an offer's evidence, and of numbers that it says were called."""

_MAIL_ID = f"^{MAIL_ID}[0-9a-f]{{16}}$"


@dataclass(frozen=True, eq=False)
class Crowds:
    """The reporters that stand for all people whom a row of an offer counts: one, or several.

    An offer counts people who report the same in one week. They are one reporter of one record, and
    whatever counts reporters, or what each of them adds, counts this one `people` times.

    `hashes` are those of their keys without the last bit, ascending. Of the `people` so many as
    `bearing` says count where identifiers are tied: what a sender alone can add is bounded.
    """

    hashes: Array
    people: Array
    bearing: Array

    @classmethod
    def of(cls, people: Mapping[str, int], bearing: Mapping[str, int] | None = None) -> Crowds:
        """Returns those of a number of people by the key of the reporter; else all are bearing."""
        hashes = hash_text(pa.array(list(people), TEXT)) & ~np.int64(1)
        order = np.argsort(hashes)
        both = (people, bearing or people)
        counts = (
            np.array([counted[person] for person in people], np.int64)[order] for counted in both
        )
        return cls(hashes[order], *counts)

    def __bool__(self) -> bool:
        """Returns whether there are any."""
        return len(self.hashes) > 0

    def people_of(self, reporters: Array) -> Array:
        """Returns how many people each reporter stands for, by the hash of its key."""
        return self._counts(reporters, self.people)

    def bearing_of(self, reporters: Array) -> Array:
        """Returns how many people each reporter counts for in ties, by the hash of its key."""
        return self._counts(reporters, self.bearing)

    def _counts(self, reporters: Array, counts: Array) -> Array:
        people = np.ones(len(reporters), np.int64)
        if self:
            places, known = sorted_lookup(self.hashes, reporters & ~np.int64(1))
            people[known] = counts[places[known]]
        return people


NO_CROWDS = Crowds.of({})

Tie = tuple[str, ...]
"""Two identifiers reported together, or a single identifier reported by itself; without epochs."""


def ties_of(names: Iterable[str]) -> list[Tie]:
    """Returns the pairs of identifiers reported together, or the only identifier."""
    distinct = sorted(set(names))
    return [*combinations(distinct, 2)] or [tuple(distinct)]


_TWO_SIDED = 1.96
"""Standard deviations that cover 95 % of a normal distribution."""


def precision_interval(right: int, wrong: int) -> tuple[float, float]:
    """Returns the 95 % interval of the share that is right, by Wilson (JASA 22, 209, 1927).

    Without any decision it is 0 to 1.
    """
    count, z = right + wrong, _TWO_SIDED
    if not count:
        return 0.0, 1.0
    share = right / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low, high = ((middle + sign * spread) / (1 + z * z / count) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)


NO_CHANNEL = "unknown"
"""The channel of complaints that have none."""

SOURCES_TALLY = "sources"
"""The tally of the manifest that counts the reporters of each source, by `org|channel|side`."""

LEAST_WEIGHT = 0.5
"""Share of a reporter that counts in ranks, whatever the record of the source."""


@dataclass(frozen=True)
class SourceRecord:
    """Numbers of a source's reporters whom decisions in force confirm (`right`) or not."""

    right: int
    wrong: int

    @property
    def weight(self) -> float:
        """The share of a reporter that counts in ranks.

        It is the upper end of the interval of the share of right ties, without one reporter on each
        side, who may lie. A source without decisions counts in full.
        """
        right, wrong = max(self.right - 1, 0), max(self.wrong - 1, 0)
        return max(precision_interval(right, wrong)[1], LEAST_WEIGHT) if wrong else 1.0


SourceRecords = Mapping[tuple[str, str], SourceRecord]
"""The record of each organisation and channel that has one."""

NO_SOURCES: SourceRecords = {}


def count_sources(sources: SourceRecords) -> Iterator[tuple[tuple[str, str], int]]:
    """Yields the counters of the manifest."""
    for source, record in sources.items():
        yield (SOURCES_TALLY, "|".join([*source, "right"])), record.right
        yield (SOURCES_TALLY, "|".join([*source, "wrong"])), record.wrong


def counted_sources(tallies: Mapping[str, Mapping[str, int]]) -> SourceRecords:
    """Returns the records that the manifest of a run counts."""
    counts = defaultdict[tuple[str, str], dict[str, int]](dict)
    for name, count in tallies.get(SOURCES_TALLY, {}).items():
        org, channel, side = name.split("|")
        counts[org, channel][side] = count
    return {
        source: SourceRecord(sides.get("right", 0), sides.get("wrong", 0))
        for source, sides in counts.items()
    }


class _OrgRule(Record):
    """A row of a file of source rules."""

    source_org: Annotated[str, Meta(min_length=1)]
    rule: Annotated[str, one_of(SourceRule)]


def parse_source_rules(text: str, name: str) -> SourceRules:
    """Parses the rules of a CSV file with the columns `source_org,rule`.

    Raises:
        RecordError: naming the file, the row and the field, and what to do.
    """
    rules: dict[str, SourceRule] = {}
    for place, row in csv_records(_OrgRule, text, name):
        if row.source_org in rules:
            raise RecordError(f"{place}: {row.source_org!r} has a rule already; keep one")
        rules[row.source_org] = SourceRule(row.rule)
    return dict(sorted(rules.items()))


def shipped_source_rules() -> SourceRules:
    """Returns the rules of the public sources whose formats ringtrace reads."""
    return parse_source_rules(read_reference_data(SHIPPED_FILE), SHIPPED_FILE)


def reporter_keys(
    source_org: pa.Array,
    victim_id: pa.Array,
    received_at: pa.Array,
    record_id: pa.Array,
    rules: SourceRules = NO_RULES,
) -> pa.Array:
    """Returns the reporter's key of each row, as text.

    Args:
        source_org: The organisation of each row.
        victim_id: Its pseudonym of the person, null where there is none.
        received_at: When the organisation received the row (UTC); of a mail, what the mail says.
        record_id: The row's own id in its organisation.
        rules: How rows without a pseudonym count. `victim_id` says that only pseudonyms do: the
            rest count as where there is no rule.
    """
    named = pc.binary_join_element_wise(source_org, victim_id, "|")
    if not named.null_count:
        return named
    day = pc.strftime(received_at, "%Y-%m-%d")
    known_day = pc.if_else(pc.match_substring_regex(record_id, _MAIL_ID), "mail", day)
    keys = pc.binary_join_element_wise(
        source_org, pc.binary_join_element_wise(UNNAMED, known_day, ""), "|"
    )
    for rule, marked in (
        (SourceRule.EACH_ROW, pc.binary_join_element_wise(f"{NO_PSEUDONYM}row|", record_id, "")),
        (SourceRule.PER_DAY, pc.binary_join_element_wise(OF_DAY, day, "")),
    ):
        orgs = pa.array([org for org, stated in rules.items() if stated is rule], TEXT)
        ruled = pc.is_in(source_org, orgs)
        keys = pc.if_else(ruled, pc.binary_join_element_wise(source_org, marked, "|"), keys)
    return pc.coalesce(named, keys)


def call_reporter_keys(calls: Rows) -> pa.Array:
    """Returns the key of the reporter of each CALL row, null for one without a pseudonym."""
    return pc.binary_join_element_wise(calls["source_org"], calls["victim_id"], "|")


def with_reporters_of_complaints(evidence: pa.Table) -> pa.Table:
    """Returns EVIDENCE rows of whole groups, in which a complaint's calls have its reporter.

    A person may have different pseudonyms in complaints and calls. Calls without a reporter still
    add none.
    """
    complaint = pc.equal(evidence["record_kind"], RecordKind.COMPLAINT)
    stated = evidence.filter(pc.and_(complaint, pc.is_valid(evidence["reporter_key"])))
    if not 0 < stated.num_rows < evidence.num_rows:
        return evidence
    place = pc.index_in(evidence["group_id"], stated["group_id"])
    theirs = pc.and_(pc.is_valid(place), pc.is_valid(evidence["reporter_key"]))
    keys = pc.if_else(theirs, stated["reporter_key"].take(place), evidence["reporter_key"])
    return with_column(evidence, "reporter_key", keys)


def people_counted(mentions: Rows) -> Column:
    """Returns how many people the record of each mention counts, by its `field` and `record_id`.

    That is one, but for the evidence of an offer, whose records 1 to N have the id that ends in
    1..N. Joint runs of before have a record for each.
    """
    alone = pa.scalar(1, INTEGER)
    offered = is_among(mentions["field"], OFFERED)
    if not pc.any(offered).as_py():
        return pa.repeat(alone, mentions.num_rows)
    counted = pc.extract_regex(mentions["record_id"], r"^offer-.*-1\.\.(?P<people>[1-9][0-9]*)$")
    people = pc.struct_field(counted, "people").cast(INTEGER)
    return pc.if_else(offered, pc.fill_null(people, 1), alone)


def rules_in_force(options: Mapping[str, object]) -> SourceRules:
    """Returns the rules of a run from the options in its manifest."""
    stated = options.get("sources")
    known = stated.items() if isinstance(stated, Mapping) else ()
    return {str(org): SourceRule(rule) for org, rule in known}


def is_unnamed(keys: Column) -> Column:
    """Returns a mask of the keys of rows without a pseudonym and without a rule."""
    return pc.match_substring(keys, f"|{UNNAMED}")


def is_of_many(keys: Column) -> Column:
    """Returns a mask of the keys that several people may share, such as an organisation and day."""
    return pc.or_(is_unnamed(keys), pc.match_substring(keys, f"|{OF_DAY}"))


def is_pseudonym(keys: Column) -> Column:
    """Returns a mask of the keys that are an organisation's pseudonym of a person."""
    return pc.invert(pc.match_substring(keys, f"|{NO_PSEUDONYM}"))
