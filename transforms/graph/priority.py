"""The priority of a cluster for analysts, and the parts that it is made of.

Every part is a value from 0 to 1. Priority is their mean, weighted by the one file that analysts
can change (data/priority.toml, or `--priority-weights FILE`), times 100.

Decisions in force say how often the reporters of an organisation and channel were right. Those of
a source that mostly was not count less in the part `victims`, and nowhere else.
"""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.entity import without_epochs
from schemas.enums import HARD_ROLES, EntityKind, RecordKind, Role
from schemas.mapping import parse_toml
from schemas.mention import MENTIONS
from transforms.arrow_util import explode, hash_text
from transforms.decisions import DecisionsInForce
from transforms.graph.link_weights import reporter_hashes
from transforms.reporters import NO_CHANNEL, SourceRecord, SourceRecords
from transforms.shuffle import batches_of, table_of

Row = Mapping[str, Any]

WEIGHTS_FILE = "priority.toml"

PRIORITY_PARTS = (
    "victims",
    "losses",
    "companies",
    "recency",
    "growth",
    "confidence",
    "jurisdiction",
)

SCALES = ("victims", "losses", "half_life_days", "growth_days")

DEFAULT_REGION = "default"
"""The key of [jurisdiction] for regions that are not in it."""

SOURCE_TRIAL = pa.schema(
    [
        ("source_org", pa.string()),
        ("channel", pa.string()),
        ("reporter", pa.int64()),
        ("identifier", pa.int64()),
        ("wrong", pa.bool_()),
    ]
)
"""An identifier that is decided, and a reporter of a source who shows it in a hard role.

`wrong` if it is not a suspect's.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MICROSECOND = timedelta(microseconds=1)


class PriorityWeightsError(ValueError):
    """A weights file that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class PriorityWeights:
    """The tables of a weights file, checked; see data/priority.toml."""

    weights: Mapping[str, float]
    scale: Mapping[str, float]
    usd: Mapping[str, float]
    jurisdiction: Mapping[str, float]


def shipped_weights() -> PriorityWeights:
    """Returns the weights that ship with ringtrace."""
    text = resources.files("transforms").joinpath("data", WEIGHTS_FILE).read_text(encoding="utf-8")
    return parse_weights(text, WEIGHTS_FILE)


def parse_weights(text: str, name: str) -> PriorityWeights:
    """Returns a weights file.

    Raises:
        WeightsError: naming the file, the table and the key, and what to do.
    """
    try:
        tables = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise PriorityWeightsError(f"{name}: not TOML: {error}") from None
    known = {"weights": PRIORITY_PARTS, "scale": SCALES, "usd": None, "jurisdiction": None}
    for table in sorted(set(tables) - set(known)):
        raise PriorityWeightsError(f"{name}: [{table}]: no such table; use {', '.join(known)}")
    read = {
        table: _check_table(tables.get(table), name, table, keys) for table, keys in known.items()
    }
    if not sum(read["weights"].values()):
        raise PriorityWeightsError(f"{name}: [weights]: all are 0; give at least one above 0")
    if not all(read["scale"].values()):
        raise PriorityWeightsError(f"{name}: [scale]: a value is 0; give values above 0")
    if DEFAULT_REGION not in read["jurisdiction"] or max(read["jurisdiction"].values()) > 1:
        raise PriorityWeightsError(f"{name}: [jurisdiction]: give a default, and no value above 1")
    return PriorityWeights(**read)


def priority_parts(
    cluster: Row,
    members: Iterable[Row],
    complaint_times: tuple[NDArray[np.int64], NDArray[np.int64]],
    when: datetime,
    by: PriorityWeights,
) -> list[Row]:
    """Returns the parts of a cluster's priority, in the order of `PRIORITY_PARTS`.

    `cluster` has reporters and confidence, and losses, orgs and last_seen as no reporter alone
    moves them (`ranked_by` of a summary's facts). `members` are MEMBERSHIP rows, `complaint_times`,
    one a reporter, are in microseconds since 1970, beside the people of each; `when` is the moment
    that recency and growth count from. A part is a dict of part, value, weight and points; points
    add up to the priority, 0 to 100.
    """
    scale = by.scale
    lost = sum(by.usd.get(one["currency"], 0.0) * float(one["amount"]) for one in cluster["losses"])
    age = max((when - cluster["last_seen"]) / timedelta(days=1), 0.0)
    values = {
        "victims": _log_share(cluster["reporters"], scale["victims"]),
        "losses": _log_share(lost, scale["losses"]),
        "companies": float(len(cluster["orgs"]) > 1),
        "recency": 2 ** -(age / scale["half_life_days"]),
        "growth": _growth(complaint_times, when, timedelta(days=scale["growth_days"])),
        "confidence": cluster["confidence"],
        "jurisdiction": _jurisdiction_share(members, by.jurisdiction),
    }
    whole = math.fsum(by.weights.values())
    return [
        {
            "part": part,
            "value": values[part],
            "weight": by.weights[part],
            "points": 100 * values[part] * by.weights[part] / whole,
        }
        for part in PRIORITY_PARTS
    ]


def source_trials(evidence: pa.RecordBatch, decided: DecisionsInForce) -> Iterator[pa.RecordBatch]:
    """Yields SOURCE_TRIAL rows of the complaints of a CLASSIFIED batch, each once."""
    members = decided.suspects_and_others()
    if not any(members):
        return
    suspects, others = (pa.array(sorted(one), pa.string()) for one in members)
    shown = explode(evidence, MENTIONS, ("source_org", "channel", "record_kind", "reporter_key"))
    ids = without_epochs(shown["entity_id"])
    wrong = pc.is_in(ids, others)
    decided_on = pc.or_(pc.is_in(ids, suspects), wrong)
    hard = pc.is_in(shown["role"], pa.array([str(role) for role in HARD_ROLES]))
    complaint = pc.equal(shown["record_kind"], str(RecordKind.COMPLAINT))
    counts = pc.and_(pc.and_(decided_on, hard), complaint)
    columns = {
        "source_org": shown["source_org"],
        "channel": pc.fill_null(shown["channel"], NO_CHANNEL),
        "reporter": reporter_hashes(pc.fill_null(shown["reporter_key"], "")),
        "identifier": hash_text(ids),
        "wrong": wrong,
    }
    counts = pc.and_(counts, pc.is_valid(shown["reporter_key"]))
    rows = pa.table(columns, SOURCE_TRIAL).filter(counts)
    once = rows.group_by(SOURCE_TRIAL.names, use_threads=False).aggregate([])
    yield from batches_of(once.select(SOURCE_TRIAL.names).cast(SOURCE_TRIAL))


def source_records(_: object, trials: Iterable[pa.RecordBatch]) -> SourceRecords:
    """Sums all SOURCE_TRIAL rows of a window, whose one element comes first, up by source.

    A reporter is right if no more of the identifiers that he names are another's than a suspect's.
    """
    rows = table_of(trials, SOURCE_TRIAL)
    once = rows.group_by(SOURCE_TRIAL.names, use_threads=False).aggregate([])
    keys = SOURCE_TRIAL.names[:3]
    signs = once.append_column("sign", pc.if_else(once["wrong"], 1, -1))
    people = signs.group_by(keys, use_threads=False).aggregate([("sign", "sum")])
    counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in people.to_pylist():
        counts[row["source_org"], row["channel"]][row["sign_sum"] > 0] += 1
    return {source: SourceRecord(*those) for source, those in sorted(counts.items())}


def total_priority(of: Iterable[Row]) -> float:
    """Returns the priority that the parts make, 0 to 100."""
    return min(math.fsum(one["points"] for one in of), 100.0)


def _check_table(
    table: object, name: str, title: str, keys: Sequence[str] | None
) -> Mapping[str, float]:
    if not isinstance(table, dict):
        raise PriorityWeightsError(
            f"{name}: [{title}]: the table is missing; copy it from {WEIGHTS_FILE}"
        )
    for key in sorted(set(table) ^ set(keys)) if keys is not None else ():
        problem = "no such key" if key in table else "is missing"
        raise PriorityWeightsError(
            f"{name}: [{title}] {key}: {problem}; the keys are {', '.join(keys or ())}"
        )
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PriorityWeightsError(f"{name}: [{title}] {key}: not a number; give one")
        if not 0 <= value < math.inf:
            raise PriorityWeightsError(f"{name}: [{title}] {key}: out of range; give 0 or more")
    return {key: float(value) for key, value in table.items()}


def _log_share(value: float, full: float) -> float:
    return min(math.log1p(value) / math.log1p(full), 1.0)


def _growth(
    complaint_times: tuple[NDArray[np.int64], NDArray[np.int64]], when: datetime, span: timedelta
) -> float:
    """Complaints of the last span against those of it and the span before; 0 where there are none.

    One is added to the whole, so that a single complaint is not growth in full.
    """
    now, ago = (when - _EPOCH) // _MICROSECOND, span // _MICROSECOND
    moments, people = complaint_times
    late = int(people[moments > now - ago].sum())
    before = int(people[(moments > now - 2 * ago) & (moments <= now - ago)].sum())
    return late / (late + before + 1)


def _jurisdiction_share(members: Iterable[Row], jurisdiction: Mapping[str, float]) -> float:
    """Returns the mean, over callback numbers, of how far legal process reaches there; else 0."""
    reached = [
        jurisdiction.get(one["region"] or DEFAULT_REGION, jurisdiction[DEFAULT_REGION])
        for one in members
        if one["kind"] == str(EntityKind.PHONE) and one["role"] == str(Role.CALLBACK)
    ]
    return math.fsum(reached) / len(reached) if reached else 0.0
