"""The holder of an identifier where reporters disagree: a suspect, a victim, or contested.

What one reporter calls a victim's own and others show a suspect holding is contested: neither side
is believed until a decision or clearly more reporters settle it, since one false statement must
neither erase a ring's number nor name a victim. Who is on both sides counts on the victim's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.decision import DecisionKind
from schemas.entity import CONTESTED, are_withheld, is_withheld, without_epoch
from schemas.enums import SUPPLIER_KINDS, EntityKind, Role, Status
from schemas.facts import Fact, Facts, fact
from schemas.field import INTEGER, TEXT, Row
from schemas.tables import CONTESTED as CONTESTED_TABLE
from transforms.arrow import Array, aggregate, distinct_rows, is_among, row_tuples, with_column
from transforms.custody import (
    PrivateKey,
    check_private,
    open_private,
    private_files,
    read_manifest,
    read_or_keep,
)
from transforms.decisions import Decision, DecisionsInForce
from transforms.engine import batches_of
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.kinds.email import is_freemail
from transforms.extract.kinds.registry import KINDS
from transforms.gates import open_bytes
from transforms.graph.activity import ROLE_COUNTS
from transforms.graph.epochs import CORROBORATED
from transforms.graph.refinement import BUSINESS_LINES
from transforms.values import true_mask
from transforms.victims.stated_numbers import CLAIM

CONTEST_RATIO = 3
"""Reporters of one side for each of the other, from which they outweigh it."""

FEWEST_TO_SETTLE = 3
"""Reporters of a side that can outweigh the other, at least."""

MOST_IN_WORDS = 2
"""Reporters who count among those that call an identifier their own in words alone.

A third is no owner of what two others own: they paste a message that its sender signed.
"""

OWNERS = ("own_by", "called_own_by")
"""Reporters who call an identifier a victim's: those who count to settle that it is, and all.

All are counted where others would settle that it is a suspect's.
"""

CARRIED_BY = 2
"""Reporters of one organisation in whose links the digits of a phone make it a callback."""

JUDGED = (
    *("entity_id", "kind", "line_type", "complaints", "calls", "own", "held", "shown"),
    *("reporters", "named_by", "shown_before", *OWNERS, *ROLE_COUNTS),
)
"""Columns of sums by entity or epoch that say who holds one."""

_AS_MENTIONED = f"as_{Role.MENTIONED}"

_PERSONAL = frozenset(str(row.kind) for row in KINDS if row.scheme is None and row.personal)

_PUBLIC = tuple(f"{row.kind}:{row.scheme}:" for row in KINDS if row.scheme and not row.personal)
"""Beginnings of the ids of schemes that no private person holds."""

HIDDEN = (Status.VICTIM_SIDE, Status.CONTESTED)
"""Statuses of what is always shown under a withheld id."""

NO_CLAIMS = CLAIM.empty_table()

CONTESTED_BEFORE = pa.schema(
    [("known_as", TEXT), *((field.name, field.type) for field in CONTESTED)]
)
"""A CONTESTED row of an earlier run, with the own id, without an epoch, of what it is about."""

NOT_CONTESTED = CONTESTED_BEFORE.empty_table()

Verdict = tuple[str, Facts]
"""The status of an identifier, and the facts that are the reason."""


@dataclass(frozen=True)
class Settled:
    """The identifiers whose holder analysts decided on: the decisions by entity id.

    `suspects` are one epoch each, with its mark, and `held` their ids without it; `victims` hold
    for every epoch.
    """

    suspects: Mapping[str, Decision]
    held: frozenset[str]
    victims: Mapping[str, Decision]

    @classmethod
    def by(cls, decided: DecisionsInForce) -> Settled:
        """Takes what is decided; of several decisions on one entity, the first by id."""
        suspects, victims = (
            {decision.entity_a: decision for decision in reversed(decided.of(kind))}
            for kind in (DecisionKind.SUSPECT_HELD, DecisionKind.VICTIM_OWNED)
        )
        theirs = {without_epoch(entity_id): why for entity_id, why in victims.items()}
        return cls(suspects, frozenset(map(without_epoch, suspects)), theirs)


def settle_roles(evidence: pa.Table) -> pa.Table:
    """Returns EVIDENCE_MENTION rows of whole groups, a victim's own wherever one record says so.

    The calls of a complaint have no reporter but its own: they do not contradict it.
    """
    own = evidence.filter(pc.equal(evidence["role"], Role.VICTIM))
    theirs = pc.is_in(_pairs(evidence), _pairs(own))
    role = pc.if_else(theirs, Role.VICTIM, evidence["role"])
    return with_column(evidence, "role", role)


def take_sides(activity: pa.Table, claims: pa.Table = NO_CLAIMS) -> tuple[pa.Table, pa.Table]:
    """Finds who calls an identifier a victim's own.

    Args:
        activity: ACTIVITY rows of whole entities.
        claims: CLAIM rows of these.

    Returns:
        The rows with `of_owner`, a mask of those whose reporter does; and the number of such
        reporters by `entity_id`: all (`called_own_by`), and with `MOST_IN_WORDS` of those in words
        alone (`own_by`). All that have no name count as one. Without a pseudonym a record speaks
        for itself alone: others of that day may be somebody else's.
    """
    own = activity.filter(pc.greater(activity["own"], 0))
    ids = pc.unique(activity["entity_id"])
    others = claims.filter(pc.is_in(claims["entity_id"], ids))
    stated = pc.greater(own["stated"], 0).cast(INTEGER)
    said = pa.concat_tables(
        [
            own.select(CLAIM.names).cast(CLAIM).append_column("stated", stated),
            others.append_column("stated", pa.repeat(1, others.num_rows)),
        ]
    )
    owners = aggregate(said, CLAIM.names, [("stated", "max")])
    known = pc.and_(pc.is_valid(activity["victim"]), pc.is_valid(activity["reporter"]))
    known = pc.and_(known, pc.is_in(activity["entity_id"], owners["entity_id"]))
    rows = activity.select(CLAIM.names).filter(known)
    both = pa.concat_tables([owners.select(CLAIM.names), rows])
    _, pair = distinct_rows([column.combine_chunks() for column in both.columns])
    of_owner = np.zeros(len(known), bool)
    of_owner[true_mask(known)] = np.isin(pair[owners.num_rows :], pair[: owners.num_rows])
    counts = aggregate(owners, "entity_id", [([], "count_all"), ("stated", "sum")])
    bounded = pc.min_element_wise(counts["count_all"], pc.add(counts["stated"], MOST_IN_WORDS))
    columns = (counts["entity_id"], bounded, counts["count_all"])
    return (
        activity.append_column("of_owner", pa.array(of_owner)),
        pa.table(columns, ["entity_id", *OWNERS]),
    )


def claimed_domains(
    activity: pa.Table, claims: pa.Table, registered: pa.Table, before: pa.Table
) -> list[str]:
    """Returns the domains that `CORROBORATED` reporters call their own, and no page of them alone.

    Args:
        activity: ACTIVITY rows of whole entities.
        claims: CLAIM rows of these.
        registered: REGISTERED rows of these.
        before: CONTESTED_BEFORE rows of these.
    """
    sites = pc.equal(activity["kind"], EntityKind.DOMAIN)
    own = activity.filter(pc.and_(sites, pc.greater(activity["own"], 0)))
    linked = pc.is_valid(own["page"])
    of_pages = {*row_tuples(own.filter(linked), *CLAIM.names)}
    whole = {*row_tuples(own, *CLAIM.names), *row_tuples(claims)} - of_pages
    counts = Counter(entity_id for entity_id, _ in whole)
    counts |= Counter(dict(row_tuples(registered)))
    counts |= Counter(dict(row_tuples(before, "known_as", "victim_reporters")))
    return [entity_id for entity_id, reporters in counts.items() if reporters >= CORROBORATED]


def call_carried(activity: pa.Table, claimed: pa.Array) -> tuple[pa.Table, pa.Array]:
    """Counts as called what the links of lures carry as a phone, in records of two people.

    One person has one pseudonym at an organisation: the number that was filled in for them is not
    in another's link. What anybody calls a victim's is left alone, and so is what a caller showed:
    the page that is about it was looked up, and its number can be an innocent's.

    Args:
        activity: ACTIVITY rows of whole entities, with `of_owner`.
        claimed: Bare ids that somebody calls a victim's.

    Returns:
        The rows, and the bare ids of what was counted as called.
    """
    carried = pc.greater(activity["carried"], 0)
    known = pc.and_(pc.is_valid(activity["victim"]), pc.is_valid(activity["reporter"]))
    shown = activity.filter(pc.and_(carried, known))
    counts = aggregate(shown, ["entity_id", "source_org"], [("reporter", "count_distinct")])
    enough = counts.filter(pc.greater_equal(counts["reporter"], CARRIED_BY))
    displayed = pc.greater(activity[f"as_{Role.CALLER_ID}"], 0)
    doubtful = pc.unique(activity["entity_id"].filter(displayed))
    called = pc.unique(enough["entity_id"])
    called = called.filter(pc.invert(pc.or_(pc.is_in(called, doubtful), pc.is_in(called, claimed))))
    rows = pc.and_(carried, pc.is_in(activity["entity_id"], called))
    for name in ("held", "reported", f"as_{Role.CALLBACK}"):
        added = pc.add(activity[name], activity["carried"])
        activity = with_column(activity, name, pc.if_else(rows, added, activity[name]))
    for name, seen in (("first_held", "first_seen"), ("last_held", "last_seen")):
        times = pc.if_else(rows, activity[seen], activity[name])
        activity = with_column(activity, name, times)
    return activity, called


def judge_all(
    counted: pa.Table, before: Array, known: KnownLegitimate, settled: Settled
) -> list[Verdict]:
    """Applies `judge` to all rows of sums; most identifiers are judged by their use alone."""
    ids = counted["entity_id"].combine_chunks()
    reasons = known.reasons(ids)
    decided = pa.array([*settled.victims], TEXT)
    by_more = (
        pc.is_valid(reasons),
        pc.is_in(ids, decided),
        are_withheld(ids),
        pc.greater(counted["own_by"], 0),
        pa.array(before > 0),
    )
    verdicts = list(map(judge_use, counted["kind"].to_pylist(), counted["shown"].to_pylist()))
    for place, row in rows_where(counted, by_more):
        verdicts[place] = judge(row, reasons[place].as_py(), int(before[place]), known, settled)
    return verdicts


def judge(
    row: Row, reason: str | None, before: int, known: KnownLegitimate, settled: Settled
) -> Verdict:
    """Judges an identifier, over all of its epochs.

    Known-legitimate comes first: a published line is no secret, even where a record calls it the
    victim's. Then what analysts decided to be a victim's, then the victim, then the suspect.

    Args:
        row: Its sums, as `JUDGED` has them.
        reason: Why it is known to be legitimate, if it is.
        before: How many reporters called it a victim's in earlier runs.
        known: The known-legitimate list.
        settled: What analysts decided.
    """
    entity_id, supplier = row["entity_id"], row["kind"] in SUPPLIER_KINDS
    if reason is not None:
        return Status.SUPPRESSED, (known.fact(entity_id, reason),)
    if entity_id in settled.victims:
        why = settled.victims[entity_id].as_fact("decided_victims", with_reason=False)
        return Status.VICTIM_SIDE, (why,)
    if row["shown"] and not supplier and is_withheld(entity_id):
        return Status.CONTESTED, (fact("withheld_before"),)
    claimed = _judge_claimed(row, before, supplier) if row["own_by"] or before else None
    return claimed or judge_use(row["kind"], row["shown"])


def _judge_claimed(counted: Row, before: int, supplier: bool) -> Verdict | None:
    """Judges what somebody calls a victim's; None where it is clearly a suspect's.

    Args:
        counted: The sums of one identifier.
        before: How many called it a victim's in earlier runs.
        supplier: Whether a supplier's customers share it.
    """
    shown, suspects, earlier = (counted[name] for name in ("shown", "reporters", "shown_before"))
    victims = max(counted["own_by"], before)
    if supplier or not (shown or earlier) or outweighs(victims, max(suspects, earlier)):
        because = fact("victims_in_records", counted["own"])
        if not counted["own"]:
            because = fact("victims_stated", victims)
        if before and not counted["own_by"]:
            because = fact("victims_before", before)
        held = (fact("though_held", counted["held"]),) if counted["held"] else ()
        return Status.VICTIM_SIDE, (because, *held)
    business = counted["kind"] == EntityKind.PHONE and counted["line_type"] in BUSINESS_LINES
    if business and outweighs(suspects, max(victims, counted["called_own_by"])):
        return None
    if not shown:
        return Status.VICTIM_SIDE, (fact("contested_before", victims, earlier),)
    if not suspects:
        return Status.CONTESTED, (fact("contested_by_calls", victims),)
    return Status.CONTESTED, (fact("contested", victims, suspects),)


def is_open(row: Row, status: str, settled: Settled) -> bool:
    """Tells what is contested though nobody shows a suspect using it in this run.

    It is a victim's in the tables, since nothing here ties it to anything, and stays contested:
    one who claims what others showed before must not erase it.
    """
    bare = without_epoch(row["entity_id"])
    return (
        status == Status.VICTIM_SIDE
        and row["shown_before"] > 0
        and row["kind"] not in SUPPLIER_KINDS
        and bare not in settled.victims
        and bare not in settled.held
        and not outweighs(row["own_by"], max(row["reporters"], row["shown_before"]))
    )


def is_unclaimed(row: Row, status: str) -> bool:
    """Tells what records mention alone, and a private person may hold: it may be a victim's.

    It is shown under a withheld id until a record, or a decision, says that a suspect uses it. What
    a record says was shown as a caller's is not masked, nor are sites, and lines of businesses.
    """
    return (
        status == Status.UNCORROBORATED
        and row["kind"] in _PERSONAL
        and row["line_type"] not in BUSINESS_LINES
        and not row["entity_id"].startswith(_PUBLIC)
        and not any(row[name] for name in ROLE_COUNTS if name != _AS_MENTIONED)
    )


def is_named_by_one(row: Row, status: str, settled: Settled) -> bool:
    """Tells a mailbox at a freemail host that a suspect uses by the word of one reporter alone.

    In a complaint it may be the victim's own, whatever its role. It keeps its place in the graph.
    """
    entity_id = row["entity_id"]
    return (
        row["kind"] == EntityKind.EMAIL
        and status == Status.INFRASTRUCTURE
        and row["named_by"] < CORROBORATED
        and entity_id not in settled.suspects
        and is_freemail(without_epoch(entity_id).partition(":")[2])
    )


def shown_in_earlier_runs(ids: pa.Array, before: pa.Table, decided: DecisionsInForce) -> Array:
    """Returns how many showed a suspect using each bare id in earlier runs, as far as is known.

    That is known of what was contested, and of what a decision is bound to: there, one did.

    Args:
        ids: Bare ids.
        before: CONTESTED_BEFORE rows.
        decided: The decisions.
    """
    bound = [(without_epoch(entity_id), 1) for entity_id in decided.bound_members()]
    rows = row_tuples(before, "known_as", "suspect_reporters")
    return _most_by_id(ids, [*bound, *((entity_id, count or 1) for entity_id, count in rows)])


def judge_epoch(row: Row, whole: Verdict, apart: Fact | None) -> Verdict:
    """Judges an epoch: as its identifier is judged (`whole`), or else by its own use.

    `apart` says why it is one of its own.
    """
    status, reason = whole if whole[0] in HIDDEN else judge_use(row["kind"], row["shown"])
    return status, reason if apart is None else (*reason, apart)


def settle_suspect(row: Row, verdict: Verdict, settled: Settled) -> Verdict:
    """Returns the verdict on an epoch, or what analysts decided, if that is a suspect's.

    What is known to be legitimate, a victim's by decision, or a supplier's stays so, and so does
    what every record calls a victim's: nothing shows a suspect near it.
    """
    entity_id = row["entity_id"]
    if (
        entity_id in settled.suspects
        and verdict[0] != Status.SUPPRESSED
        and without_epoch(entity_id) not in settled.victims
        and row["kind"] not in SUPPLIER_KINDS
        and row["complaints"] + row["calls"] > row["own"]
    ):
        return Status.INFRASTRUCTURE, (settled.suspects[entity_id].as_fact("decided_suspects"),)
    return verdict


@lru_cache(maxsize=4096)
def judge_use(kind: str, shown: int) -> Verdict:
    """Judges by use alone, as if no one called it a victim's."""
    if kind in SUPPLIER_KINDS:
        return Status.UNCORROBORATED, (fact("shared"),)
    if shown:
        return Status.INFRASTRUCTURE, (fact("used", shown),)
    return Status.UNCORROBORATED, (fact("forgeable"),)


def may_be_marked(counted: pa.Table, status: pa.Array, settled: Settled) -> Iterable[pa.Array]:
    """Yields masks of what can be settled, unclaimed, named by one or open: all but a few."""
    yield is_among(counted["entity_id"], settled.suspects)
    undisplayed = pc.equal(counted[f"as_{Role.CALLER_ID}"], 0)
    yield pc.and_(pc.equal(status, Status.UNCORROBORATED), undisplayed)
    mailbox = pc.equal(counted["kind"], EntityKind.EMAIL)
    yield pc.and_(pc.equal(status, Status.INFRASTRUCTURE), mailbox)
    yield pc.and_(pc.equal(status, Status.VICTIM_SIDE), pc.greater(counted["shown_before"], 0))


def rows_where(counted: pa.Table, masks: Iterable[pa.Array]) -> Iterator[tuple[int, Row]]:
    """Yields the place and the sums of each row that is in one of the masks."""
    places = np.flatnonzero(np.logical_or.reduce([true_mask(mask) for mask in masks]))
    rows = counted.select(JUDGED).take(places).to_pylist()
    return zip(places.tolist(), rows, strict=True)


def outweighs(reporters: int, others: int) -> bool:
    """Tells whether so many reporters settle who holds an identifier against those others."""
    return reporters >= max(FEWEST_TO_SETTLE, CONTEST_RATIO * others)


def claimed_by(ids: pa.Array, registered: pa.Table, contested: pa.Table) -> Array:
    """Returns how many called each bare id a victim's, by REGISTERED and CONTESTED_BEFORE rows."""
    rows = row_tuples(contested, "known_as", "victim_reporters")
    return _most_by_id(ids, [*row_tuples(registered), *rows])


def contested_ids(contested: pa.Table) -> pa.ChunkedArray:
    """Returns the own bare ids of CONTESTED rows."""
    return pc.binary_join_element_wise(contested["kind"], contested["value"], ":")


def still_contested(
    before: pa.Table, statuses: pa.Table, own: pa.Table, settled: Settled
) -> pa.Table:
    """Returns the CONTESTED rows of an earlier run that nothing in this one settles.

    An identifier that this run does not show a suspect using, or does not name at all, may be
    shown tomorrow again, when no record says any more that it is a victim's.

    Args:
        before: CONTESTED_BEFORE rows.
        statuses: ENTITY_STATUS rows of this run.
        own: ids that records of this run call a victim's, `entity_id`.
        settled: What analysts decided.
    """
    answered = statuses.filter(pc.not_equal(statuses["status"], Status.VICTIM_SIDE))
    columns = answered["entity_id"], own["entity_id"]
    gone = set(settled.held).union(settled.victims, *(column.to_pylist() for column in columns))
    still = pc.invert(is_among(before["known_as"], gone))
    return before.filter(still).select(CONTESTED.names).cast(CONTESTED)


def read_contested(folder: str, key: PrivateKey | None = None) -> Iterator[pa.RecordBatch]:
    """Yields the CONTESTED_BEFORE batches of a finished run; `key` opens sealed files.

    Raises:
        OSError: if the run, or a file that its manifest names, is not there.
        AlteredRunError: if one is not what the private manifest lists.
        PrivateFileError: if one is sealed with another key, or was changed.
    """
    manifest = read_manifest(folder)
    for path in private_files(folder, manifest, CONTESTED_TABLE):
        if not FileSystems.exists(path):
            raise FileNotFoundError(path)
    check_private(folder, manifest, CONTESTED_TABLE)
    for path in private_files(folder, manifest, CONTESTED_TABLE):
        with open_bytes(path) as file:
            content = open_private(file, path, CONTESTED_TABLE, key).read()
            rows = pq.read_table(pa.BufferReader(content), columns=CONTESTED.names)
        table = rows.select(CONTESTED.names).add_column(0, "known_as", contested_ids(rows))
        yield from batches_of(table.cast(CONTESTED_BEFORE).combine_chunks())


class ReadContested(beam.DoFn):
    """Reads CONTESTED_BEFORE batches of the run in a folder, if there is one, once a window.

    `key` opens its sealed files.
    """

    def __init__(self, folder: str | None, key: PrivateKey | None) -> None:
        self._folder = folder
        self._key = key
        self._known: list[pa.RecordBatch] | None = None

    def process(self, _: object) -> Iterator[pa.RecordBatch]:
        """Reads them for the one element of each window."""
        folder, key = self._folder, self._key
        if folder is not None:
            self._known = read_or_keep(lambda: list(read_contested(folder, key)), self._known)
            yield from self._known


def _pairs(evidence: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(evidence["group_id"], evidence["entity_id"], "\x1f")


def _most_by_id(ids: pa.Array, counts: Iterable[tuple[str, int]]) -> Array:
    """Returns the largest count of each id, 0 where it has none."""
    most: dict[str, int] = {}
    for entity_id, count in counts:
        most[entity_id] = max(most.get(entity_id, 0), count)
    return np.array([most.get(entity_id, 0) for entity_id in ids.to_pylist()], np.int64)
