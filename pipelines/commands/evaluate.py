"""`ringtrace evaluate RUN TRUTH_CSV`: scores the clusters of a run against known answers.

The file is long because each score stands beside its line in the two printed tables.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.options import Json, UsageError, all_of, flag, say, several, switch, usage_errors
from pipelines.simulate import HIDE, NAME, WELD
from pipelines.user_files import lone_mailboxes, open_run, read_known_legitimate, read_text
from reports import tables
from reports.run import Run
from reports.tables import RunFolder
from schemas.entity import without_epoch, without_epochs
from schemas.enums import Review, Status, Strength, Tier
from schemas.extras import install_command
from schemas.facts import have_facts
from schemas.field import TEXT
from schemas.records import AnyRecord, Check, Record, RecordError, csv_records, one_of
from schemas.tables import ENTITIES, LINKS, MEMBERS
from transforms.arrow import row_tuples
from transforms.custody import RunError
from transforms.extract import KnownLegitimate
from transforms.graph import (
    CORE_ROBUSTNESS,
    HUB_REPORTERS,
    SPLINK_THRESHOLD,
    Agreement,
    F1Intervals,
    HubFlags,
    IdSurvival,
    RuleCost,
    TierScore,
    baseline_clusterings,
    bootstrap_intervals,
    compare_clusterings,
    id_survival,
    match_probability,
    rule_costs,
    score_hub_flags,
    score_tier,
)

MOST_ROWS_BYTES = 128 * 1024 * 1024
"""Largest file of known answers, in bytes: a simulated world of a million complaints has 45 MB."""

MEMBER_COLUMNS = ("entity_id", "cluster_id", "tier", "review", "robustness", "near_miss_of")

SPLINK_NAME = "Splink itself"


class Listed(Record):
    """A row of a list of identifiers."""

    entity_id: str


class Answer(Listed):
    """A row of the known answers: an identifier and its operation."""

    operation: str


class Hub(Listed):
    """A row of a list of hubs: an identifier and how many operations it serves."""

    holders: Annotated[str, Check(str.isdecimal, "is not a number of operations")]


class Aim(Listed):
    """A row of a list of attackers: what one of them wants to happen to an identifier.

    `other` is the identifier that it is to be joined to.
    """

    attacker: str
    aim: Annotated[str, one_of((NAME, HIDE, WELD))]
    other: str


@dataclass(frozen=True)
class HarmLists:
    """Identifiers that do harm if clusters hold them or they leave; None if no file is given.

    `near_misses` are true identifiers with a mistyped digit.
    """

    known: KnownLegitimate
    victims: list[str] | None = None
    innocents: list[str] | None = None
    near_misses: list[str] | None = None

    def count(self, members: pa.Table) -> Harm:
        """Counts the harmful identifiers among `members`, also in clusters of one."""
        bare = without_epochs(members["entity_id"].combine_chunks())
        unreviewed = members.num_rows
        if "review" in members.column_names:
            unreviewed -= _count(pc.equal(members["review"], str(Review.REVIEWED)))
        victims, innocents, near_misses = (
            None if listed is None else _count(pc.is_in(bare, pa.array(listed, TEXT)))
            for listed in (self.victims, self.innocents, self.near_misses)
        )
        known = len(bare) - self.known.reasons(bare).null_count
        return Harm(known, victims, innocents, near_misses, unreviewed)

    def among(self, entity_ids: pa.ChunkedArray) -> set[str]:
        """Returns the harmful ids among `entity_ids`."""
        ids = entity_ids.combine_chunks()
        bare = without_epochs(ids)
        listed = [*(self.victims or ()), *(self.innocents or ()), *(self.near_misses or ())]
        wrong = pc.or_(
            pc.is_valid(self.known.reasons(bare)), pc.is_in(bare, value_set=pa.array(listed, TEXT))
        )
        return set(ids.filter(wrong).to_pylist())


@dataclass(frozen=True)
class Harm:
    """Numbers of harmful identifiers among members; None if no file names them.

    `unreviewed` counts members that no analyst has reviewed; None for a run without reviews.
    """

    known_legitimate: int
    victim_side: int | None
    innocent: int | None
    near_miss: int | None
    unreviewed: int | None

    def lines(self, names: Mapping[str, str], indent: str = "") -> Iterator[tuple[str, str]]:
        """Yields a line for each known kind of harm, with its name from `names`."""
        for kind, name in names.items():
            if (count := getattr(self, kind)) is not None:
                yield f"{indent}harm: {name}", f"{count}"


@dataclass(frozen=True)
class AttackerHarm:
    """Counts of the aims that one kind of attacker reached, out of `tried`.

    `cluster`: the target is in a cluster of two or more, gone from all clusters, or joined to
    another cluster. `core`: the target is a core member, core no more, or a joined core member.
    `reviewed`: a target that is named or joined may leave.
    """

    tried: int
    cluster: int
    core: int
    reviewed: int


@dataclass(frozen=True)
class Tiers:
    """The scores and harms of core members, and of members that may leave in a package.

    Attributes:
        core: score of the core members.
        core_harm: harmful identifiers among them.
        reviewed: score of the core members that an analyst has reviewed. Only these may be in
            referrals, requests, STIX, MISP and an exchange of many.
        reviewed_harm: harmful identifiers among the reviewed core members.
        costs: the recall that each rule costs.
    """

    core: TierScore
    core_harm: Harm
    reviewed: TierScore
    reviewed_harm: Harm
    costs: Mapping[str, RuleCost]


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run.

    Attributes:
        agreement: agreement of the run's clusters with the operations.
        intervals: confidence intervals of the F1 scores.
        clusters: number of clusters of the run.
        operations: number of operations of the truth.
        missing: identifiers of the truth in no cluster, each counted as a cluster of its own.
        unjudged: members that the truth does not know, left out of the scores.
        harm: harmful members; innocent and mistyped identifiers count only in shared clusters.
        tiers: scores by tier; None for a run without tiers.
        baselines: agreement of simpler methods, by name, if asked for.
        survival: number of cluster ids that survived since an earlier run, if asked for.
        hubs: how well hubs were flagged, if asked for.
        attackers: harm by attacker, if asked for.
    """

    agreement: Agreement
    intervals: F1Intervals
    clusters: int
    operations: int
    missing: int
    unjudged: int
    harm: Harm
    tiers: Tiers | None = None
    baselines: Mapping[str, Agreement] = field(default_factory=dict)
    survival: IdSurvival | None = None
    hubs: HubFlags | None = None
    attackers: Mapping[str, AttackerHarm] = field(default_factory=dict)


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run", type=Path),
    flag("truth", "TRUTH", "CSV with the columns entity_id,operation", type=Path),
    several(
        "--known-legitimate",
        "FILE",
        "CSV entity_id: more known-legitimate identifiers that must be in no cluster",
    ),
    flag(
        "--victims",
        "FILE",
        "CSV entity_id: victims' own identifiers that must be in no cluster",
        type=Path,
    ),
    flag(
        "--innocents",
        "FILE",
        "CSV entity_id: identifiers that must share a cluster with no other",
        type=Path,
    ),
    flag(
        "--near-misses",
        "FILE",
        "CSV entity_id: mistyped identifiers that must share a cluster with no other",
        type=Path,
    ),
    flag(
        "--hubs",
        "FILE",
        "CSV entity_id,holders: how many operations each serves, to score suppliers",
        type=Path,
    ),
    flag(
        "--attackers",
        "FILE",
        "CSV entity_id,attacker,aim,other of a simulated world: harm by attacker",
        type=Path,
    ),
    flag("--previous", "RUN", "the run it followed: how many ids survived", type=Path),
    switch("--baselines", "score simpler methods, too, on the same links"),
    switch("--splink", "as --baselines, with Splink's (extra: splink)"),
    switch("--json", "print one JSON object"),
)
"""The flags of `ringtrace evaluate`."""


def run(arguments: Namespace) -> int:
    """Prints the evaluation; returns the exit status 0.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    truth = read_truth(arguments.truth)
    run = _opened(arguments.run)
    members = read_members(run)
    known = read_known_legitimate(arguments.known_legitimate)
    listed = (arguments.victims, arguments.innocents, arguments.near_misses)
    result = evaluate(members, truth, HarmLists(known, *map(read_ids, listed)))
    if arguments.baselines or arguments.splink:
        result = replace(result, baselines=compare_baselines(run, truth, splink=arguments.splink))
    if arguments.previous:
        before = _by_entity(read_members(_opened(arguments.previous)))
        result = replace(result, survival=id_survival(truth, before, _by_entity(members)))
    if arguments.hubs:
        result = replace(result, hubs=_flags(run, arguments.hubs))
    if arguments.attackers:
        result = replace(result, attackers=harm_by_attacker(members, arguments.attackers))
    if arguments.json:
        say(json.dumps(evaluation_json(result), indent=2))
    else:
        print_lines(evaluation_lines(result))
    return 0


def evaluate(members: pa.Table, truth: dict[str, str], lists: HarmLists) -> Evaluation:
    """Scores clusters against the truth.

    Args:
        members: entity_id and cluster_id of the run; also the other `MEMBER_COLUMNS` if it has
            tiers.
        truth: operation by entity id.
        lists: identifiers that do harm in clusters.
    """
    harm, shared = lists.count(members), lists.count(_shared_clusters(members))
    harm = replace(harm, innocent=shared.innocent, near_miss=shared.near_miss)
    tiered = "tier" in members.column_names and not members["tier"].null_count
    entity_ids = pa.array(truth, TEXT)
    place = pc.index_in(entity_ids, value_set=members["entity_id"].combine_chunks())
    clusters = pc.take(members["cluster_id"].combine_chunks().dictionary_encode().indices, place)
    # Each identifier that the run does not have gets a label of its own, below 0.
    alone = pa.array(-1 - np.arange(len(truth), dtype=np.int64))
    predicted = pc.coalesce(clusters.cast(pa.int64()), alone)
    operations = pa.array(truth.values(), TEXT).dictionary_encode()
    labels = operations.indices.to_numpy(), predicted.to_numpy()
    return Evaluation(
        agreement=compare_clusterings(*labels),
        intervals=bootstrap_intervals(*labels),
        clusters=pc.count_distinct(members["cluster_id"]).as_py(),
        operations=len(operations.dictionary),
        missing=place.null_count,
        unjudged=members.num_rows - (len(truth) - place.null_count),
        harm=harm if tiered else replace(harm, unreviewed=None),
        tiers=_score_tiers(members, truth, lists) if tiered and members.num_rows else None,
    )


def harm_by_attacker(members: pa.Table, path: Path) -> dict[str, AttackerHarm]:
    """Counts the aims that each attacker reached; raises UsageError for an unfit file."""
    rows = {without_epoch(row["entity_id"]): row for row in members.to_pylist()}
    cluster = {entity_id: row["cluster_id"] for entity_id, row in rows.items()}
    core = {entity_id for entity_id, row in rows.items() if row["tier"] == Tier.CORE}
    free = {entity_id for entity_id in core if rows[entity_id]["review"] == Review.REVIEWED}
    sizes = Counter(members["cluster_id"].to_pylist())
    counted: defaultdict[str, list[tuple[bool, ...]]] = defaultdict(list)
    for row in _rows(Aim, path):
        entity_id, welded = row.entity_id, {row.entity_id, row.other}
        home = cluster.get(entity_id)
        if row.aim == HIDE:
            reached = (home is None, entity_id not in core, False)
        elif row.aim == WELD:
            together = home is not None and home == cluster.get(row.other)
            reached = (together, together and welded <= core, together and welded <= free)
        else:
            reached = (sizes[home] > 1, entity_id in core, entity_id in free)
        counted[row.attacker].append(reached)
    return {
        attacker: AttackerHarm(len(aims), *(sum(column) for column in zip(*aims, strict=True)))
        for attacker, aims in sorted(counted.items())
    }


def compare_baselines(
    run: RunFolder, truth: Mapping[str, str], *, splink: bool = False
) -> dict[str, Agreement]:
    """Scores the baselines against the truth, over all hard links that may be clustered.

    An identifier that the run did not find counts as a cluster of its own, as for the run itself.
    With `splink`, Splink's clustering is among the baselines.

    Raises:
        UsageError: if Splink is asked for and not installed.
    """
    entities = tables.read_table(run, ENTITIES, ["entity_id", "status", "facts"])
    kept = pc.or_(pc.equal(entities["status"], str(Status.INFRASTRUCTURE)), _are_hubs(entities))
    ids = entities.filter(kept)["entity_id"].combine_chunks()
    columns = ["entity_a", "entity_b", "weight"]
    links = tables.read_table(run, LINKS, columns, pc.field("strength") == str(Strength.HARD))
    ends = [pc.index_in(links[name], value_set=ids) for name in columns[:2]]
    both = pc.and_(*(pc.is_valid(end) for end in ends))
    a, b = (end.filter(both).to_numpy().astype(np.int64) for end in ends)
    weight = links["weight"].filter(both).to_numpy()
    place = pc.index_in(pa.array(truth, TEXT), value_set=_own_ids(run, ids))
    places = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    operation = pa.array(truth.values(), TEXT).dictionary_encode().indices.to_numpy()
    alone = -1 - np.arange(len(truth))
    labels = dict(baseline_clusterings(a, b, weight, len(ids)))
    if splink:
        likely = match_probability(weight)
        labels[SPLINK_NAME] = splink_clusters(a, b, likely, len(ids), SPLINK_THRESHOLD)
    return {
        name: compare_clusterings(
            operation, np.where(places < 0, alone, np.append(label, -1)[places])
        )
        for name, label in labels.items()
    }


def splink_clusters(
    a: np.ndarray, b: np.ndarray, probability: np.ndarray, nodes: int, threshold: float
) -> np.ndarray:
    """Returns each node's label by Splink's cluster_pairwise_predictions_at_threshold, on DuckDB.

    `a` and `b` are the ends of links, below `nodes`; links of at least `threshold` count.

    Raises:
        UsageError: if the packages are missing.
    """
    try:
        import duckdb
        from splink import DuckDBAPI
        from splink.clustering import cluster_pairwise_predictions_at_threshold
    except ImportError:
        raise UsageError(f"--splink needs Splink: {install_command('splink')}") from None
    with duckdb.connect() as connection:
        clusters = cluster_pairwise_predictions_at_threshold(
            pa.table({"node": np.arange(nodes)}),
            pa.table({"a": a, "b": b, "match_probability": probability}),
            db_api=DuckDBAPI(connection=connection),
            node_id_column_name="node",
            edge_id_column_name_left="a",
            edge_id_column_name_right="b",
            threshold_match_probability=threshold,
        )
        table = clusters.as_pyarrow_table()
    label = np.arange(nodes)
    label[table["node"].to_numpy()] = table["cluster_id"].to_numpy()
    return label


def read_truth(path: Path) -> dict[str, str]:
    """Reads the operation of each entity id from a CSV file.

    Raises:
        UsageError: for a file that cannot be read, or an id in two operations.
    """
    truth: dict[str, str] = {}
    for row in _rows(Answer, path):
        if truth.setdefault(row.entity_id, row.operation) != row.operation:
            raise UsageError(f"{path}: {row.entity_id} is in two operations; keep one or neither")
    if not truth:
        raise UsageError(f"{path}: has no rows; give the known answers, an identifier a row")
    return truth


def read_ids(path: Path | None) -> list[str] | None:
    """Reads the entity ids of a CSV file; None without a file. Raises UsageError if it cannot."""
    return [row.entity_id for row in _rows(Listed, path)] if path else None


def _opened(folder: Path) -> RunFolder:
    """Opens a run. A folder of tables without a manifest is enough, but is not verified."""
    try:
        return open_run(folder)
    except RunError:
        return folder


def read_members(run: RunFolder) -> pa.Table:
    """Reads `MEMBER_COLUMNS` of the members of a run; raises UsageError if it cannot.

    A run made before there were tiers has nulls in their columns. A mailbox that only one reporter
    names has its own id here, if the run still has its private/.
    """
    folder = Path(run)
    if not (folder / MEMBERS.name).is_dir():
        raise UsageError(
            f"{folder}: is not a finished run: it has no {MEMBERS.name}/; give a finished run"
        )
    with tables.readable(run, MEMBERS):
        rows = tables.table_dataset(run, MEMBERS).to_table(columns=list(MEMBER_COLUMNS))
        rows.validate(full=True)  # Parquet does not check that text is UTF-8
    ids = _own_ids(run, rows["entity_id"].combine_chunks())
    return rows.set_column(rows.schema.get_field_index("entity_id"), "entity_id", ids)


def _own_ids(run: RunFolder, shown: pa.Array) -> pa.Array:
    """Returns ids, with the real id of each mailbox withheld for having only one reporter."""
    try:
        own = lone_mailboxes(run if isinstance(run, Run) else Run.open(run))
    except RunError:  # its tables are enough for the other scores
        return shown
    return (
        pa.array([own.get(entity_id, entity_id) for entity_id in shown.to_pylist()], TEXT)
        if own
        else shown
    )


def evaluation_json(result: Evaluation) -> Json:
    """Returns the evaluation, fit for JSON, without parts that were not asked for."""
    optional = ("baselines", "survival", "hubs", "attackers")
    whole: Json = {}
    for name, value in asdict(result).items():
        if name == "harm":
            whole |= value
        elif value or name not in optional:
            whole[name] = value
    for agreement, scores in (
        (result.agreement, whole["agreement"]),
        *((baseline, whole["baselines"][name]) for name, baseline in result.baselines.items()),
    ):
        scores["pairwise"]["f1"] = agreement.pairwise.f1
        scores["bcubed"]["f1"] = agreement.bcubed.f1
    if result.hubs:
        whole["hubs"] |= {"precision": result.hubs.precision, "recall": result.hubs.recall}
    return whole


def evaluation_lines(result: Evaluation) -> list[tuple[str, str]]:
    """Returns the lines to print: a name and a value each."""
    agreement, intervals = result.agreement, result.intervals
    scores = {"B-cubed": agreement.bcubed, "pairwise": agreement.pairwise}
    bounds = {"B-cubed": intervals.bcubed, "pairwise": intervals.pairwise}
    lines = [
        (f"{name} {part}", f"{getattr(score, part.lower()):.4f}")
        for name, score in scores.items()
        for part in ("precision", "recall", "F1")
    ]
    lines += [
        (f"{name} F1, 95 % interval", f"{low:.4f} to {high:.4f}")
        for name, (low, high) in bounds.items()
    ]
    lines += [
        ("adjusted Rand index", f"{agreement.adjusted_rand:.4f}"),
        ("share of the largest cluster", f"{agreement.largest_share:.4f}"),
        ("identifiers in the truth", f"{agreement.items}"),
        ("  of these in no cluster", f"{result.missing}"),
        ("operations in the truth", f"{result.operations}"),
        ("  of these split", f"{agreement.split}"),
        ("clusters in the run", f"{result.clusters}"),
        ("  of these merging operations", f"{agreement.merged}"),
        ("members that the truth does not know", f"{result.unjudged}"),
    ]
    lines += result.harm.lines(
        {
            "known_legitimate": "known-legitimate in a cluster",
            "victim_side": "victim-side in a cluster",
            "innocent": "innocents in a shared cluster",
            "near_miss": "near misses in a shared cluster",
            "unreviewed": "members that no analyst reviewed",
        }
    )
    if result.tiers is not None:
        lines += _tier_lines(result.tiers)
    if survival := result.survival:
        lines += [
            ("operations with a main cluster in both runs", f"{survival.operations}"),
            ("  of these with the same id", f"{survival.kept}"),
        ]
    if hubs := result.hubs:
        lines += [
            ("called a hub", f"{hubs.flagged}"),
            ("  precision: serve two operations or more", f"{hubs.precision:.4f}"),
            ("  recall of what serves three or more, often seen", f"{hubs.recall:.4f}"),
        ]
    lines += [
        (
            f"harm by {name}: tried, in or out of a cluster, of the core, may leave",
            f"{done.tried}, {done.cluster}, {done.core}, {done.reviewed}",
        )
        for name, done in result.attackers.items()
    ]
    return lines + [
        (
            f"baseline {name}: B-cubed F1, pairwise F1",
            f"{baseline.bcubed.f1:.4f}, {baseline.pairwise.f1:.4f}",
        )
        for name, baseline in result.baselines.items()
    ]


def print_lines(lines: Sequence[tuple[str, str]]) -> None:
    """Prints the lines in two columns on a terminal, tab-separated elsewhere."""
    width = max(len(name) for name, _ in lines)
    on_terminal = sys.stdout.isatty()
    for name, value in lines:
        say(f"{name:{width}}  {value}" if on_terminal else f"{name}\t{value}")


def _rows(kind: type[AnyRecord], path: Path) -> Iterator[AnyRecord]:
    with usage_errors(RecordError, after="; correct it"):
        for _, row in csv_records(kind, read_text(str(path), MOST_ROWS_BYTES), str(path)):
            yield row


def _count(mask: pa.Array) -> int:
    return pc.sum(mask).as_py() or 0


def _shared_clusters(members: pa.Table) -> pa.Table:
    """Returns the members of clusters of two and more."""
    sizes = members.group_by("cluster_id").aggregate([([], "count_all")])
    shared = sizes.filter(pc.greater(sizes["count_all"], 1))["cluster_id"]
    return members.filter(pc.is_in(members["cluster_id"], value_set=shared))


def _score_tiers(members: pa.Table, truth: Mapping[str, str], lists: HarmLists) -> Tiers:
    wrong = lists.among(members["entity_id"])
    core = members.filter(pc.equal(members["tier"], str(Tier.CORE)))
    reviewed = core.filter(pc.equal(core["review"], str(Review.REVIEWED)))
    robust = members.filter(pc.greater_equal(members["robustness"], CORE_ROBUSTNESS))
    sure = robust.filter(pc.is_null(robust["near_miss_of"]))
    passed = {"robustness": robust, "near_miss": sure, "status": core, "review": reviewed}
    ids = {rule: kept["entity_id"].to_pylist() for rule, kept in passed.items()}
    return Tiers(
        core=score_tier(truth, _by_entity(core), wrong),
        core_harm=lists.count(core),
        reviewed=score_tier(truth, _by_entity(reviewed), wrong),
        reviewed_harm=lists.count(reviewed),
        costs=rule_costs(truth, _by_entity(members), ids),
    )


def _are_hubs(entities: pa.Table) -> pa.ChunkedArray:
    """Returns a mask of the entities that clustering found to be hubs; no baseline knows them."""
    suppressed = pc.equal(entities["status"], str(Status.SUPPRESSED))
    return pc.and_(suppressed, have_facts(entities["facts"], ["hub", "ubiquitous"]))


def _flags(run: RunFolder, hubs: Path) -> HubFlags:
    holders = {row.entity_id: int(row.holders) for row in _rows(Hub, hubs)}
    entities = tables.read_table(run, ENTITIES, ["entity_id", "status", "reporters", "facts"])
    flagged = entities.filter(_are_hubs(entities))
    often = pc.greater_equal(entities["reporters"], HUB_REPORTERS)
    return score_hub_flags(
        flagged["entity_id"].to_pylist(), holders, entities.filter(often)["entity_id"].to_pylist()
    )


def _by_entity(members: pa.Table) -> dict[str, str]:
    return dict(row_tuples(members, "entity_id", "cluster_id"))


def _tier_lines(tiers: Tiers) -> Iterator[tuple[str, str]]:
    for name, score, harm in (
        ("core members", tiers.core, tiers.core_harm),
        ("core and reviewed members", tiers.reviewed, tiers.reviewed_harm),
    ):
        yield name, f"{score.members}"
        yield "  B-cubed precision", f"{score.precision:.4f}"
        yield "  share of all true identifiers", f"{score.recall:.4f}"
        yield "  B-cubed recall, of all true identifiers", f"{score.bcubed_recall:.4f}"
        names = {"known_legitimate": "known-legitimate", "victim_side": "victim-side"}
        names |= {"innocent": "innocents", "near_miss": "near misses", "unreviewed": "unreviewed"}
        yield from harm.lines(names, "  ")
    for rule, name in (
        ("robustness", "two reporters (robustness)"),
        ("near_miss", "no near miss"),
        ("status", "not contested"),
        ("review", "reviewed"),
    ):
        cost = tiers.costs[rule]
        yield (
            f"cost of the rule {name}: identifiers, their share, B-cubed recall",
            f"{cost.identifiers}, {cost.recall:.4f}, {cost.bcubed_recall:.4f}",
        )
