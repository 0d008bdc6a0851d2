"""The holder of an identifier where reporters disagree: a suspect, a victim, or contested.

An identifier is contested if one reporter calls it a victim's own and others show a suspect using
it. Neither side is believed until a decision, or clearly more reporters, settle it: one false
statement must neither erase a ring's number nor name a victim. A reporter who says both counts on
the victim's side.
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
from transforms.arrow import (
    Array,
    aggregate,
    distinct_rows,
    is_among,
    row_tuples,
    true_mask,
    with_column,
)
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
from transforms.victims.stated_numbers import CLAIM

CONTEST_RATIO = 3
"""Reporters that one side needs for each reporter of the other side to outweigh it."""

FEWEST_TO_SETTLE = 3
"""Fewest reporters of a side that can outweigh the other."""

MOST_IN_WORDS = 2
"""Most reporters that count among those who call an identifier their own only in words.

A third such reporter is no owner, but pastes a message that its sender signed.
"""

OWNERS = ("own_by", "called_own_by")
"""Counts of reporters who call an identifier a victim's: for the victim's side, and all of them.

All of them count when the other side would outweigh them.
"""

CARRIED_BY = 2
"""Reporters of one organisation whose links must carry a phone number to make it a callback."""

JUDGED = (
    *("entity_id", "kind", "line_type", "complaints", "calls", "own", "held", "shown"),
    *("reporters", "named_by", "shown_before", *OWNERS, *ROLE_COUNTS),
)
"""Columns of the sums of an entity or epoch that decide who holds it."""

_AS_MENTIONED = f"as_{Role.MENTIONED}"

_PERSONAL = frozenset(str(row.kind) for row in KINDS if row.scheme is None and row.personal)

_PUBLIC = tuple(f"{row.kind}:{row.scheme}:" for row in KINDS if row.scheme and not row.personal)
"""Prefixes of ids whose scheme no private person holds."""

HIDDEN = (Status.VICTIM_SIDE, Status.CONTESTED)
"""Statuses of identifiers that always appear under a withheld id."""

NO_CLAIMS = CLAIM.empty_table()

CONTESTED_BEFORE = pa.schema(
    [("known_as", TEXT), *((field.name, field.type) for field in CONTESTED)]
)
"""A CONTESTED row of an earlier run, with the identifier's own bare id, `known_as`."""

NOT_CONTESTED = CONTESTED_BEFORE.empty_table()

Verdict = tuple[str, Facts]
"""The status of an identifier, and the facts that are the reason."""


@dataclass(frozen=True)
class Settled:
    """Decisions on who holds an identifier, by entity id.

    `suspects` has ids of single epochs, and `held` the same ids without epochs. `victims` has bare
    ids, and holds for every epoch.
    """

    suspects: Mapping[str, Decision]
    held: frozenset[str]
    victims: Mapping[str, Decision]

    @classmethod
    def by(cls, decided: DecisionsInForce) -> Settled:
        """Selects the decisions on holders; the first by id counts for each entity."""
        suspects, victims = (
            {decision.entity_a: decision for decision in reversed(decided.of(kind))}
            for kind in (DecisionKind.SUSPECT_HELD, DecisionKind.VICTIM_OWNED)
        )
        theirs = {without_epoch(entity_id): why for entity_id, why in victims.items()}
        return cls(suspects, frozenset(map(without_epoch, suspects)), theirs)


def settle_roles(evidence: pa.Table) -> pa.Table:
    """Gives an entity the victim role throughout a group if one mention in the group has it.

    `evidence` are EVIDENCE_MENTION rows of whole groups. A complaint and its calls have the same
    reporter, so the calls cannot contradict it.
    """
    own = evidence.filter(pc.equal(evidence["role"], Role.VICTIM))
    theirs = pc.is_in(_pairs(evidence), _pairs(own))
    role = pc.if_else(theirs, Role.VICTIM, evidence["role"])
    return with_column(evidence, "role", role)


def take_sides(activity: pa.Table, claims: pa.Table = NO_CLAIMS) -> tuple[pa.Table, pa.Table]:
    """Finds the reporters who call an identifier a victim's own.

    Args:
        activity: ACTIVITY rows of whole entities.
        claims: CLAIM rows of these entities.

    Returns:
        The rows with `of_owner`, which marks rows of such reporters; and their number by
        `entity_id`: all (`called_own_by`), and with at most `MOST_IN_WORDS` reporters who only use
        words (`own_by`). All reporters without a name count as one. A row without a pseudonym is
        never marked: other records of that day may be somebody else's.
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
    """Returns the domains that at least `CORROBORATED` reporters call their own as a whole.

    A claim on a single page does not count.

    Args:
        activity: ACTIVITY rows of whole entities.
        claims: CLAIM rows of these entities.
        registered: REGISTERED rows of these entities.
        before: CONTESTED_BEFORE rows of these entities.
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
    """Counts phone numbers in the links of lures as callbacks, if `CARRIED_BY` people report them.

    Two people are enough: a number filled in for one victim is in no link to another victim. Two
    groups are left alone: numbers that anybody calls a victim's, and numbers seen as a caller id.
    A page about a caller id was looked up, and the number can be an innocent person's.

    Args:
        activity: ACTIVITY rows of whole entities, with `of_owner`.
        claimed: Bare ids that somebody calls a victim's.

    Returns:
        The rows, and the bare ids that count as callbacks.
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
    """Applies `judge` to rows of sums, or `judge_use` to the many that only their use decides."""
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

    The known-legitimate list comes first: a published line is no secret, even if a record calls it
    the victim's. Next come analysts' decisions for a victim, then victims' claims, then use by a
    suspect.

    Args:
        row: Its sums, in the columns `JUDGED`.
        reason: Why it is known to be legitimate, if it is.
        before: How many reporters called it a victim's in earlier runs.
        known: The known-legitimate list.
        settled: The holders that analysts decided on.
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
    """Judges an identifier that somebody calls a victim's; None if it is clearly a suspect's.

    Args:
        counted: The sums of the identifier.
        before: How many reporters called it a victim's in earlier runs.
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
    """Tells whether an identifier stays contested although no suspect uses it in this run.

    The tables show it as a victim's, since this run ties it to nothing. It stays contested so that
    a false claim cannot erase what others showed before.
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
    """Tells whether records only mention an identifier that a private person may hold.

    It may be a victim's, so it has a withheld id until a record or a decision says that a suspect
    uses it. Caller ids, sites and lines of businesses are not masked.
    """
    return (
        status == Status.UNCORROBORATED
        and row["kind"] in _PERSONAL
        and row["line_type"] not in BUSINESS_LINES
        and not row["entity_id"].startswith(_PUBLIC)
        and not any(row[name] for name in ROLE_COUNTS if name != _AS_MENTIONED)
    )


def is_named_by_one(row: Row, status: str, settled: Settled) -> bool:
    """Tells whether only one reporter says that a suspect uses this mailbox at a freemail host.

    It may be the victim's own, whatever its role. It keeps its place in the graph.
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
    """Returns how many reporters showed a suspect using each bare id in earlier runs, if known.

    The number is known for contested ids. An id that a decision is bound to counts 1, any other 0.

    Args:
        ids: Bare ids.
        before: CONTESTED_BEFORE rows.
        decided: The decisions.
    """
    bound = [(without_epoch(entity_id), 1) for entity_id in decided.bound_members()]
    rows = row_tuples(before, "known_as", "suspect_reporters")
    return _most_by_id(ids, [*bound, *((entity_id, count or 1) for entity_id, count in rows)])


def judge_epoch(row: Row, whole: Verdict, apart: Fact | None) -> Verdict:
    """Judges an epoch: like its identifier (`whole`) if that is hidden, or else by its own use.

    `apart` is the reason why it is a separate epoch, or None.
    """
    status, reason = whole if whole[0] in HIDDEN else judge_use(row["kind"], row["shown"])
    return status, reason if apart is None else (*reason, apart)


def settle_suspect(row: Row, verdict: Verdict, settled: Settled) -> Verdict:
    """Returns the verdict on an epoch, or infrastructure if analysts decided it is a suspect's.

    The decision changes nothing for an identifier that is known to be legitimate, a victim's by
    decision, or a supplier's, or that every record calls a victim's.
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
    """Judges an identifier by its use, as if nobody called it a victim's."""
    if kind in SUPPLIER_KINDS:
        return Status.UNCORROBORATED, (fact("shared"),)
    if shown:
        return Status.INFRASTRUCTURE, (fact("used", shown),)
    return Status.UNCORROBORATED, (fact("forgeable"),)


def may_be_marked(counted: pa.Table, status: pa.Array, settled: Settled) -> Iterable[pa.Array]:
    """Yields masks of the few rows that can be settled, unclaimed, named by one, or open."""
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
    """Returns how many reporters called each bare id a victim's in earlier runs.

    `registered` are REGISTERED rows, `contested` CONTESTED_BEFORE rows.
    """
    rows = row_tuples(contested, "known_as", "victim_reporters")
    return _most_by_id(ids, [*row_tuples(registered), *rows])


def contested_ids(contested: pa.Table) -> pa.ChunkedArray:
    """Returns the own bare ids of CONTESTED rows."""
    return pc.binary_join_element_wise(contested["kind"], contested["value"], ":")


def still_contested(
    before: pa.Table, statuses: pa.Table, own: pa.Table, settled: Settled
) -> pa.Table:
    """Returns the CONTESTED rows of an earlier run that nothing in this run settles.

    A suspect's use that this run does not show may be reported again tomorrow, when no record
    calls the identifier a victim's any more.

    Args:
        before: CONTESTED_BEFORE rows.
        statuses: ENTITY_STATUS rows of this run.
        own: Ids (`entity_id`) that records of this run call a victim's.
        settled: The holders that analysts decided on.
    """
    answered = statuses.filter(pc.not_equal(statuses["status"], Status.VICTIM_SIDE))
    columns = answered["entity_id"], own["entity_id"]
    gone = set(settled.held).union(settled.victims, *(column.to_pylist() for column in columns))
    still = pc.invert(is_among(before["known_as"], gone))
    return before.filter(still).select(CONTESTED.names).cast(CONTESTED)


def read_contested(folder: str, key: PrivateKey | None = None) -> Iterator[pa.RecordBatch]:
    """Yields the CONTESTED_BEFORE batches of a finished run; `key` opens sealed files.

    Raises:
        OSError: if the run, or a file that its manifest names, is missing.
        AlteredRunError: if a file differs from the private manifest.
        PrivateFileError: if a file is sealed with another key, or was changed.
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
        """Reads the batches for the single element of each window."""
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
