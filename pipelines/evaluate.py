"""`ringtrace evaluate RUN TRUTH_CSV`: how well a run's clusters agree with known truth."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines.baselines import HUB, compared
from pipelines.evaluation import Evaluation, as_json, lines, show
from pipelines.splink_clusters import NoSplinkError
from reports import tables
from schemas import epoch
from schemas.tables import ENTITIES, MEMBERS
from transforms.graph.communities import HUB_RECORDS
from transforms.identify import legitimate
from transforms.identify.legitimate import LegitimateListError
from transforms.scoring import metrics
from transforms.scoring.flags import Flags, flags
from transforms.scoring.intervals import intervals
from transforms.scoring.survival import Survival, survival


class EvaluateError(ValueError):
    """A run or a file that cannot be evaluated; the message is one line for its user."""


def evaluate(
    members: pa.Table,
    truth: dict[str, str],
    known: legitimate.KnownLegitimate,
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
        agreement=metrics.compare(*labels),
        intervals=intervals(*labels),
        clusters=pc.count_distinct(members["cluster_id"]).as_py(),
        operations=len(operations.dictionary),
        missing=place.null_count,
        unjudged=members.num_rows - (len(truth) - place.null_count),
        known_legitimate=_known(members, known),
        victim_side=None if victims is None else _within(members, victims),
        innocent=None if innocents is None else _within(_shared_clusters(members), innocents),
    )


def _known(members: pa.Table, known: legitimate.KnownLegitimate) -> int:
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
        known = legitimate.shipped()
        if arguments.known_legitimate:
            path: Path = arguments.known_legitimate
            known = known.merged(legitimate.load(_text(path), str(path)))
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
