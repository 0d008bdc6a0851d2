"""`ringtrace evaluate RUN TRUTH_CSV`: scores the clusters of a run against known answers."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Console
from rich.table import Table

from pipelines.options import UsageError, repeatable
from pipelines.user_files import read_known_legitimate, read_text
from reports import tables
from reports.tables import RunFolder
from schemas.entity import without_epochs
from schemas.enums import Status, Strength
from schemas.tables import ENTITIES, LINKS, MEMBERS
from transforms import clustering_metrics
from transforms.clustering_metrics import (
    SPLINK_THRESHOLD,
    Agreement,
    F1Intervals,
    HubFlags,
    IdSurvival,
    baseline_clusterings,
    bootstrap_intervals,
    compare_clusterings,
    id_survival,
    match_probability,
    score_hub_flags,
)
from transforms.extract import KnownLegitimate
from transforms.graph import HUB_REPORTERS

HUB_REASON = "hub: "
"""The start of the reason of what clustering found to be a hub; no baseline knows that."""

SPLINK_NAME = "Splink itself"

SPLINK_INSTALL = "--splink needs the packages of the extra: pip install '.[splink]'"


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run.

    Attributes:
        agreement: of its clusters with the operations.
        intervals: of the F1 scores.
        clusters: how many the run has.
        operations: how many the truth has.
        missing: identifiers of the truth in no cluster, each counted as a cluster of its own.
        unjudged: members that the truth does not know, left out of the scores.
        known_legitimate: members that are known to be legitimate.
        victim_side: members that are victims' own; None where no file names them.
        innocent: innocents that share a cluster; None where no file names them.
    """

    agreement: Agreement
    intervals: F1Intervals
    clusters: int
    operations: int
    missing: int
    unjudged: int
    known_legitimate: int
    victim_side: int | None
    innocent: int | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace evaluate`."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a finished run")
    parser.add_argument(
        "truth", metavar="TRUTH", type=Path, help="CSV with the columns entity_id,operation"
    )
    parser.add_argument(
        "--known-legitimate",
        **repeatable("FILE"),
        help="CSV entity_id: more known-legitimate identifiers that must be in no cluster",
    )
    for flag, text in (
        ("victims", "victims' own identifiers that must be in no cluster"),
        ("innocents", "identifiers that must share a cluster with no other"),
        ("hubs", "and holders, the operations that it serves: to judge what is called a hub"),
    ):
        parser.add_argument(f"--{flag}", metavar="FILE", type=Path, help=f"CSV entity_id: {text}")
    parser.add_argument(
        "--previous", metavar="RUN", type=Path, help="the run it followed: how many ids survived"
    )
    parser.add_argument(
        "--baselines", action="store_true", help="score simpler methods against the truth too"
    )
    parser.add_argument(
        "--splink", action="store_true", help="and Splink's own clustering (extra: splink)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints the evaluation; returns the exit status 0.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    truth = read_truth(arguments.truth)
    members = read_members(arguments.run)
    result = evaluate(
        members,
        truth,
        read_known_legitimate(arguments.known_legitimate),
        read_ids(arguments.victims),
        read_ids(arguments.innocents),
    )
    wanted = arguments.baselines or arguments.splink
    others = compare_baselines(arguments.run, truth, splink=arguments.splink) if wanted else {}
    survived = _survival(arguments.previous, members, truth) if arguments.previous else None
    flagged = _flags(arguments.run, arguments.hubs) if arguments.hubs else None
    if arguments.json:
        report = evaluation_json(result, others, survived, flagged)
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        print_lines(evaluation_lines(result, others, survived, flagged))
    return 0


def evaluate(
    members: pa.Table,
    truth: dict[str, str],
    known: KnownLegitimate,
    victims: list[str] | None = None,
    innocents: list[str] | None = None,
) -> Evaluation:
    """Scores clusters against the truth.

    Args:
        members: entity_id and cluster_id of the run.
        truth: operation by entity id.
        known: identifiers that no cluster may have.
        victims: victims' own identifiers, if given: no cluster may have them.
        innocents: identifiers that must share a cluster with no other, if given.
    """
    entity_ids = pa.array(truth, pa.string())
    place = pc.index_in(entity_ids, value_set=members["entity_id"].combine_chunks())
    clusters = pc.take(members["cluster_id"].combine_chunks().dictionary_encode().indices, place)
    # Labels below 0 are nobody's cluster: one for each identifier that the run does not hold.
    alone = pa.array(-1 - np.arange(len(truth), dtype=np.int64))
    predicted = pc.coalesce(clusters.cast(pa.int64()), alone)
    operations = pa.array(truth.values(), pa.string()).dictionary_encode()
    labels = operations.indices.to_numpy(), predicted.to_numpy()
    return Evaluation(
        agreement=clustering_metrics.compare_clusterings(*labels),
        intervals=bootstrap_intervals(*labels),
        clusters=pc.count_distinct(members["cluster_id"]).as_py(),
        operations=len(operations.dictionary),
        missing=place.null_count,
        unjudged=members.num_rows - (len(truth) - place.null_count),
        known_legitimate=_known(members, known),
        victim_side=None if victims is None else _within(members, victims),
        innocent=None if innocents is None else _within(_shared_clusters(members), innocents),
    )


def compare_baselines(
    run: RunFolder, truth: Mapping[str, str], *, splink: bool = False
) -> dict[str, Agreement]:
    """Scores the baselines against the truth, over every hard link of what may be clustered.

    An identifier that the run did not find counts as a cluster of its own, as for the run itself.
    With `splink` its own clustering is among them.

    Raises:
        UsageError: where that is asked for and not installed.
    """
    entities = tables.read_table(run, ENTITIES, ["entity_id", "status", "reason"])
    kept = pc.or_(
        pc.equal(entities["status"], str(Status.INFRASTRUCTURE)),
        pc.starts_with(entities["reason"], HUB_REASON),
    )
    ids = entities.filter(kept)["entity_id"].combine_chunks()
    columns = ["entity_a", "entity_b", "weight"]
    links = tables.read_table(run, LINKS, columns, pc.field("strength") == str(Strength.HARD))
    ends = [pc.index_in(links[name], value_set=ids) for name in columns[:2]]
    both = pc.and_(*(pc.is_valid(end) for end in ends))
    a, b = (end.filter(both).to_numpy().astype(np.int64) for end in ends)
    weight = links["weight"].filter(both).to_numpy()
    place = pc.index_in(pa.array(truth, pa.string()), value_set=ids)
    at = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    operation = pa.array(truth.values(), pa.string()).dictionary_encode().indices.to_numpy()
    alone = -1 - np.arange(len(truth))
    labels = dict(baseline_clusterings(a, b, weight, len(ids)))
    if splink:
        likely = match_probability(weight)
        labels[SPLINK_NAME] = splink_clusters(a, b, likely, len(ids), SPLINK_THRESHOLD)
    return {
        name: compare_clusterings(operation, np.where(at < 0, alone, np.append(label, -1)[at]))
        for name, label in labels.items()
    }


def splink_clusters(
    a: np.ndarray, b: np.ndarray, probability: np.ndarray, nodes: int, threshold: float
) -> np.ndarray:
    """Returns each node's label by Splink's cluster_pairwise_predictions_at_threshold, on DuckDB.

    `a` and `b` are the ends of links, below `nodes`; those of at least `threshold` count.

    Raises:
        UsageError: where the packages are missing.
    """
    try:
        import duckdb
        from splink import DuckDBAPI
        from splink.clustering import cluster_pairwise_predictions_at_threshold
    except ImportError:
        raise UsageError(SPLINK_INSTALL) from None
    with duckdb.connect() as connection:
        found = cluster_pairwise_predictions_at_threshold(
            pa.table({"node": np.arange(nodes)}),
            pa.table({"a": a, "b": b, "match_probability": probability}),
            db_api=DuckDBAPI(connection=connection),
            node_id_column_name="node",
            edge_id_column_name_left="a",
            edge_id_column_name_right="b",
            threshold_match_probability=threshold,
        )
        table = found.as_pyarrow_table()
    label = np.arange(nodes)
    label[table["node"].to_numpy()] = table["cluster_id"].to_numpy()
    return label


def read_truth(path: Path) -> dict[str, str]:
    """Reads the operation of each entity id from a CSV file.

    Raises:
        UsageError: for a file that cannot be read, or an id in two operations.
    """
    truth: dict[str, str] = {}
    rows = _rows(path, "operation")
    if not rows:
        raise UsageError(f"{path}: has no rows; give the known answers, an identifier a row")
    for row in rows:
        entity_id, operation = row["entity_id"], row["operation"]
        if truth.setdefault(entity_id, operation) != operation:
            raise UsageError(f"{path}: {entity_id} is in two operations; keep one or neither")
    return truth


def read_ids(path: Path | None) -> list[str] | None:
    """Reads the entity ids of a CSV file, if one is given; raises UsageError if it cannot."""
    return [row["entity_id"] for row in _rows(path)] if path else None


def read_members(folder: Path) -> pa.Table:
    """Reads entity_id and cluster_id of the members of a run; raises UsageError if it cannot."""
    path = folder / MEMBERS.name
    if not path.is_dir():
        raise UsageError(
            f"{folder}: is not a finished run: it has no {MEMBERS.name}/; give a finished run"
        )
    try:
        table = ds.dataset(path, format="parquet", schema=MEMBERS.schema)
        found = table.to_table(columns=["entity_id", "cluster_id"])
        found.validate(full=True)  # Parquet does not check that text is UTF-8
    except (OSError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0]
        raise UsageError(f"{path}: cannot be read, make the run again: {why}") from None
    return found


def evaluation_json(
    result: Evaluation,
    others: Mapping[str, Agreement],
    survived: IdSurvival | None,
    flagged: HubFlags | None = None,
) -> dict[str, object]:
    """Returns the whole evaluation, fit for JSON; what was not asked for is left out."""
    report: dict[str, object] = asdict(result) | {"agreement": _agreement(result.agreement)}
    if others:
        report["baselines"] = {name: _agreement(one) for name, one in others.items()}
    if survived:
        report["survival"] = asdict(survived)
    if flagged:
        shares = {"precision": flagged.precision, "recall": flagged.recall}
        report["hubs"] = asdict(flagged) | shares
    return report


def evaluation_lines(
    result: Evaluation,
    others: Mapping[str, Agreement],
    survived: IdSurvival | None,
    flagged: HubFlags | None = None,
) -> list[tuple[str, str]]:
    """Returns what is printed: a name and a value a line."""
    return [
        *_lines(result),
        *_survival_lines(survived),
        *_flag_lines(flagged),
        *_baseline_lines(others),
    ]


def print_lines(lines: Sequence[tuple[str, str]]) -> None:
    """Prints the lines: a table on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        for name, value in lines:
            sys.stdout.write(f"{name}\t{value}\n")
        return
    table = Table("measure", "value", title="Agreement with the truth")
    for name, value in lines:
        table.add_row(name, value, style="bold" if name == "B-cubed F1" else None)
    Console().print(table)


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(read_text(str(path)), newline=""))
    missing = {"entity_id", *columns} - set(reader.fieldnames or ())
    if missing:
        named = ", ".join(sorted(missing))
        raise UsageError(f"{path}: has no column {named}; name the columns in the first line")
    rows = list(reader)
    for number, row in enumerate(rows, 2):
        if None in row.values():
            raise UsageError(f"{path}, line {number}: has too few columns; add what is missing")
    return rows


def _known(members: pa.Table, known: KnownLegitimate) -> int:
    reasons = known.reasons(without_epochs(members["entity_id"].combine_chunks()))
    return len(reasons) - reasons.null_count


def _within(members: pa.Table, entity_ids: list[str]) -> int:
    listed = pc.is_in(
        without_epochs(members["entity_id"]), value_set=pa.array(entity_ids, pa.string())
    )
    return pc.sum(listed).as_py() or 0


def _shared_clusters(members: pa.Table) -> pa.Table:
    """Returns the members of clusters of two and more."""
    sizes = members.group_by("cluster_id").aggregate([([], "count_all")])
    shared = sizes.filter(pc.greater(sizes["count_all"], 1))["cluster_id"]
    return members.filter(pc.is_in(members["cluster_id"], value_set=shared))


def _survival(previous: Path, members: pa.Table, truth: Mapping[str, str]) -> IdSurvival:
    return id_survival(truth, _by_entity(read_members(previous)), _by_entity(members))


def _flags(run: Path, hubs: Path) -> HubFlags:
    holders: dict[str, int] = {}
    for row in _rows(hubs, "holders"):
        if not row["holders"].isdecimal():
            raise UsageError(f"{hubs}: {row['holders']!r} is not a number of operations; write one")
        holders[row["entity_id"]] = int(row["holders"])
    entities = tables.read_table(run, ENTITIES, ["entity_id", "complaints", "calls", "reason"])
    flagged = entities.filter(pc.starts_with(entities["reason"], HUB_REASON))
    often = pc.greater_equal(entities["reporters"], HUB_REPORTERS)
    return score_hub_flags(
        flagged["entity_id"].to_pylist(), holders, entities.filter(often)["entity_id"].to_pylist()
    )


def _by_entity(members: pa.Table) -> dict[str, str]:
    columns = members["entity_id"].to_pylist(), members["cluster_id"].to_pylist()
    return dict(zip(*columns, strict=True))


def _agreement(one: Agreement) -> dict[str, object]:
    scores = asdict(one)
    scores["pairwise"]["f1"] = one.pairwise.f1
    scores["bcubed"]["f1"] = one.bcubed.f1
    return scores


def _lines(result: Evaluation) -> list[tuple[str, str]]:
    agreement = result.agreement
    lines = [
        (f"{name} {part}", f"{value:.4f}")
        for name, score in (("B-cubed", agreement.bcubed), ("pairwise", agreement.pairwise))
        for part, value in (
            ("precision", score.precision),
            ("recall", score.recall),
            ("F1", score.f1),
        )
    ]
    lines += [
        (f"{name} F1, 95 % interval", f"{low:.4f} to {high:.4f}")
        for name, (low, high) in (
            ("B-cubed", result.intervals.bcubed),
            ("pairwise", result.intervals.pairwise),
        )
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
        ("harm: known-legitimate in a cluster", f"{result.known_legitimate}"),
    ]
    if result.victim_side is not None:
        lines.append(("harm: victim-side in a cluster", f"{result.victim_side}"))
    if result.innocent is not None:
        lines.append(("harm: innocents in a shared cluster", f"{result.innocent}"))
    return lines


def _baseline_lines(others: Mapping[str, Agreement]) -> list[tuple[str, str]]:
    return [
        (f"baseline {name}: B-cubed F1, pairwise F1", f"{one.bcubed.f1:.4f}, {one.pairwise.f1:.4f}")
        for name, one in others.items()
    ]


def _flag_lines(flagged: HubFlags | None) -> list[tuple[str, str]]:
    if flagged is None:
        return []
    return [
        ("called a hub", f"{flagged.flagged}"),
        ("  precision: serve two operations or more", f"{flagged.precision:.4f}"),
        ("  recall of what serves three or more, often seen", f"{flagged.recall:.4f}"),
    ]


def _survival_lines(survived: IdSurvival | None) -> list[tuple[str, str]]:
    if survived is None:
        return []
    return [
        ("operations with a main cluster in both runs", f"{survived.operations}"),
        ("  of these with the same id", f"{survived.kept}"),
    ]
