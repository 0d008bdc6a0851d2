"""`ringtrace demo DIR`: runs on the bundled records and says what to look at in their reports.

The first world is simulated: two companies, each of which sees six rings in pieces. The second has
public FTC complaints: nothing in it may be clustered, and forged numbers must be recognized.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from argparse import Namespace
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from importlib import resources
from itertools import combinations
from pathlib import Path
from shlex import quote
from shutil import which
from typing import NamedTuple

import pyarrow.compute as pc

from pipelines.batch.__main__ import main as batch
from pipelines.commands import evaluate
from pipelines.options import Json, Row, UsageError, all_of, flag, say, switch, system_errors
from pipelines.user_files import read_known_legitimate
from reports.run import Run
from reports.text import plain, quantity
from schemas.enums import Status
from schemas.extras import install_command
from schemas.manifest import MANIFEST_NAME
from transforms.arrow import row_tuples

SIMULATED = "--seed 13 --complaints 300 --operations 6 --days 75"
"""Flags of `ringtrace simulate` that write the bundled two-company world, byte for byte.

The seed was chosen from 1 to 26: both companies are in every cluster, and the largest ring is in
the most pieces before they join their records.
"""

NAME = "ringtrace"

INPUT, FTC, WORLD = "input", "ftc", "two-companies"

COMPANIES = ("amazon", "microsoft")

RUNS = (FTC, WORLD, *COMPANIES)
"""Folders of DIR that are runs. A company's run has only its own records."""

SUFFIXES = (".csv", ".jsonl")

RECIPIENT = "in-cbi"
"""The authority to which the demo's last command refers the ring."""

NAME_WIDTH = 36
"""Width of a cluster's name in the table of clusters, in characters."""


add_arguments = all_of(
    flag("folder", "DIR", "folder to write, new or empty: records and runs", type=Path),
    switch("--overwrite", "replace what an earlier demo wrote there"),
)
"""The flags of `ringtrace demo`."""


def run(arguments: Namespace) -> int:
    """Writes the records, runs on them and prints what was found; returns the exit status.

    Raises:
        UsageError: for a DIR that cannot be written or holds anything else, and if the bundled
            records are missing.
    """
    folder, started = arguments.folder, time.monotonic()
    records = bundled_records()
    with system_errors(folder, "name a folder to write", below=True):
        check_folder(folder, records, overwrite=arguments.overwrite)
        copy_records(records, folder / INPUT)

    world = folder / INPUT / WORLD
    say("1. Two companies: simulated complaints and calls about six rings")
    views = ((WORLD, ""), *((company, f"{company}.jsonl") for company in COMPANIES))
    for name, files in views:
        if name == COMPANIES[0]:
            say("", "The same for each company alone, to see what only both together show")
        if status := _batch(folder / name, **_inputs(folder, files)):
            return status
    joint, *alone = (Run.open(folder / name) for name, _ in views)
    clusters = joint_clusters(joint, dict(zip(COMPANIES, alone, strict=True)))
    say(*world_summary(joint, clusters), "", *truth_lines(folder / WORLD, world))

    say("", "2. Public complaints: three excerpts of records that the FTC released")
    if status := _batch(folder / FTC, complaints=folder / INPUT / FTC / "*.csv"):
        return status
    say(*ftc_summary(Run.open(folder / FTC)))

    say("", *what_to_look_at(folder, clusters[0]))
    say("", f"Done in {time.monotonic() - started:.0f} s.")
    return 0


def bundled_records() -> dict[str, bytes]:
    """Reads the records that ringtrace ships with, by path below the folder of records.

    Raises:
        UsageError: if they were not installed.
    """
    source = Path(str(resources.files("pipelines") / "demo_data"))
    paths = [path for path in source.rglob("*") if path.suffix in SUFFIXES]
    if not paths:
        raise UsageError(f"{source}: the records of the demo are missing; install ringtrace again")
    return {path.relative_to(source).as_posix(): path.read_bytes() for path in sorted(paths)}


def check_folder(folder: Path, records: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Checks that a folder is empty, or with `overwrite` holds only what a demo wrote.

    Raises:
        UsageError: if not, or if it is a file.
        OSError: if it cannot be read.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder, new or empty")
    # A killed run leaves its lock and its unfinished folder; the next run removes them.
    unfinished = tuple(f".{name}." for name in RUNS)
    redacted = {f"{name}-redacted" for name in RUNS}  # of `ringtrace report RUN --redact`; kept
    rest = {
        path.name for path in folder.iterdir() if not path.name.startswith(unfinished)
    } - redacted
    if not rest:
        return
    foreign = sorted(rest - {INPUT, *RUNS})
    if not foreign and INPUT not in rest:
        foreign = sorted(rest)  # runs without the demo's records belong to the user
    inside = folder / INPUT
    files = {str(path.relative_to(inside)) for path in inside.rglob("*") if not path.is_dir()}
    foreign += [f"{INPUT}/{name}" for name in sorted(files - set(records))]
    foreign += [name for name in RUNS if _is_no_run(folder / name)]
    if foreign:
        raise UsageError(
            f"{folder}: has {foreign[0]} in it, which no demo wrote; name a folder, new or empty"
        )
    if not overwrite:
        raise UsageError(f"{folder}: contains an earlier demo; give --overwrite, or another folder")


def copy_records(records: Mapping[str, bytes], folder: Path) -> None:
    """Writes the records below `folder`; raises OSError where it cannot."""
    for name, content in records.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def ftc_summary(run: Run) -> list[str]:
    """Returns what the run on the FTC's records found, a line each."""
    count = run.manifest["counts"]["complaints"]
    phones = run.table(
        "entities",
        ["entity_id", "kind", "complaints", "orgs", "status", "reason"],
        pc.field("kind") == "phone",
    )
    infrastructure = phones.filter(pc.equal(phones["status"], str(Status.INFRASTRUCTURE)))
    several = pc.greater(pc.list_value_length(infrastructure["orgs"]), 1)
    shared = infrastructure.filter(several).sort_by("entity_id")
    known = phones.filter(pc.equal(phones["status"], str(Status.SUPPRESSED)))
    most = known.sort_by([("complaints", "descending"), ("entity_id", "ascending")]).slice(0, 3)
    return [
        "",
        f"{count['read']:,} complaints read: {count['accepted']:,} accepted, "
        f"{count['duplicates']:,} duplicates, {count['rejected']:,} rejected",
        f"{phones.num_rows:,} phone numbers: {infrastructure.num_rows:,} used by scammers, "
        f"{known.num_rows:,} known legitimate and suppressed, the rest only caller ids or mentions",
        "",
        "Recordings of robocalls ask to call these back, and consumers complained about them:",
        *(f"  {_number(row)}  in {row['complaints']} reports" for row in shared.to_pylist()),
        "",
        "Spoofed, and never to be referred:",
        *(
            f"  {_number(row)}  in {row['complaints']} reports: {row['reason']}"
            for row in most.to_pylist()
        ),
    ]


class JointCluster(NamedTuple):
    """A cluster of the two-company run, and its parts that each company alone sees.

    Attributes:
        row: its row in clusters/.
        parts: by company, the number of members in each cluster of the company's own run, largest
            first.
        core: the member with the most independent reports.
        pair: two members that both companies know but neither alone clusters together, if any.
    """

    row: Row
    parts: Mapping[str, tuple[int, ...]]
    core: str
    pair: tuple[str, str] | None


def joint_clusters(joint: Run, alone: Mapping[str, Run]) -> list[JointCluster]:
    """Returns clusters of at least two members that every company reported, largest first.

    Args:
        joint: the run on all records.
        alone: by company, the run on only its records.
    """
    members: defaultdict[str, list[Json]] = defaultdict(list)
    for row in joint.table("members").sort_by("entity_id").to_pylist():
        members[row["cluster_id"]].append(row)
    cluster_of = {org: _cluster_of(run) for org, run in alone.items()}
    clusters = []
    for row in joint.table("clusters", where=pc.field("size") > 1).to_pylist():
        if set(alone) <= set(row["orgs"]):
            rows = members[row["cluster_id"]]
            ids = [member["entity_id"] for member in rows]
            core = max(rows, key=lambda member: int(member["robustness"]))["entity_id"]
            parts = {org: _parts(ids, known) for org, known in cluster_of.items()}
            clusters.append(JointCluster(row, parts, core, _pair(ids, list(cluster_of.values()))))
    return sorted(clusters, key=lambda cluster: (-cluster.row["size"], cluster.row["cluster_id"]))


def world_summary(joint: Run, clusters: Sequence[JointCluster]) -> list[str]:
    """Returns what the run on both companies' records found, a line each."""
    counts = joint.manifest["counts"]
    complaints, calls = (counts[kind]["accepted"] for kind in ("complaints", "calls"))
    linked = joint.table("clusters", ["size"], pc.field("size") > 1).num_rows
    largest, row = clusters[0], clusters[0].row
    companies = _and([org.title() for org in largest.parts])
    table = [
        ("cluster", "identifiers", "victims in", *(f"{o.title()} alone" for o in largest.parts))
    ]
    table += [
        (
            _short(cluster.row["name"]),
            str(cluster.row["size"]),
            " ".join(_countries(cluster.row)),
            *(
                f"{sum(parts)} in {quantity(len(parts), 'part')}"
                for parts in cluster.parts.values()
            ),
        )
        for cluster in clusters
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "",
        f"{complaints:,} complaints and {calls:,} calls: {quantity(linked, 'cluster')} of two "
        f"identifiers or more, {len(clusters)} of them seen by {companies}",
        "",
        *("  " + "  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table),
        "",
        f"The largest is {plain(row['name'])}, {row['cluster_id']}:",
        f"{row['size']} identifiers that {row['victims']} victims in {_and(_countries(row))} "
        "named.",
        *(f"{org.title()} alone knows {_in_parts(parts)}." for org, parts in largest.parts.items()),
        "Only the records of both show that these are one ring.",
    ]


def truth_lines(run: Path, world: Path) -> list[str]:
    """Returns how the clusters of `run` compare with the truth of the simulated `world`."""
    truth = world / "truth.csv"
    listed = (evaluate.read_ids(world / f"{name}.csv") for name in ("victims", "innocents"))
    known = read_known_legitimate([str(world / "legitimate.csv")])
    score = evaluate.evaluate(
        evaluate.read_members(run), evaluate.read_truth(truth), evaluate.HarmLists(known, *listed)
    )
    harm = score.harm
    split, merged, bcubed = score.agreement.split, score.agreement.merged, score.agreement.bcubed
    return [
        _shown("evaluate", str(run), str(truth)),
        "",
        f"The truth has {score.operations} rings: {score.operations - split} are whole in one "
        f"cluster, {split} in several; {quantity(merged, 'cluster')} with more than one ring.",
        f"B-cubed precision {bcubed.precision:.2f}, recall {bcubed.recall:.2f}, "
        f"F1 {bcubed.f1:.2f} (1 is perfect).",
        f"In a cluster by mistake: {harm.known_legitimate} legitimate identifiers, "
        f"{harm.victim_side} of victims, {harm.innocent} of innocents.",
    ]


def what_to_look_at(folder: Path, largest: JointCluster) -> list[str]:
    """Returns the pages to open, their content, and the commands that refer the ring."""
    ftc, world = (folder.resolve() / name / "report" / "index.html" for name in (FTC, WORLD))
    row, typed, run = largest.row, _typed(), quote(str(folder / WORLD))
    decisions, confirmed, referral = (
        quote(f"{folder}-{name}") for name in ("decisions.csv", "confirmed", "referral")
    )
    records = " ".join(f"--{kind} {quote(str(path))}" for kind, path in _inputs(folder).items())
    pair = " ".join(map(quote, largest.pair or ("ID", "ID")))
    return [
        "Open this page in a browser, the ring that only both companies see:",
        "",
        f"  {world}",
        f'    "Clusters": open {plain(row["name"])}',
        f"    ({row['size']} members). Its graph shows what ties them: click an identifier for",
        "    the evidence. Its timeline shows how the ring replaced its numbers.",
        "",
        "Then the FTC's records. They have no cluster, because a caller id can be forged and ties",
        "nothing:",
        "",
        f"  {ftc}",
        '    "Shared": numbers that recordings ask to call back, and who else',
        '    reported them. "Suppressed": real lines that scammers forged.',
        "",
        "Why two identifiers are in one cluster that neither company alone ties, down to the",
        "records:",
        "",
        f"$ {typed} explain {run} {pair}",
        "",
        "To confirm this ring and seal it for an authority, first install the extra referral:",
        f"{install_command('referral')}",
        "",
        f"$ {typed} decide {run} confirm {quote(largest.core)} --decisions {decisions} "
        "--author 'Your Name' --reason 'Read its evidence'",
        f"$ {typed} batch {records} --previous {run} --decisions {decisions} --output {confirmed}",
        f"$ {typed} referral {confirmed} --cluster {row['cluster_id']} "
        f"--recipient {RECIPIENT} {records} --decisions {decisions} --output {referral}",
    ]


def _inputs(folder: Path, files: str = "") -> dict[str, Path]:
    """Returns the companies' record files by option; `files` limits them to files of that name."""
    return {kind: folder / INPUT / WORLD / kind / files for kind in ("complaints", "calls")}


def _batch(output: Path, **inputs: Path) -> int:
    """Prints a command `ringtrace batch` and runs it; returns its exit status."""
    flags = [word for kind, path in inputs.items() for word in (f"--{kind}", str(path))]
    flags += ["--output", str(output), "--overwrite"]
    say("", _shown("batch", *flags))
    return batch(flags)


def _is_no_run(folder: Path) -> bool:
    if not folder.is_dir():
        return folder.exists() or folder.is_symlink()
    return not (folder / MANIFEST_NAME).is_file() and any(folder.iterdir())


def _cluster_of(run: Run) -> dict[str, str]:
    return dict(row_tuples(run.table("members", ["entity_id", "cluster_id"])))


def _parts(members: Sequence[str], cluster_of: Mapping[str, str]) -> tuple[int, ...]:
    counted = Counter(cluster_of[member] for member in members if member in cluster_of)
    return tuple(sorted(counted.values(), reverse=True))


def _pair(members: Sequence[str], views: Sequence[Mapping[str, str]]) -> tuple[str, str] | None:
    """Returns the first two members that every view knows and no view clusters together."""
    known = [member for member in members if all(member in view for view in views)]
    for a, b in combinations(known, 2):
        if all(view[a] != view[b] for view in views):
            return a, b
    return None


def _in_parts(parts: Sequence[int]) -> str:
    if len(parts) < 2:
        return f"{sum(parts)} of them"
    return f"{sum(parts)} of them, in {len(parts)} parts of at most {parts[0]}"


def _countries(row: Row) -> list[str]:
    return [country["country"] for country in row["countries"] or ()]


def _number(row: Row) -> str:
    return str(row["entity_id"]).partition(":")[2]


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _short(name: str) -> str:
    """Returns a name, cut in the middle if it is too long for the table."""
    shown = plain(name)
    half = NAME_WIDTH // 2
    return shown if len(shown) <= NAME_WIDTH else f"{shown[: half - 1]}…{shown[-half:]}"


def _shown(*words: str) -> str:
    """Returns a command as it can be typed here."""
    return f"$ {_typed()} {shlex.join(words)}"


def _typed() -> str:
    """Returns the command that calls ringtrace here: a checkout is not on the PATH."""
    called = sys.argv[0]
    return quote(called if Path(called).name == NAME and which(NAME) is None else NAME)
