"""The status of each identifier over all records that name it, and its mentions with that status.

Mentions stay with their records. Only their sums (`activity`) travel to the partition of an
identifier, and its status travels back to each partition of the records. So a number in ten
million calls takes a row for each of its reporters and days, not for each call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from apache_beam.pvalue import AsSingleton

from schemas.decision import DecisionKind
from schemas.entity import (
    CONTESTED,
    ENTITY,
    are_withheld,
    id_epochs,
    with_epochs,
    withheld_ids,
    without_epoch,
    without_epochs,
)
from schemas.enums import Role, Status
from schemas.facts import Facts, fact, reasons_and_facts
from schemas.field import FLAG, INTEGER, SMALL_INTEGER, TEXT, TEXTS, contract, optional
from schemas.mention import CLASSIFIED, EVIDENCE, MENTIONS
from transforms.arrow import (
    aggregate,
    column_of_keys,
    each_once,
    explode,
    implode,
    is_among,
    map_distinct,
    one_table,
    table_of_columns,
    true_mask,
    with_column,
)
from transforms.custody import CONTESTED_IDENTIFIERS, RegisterKey
from transforms.decisions import NO_DECISIONS, DecisionsInForce
from transforms.engine import (
    MAIN,
    KeyedInput,
    PerPartition,
    Place,
    ShuffleOptions,
    batches_of,
    partition_numbers,
    tagged,
    tagged_batches,
)
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.kinds.domain import platforms_of
from transforms.extract.mention import NARRATIVE
from transforms.graph import epochs, ownership, shared_hosts
from transforms.graph.activity import (
    ACTIVITY,
    RECORD_COUNTS,
    ROLE_COUNTS,
    count_people,
    main_roles,
    settle_carried,
    sum_activity,
    two_of_each_crowd,
    with_people,
)
from transforms.graph.epochs import BEFORE_ANY_DAY, PREVIOUS
from transforms.graph.incidence import IN_GRAPH, MICROSECONDS_A_DAY
from transforms.graph.replaced import GONE, count_replaced
from transforms.values import NO_CROWDS, Crowds, with_reporters_of_complaints
from transforms.victims import (
    NOT_REGISTERED,
    REGISTERED,
    VictimRegister,
    entries_that_leave,
    register_changes,
)
from transforms.victims.number_index import hash_dial_formats
from transforms.victims.stated_numbers import CLAIM, contain_victims_number, hide_withheld_words

CLASSIFIED_ENTITY = contract(
    ENTITY,
    optional(Role, role="Role that most give it, hard ones first."),
    optional(INTEGER, reported_by="Reporters who show it used in no copied list."),
    optional(
        known_as="Its own id, also where it is contested; never leaves.",
        line="Its line type, also where it is contested; never leaves.",
    ),
)
"""ENTITY with the columns that clustering needs."""

ENTITY_STATUS = pa.schema(
    {
        "entity_id": TEXT,
        "share": SMALL_INTEGER,
        "begins": SMALL_INTEGER,
        "epoch": INTEGER,
        "status": TEXT,
        "shown_as": TEXT,
        "called": FLAG,
        "depth": SMALL_INTEGER,
    }
)
"""The status of one epoch of an identifier, for one partition (`share`) of the records.

`entity_id` has no epoch. `begins` is the first day of the epoch, null for the first row of an
identifier. An epoch has several rows if another, of a single reporter, interrupts it. `shown_as`
is the withheld id of a contested or unclaimed identifier. `called` says that its digits in links
count as a callback (`ownership.call_carried`). `depth` says where links to a shared domain name
its tenants (`shared_hosts.SharedHosts`), null for any other identifier.
"""

WITHHELD = pa.schema(
    {
        "source_org": TEXT,
        "record_kind": TEXT,
        "record_id": TEXT,
        "entity_id": TEXT,
        "start": SMALL_INTEGER,
        "end": SMALL_INTEGER,
    }
)
"""An identifier with a withheld id and a record that names it, so that the record is masked.

`start` and `end` count code points of the narrative, and are null for any other field: only its
place tells where a narrative spells out or obfuscates an identifier.
"""

NO_LIFETIMES: epochs.Lifetimes = {}
"""Lifetimes under which no identifier ever lapses."""

REPORTER_COUNTS = {"held": "reporters", "reported": "reported_by"}
"""Columns of ACTIVITY that count records, and for each the column that counts their reporters."""

CLASSIFIED_ENTITIES, WITHHELD_ROWS, ACTIVITIES = "found_entities", "hidden", "activities"

_PLACED = ("source_org", "record_kind", "record_id", "observed_at")
"""Columns of a record that locate the status of its mentions and the text to withhold."""

_COUNTED = (*_PLACED, "group_id", "victim_key", "reporter_key")
"""Columns of a record that the sums of its mentions need."""

REGISTER_ROWS, CONTESTED_ROWS, COUNTERS = "register", "contested_ids", "counters"

_OF_IDENTIFIERS = (CLASSIFIED_ENTITIES, CONTESTED_ROWS, REGISTER_ROWS, COUNTERS)
"""Outputs of the step `Status`, apart from the statuses."""

GROUP_KEY = ("group_id",)

_TEXTS = ("raw", "also_read_as", "extension")
"""Columns of mentions of CLASSIFIED that say what an identifier is."""


@dataclass(frozen=True)
class RegisterUse:
    """The victim register to classify evidence by: its key, and one VictimRegister."""

    key: RegisterKey
    known: AsSingleton


class Statuses(NamedTuple):
    """Rows of CLASSIFIED_ENTITY, ENTITY_STATUS and CONTESTED, and the owners of `take_sides`."""

    entities: pa.Table
    statuses: pa.Table
    contested: pa.Table
    owners: pa.Table


def determine_status(
    activity: pa.Table,
    known: KnownLegitimate,
    lives: epochs.Lifetimes = NO_LIFETIMES,
    *,
    registered: pa.Table = NOT_REGISTERED,
    before: pa.Table = ownership.NOT_CONTESTED,
    previous: pa.Table = epochs.NOTHING_BEFORE,
    claims: pa.Table = ownership.NO_CLAIMS,
    decided: DecisionsInForce = NO_DECISIONS,
    crowds: Crowds = NO_CROWDS,
) -> Statuses:
    """Finds the status of each identifier from ACTIVITY rows of whole entities.

    `transforms.graph.ownership` says whose claim comes first. The status victim_side or contested
    holds for all epochs of an identifier, unless analysts decided on an epoch. `lives` separates
    the epochs of all other identifiers. An entry of the register counts as if as many reporters
    said it today.

    Args:
        activity: ACTIVITY rows.
        known: The known-legitimate list.
        lives: Lifetimes; after a longer gap an identifier may have another holder.
        registered: REGISTERED rows of these identifiers.
        before: CONTESTED_BEFORE rows of these identifiers.
        previous: PREVIOUS rows, whose epochs keep their numbers.
        claims: CLAIM rows of these identifiers.
        decided: The decisions. Earlier runs showed the members that they are bound to.
        crowds: The reporters that stand for several people.
    """
    settled = ownership.Settled.by(decided)
    earlier = [*previous["entity_id"].to_pylist(), *map(without_epoch, decided.bound_members())]
    whole = _decided_to_be_whole(decided, settled)
    whole.update(ownership.claimed_domains(activity, claims, registered, before))
    activity, hosts = shared_hosts.part_tenants(activity, known, whole, earlier)
    activity, owners = ownership.take_sides(with_people(activity, crowds), claims)
    if activity.num_rows == 0:
        nothing = CLASSIFIED_ENTITY.empty_table(), ENTITY_STATUS.empty_table()
        return Statuses(*nothing, CONTESTED.empty_table(), owners)
    claimed = (owners["entity_id"], registered["entity_id"], before["known_as"])
    activity, called = ownership.call_carried(activity, pa.concat_arrays(map(pc.unique, claimed)))
    counted = _sum_by_entity(activity)
    bare = counted["entity_id"].combine_chunks()
    for name in ownership.OWNERS:
        said_by = column_of_keys(bare, owners, "entity_id", name)
        counted = counted.append_column(name, pc.fill_null(said_by, 0))
    said = ownership.claimed_by(bare, registered, before)
    shown = ownership.shown_in_earlier_runs(bare, before, decided)
    counted = counted.append_column("shown_before", pa.array(shown))
    verdicts = ownership.judge_all(counted, said, known, settled)
    for place in np.flatnonzero(true_mask(is_among(bare, hosts.facts))).tolist():
        verdicts[place] = (Status.SUPPRESSED, (hosts.facts[bare[place].as_py()],))
    counted = with_column(counted, "own_by", pc.max_element_wise(counted["own_by"], said))
    held = pa.array([*settled.held.difference(settled.victims)], TEXT)
    status = _statuses(verdicts)
    theirs = pc.and_(pc.equal(status, Status.VICTIM_SIDE), pc.is_in(bare, held))
    used = bare.filter(pc.or_(pc.is_in(status, IN_GRAPH), theirs))
    starts = epochs.find_epoch_starts(two_of_each_crowd(activity), used, lives, previous)
    if len(starts.ids):
        counted, verdicts = _split_by_epoch(activity, counted, verdicts, starts)
    facts = [why for _, why in verdicts]
    unclaimed, alone, open_ = marks = np.zeros((3, len(verdicts)), bool)
    maybe = ownership.may_be_marked(counted, _statuses(verdicts), settled)
    for place, row in ownership.rows_where(counted, maybe):
        status, why = verdicts[place] = ownership.settle_suspect(row, verdicts[place], settled)
        marks[:, place] = (
            ownership.is_unclaimed(row, status),
            ownership.is_named_by_one(row, status, settled),
            ownership.is_open(row, status, settled),
        )
        more = (fact("named_by_one"),) if alone[place] else ()
        facts[place] = (fact("only_mentioned"),) if unclaimed[place] else why + more
    status = _statuses(verdicts)
    contested = pc.equal(status, Status.CONTESTED)
    shown_else = pc.or_(unclaimed, alone)
    hidden = pc.or_(is_among(status, ownership.HIDDEN), shown_else)
    entities = _entities(counted, status, facts, main_roles(counted), hidden, hosts.platform)
    still = pc.or_(contested, open_)
    in_tables = pc.or_(contested, shown_else)
    shown_as = pc.if_else(in_tables, entities["entity_id"], None)
    columns = {"status": status, "shown_as": shown_as.combine_chunks()}
    ids = without_epochs(counted["entity_id"])
    columns["called"] = pc.is_in(ids, called).combine_chunks()
    columns["depth"] = pa.array(map(hosts.depth.get, ids.to_pylist()), SMALL_INTEGER)
    statuses = _status_by_share(activity, counted["entity_id"], columns, starts)
    contested = _contested(entities, counted, pc.or_(still, alone))
    return Statuses(entities, statuses, contested, owners)


def _decided_to_be_whole(decided: DecisionsInForce, settled: ownership.Settled) -> set[str]:
    """Returns the bare ids that have a single holder, according to an analyst's decision."""
    linked = (each for row in decided.of(DecisionKind.MUST_LINK) for each in row.entities)
    return {*settled.held, *settled.victims, *map(without_epoch, linked)}


def _split_by_epoch(
    activity: pa.Table,
    counted: pa.Table,
    verdicts: list[ownership.Verdict],
    starts: epochs.EpochStarts,
) -> tuple[pa.Table, list[ownership.Verdict]]:
    """Replaces the sums and status of each identifier by sums and a status for each epoch.

    Reporters who name an identifier, call it a victim's or showed it before count for all epochs.
    """
    bare = counted["entity_id"]
    places = pc.index_in(starts.ids, bare).to_pylist()
    whole = {bare[place].as_py(): verdicts[place] for place in places}
    lasts = pc.invert(pc.is_in(bare, starts.ids))
    verdicts = list(compress(verdicts, lasts.to_pylist()))
    several = activity.filter(pc.is_in(activity["entity_id"], starts.ids))
    ids = several["entity_id"].combine_chunks()
    number = starts.epoch_numbers(ids, several["day"].to_numpy())
    several = with_column(several, "entity_id", with_epochs(ids, pa.array(number)))
    by_epoch = _sum_by_entity(several).drop_columns(["place", "named_by"])
    ids = without_epochs(by_epoch["entity_id"])
    for name in ("place", "named_by", "shown_before", *ownership.OWNERS):
        column = column_of_keys(ids, counted, "entity_id", name)
        by_epoch = by_epoch.append_column(name, column)
    for row in by_epoch.select(ownership.JUDGED).to_pylist():
        apart = starts.reasons.get(row["entity_id"])
        verdict = whole[without_epoch(row["entity_id"])]
        verdicts.append(ownership.judge_epoch(row, verdict, apart))
    counted = pa.concat_tables([counted.filter(lasts), by_epoch.select(counted.column_names)])
    return counted.combine_chunks(), verdicts


def _statuses(verdicts: Sequence[ownership.Verdict]) -> pa.Array:
    return pa.array([status for status, _ in verdicts], TEXT)


def annotate_mentions(evidence: pa.Table, statuses: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Adds `status` to mentions by ENTITY_STATUS rows; also returns WITHHELD rows.

    A withheld identifier keeps only its withheld id, and no text. Mentions that call an identifier
    a victim's are no evidence that a suspect uses it, and are left out.

    Raises:
        ValueError: if an identifier has no status.
    """
    evidence = shared_hosts.with_tenants(evidence, statuses)
    since = pc.fill_null(statuses["begins"], BEFORE_ANY_DAY)
    order = [("entity_id", "ascending"), ("since", "ascending")]
    statuses = statuses.append_column("since", since).sort_by(order).combine_chunks()
    ids, named = statuses["entity_id"], evidence["entity_id"].combine_chunks()
    entity = pc.index_in(named, ids)  # the first row of each
    if entity.null_count:
        raise ValueError("evidence of an identifier that has no status")
    starting, begins = pc.index_in(ids, ids).to_numpy(), statuses["since"].to_numpy()
    day = evidence["observed_at"].cast(INTEGER).to_numpy() // MICROSECONDS_A_DAY
    row = epochs.last_starts(starting, begins, entity.to_numpy(), day)
    statuses = statuses.take(row).combine_chunks()
    number = statuses["epoch"].to_numpy()
    if (number > 1).any():
        evidence = with_column(evidence, "entity_id", with_epochs(named, pa.array(number)))
    carried = pc.is_valid(evidence["carried"])
    if pc.any(carried).as_py():
        called = pc.and_(carried, statuses["called"])
        role = pc.if_else(called, Role.CALLBACK, evidence["role"])
        evidence = with_column(evidence, "role", role)
    status, shown_as = statuses["status"], statuses["shown_as"].combine_chunks()
    theirs = pc.equal(status, Status.VICTIM_SIDE)
    hidden = evidence.filter(pc.or_(theirs, pc.is_valid(shown_as)))
    own = pc.and_(pc.is_in(status, IN_GRAPH), pc.equal(evidence["role"], Role.VICTIM))
    gone = pc.or_(theirs, own)
    classified = evidence.append_column("status", status)
    return _under_shown_ids(classified, shown_as).filter(pc.invert(gone)), _withheld(hidden)


@dataclass(eq=False)
class ClassifyEvidence(beam.PTransform):
    """Classifies evidence by the status of the identifiers that it names.

    Input: a dict of batches: `evidence` (EVIDENCE), `claims` (CLAIM), `before` (CONTESTED_BEFORE),
    `gone` (GONE) and `previous` (PREVIOUS).

    Output: a dict of MAIN (CLASSIFIED), CLASSIFIED_ENTITIES, WITHHELD_ROWS (WITHHELD),
    CONTESTED_ROWS (CONTESTED), REGISTER_ROWS (REGISTER_CHANGE; none without a register) and
    COUNTERS. Each batch of MAIN holds whole groups: all evidence of records that are one piece of
    evidence. `decided` is a DecisionsInForce: known-legitimate identifiers, and holders. `place`
    returns the partition of groups; without it, a hash does.
    """

    known: KnownLegitimate
    decided: AsSingleton
    register: RegisterUse | None = None
    lives: epochs.Lifetimes = field(default_factory=epochs.shipped_lifetimes)
    place: Place | None = None
    crowds: Crowds = NO_CROWDS

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> dict[str, Any]:
        """Adds up by record, determines the status by identifier, annotates the mentions."""
        evidence = inputs["evidence"]
        partitions = evidence.pipeline.options.view_as(ShuffleOptions).partitions
        place = self.place or partial(partition_numbers, names=GROUP_KEY, partitions=partitions)
        added = {"evidence": evidence} | "Add up" >> PerPartition(
            {"evidence": KeyedInput(EVIDENCE, GROUP_KEY, place=self.place)},
            partial(_sum_activity, place=place),
            (ACTIVITIES,),
            partitions=partitions,
        )
        keyed = {
            name: KeyedInput(
                schema,
                (key,),
                partial(shared_hosts.partition_by_domain, name=key, partitions=partitions),
            )
            for name, schema, key in (
                ("added", ACTIVITY, "entity_id"),
                ("claims", CLAIM, "entity_id"),
                ("before", ownership.CONTESTED_BEFORE, "known_as"),
                ("gone", GONE, "entity_id"),
                ("previous", PREVIOUS, "entity_id"),
            )
        }
        parts = {**inputs, "added": added[ACTIVITIES]}
        by_entity = {name: parts[name] for name in keyed}
        statuses = by_entity | "Status" >> PerPartition(
            keyed,
            partial(
                _determine_status,
                known=self.known,
                lives=self.lives,
                key=self.register.key if self.register else None,
                crowds=self.crowds,
            ),
            _OF_IDENTIFIERS,
            (self.decided, self.register.known) if self.register else self.decided,
        )
        parts = {"evidence": added[MAIN], "statuses": statuses[MAIN]}
        annotated = parts | "Annotate" >> PerPartition(
            {
                "evidence": KeyedInput(CLASSIFIED, GROUP_KEY, place=self.place),
                "statuses": KeyedInput(
                    ENTITY_STATUS, ("share",), place=lambda rows: rows["share"].to_numpy()
                ),
            },
            _annotate_mentions,
            (WITHHELD_ROWS,),
            partitions=partitions,
        )
        classified = {name: statuses[name] for name in _OF_IDENTIFIERS}
        return classified | {MAIN: annotated[MAIN], WITHHELD_ROWS: annotated[WITHHELD_ROWS]}


def _sum_activity(evidence: pa.Table, *, place: Place) -> Iterator[Any]:
    evidence = with_reporters_of_complaints(evidence)
    mentions = one_table(explode(evidence, MENTIONS, _COUNTED))
    mentions = settle_carried(ownership.settle_roles(mentions))
    yield implode(evidence, CLASSIFIED.field(MENTIONS), mentions)  # of no status yet
    share = int(place(evidence.slice(0, 1))[0]) if evidence.num_rows else 0
    yield from tagged_batches(ACTIVITIES, sum_activity(mentions, share))


def _determine_status(
    added: pa.Table,
    claims: pa.Table,
    before: pa.Table,
    gone: pa.Table,
    previous: pa.Table,
    decided: DecisionsInForce = NO_DECISIONS,
    register: VictimRegister | None = None,
    *,
    known: KnownLegitimate,
    lives: epochs.Lifetimes,
    key: RegisterKey | None = None,
    crowds: Crowds = NO_CROWDS,
) -> Iterator[Any]:
    ids, settled = pc.unique(added["entity_id"]), ownership.Settled.by(decided)
    before = before.filter(pc.greater(before["victim_reporters"], 0))  # what nobody claims is open
    registered = NOT_REGISTERED
    if register is not None and key is not None:
        register = register.without(decided.protected(DecisionKind.SUSPECT_HELD), key)
        registered = register.find(ids, key)
    registered = pa.concat_tables([registered, with_decided_number(ids, settled, registered)])
    statuses = determine_status(
        added,
        decided.add_to(known),
        lives,
        registered=registered,
        before=before,
        previous=epochs.with_decided_epochs(previous, decided.days_of_use()),
        claims=claims,
        decided=decided,
        crowds=crowds,
    )
    own = pa.concat_tables(
        [added.filter(pc.greater(added["own"], 0)).select(["entity_id"]), claims.select([0])]
    )
    carried = ownership.still_contested(before, statuses.statuses, own, settled)
    if key is not None:
        owners, leaving = victims_and_others(statuses, registered, decided)
        yield from tagged_batches(REGISTER_ROWS, register_changes(added, owners, leaving, key))
    yield from batches_of(statuses.statuses)
    contested = pa.concat_tables([statuses.contested, carried])
    yield from tagged_batches(CLASSIFIED_ENTITIES, statuses.entities)
    yield from tagged_batches(CONTESTED_ROWS, contested)
    claimed = contested.filter(pc.greater(contested["victim_reporters"], 0))
    count = len(pc.unique(ownership.contested_ids(claimed)))
    yield from tagged(COUNTERS, [(CONTESTED_IDENTIFIERS, count), *count_replaced(added, gone)])


def victims_and_others(
    statuses: Statuses, registered: pa.Table, decided: DecisionsInForce = NO_DECISIONS
) -> tuple[pa.Table, list[str]]:
    """Returns the entities that the register keeps, and those that leave it, by their status.

    A contested identifier leaves if records of this run call it a victim's. If only the register
    does, the entry stays, or the next run without these records would name a victim.

    Args:
        statuses: The statuses of whole entities.
        registered: REGISTERED rows: the entries of earlier runs.
        decided: The decisions.

    Returns:
        Victims' identifiers by these records or by decision (`entity_id`, `own_by`), and the bare
        ids whose entry ends.
    """
    of_status = statuses.statuses["status"]
    victims, *used = (
        pc.unique(statuses.statuses["entity_id"].filter(pc.equal(of_status, str(status))))
        for status in (Status.VICTIM_SIDE, Status.INFRASTRUCTURE, Status.UNCORROBORATED)
    )
    contested = pc.unique(ownership.contested_ids(statuses.contested))
    victims = victims.filter(pc.invert(pc.is_in(victims, contested)))
    owners = statuses.owners
    named = owners["entity_id"].combine_chunks()
    decided_on = pa.array([*ownership.Settled.by(decided).victims], TEXT)
    kept = victims.filter(pc.or_(pc.is_in(victims, decided_on), pc.is_in(victims, named)))
    own_by = column_of_keys(kept, owners, "entity_id", "own_by")
    shown = pa.concat_arrays(used)
    leaving = [
        *contested.filter(pc.is_in(contested, named)).to_pylist(),
        *shown.filter(pc.is_in(shown, registered["entity_id"])).to_pylist(),
    ]
    return pa.table({"entity_id": kept, "own_by": own_by}), sorted(leaving)


def end_entries_of_suspects(
    decided: DecisionsInForce, key: RegisterKey
) -> Iterator[pa.RecordBatch]:
    """Yields REGISTER_CHANGE rows that end the entries which analysts decided are a suspect's."""
    yield from batches_of(entries_that_leave(decided.protected(DecisionKind.SUSPECT_HELD), key))


def with_decided_number(ids: pa.Array, settled: ownership.Settled, but: pa.Table) -> pa.Table:
    """Finds addresses and names that contain a number which analysts decided is a victim's.

    The decision counts as a claim of one reporter on each of them.

    Args:
        ids: Bare ids.
        settled: The holders that analysts decided on.
        but: REGISTERED rows to leave out.

    Returns:
        REGISTERED rows.
    """
    if not settled.victims:
        return NOT_REGISTERED
    decided = pa.array(sorted(settled.victims), TEXT)
    numbers = hash_dial_formats(pa.record_batch({"entity_id": decided}))
    contains = contain_victims_number(ids, numbers)
    known = pa.chunked_array([decided, *but["entity_id"].chunks], TEXT)
    named = ids.filter(contains & ~true_mask(pc.is_in(ids, known)))
    return pa.table([named, pa.array([1] * len(named), INTEGER)], schema=REGISTERED)


def _annotate_mentions(evidence: pa.Table, statuses: pa.Table) -> Iterator[Any]:
    mentions = explode(evidence, MENTIONS, _PLACED).drop_columns(["status"])
    classified, withheld = annotate_mentions(one_table(mentions), statuses)
    classified = hide_withheld_words(classified, withheld)
    batch = implode(evidence, CLASSIFIED.field(MENTIONS), classified)
    if batch.num_rows:
        yield batch
    yield from tagged_batches(WITHHELD_ROWS, withheld)


def _sum_by_entity(activity: pa.Table) -> pa.Table:
    """Returns sums and extremes of each entity, in columns named as in ACTIVITY.

    `reporters` counts the reporters who show it in a hard role, `reported_by` those who do so
    outside a copied list, `shown` their records. Reporters who call it a victim's own do not count.
    A role counts reporters, not records, so nobody decides it by filing often.
    """
    smallest = ("kind", "first_seen", "first_held", "place", "region", "line_type")
    of_others = pc.invert(activity["of_owner"])
    by_others = pc.and_(of_others, pc.is_valid(activity["reporter"]))
    counted = (
        ("held", "shown", of_others),
        *((*names, by_others) for names in REPORTER_COUNTS.items()),
    )
    for held, name, rows in counted:
        shows = pc.if_else(rows, activity[held], pa.scalar(0, SMALL_INTEGER))
        activity = activity.append_column(name, shows)
    for name, who in (("named_by", "reporter"), ("victims", "victim")):
        activity = activity.append_column(name, pc.is_valid(activity[who]).cast(SMALL_INTEGER))
    sums = [(name, "min") for name in smallest]
    sums += [("last_seen", "max"), ("last_held", "max"), ("source_org", "distinct")]
    sums += ((name, "sum") for name in (*RECORD_COUNTS, "shown"))
    added = aggregate(activity, "entity_id", sums)
    entity = pc.index_in(activity["entity_id"], added["entity_id"])
    activity = activity.append_column("entity", entity)
    by_reporter = (*ROLE_COUNTS, "named_by", *REPORTER_COUNTS.values())
    for who, names in (("reporter", by_reporter), ("victim", ("victims",))):
        for name, counts in count_people(activity, who, names, added.num_rows).items():
            added = added.append_column(name, pa.array(counts))
    return added


def _status_by_share(
    activity: pa.Table,
    entity_ids: pa.ChunkedArray,
    columns: Mapping[str, pa.Array],
    starts: epochs.EpochStarts,
) -> pa.Table:
    """Returns ENTITY_STATUS rows for all partitions of the records that name an entity.

    `columns` are `status`, `shown_as`, `called` and `depth` of the entities.
    """
    wanted = aggregate(activity, ["entity_id", "share"])
    every = pc.unique(wanted["entity_id"])
    once = every.filter(pc.invert(pc.is_in(every, starts.ids)))
    bare = pa.concat_arrays([once, starts.ids.take(starts.entity)])
    begins = np.append(np.full(len(once), BEFORE_ANY_DAY), starts.day)
    number = pa.array(np.append(np.ones(len(once), np.int64), starts.number))
    place = pc.index_in(with_epochs(bare, number), entity_ids)
    rows = {
        "entity_id": bare,
        "begins": pa.array(begins, mask=begins == BEFORE_ANY_DAY),
        "epoch": number,
        **{name: column.take(place) for name, column in columns.items()},
    }
    joined = wanted.join(pa.table(rows), "entity_id", join_type="inner", use_threads=False)
    return joined.select(ENTITY_STATUS.names).cast(ENTITY_STATUS)


def _entities(
    counted: pa.Table,
    status: pa.Array,
    facts: Sequence[Facts],
    roles: pa.Array,
    hidden: pa.Array,
    platforms: Mapping[str, str],
) -> pa.Table:
    """Converts sums to CLASSIFIED_ENTITY rows; a hidden entity gets a withheld id and no value.

    `platforms` has the shared domain of each tenant, by bare ids.
    """
    ids = counted["entity_id"].combine_chunks()
    kinds = counted["kind"].combine_chunks()
    said = pc.and_(pc.is_in(status, IN_GRAPH), pc.equal(roles, Role.VICTIM))
    # Named after the first place that states it: a hash of the number could be reversed.
    named = ids.filter(hidden)
    places = _place_ids(kinds.filter(hidden), counted["place"].filter(hidden).combine_chunks())
    shown = pc.if_else(are_withheld(named), without_epochs(named), places)
    number = id_epochs(ids)
    withheld = with_epochs(shown, number.filter(hidden))
    values = pc.replace_substring_regex(without_epochs(ids), r"^[^:]*:", "")
    reason, facts_column = reasons_and_facts(facts)
    copied = (
        "first_seen last_seen complaints calls victims region line_type reporters reported_by"
    ).split()
    listed = platforms_of(kinds, pc.if_else(hidden, None, values))
    tenants, owners = (pa.array([*part], TEXT) for part in (platforms, platforms.values()))
    shared = owners.take(pc.index_in(without_epochs(ids), tenants))
    shared = pc.replace_substring_regex(shared, "^domain:", "")
    columns = {name: counted[name] for name in copied} | {
        "entity_id": pc.replace_with_mask(ids, hidden, withheld),
        "kind": kinds,
        "value": values,
        "orgs": map_distinct(
            pc.binary_join(counted["source_org"], "|"), lambda orgs: sorted(orgs.split("|")), TEXTS
        ),
        "status": status,
        "reason": reason,
        "facts": facts_column,
        "epoch": number,
        "first_used": counted["first_held"],
        "last_used": counted["last_held"],
        "hosted_by": pc.coalesce(pc.if_else(hidden, None, shared), listed),
        "role": pc.if_else(said, Role.MENTIONED, roles),
        "known_as": ids,
        "line": counted["line_type"],
    }
    for name in ("value", "region", "line_type"):
        columns[name] = pc.if_else(hidden, None, columns[name])
    return table_of_columns(columns, CLASSIFIED_ENTITY)


def _place_ids(kinds: pa.Array, places: pa.Array) -> pa.Array:
    texts = pc.binary_join_element_wise(kinds, places, "|").cast(pa.binary()).to_pylist()
    digests = pa.array(map(xxhash.xxh3_64_hexdigest, texts), TEXT)
    return withheld_ids(kinds, digests)


def _contested(entities: pa.Table, counted: pa.Table, contested: pa.Array) -> pa.Table:
    """Converts the CLASSIFIED_ENTITY rows of a mask to CONTESTED rows.

    An identifier that an earlier run withheld gets no row: its value is not known here.
    """
    known_as = without_epochs(entities["known_as"])
    columns = {
        "entity_id": entities["entity_id"],
        "kind": entities["kind"],
        "value": pc.replace_substring_regex(known_as, r"^[^:]*:", ""),
        "suspect_reporters": pc.max_element_wise(counted["reporters"], counted["shown_before"]),
        "victim_reporters": counted["own_by"],
        "first_seen": entities["first_seen"],
    }
    here = pc.and_(contested, pc.invert(are_withheld(known_as)))
    return table_of_columns(columns, CONTESTED).filter(here)


def _withheld(own: pa.Table) -> pa.Table:
    """Converts evidence of hidden identifiers to distinct WITHHELD rows without epochs."""
    own = with_column(own, "entity_id", without_epochs(own["entity_id"]))
    narrative = pc.fill_null(pc.equal(own["field"], NARRATIVE), False)
    for name in ("start", "end"):
        place = pc.if_else(narrative, own[name], None)
        own = with_column(own, name, place)
    return each_once(own, WITHHELD)


def _under_shown_ids(classified: pa.Table, shown_as: pa.Array) -> pa.Table:
    """Gives hidden mentions their withheld id, and blanks their texts."""
    hidden = pc.is_valid(shown_as)
    classified = with_column(
        classified, "entity_id", pc.coalesce(shown_as, classified["entity_id"].combine_chunks())
    )
    for name in _TEXTS:
        shown = pc.if_else(hidden, None, classified[name])
        classified = with_column(classified, name, shown)
    return classified
