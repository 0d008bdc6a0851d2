"""`ringtrace evaluate RUN TRUTH_CSV`: how well a run's clusters agree with known truth.

The baselines of `ringtrace evaluate --baselines`, over a run's own links.

What `ringtrace evaluate` found, as JSON and as lines for people.

Splink's own clustering over a run's links, where the extra `splink` is installed.
"""

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

from reports import tables
from reports.tables import Run
from schemas import epoch
from schemas.enums import Status, Strength
from schemas.tables import ENTITIES, LINKS, MEMBERS
from transforms import clustering_metrics
from transforms.clustering_metrics import (
    SPLINK_THRESHOLD,
    Agreement,
    Flags,
    Intervals,
    Survival,
    baselines,
    compare,
    flags,
    intervals,
    match_probability,
    survival,
)
from transforms.extract import allowlist
from transforms.extract.allowlist import LegitimateListError
from transforms.graph.communities import HUB_RECORDS


class EvaluateError(ValueError):
    """A run or a file that cannot be evaluated; the message is one line for its user."""


def evaluate(
    members: pa.Table,
    truth: dict[str, str],
    known: allowlist.KnownLegitimate,
    victims: list[str] | None = None,
    innocents: list[str] | None = None,
) -> Evaluation:
    """Compare `members` (entity_id, cluster_id) with `truth` (operation by entity id)."""
    entity_ids = pa.array(truth, pa.string())
    place = pc.index_in(entity_ids, value_set=members["entity_id"].combine_chunks())
    clusters = pc.take(members["cluster_id"].combine_chunks().dictionary_encode().indices, place)
    # Labels below 0 are nobody's cluster: one for each identifier that the run does not hold.
    alone = pa.array(-1 - np.arange(len(truth), dtype=np.int64))
    predicted = pc.coalesce(clusters.cast(pa.int64()), alone)
    operations = pa.array(truth.values(), pa.string()).dictionary_encode()
    labels = operations.indices.to_numpy(), predicted.to_numpy()
    return Evaluation(
        agreement=clustering_metrics.compare(*labels),
        intervals=intervals(*labels),
        clusters=pc.count_distinct(members["cluster_id"]).as_py(),
        operations=len(operations.dictionary),
        missing=place.null_count,
        unjudged=members.num_rows - (len(truth) - place.null_count),
        known_legitimate=_known(members, known),
        victim_side=None if victims is None else _within(members, victims),
        innocent=None if innocents is None else _within(_shared_clusters(members), innocents),
    )


def _known(members: pa.Table, known: allowlist.KnownLegitimate) -> int:
    reasons = known.reasons(epoch.bare_ids(members["entity_id"].combine_chunks()))
    return len(reasons) - reasons.null_count


def _within(members: pa.Table, entity_ids: list[str]) -> int:
    listed = pc.is_in(
        epoch.bare_ids(members["entity_id"]), value_set=pa.array(entity_ids, pa.string())
    )
    return pc.sum(listed).as_py() or 0


def _shared_clusters(members: pa.Table) -> pa.Table:
    """Members of clusters of two and more."""
    sizes = members.group_by("cluster_id").aggregate([([], "count_all")])
    shared = sizes.filter(pc.greater(sizes["count_all"], 1))["cluster_id"]
    return members.filter(pc.is_in(members["cluster_id"], value_set=shared))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace evaluate` on `parser`."""
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a finished run")
    parser.add_argument(
        "truth", metavar="TRUTH_CSV", type=Path, help="CSV with the columns entity_id,operation"
    )
    for flag, text in (
        ("known-legitimate", "more known-legitimate identifiers that must be in no cluster"),
        ("victims", "victims' own identifiers that must be in no cluster"),
        ("innocents", "identifiers that must share a cluster with no other"),
        (
            "hubs",
            "and holders, the operations that it serves: to judge what is called a hub",
        ),
    ):
        parser.add_argument(f"--{flag}", metavar="FILE", type=Path, help=f"CSV entity_id: {text}")
    parser.add_argument(
        "--previous", metavar="RUN", type=Path, help="the run it followed: how many ids survived"
    )
    parser.add_argument(
        "--baselines", action="store_true", help="hold simpler methods against the truth too"
    )
    parser.add_argument(
        "--splink", action="store_true", help="and Splink's own clustering (extra: splink)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the evaluation; 0 when done, 2 when a file is missing or cannot be used."""
    try:
        known = allowlist.shipped()
        if arguments.known_legitimate:
            path: Path = arguments.known_legitimate
            known = known.merged(allowlist.load(_text(path), str(path)))
        truth = _truth(arguments.truth)
        members = _members(arguments.run)
        result = evaluate(
            members,
            truth,
            known,
            _ids(arguments.victims),
            _ids(arguments.innocents),
        )
        wanted = arguments.baselines or arguments.splink
        others = compared(arguments.run, truth, splink=arguments.splink) if wanted else {}
        survived = _survival(arguments.previous, members, truth) if arguments.previous else None
        flagged = _flags(arguments.run, arguments.hubs) if arguments.hubs else None
    except (EvaluateError, LegitimateListError, NoSplinkError) as error:
        sys.stderr.write(f"ringtrace evaluate: {error}\n")
        return 2
    if arguments.json:
        told = as_json(result, others, survived, flagged)
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        show(lines(result, others, survived, flagged))
    return 0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise EvaluateError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise EvaluateError(f"{path}: {error.strerror}") from None


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    missing = {"entity_id", *columns} - set(reader.fieldnames or ())
    if missing:
        raise EvaluateError(f"{path}: has no column {', '.join(sorted(missing))}")
    rows = list(reader)
    for number, row in enumerate(rows, 2):
        if None in row.values():
            raise EvaluateError(f"{path}, line {number}: has too few columns")
    return rows


def _truth(path: Path) -> dict[str, str]:
    truth: dict[str, str] = {}
    for row in _rows(path, "operation"):
        entity_id, operation = row["entity_id"], row["operation"]
        if truth.setdefault(entity_id, operation) != operation:
            raise EvaluateError(f"{path}: {entity_id} is in two operations; keep one or neither")
    return truth


def _ids(path: Path | None) -> list[str] | None:
    return [row["entity_id"] for row in _rows(path)] if path else None


def _members(folder: Path) -> pa.Table:
    path = folder / MEMBERS.name
    if not path.is_dir():
        raise EvaluateError(f"{folder}: is no finished run: it has no {MEMBERS.name}/")
    try:
        table = ds.dataset(path, format="parquet", schema=MEMBERS.schema)
        return table.to_table(columns=["entity_id", "cluster_id"])
    except (OSError, pa.ArrowException) as error:
        raise EvaluateError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _survival(previous: Path, members: pa.Table, truth: Mapping[str, str]) -> Survival:
    return survival(truth, _by_entity(_members(previous)), _by_entity(members))


def _flags(run: Path, hubs: Path) -> Flags:
    holders: dict[str, int] = {}
    for row in _rows(hubs, "holders"):
        if not row["holders"].isdecimal():
            raise EvaluateError(f"{hubs}: {row['holders']!r} is no number of operations")
        holders[row["entity_id"]] = int(row["holders"])
    entities = tables.read(run, ENTITIES, ["entity_id", "complaints", "calls", "reason"])
    flagged = entities.filter(pc.starts_with(entities["reason"], HUB))
    often = pc.greater_equal(pc.add(entities["complaints"], entities["calls"]), HUB_RECORDS)
    return flags(
        flagged["entity_id"].to_pylist(), holders, entities.filter(often)["entity_id"].to_pylist()
    )


def _by_entity(members: pa.Table) -> dict[str, str]:
    columns = members["entity_id"].to_pylist(), members["cluster_id"].to_pylist()
    return dict(zip(*columns, strict=True))


HUB = "hub: "
"""How the reason starts of what clustering found to be a hub; no baseline knows that."""


def compared(run: Run, truth: Mapping[str, str], *, splink: bool = False) -> dict[str, Agreement]:
    """Each baseline's agreement with the truth, over every hard link of what may be clustered.

    An identifier that the run did not find counts as a cluster of its own, as for the run itself.
    With `splink` its own clustering is among them.

    Raises:
        NoSplinkError: where that is asked for and not installed.
    """
    entities = tables.read(run, ENTITIES, ["entity_id", "status", "reason"])
    kept = pc.or_(
        pc.equal(entities["status"], str(Status.INFRASTRUCTURE)),
        pc.starts_with(entities["reason"], HUB),
    )
    ids = entities.filter(kept)["entity_id"].combine_chunks()
    columns = ["entity_a", "entity_b", "weight"]
    links = tables.read(run, LINKS, columns, pc.field("strength") == str(Strength.HARD))
    ends = [pc.index_in(links[name], value_set=ids) for name in columns[:2]]
    both = pc.and_(*(pc.is_valid(end) for end in ends))
    a, b = (end.filter(both).to_numpy().astype(np.int64) for end in ends)
    weight = links["weight"].filter(both).to_numpy()
    place = pc.index_in(pa.array(truth, pa.string()), value_set=ids)
    at = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    operation = pa.array(truth.values(), pa.string()).dictionary_encode().indices.to_numpy()
    alone = -1 - np.arange(len(truth))
    labels = dict(baselines(a, b, weight, len(ids)))
    if splink:
        likely = match_probability(weight)
        labels[NAME] = splink_clusters(a, b, likely, len(ids), SPLINK_THRESHOLD)
    return {
        name: compare(operation, np.where(at < 0, alone, np.append(label, -1)[at]))
        for name, label in labels.items()
    }


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    `missing`: identifiers of the truth in no cluster, each counted as a cluster of its own.
    `unjudged`: members that the truth does not know, left out of the scores.
    The harm counts are members: known-legitimate ones, victims' own, and innocents that share a
    cluster with another member; None where no file names them.
    """

    agreement: Agreement
    intervals: Intervals
    clusters: int
    operations: int
    missing: int
    unjudged: int
    known_legitimate: int
    victim_side: int | None
    innocent: int | None


def as_json(
    result: Evaluation,
    others: Mapping[str, Agreement],
    survived: Survival | None,
    flagged: Flags | None = None,
) -> dict[str, object]:
    """The whole evaluation, fit for JSON; baselines and survival only where they were asked for."""
    told: dict[str, object] = asdict(result) | {"agreement": _agreement(result.agreement)}
    if others:
        told["baselines"] = {name: _agreement(one) for name, one in others.items()}
    if survived:
        told["survival"] = asdict(survived)
    if flagged:
        shares = {"precision": flagged.precision, "recall": flagged.recall}
        told["hubs"] = asdict(flagged) | shares
    return told


def _agreement(one: Agreement) -> dict[str, object]:
    told = asdict(one)
    told["pairwise"]["f1"] = one.pairwise.f1
    told["bcubed"]["f1"] = one.bcubed.f1
    return told


def lines(
    result: Evaluation,
    others: Mapping[str, Agreement],
    survived: Survival | None,
    flagged: Flags | None = None,
) -> list[tuple[str, str]]:
    """What is printed: a name and a value a line."""
    return [
        *_lines(result),
        *_survival_lines(survived),
        *_flag_lines(flagged),
        *_baseline_lines(others),
    ]


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


def _flag_lines(flagged: Flags | None) -> list[tuple[str, str]]:
    if flagged is None:
        return []
    return [
        ("called a hub", f"{flagged.flagged}"),
        ("  precision: serve two operations or more", f"{flagged.precision:.4f}"),
        ("  recall of what serves three or more, often seen", f"{flagged.recall:.4f}"),
    ]


def _survival_lines(survived: Survival | None) -> list[tuple[str, str]]:
    if survived is None:
        return []
    return [
        ("operations with a main cluster in both runs", f"{survived.operations}"),
        ("  of these with the same id", f"{survived.kept}"),
    ]


def show(lines: Sequence[tuple[str, str]]) -> None:
    """Print the lines: a table on a terminal, tab-separated elsewhere."""
    if not sys.stdout.isatty():
        for name, value in lines:
            sys.stdout.write(f"{name}\t{value}\n")
        return
    table = Table("measure", "value", title="Agreement with the truth")
    for name, value in lines:
        table.add_row(name, value, style="bold" if name == "B-cubed F1" else None)
    Console().print(table)


NAME = "Splink itself"


INSTALL = "--splink needs the packages of the extra: pip install 'ringtrace[splink]'"


class NoSplinkError(Exception):
    """Splink is not installed; the message says what to do."""


def splink_clusters(
    a: np.ndarray, b: np.ndarray, probability: np.ndarray, nodes: int, threshold: float
) -> np.ndarray:
    """Label of each node by Splink's cluster_pairwise_predictions_at_threshold, on DuckDB.

    Links a, b are matches with these probabilities.

    Raises:
        NoSplinkError: where the packages are missing.
    """
    try:
        import duckdb
        from splink import DuckDBAPI
        from splink.clustering import cluster_pairwise_predictions_at_threshold
    except ImportError:
        raise NoSplinkError(INSTALL) from None
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
