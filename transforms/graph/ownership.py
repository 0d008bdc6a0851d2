"""The holder of an identifier where reporters disagree: a suspect, a victim, or contested.

What one reporter calls a victim's own and others show a suspect holding is contested: neither side
is believed until a decision or clearly more reporters settle it, since one false statement must
neither erase a ring's number nor name a victim. Who is on both sides counts on the victim's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.decision import DecisionKind
from schemas.entity import CONTESTED, are_withheld, is_withheld, without_epoch, without_epochs
from schemas.enums import EntityKind, Role, Status
from schemas.facts import Fact, Facts, fact
from schemas.tables import CONTESTED as CONTESTED_TABLE
from transforms.arrow_util import Array, aggregate, with_column
from transforms.casts import true_mask
from transforms.decisions import Decision, DecisionsInForce
from transforms.extract.allowlist import KnownLegitimate, is_freemail
from transforms.extract.kinds.registry import KINDS
from transforms.graph.activity import ROLE_COUNTS
from transforms.graph.epochs import CORROBORATED
from transforms.graph.incidence import are_suppliers
from transforms.graph.refinement import BUSINESS_LINES
from transforms.manifest import check_private, read_manifest, read_or_keep
from transforms.private_files import PrivateKey, open_private, private_files
from transforms.shuffle import batches_of
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

HIDDEN = (str(Status.VICTIM_SIDE), str(Status.CONTESTED))
"""Statuses of what is always shown under a withheld id."""

NO_CLAIMS = CLAIM.empty_table()

CONTESTED_BEFORE = pa.schema(
    [("known_as", pa.string()), *((field.name, field.type) for field in CONTESTED)]
)
"""A CONTESTED row of an earlier run, with the own id, without an epoch, of what it is about."""

NOT_CONTESTED = CONTESTED_BEFORE.empty_table()

Verdict = tuple[str, Facts]
"""The status of an identifier, and the facts that are the reason."""


@dataclass(frozen=True)
class Settled:
    """The identifiers whose holder analysts decided on: the decisions by entity id.

    `suspects` are one epoch each, with its mark; `victims` hold for every epoch.
    """

    suspects: Mapping[str, Decision]
    victims: Mapping[str, Decision]

    @classmethod
    def by(cls, decided: DecisionsInForce) -> Settled:
        """Takes what is decided; of several decisions on one entity, the first by id."""
        suspects, victims = (
            {decision.entity_a: decision for decision in reversed(decided.of(kind))}
            for kind in (DecisionKind.SUSPECT_HELD, DecisionKind.VICTIM_OWNED)
        )
        return cls(suspects, {without_epoch(entity_id): why for entity_id, why in victims.items()})

    def names_suspect(self, entity_ids: pa.Array | pa.ChunkedArray) -> Array:
        """Masks the ids without epochs of which an epoch is decided to be a suspect's."""
        return is_among(entity_ids, map(without_epoch, self.suspects))

    def names_victim(self, entity_ids: pa.Array | pa.ChunkedArray) -> Array:
        """Masks the ids without epochs that are decided to be a victim's."""
        return is_among(entity_ids, self.victims)


def settle_roles(evidence: pa.Table) -> pa.Table:
    """Returns EVIDENCE_MENTION rows of whole groups, a victim's own wherever one record says so.

    The calls of a complaint have no reporter but its own: they do not contradict it.
    """
    own = evidence.filter(pc.equal(evidence["role"], Role.VICTIM))
    if not own.num_rows:
        return evidence
    said = pc.unique(_pairs(own))
    theirs = pc.is_in(_pairs(evidence), said)
    role = pc.if_else(theirs, Role.VICTIM.value, evidence["role"])
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
    stated = pc.greater(own["stated"], 0).cast(pa.int64())
    said = pa.concat_tables(
        [
            own.select(CLAIM.names).cast(CLAIM).append_column("stated", stated),
            others.append_column("stated", pa.repeat(1, others.num_rows)),
        ]
    )
    owners = aggregate(said, CLAIM.names, [("stated", "max")])
    known = pc.and_(pc.is_valid(activity["victim"]), pc.is_valid(activity["reporter"]))
    known = pc.and_(known, pc.is_in(activity["entity_id"], owners["entity_id"].combine_chunks()))
    rows = activity.select(CLAIM.names).filter(known)
    pairs, of_owner = set(_tuples(owners.select(CLAIM.names))), np.zeros(len(known), bool)
    of_owner[true_mask(known)] = [pair in pairs for pair in _tuples(rows)]
    counts = aggregate(owners, "entity_id", [([], "count_all"), ("stated", "sum")])
    bounded = pc.min_element_wise(counts["count_all"], pc.add(counts["stated"], MOST_IN_WORDS))
    columns = (counts["entity_id"], bounded, counts["count_all"])
    return (
        activity.append_column("of_owner", pa.array(of_owner)),
        pa.table(columns, ["entity_id", *OWNERS]),
    )


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
    carried = true_mask(pc.greater(activity["carried"], 0))
    if not carried.any():
        return activity, pa.array([], pa.string())
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


def judge(
    counted: pa.Table, known: KnownLegitimate, settled: Settled, registered: Array
) -> list[Verdict]:
    """Judges each identifier, over all of its epochs.

    Known-legitimate comes first: a published line is no secret, even where a record calls it the
    victim's. Then what analysts decided to be a victim's, then the victim, then the suspect.

    Args:
        counted: Sums by entity without epochs, with OWNERS and `shown_before`.
        known: The known-legitimate list.
        settled: What analysts decided.
        registered: How many reporters called each a victim's in earlier runs.
    """
    verdicts = judge_use(counted)
    ids = counted["entity_id"].combine_chunks()
    legitimate, supplier = known.reasons(ids), true_mask(are_suppliers(counted["kind"]))
    # Of most nobody says more than that it is used.
    said = (counted["own_by"].to_numpy() > 0) | (registered > 0) | settled.names_victim(ids)
    said |= true_mask(pc.is_valid(legitimate)) | (true_mask(are_withheld(ids)) & ~supplier)
    rows = np.flatnonzero(said)
    names = "entity_id kind line_type own held shown reporters shown_before".split()
    facts = counted.select([*names, *OWNERS]).take(rows).to_pylist()
    for row, counts in zip(rows.tolist(), facts, strict=True):
        reason, before = legitimate[row].as_py(), int(registered[row])
        if reason is not None:
            verdicts[row] = (Status.SUPPRESSED, (known.fact(counts["entity_id"], reason),))
        elif counts["entity_id"] in settled.victims:
            why = settled.victims[counts["entity_id"]]
            because = why.as_fact("decided_victims", with_reason=False)
            verdicts[row] = (Status.VICTIM_SIDE, (because,))
        elif is_withheld(counts["entity_id"]) and counts["shown"] and not supplier[row]:
            verdicts[row] = (Status.CONTESTED, (fact("withheld_before"),))
        elif counts["own_by"] or before:
            verdicts[row] = _judge_claimed(counts, before, supplier[row]) or verdicts[row]
    return verdicts


def _judge_claimed(counted: Mapping[str, Any], before: int, supplier: bool) -> Verdict | None:
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


def are_open(counted: pa.Table, status: pa.Array, settled: Settled) -> Array:
    """Masks what is contested though nobody shows a suspect using it in this run.

    It is a victim's in the tables, since nothing here ties it to anything, and stays contested:
    one who claims what others showed before must not erase it.

    Args:
        counted: Sums by entity or epoch, with `own_by` and `shown_before`.
        status: The status of each.
        settled: What analysts decided.
    """
    shown_before = counted["shown_before"].to_numpy()
    against = np.maximum(counted["reporters"].to_numpy(), shown_before)
    settling = np.maximum(FEWEST_TO_SETTLE, CONTEST_RATIO * against)
    bare = without_epochs(counted["entity_id"])
    left = (shown_before > 0) & ~settled.names_victim(bare) & ~settled.names_suspect(bare)
    left &= ~true_mask(are_suppliers(counted["kind"])) & true_mask(
        pc.equal(status, Status.VICTIM_SIDE)
    )
    return left & (counted["own_by"].to_numpy() < settling)


def are_unclaimed(counted: pa.Table, status: pa.Array) -> Array:
    """Masks what records mention alone, and a private person may hold: it may be a victim's.

    It is shown under a withheld id until a record, or a decision, says that a suspect uses it. What
    a record says was shown as a caller's is not masked, nor are sites, and lines of businesses.

    Args:
        counted: Sums by entity or epoch.
        status: The status of each.
    """
    ids, kinds = counted["entity_id"], counted["kind"]
    personal, public = (
        [str(row.kind) for row in KINDS if row.scheme is None and row.personal],
        [f"{row.kind}:{row.scheme}:" for row in KINDS if row.scheme and not row.personal],
    )
    maybe = pc.and_(pc.equal(status, Status.UNCORROBORATED), pc.is_in(kinds, pa.array(personal)))
    masked = true_mask(maybe) & ~true_mask(pc.is_in(counted["line_type"], pa.array(BUSINESS_LINES)))
    for name in ROLE_COUNTS:
        if name != f"as_{Role.MENTIONED}":
            masked &= counted[name].to_numpy() == 0
    for prefix in public:
        masked &= ~true_mask(pc.starts_with(ids, prefix))
    return masked


def are_named_by_one(counted: pa.Table, status: pa.Array, settled: Settled) -> Array:
    """Masks the mailboxes at freemail hosts that a suspect uses by the word of one reporter alone.

    In a complaint it may be the victim's own, whatever its role. It keeps its place in the graph.

    Args:
        counted: Sums by entity or epoch, with `named_by`.
        status: The status of each.
        settled: What analysts decided.
    """
    ids = counted["entity_id"]
    alone = true_mask(pc.equal(counted["kind"], str(EntityKind.EMAIL)))
    alone &= true_mask(pc.equal(status, Status.INFRASTRUCTURE))
    alone &= (counted["named_by"].to_numpy() < CORROBORATED) & ~is_among(ids, settled.suspects)
    for row in np.flatnonzero(alone).tolist():
        alone[row] = is_freemail(without_epoch(ids[row].as_py()).partition(":")[2])
    return alone


def shown_in_earlier_runs(ids: pa.Array, before: pa.Table, decided: DecisionsInForce) -> Array:
    """Returns how many showed a suspect using each bare id in earlier runs, as far as is known.

    That is known of what was contested, and of what a decision is bound to: there, one did.

    Args:
        ids: Bare ids.
        before: CONTESTED_BEFORE rows.
        decided: The decisions.
    """
    bound = [(without_epoch(entity_id), 1) for entity_id in decided.bound_members()]
    rows = _tuples(before.select(["known_as", "suspect_reporters"]))
    return _most_by_id(ids, [*bound, *((entity_id, count or 1) for entity_id, count in rows)])


def judge_epochs(
    counted: pa.Table, wholes: Sequence[Verdict], apart: Mapping[str, Fact]
) -> list[Verdict]:
    """Judges epochs of identifiers.

    Args:
        counted: Sums by epoch.
        wholes: Of the identifier that each is an epoch of.
        apart: Why an epoch is one of its own, by its id.
    """
    verdicts = []
    ids = counted["entity_id"].to_pylist()
    for entity_id, whole, used in zip(ids, wholes, judge_use(counted), strict=True):
        status, reason = whole if whole[0] in HIDDEN else used
        verdicts.append((status, (*reason, apart[entity_id]) if entity_id in apart else reason))
    return verdicts


def settle_suspects(
    counted: pa.Table, verdicts: Sequence[Verdict], settled: Settled
) -> list[Verdict]:
    """Returns the verdicts on epochs with what analysts decided to be a suspect's.

    What is known to be legitimate, a victim's by decision, or a supplier's stays so, and so does
    what every record calls a victim's: nothing shows a suspect near it.
    """
    ids, settling = counted["entity_id"], list(verdicts)
    named = is_among(ids, settled.suspects) & ~true_mask(are_suppliers(counted["kind"]))
    records, own = pc.add(counted["complaints"], counted["calls"]), counted["own"]
    named &= true_mask(pc.greater(records, own))
    for row in np.flatnonzero(named).tolist():
        entity_id = ids[row].as_py()
        if (
            verdicts[row][0] != Status.SUPPRESSED
            and without_epoch(entity_id) not in settled.victims
        ):
            why = settled.suspects[entity_id].as_fact("decided_suspects")
            settling[row] = (Status.INFRASTRUCTURE, (why,))
    return settling


def judge_use(counted: pa.Table) -> list[Verdict]:
    """Judges each row by its use alone, as if no one called it a victim's."""
    verdicts: list[Verdict] = []
    for supplier, records in zip(
        true_mask(are_suppliers(counted["kind"])), counted["shown"].to_pylist(), strict=True
    ):
        if supplier:
            verdicts.append((Status.UNCORROBORATED, (fact("shared"),)))
        elif records:
            verdicts.append((Status.INFRASTRUCTURE, (fact("used", records),)))
        else:
            verdicts.append((Status.UNCORROBORATED, (fact("forgeable"),)))
    return verdicts


def outweighs(reporters: int, others: int) -> bool:
    """Tells whether so many reporters settle who holds an identifier against those others."""
    return reporters >= max(FEWEST_TO_SETTLE, CONTEST_RATIO * others)


def claimed_by(ids: pa.Array, registered: pa.Table, contested: pa.Table) -> Array:
    """Returns how many called each bare id a victim's, by REGISTERED and CONTESTED_BEFORE rows."""
    rows = _tuples(contested.select(["known_as", "victim_reporters"]))
    return _most_by_id(ids, [*_tuples(registered), *rows])


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
    open_ = pc.equal(statuses["status"], Status.VICTIM_SIDE)
    answered = statuses["entity_id"].filter(pc.invert(open_))
    ids = before["known_as"]
    gone = settled.names_victim(ids) | settled.names_suspect(ids)
    for column in (answered, own["entity_id"]):
        gone |= true_mask(pc.is_in(ids, pc.unique(column)))
    return before.filter(~gone).select(CONTESTED.names).cast(CONTESTED)


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
        with FileSystems.open(path) as file:
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


def is_among(ids: pa.Array | pa.ChunkedArray, wanted: Iterable[str]) -> Array:
    """Masks the ids that are among those."""
    return true_mask(pc.is_in(ids, pa.array(sorted(wanted), pa.string())))


def _pairs(evidence: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(evidence["group_id"], evidence["entity_id"], "\x1f")


def _most_by_id(ids: pa.Array, counts: Iterable[tuple[str, int]]) -> Array:
    """Returns the largest count of each id, 0 where it has none."""
    most: dict[str, int] = {}
    for entity_id, count in counts:
        most[entity_id] = max(most.get(entity_id, 0), count)
    return np.array([most.get(entity_id, 0) for entity_id in ids.to_pylist()], np.int64)


def _tuples(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
