"""The holder of an identifier where reporters disagree: a suspect, a victim, or contested.

What one reporter calls a victim's own and others show a suspect holding is contested: neither side
is believed until a decision or clearly more reporters settle it, since one false statement must
neither erase a ring's number nor name a victim. Who is on both sides counts on the victim's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.decision import DecisionKind
from schemas.entity import CONTESTED, are_withheld, without_epoch
from schemas.enums import SUPPLIER_KINDS, EntityKind, Role, Status
from schemas.manifest import MANIFEST_NAME
from schemas.tables import CONTESTED as CONTESTED_TABLE
from transforms.casts import true_mask
from transforms.decisions import Decision, DecisionsInForce
from transforms.extract.allowlist import KnownLegitimate
from transforms.graph.refinement import BUSINESS_LINES
from transforms.victims.stated_numbers import CLAIM

CONTEST_RATIO = 3
"""Reporters of one side for each of the other, from which they outweigh it."""

FEWEST_TO_SETTLE = 3
"""Reporters of a side that can outweigh the other, at least."""

HIDDEN = (str(Status.VICTIM_SIDE), str(Status.CONTESTED))
"""Statuses of what is shown under a withheld id."""

NO_CLAIMS = CLAIM.empty_table()

CONTESTED_BEFORE = pa.schema(
    [("known_as", pa.string()), *((one.name, one.type) for one in CONTESTED)]
)
"""A CONTESTED row of an earlier run, with the own id, without an epoch, of what it is about."""

NOT_CONTESTED = CONTESTED_BEFORE.empty_table()

TRIES, PAUSE_SECONDS = 5, 0.2
"""A run that is being replaced is not there for a moment: how often it is looked for."""


@dataclass(frozen=True)
class Settled:
    """The identifiers whose holder analysts decided on: the decisions by entity id.

    `suspects` are one epoch each, with its mark; `victims` hold for every epoch.
    """

    suspects: Mapping[str, Decision] = field(default_factory=dict)
    victims: Mapping[str, Decision] = field(default_factory=dict)

    @classmethod
    def by(cls, decided: DecisionsInForce) -> Settled:
        """Takes what is decided; of several decisions on one entity, the first by id."""
        suspects, victims = (
            {one.entity_a: one for one in reversed(decided.of(kind))}
            for kind in (DecisionKind.SUSPECT_HELD, DecisionKind.VICTIM_OWNED)
        )
        return cls(suspects, {without_epoch(one): why for one, why in victims.items()})

    def names_suspect(self, entity_ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Masks the ids without epochs of which an epoch is decided to be a suspect's."""
        named = sorted({without_epoch(one) for one in self.suspects})
        return true_mask(pc.is_in(entity_ids, pa.array(named, pa.string())))


NOTHING_SETTLED = Settled()


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
    at = evidence.schema.get_field_index("role")
    return evidence.set_column(at, evidence.schema.field(at), role)


def take_sides(activity: pa.Table, claims: pa.Table = NO_CLAIMS) -> tuple[pa.Table, pa.Table]:
    """Finds who calls an identifier a victim's own.

    Args:
        activity: ACTIVITY rows of whole entities.
        claims: CLAIM rows of these.

    Returns:
        The rows with `of_owner`, a mask of those whose reporter does; and the number of such
        reporters (`own_by`) by `entity_id`. All that have no name count as one. Without a pseudonym
        a record speaks for itself alone: others of that day may be somebody else's.
    """
    mine = activity.filter(pc.greater(activity["own"], 0)).select(CLAIM.names)
    others = claims.filter(pc.is_in(claims["entity_id"], pc.unique(activity["entity_id"])))
    said = pa.concat_tables([mine.cast(CLAIM), others]).group_by(CLAIM.names, use_threads=False)
    owners = said.aggregate([]).combine_chunks()
    of_owner = np.zeros(activity.num_rows, bool)
    if owners.num_rows:
        ids = pc.unique(owners["entity_id"])
        at = pc.fill_null(pc.index_in(activity["entity_id"], ids), -1).to_numpy()
        named = owners.filter(pc.is_valid(owners["reporter"]))
        known = true_mask(pc.is_valid(activity["victim"]))
        known &= true_mask(pc.is_valid(activity["reporter"]))
        rows = np.flatnonzero((at >= 0) & known)
        keys = _pair_keys(
            (pc.index_in(named["entity_id"], ids).to_numpy(), named["reporter"].to_numpy()),
            (at[rows], activity["reporter"].take(pa.array(rows)).to_numpy()),
        )
        of_owner[rows] = np.isin(keys[1], keys[0])
    counted = owners.group_by("entity_id", use_threads=False).aggregate([([], "count_all")])
    counts = counted.rename_columns({"count_all": "own_by"})
    return activity.append_column("of_owner", pa.array(of_owner)), counts


def judge(
    counted: pa.Table,
    known: KnownLegitimate,
    settled: Settled = NOTHING_SETTLED,
    registered: np.ndarray | None = None,
) -> tuple[pa.Array, pa.Array]:
    """Returns the status and the reason of each identifier, over all of its epochs.

    Known-legitimate comes first: a published line is no secret, even where a record calls it the
    victim's. Then what analysts decided to be a victim's, then the victim, then the suspect.

    Args:
        counted: Sums by entity without epochs, with `own_by`.
        known: The known-legitimate list.
        settled: What analysts decided.
        registered: How many reporters called each a victim's in earlier runs.
    """
    ids, supplier = counted["entity_id"].combine_chunks(), is_supplier(counted)
    own, held, shown, suspects, owners = (
        counted[name].to_numpy() for name in ("own", "held", "shown", "reporters", "own_by")
    )
    before = np.zeros(len(ids), np.int64) if registered is None else registered
    victims = np.maximum(owners, before)
    business = true_mask(pc.is_in(counted["line_type"], pa.array(BUSINESS_LINES)))
    business &= true_mask(pc.equal(counted["kind"], str(EntityKind.PHONE)))
    decisions = [
        f"{one.kind} decision {one.decision_id} by {one.author}" for one in settled.victims.values()
    ]
    decided = pc.index_in(ids, pa.array([*settled.victims], pa.string()))
    of_victim = supplier | (shown == 0) | outweighs(victims, suspects)
    as_used = (victims == 0) | (~of_victim & business & outweighs(suspects, victims))
    used, why_used = judge_use(counted)
    legitimate = known.reasons(ids)
    first_that_holds = [
        true_mask(pc.is_valid(legitimate)),
        true_mask(pc.is_valid(decided)),
        true_mask(are_withheld(ids)) & ~supplier,
        as_used,
        of_victim,
    ]
    status = [Status.SUPPRESSED, Status.VICTIM_SIDE, Status.CONTESTED, used, Status.VICTIM_SIDE]
    reason = [
        _joined("known legitimate: ", legitimate),
        pa.array(decisions, pa.string()).take(decided),
        "contested in the run that it is from",
        why_used,
        _why_victims(own, held, owners, before),
    ]
    return (
        _first_of(first_that_holds, [*status, Status.CONTESTED]),
        _first_of(first_that_holds, [*reason, _why_contested(victims, suspects)]),
    )


def _why_victims(own: np.ndarray, held: np.ndarray, owners: np.ndarray, before: np.ndarray) -> Any:
    by_whom = _first_of(
        [(before > 0) & (owners == 0), own == 0],
        [
            _joined("a victim's own in earlier runs, by ", _counts(before, "reporter")),
            _joined(
                "a victim's own, as stated by ", _counts(np.maximum(owners, before), "reporter")
            ),
            _joined("a victim's own in ", _counts(own, "record")),
        ],
    )
    though = _joined(", though held by a suspect in ", _counts(held, "record"))
    return _joined(by_whom, _first_of([held > 0], [though, ""]))


def _why_contested(victims: np.ndarray, suspects: np.ndarray) -> Any:
    calls = _first_of([victims == 1], [" calls", " call"])
    numbers = pa.array(suspects).cast(pa.string())
    show = _first_of(
        [suspects == 0, suspects == 1],
        ["calls without a pseudonym show", "1 shows", _joined(numbers, " show")],
    )
    said = _joined(f"{Status.CONTESTED}: ", _counts(victims, "reporter"), calls)
    return _joined(said, " it a victim's own, ", show, " a suspect using it")


def judge_epochs(
    counted: pa.Table, status: pa.Array, reason: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Returns the status and the reason of epochs of identifiers.

    Args:
        counted: Sums by epoch.
        status: Of the identifier that each is an epoch of.
        reason: Of the same.
    """
    whole = pc.is_in(status, pa.array(HIDDEN))
    used, why_used = judge_use(counted)
    return pc.if_else(whole, status, used), pc.if_else(whole, reason, why_used)


def settle_suspects(
    counted: pa.Table, status: pa.Array, reason: pa.Array, settled: Settled
) -> tuple[pa.Array, pa.Array]:
    """Returns status and reason of epochs with what analysts decided to be a suspect's.

    What is known to be legitimate, a victim's by decision, or a supplier's stays so.
    """
    named = true_mask(
        pc.is_in(counted["entity_id"], pa.array(sorted(settled.suspects), pa.string()))
    )
    if not named.any():
        return status, reason
    ids, supplier = counted["entity_id"].to_pylist(), is_supplier(counted)
    rows = list(zip(status.to_pylist(), reason.to_pylist(), strict=True))
    for row in np.flatnonzero(named & ~supplier).tolist():
        owned = without_epoch(ids[row]) in settled.victims
        if rows[row][0] != Status.SUPPRESSED and not owned:
            why = f"a suspect's by {settled.suspects[ids[row]].describe()}"
            rows[row] = (Status.INFRASTRUCTURE, why)
    return _two_columns(rows)


def judge_use(counted: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Returns status and reason of each row by its use alone, as if no one called it a victim's."""
    shown = counted["shown"].to_numpy()
    cases = [is_supplier(counted), shown > 0]
    status = [Status.UNCORROBORATED, Status.INFRASTRUCTURE, Status.UNCORROBORATED]
    reason = [
        "shared by a supplier's customers: describes clusters, joins none",
        _joined("held by the suspect in ", _counts(shown, "record")),
        "only a caller id, which can be forged, or a mention",
    ]
    return _first_of(cases, status), _first_of(cases, reason)


def outweighs(reporters: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Masks where so many reporters settle who holds an identifier against those others."""
    return reporters >= np.maximum(FEWEST_TO_SETTLE, CONTEST_RATIO * others)


def is_supplier(counted: pa.Table) -> np.ndarray:
    """Masks the identifiers that a supplier's customers share."""
    return true_mask(pc.is_in(counted["kind"], pa.array([str(kind) for kind in SUPPLIER_KINDS])))


def claims_of(contested: pa.Table) -> pa.Table:
    """Converts CONTESTED_BEFORE rows to rows of `entity_id` and `reporters`, each id once."""
    by_id = contested.group_by("known_as", use_threads=False)
    found = by_id.aggregate([("victim_reporters", "max")])
    return found.rename_columns(
        {"known_as": "entity_id", "victim_reporters_max": "reporters"}
    ).select(["entity_id", "reporters"])


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
    gone = pc.or_(
        pc.is_in(before["known_as"], pc.unique(answered)),
        pc.is_in(before["known_as"], pc.unique(own["entity_id"])),
    )
    decided = pa.array(
        sorted({*settled.victims, *map(without_epoch, settled.suspects)}), pa.string()
    )
    gone = pc.or_(gone, pc.is_in(before["known_as"], decided))
    return before.filter(pc.invert(gone)).select(CONTESTED.names).cast(CONTESTED)


def read_contested(folder: str) -> Iterator[pa.RecordBatch]:
    """Yields the CONTESTED_BEFORE batches of a finished run.

    Raises:
        OSError: if the run, or a file that its manifest names, is not there.
    """
    base = folder.rstrip("/")
    with FileSystems.open(FileSystems.join(base, MANIFEST_NAME)) as file:
        manifest = json.loads(file.read())
    for name in contested_files(manifest):
        with FileSystems.open(FileSystems.join(base, *name.split("/"))) as file:
            rows = pq.read_table(pa.BufferReader(file.read()), columns=CONTESTED.names)
        ids = pc.binary_join_element_wise(rows["kind"], rows["value"], ":")
        table = rows.select(CONTESTED.names).add_column(0, "known_as", ids).cast(CONTESTED_BEFORE)
        yield from (one for one in table.combine_chunks().to_batches() if one.num_rows)


def contested_files(manifest: Mapping[str, Any]) -> list[str]:
    """Returns the names of the files of private/contested; none in a run of an older version."""
    names = [str(one["name"]) for one in manifest.get("private") or ()]
    return sorted(name for name in names if name.startswith(f"{CONTESTED_TABLE.name}/"))


@dataclass(eq=False)
class ReadContested(beam.PTransform):
    """Reads CONTESTED_BEFORE batches of the run in a folder, if there is one, once a window."""

    folder: str | None

    def expand(self, start: beam.PCollection) -> Any:
        """Reads them for the one element of each window."""
        return start | beam.ParDo(_ReadContested(self.folder))


class _ReadContested(beam.DoFn):
    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._known: list[pa.RecordBatch] | None = None

    def process(self, _: object) -> Iterator[pa.RecordBatch]:
        if self._folder is None:
            return
        for left in reversed(range(TRIES)):
            try:
                self._known = list(read_contested(self._folder))
                break
            except OSError:
                if self._known is not None:
                    break  # what was known stays known
                if not left:
                    raise
                time.sleep(PAUSE_SECONDS)
        yield from self._known or ()


def _two_columns(rows: Sequence[tuple[str, str]]) -> tuple[pa.Array, pa.Array]:
    status, reason = (pa.array([str(row[n]) for row in rows], pa.string()) for n in (0, 1))
    return status, reason


def _pairs(evidence: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(evidence["group_id"], evidence["entity_id"], "\x1f")


def _pair_keys(*pairs: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """Converts pairs of a number and a hash to one number each; equal pairs get the same."""
    _, place = np.unique(np.concatenate([one for _, one in pairs]), return_inverse=True)
    count = int(place.max(initial=0)) + 1
    ends = np.cumsum([len(one) for one, _ in pairs])
    return [
        number.astype(np.int64) * count + place[end - len(number) : end]
        for (number, _), end in zip(pairs, ends.tolist(), strict=True)
    ]


def _first_of(cases: Sequence[np.ndarray], values: Sequence[Any]) -> pa.Array:
    """Returns, by row, the value of the first of the cases that holds; the last where none does."""
    masks = pa.StructArray.from_arrays(
        [pa.array(one) for one in cases], names=[str(n) for n in range(len(cases))]
    )
    texts = [pa.scalar(str(one)) if isinstance(one, str) else one for one in values]
    return pc.case_when(masks, *texts)


def _joined(*texts: Any) -> pa.Array:
    return pc.binary_join_element_wise(*texts, "")


def _counts(numbers: np.ndarray, what: str) -> pa.Array:
    """Returns counts in words: 1 record, 2 records."""
    return _joined(
        pa.array(numbers).cast(pa.string()), _first_of([numbers == 1], [f" {what}", f" {what}s"])
    )
