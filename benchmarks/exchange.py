"""Worth of an offer to two companies, against pooled records: `python -m benchmarks.exchange`.

The simulated worlds have 20 rings: four worlds with 2,000 complaints and one with 8,000. There are
four, because a single ring that stays in parts moves a world's score by some hundredths.

Each company runs its own records. Its analyst then confirms every cluster of two or more, and the
run is made again with these decisions. An offer of the first run has identifiers that three people
each report in words of their own. An offer of the second run also has reviewed identifiers. An
offer in reply also has the identifiers that the other company offered first.

Printed are B-cubed F1 over all identifiers of both companies, and the harms: known-legitimate and
victims' identifiers in clusters, and innocents and near misses in shared clusters. The harms in the
offer are counted too, with unreviewed identifiers. `--overlap PEOPLE` prints the time to count the
victims that two sets of PEOPLE share.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import measured
from benchmarks.poisoning.lies import ringtrace_command as ringtrace, trust, write_decisions
from pipelines.commands import evaluate
from reports.exchange import victim_overlap
from schemas.enums import Review
from transforms.extract import allowlist

WORLDS = {2000: (1, 2, 3, 4), 8000: (1,)}
"""The seeds of the worlds by their complaints."""

OPERATIONS = 20

AT = "2026-01-01T00:00:00Z"

ORGS = ("amazon", "microsoft")

KINDS = ("complaints", "calls")


def print_ways(folder: Path, complaints: int, seed: int) -> dict[str, float]:
    """Makes a world in `folder`, runs each way, and prints a line for each; returns their F1."""
    print(f"{complaints} complaints of {OPERATIONS} rings, seed {seed}", flush=True)
    amazon, microsoft = (folder / f"home-{org}" for org in ORGS)
    size = f"--complaints {complaints} --operations {OPERATIONS} --seed {seed}"
    ringtrace(amazon, f"simulate {{folder}}/in {size}", folder=folder)
    for org in (*ORGS, "pooled"):
        batch(folder, org)
    scores = print_scores(folder, *ORGS, "pooled")
    for org in ORGS:
        confirm(folder / org, folder / f"{org}.csv")
        decided = f"--previous {{folder}}/{org} --decisions {{folder}}/{org}.csv"
        batch(folder, org, f"{org}-reviewed", decided)
    trust(amazon, microsoft, "microsoft")
    trust(microsoft, amazon, "amazon")
    ringtrace(
        amazon,
        f"exchange offer {{folder}}/amazon-reviewed --to microsoft --now {AT} "
        "--output {folder}/first-offer",
        folder=folder,
    )
    joint = join_first_offer(folder, microsoft)
    own = "--decisions {folder}/amazon.csv"
    ways = (
        ("joined, no review", "", "", ""),
        ("joined, reviewed", "-reviewed", own, ""),
        ("joined, reviewed, in reply", "-reviewed", own, "--joint {joint}"),
    )
    for hour, (name, suffix, decided, reply) in enumerate(ways, 1):
        offered, offer = folder / f"microsoft{suffix}", folder / f"offer-{hour}"
        moment = AT.replace("T00", f"T{hour:02d}")
        ringtrace(
            microsoft,
            f"exchange offer {{offered}} --to amazon --now {moment} --output {{offer}} {reply}",
            offered=offered,
            offer=offer,
            joint=joint,
        )
        ringtrace(
            amazon,
            f"exchange join {{folder}}/amazon{suffix} {{offer}} {decided} --output {{output}} "
            "--now 2026-01-02T00:00:00Z",
            folder=folder,
            offer=offer,
            output=folder / name,
        )
        scores |= print_scores(folder, name)
        print_offer(folder, offer / "offer.json", [offered, joint] if reply else [offered])
    return scores


def join_first_offer(folder: Path, microsoft: Path) -> Path:
    """Joins Amazon's first offer, and again with an analyst's decisions; returns the second."""
    joint, reviewed = folder / "microsoft-joint", folder / "microsoft-joint-reviewed"
    later = AT.replace("T00", "T01")
    join = (
        "exchange join {folder}/microsoft-reviewed {folder}/first-offer "
        f"--decisions {{folder}}/microsoft.csv --now {later} --output {{output}}"
    )
    ringtrace(microsoft, join, folder=folder, output=joint)
    confirm(joint, folder / "microsoft.csv", moment=later)
    previous = " --previous {previous}"
    ringtrace(microsoft, join + previous, folder=folder, output=reviewed, previous=joint)
    return reviewed


def batch(folder: Path, org: str, name: str = "", options: str = "") -> None:
    """Runs the records of an organisation, or of all for `pooled`; options may name {folder}."""
    source = "*" if org == "pooled" else org
    files = " ".join(f"--{kind} {{folder}}/in/{kind}/{source}.jsonl" for kind in KINDS)
    home = folder / f"home-{org if org in ORGS else ORGS[0]}"
    ringtrace(home, f"batch {files} --output {{folder}}/{name or org} {options}", folder=folder)


def confirm(run: Path, path: Path, moment: str = AT) -> None:
    """Writes the decisions of an analyst who confirms every cluster of two or more in `run`."""
    members = evaluate.read_members(run)
    sizes = Counter(members["cluster_id"].to_pylist())
    first: dict[str, str] = {}
    for member in sorted(members.to_pylist(), key=lambda row: (row["tier"], row["entity_id"])):
        first.setdefault(member["cluster_id"], member["entity_id"])
    # An id of an earlier run would keep its members.
    rows = (
        (f"{run.name} {cluster}", "confirm", entity_id, "")
        for cluster, entity_id in sorted(first.items())
        if sizes[cluster] > 1
    )
    write_decisions(path, moment, rows)


def harm_lists(folder: Path) -> evaluate.HarmLists:
    """Reads what must not leave, from the truth of the world."""
    names = ("victims", "innocents", "near_misses")
    listed = (evaluate.read_ids(folder / "in" / f"{name}.csv") for name in names)
    return evaluate.HarmLists(allowlist.shipped_allowlist(), *listed)


def print_scores(folder: Path, *names: str) -> dict[str, float]:
    """Prints the quality of each run, a line each; returns their B-cubed F1."""
    lists, scores = harm_lists(folder), {}
    for name in names:
        members = evaluate.read_members(folder / name)
        truth = evaluate.read_truth(folder / "in" / "truth.csv")
        quality = evaluate.evaluate(members, truth, lists)
        score, harms = quality.agreement.bcubed, astuple(quality.harm)[:4]
        scores[name] = score.f1
        core = ""
        if quality.tiers:
            core = f"\tcore {quality.tiers.core.precision:.3f}, {quality.tiers.core.recall:.2f}"
        print(f"{name}\tF1 {score.f1:.2f}\tprecision {score.precision:.2f}"
              f"\trecall {score.recall:.2f}{core}\tharms {harms}", flush=True)  # fmt: skip
    return scores


def print_offer(folder: Path, offer: Path, runs: list[Path]) -> None:
    """Prints how much left of the first run in an offer, and the harm in it.

    What an analyst reviewed in any of the runs is reviewed.
    """
    ids = pa.array([entity["entity_id"] for entity in json.loads(offer.read_bytes())["entities"]])
    truth = evaluate.read_truth(folder / "in" / "truth.csv")
    members = [evaluate.read_members(run) for run in runs]
    left = [table.filter(pc.is_in(table["entity_id"], value_set=ids)) for table in members]
    harm = harm_lists(folder).count(left[0])
    reviewed = {
        row["entity_id"]
        for table in left
        for row in table.to_pylist()
        if row["review"] == str(Review.REVIEWED)
    }
    unreviewed = len(set(ids.to_pylist()) - reviewed)
    true = sum(entity_id in truth for entity_id in ids.to_pylist())
    print(f"  left\t{len(ids)} of {members[0].num_rows} members, {true} in the truth\tharms "
          f"{astuple(harm)[:4]}"
          f"\tunreviewed {unreviewed}", flush=True)  # fmt: skip


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Prints how long `work` took; returns what it returned."""
    start = time.perf_counter()
    result = work()
    print(f"{name}\t{time.perf_counter() - start:.1f} s")
    return result


def print_overlap(people: int) -> None:
    """Counts a tenth of `people` numbers that two sets share, through all three letters."""
    session, a, b = bytes(32), victim_overlap.new_secret(), victim_overlap.new_secret()
    asked = [f"+1202{n:07d}" for n in range(people)]
    answered = [f"+1202{n:07d}" for n in range(people - people // 10, 2 * people - people // 10)]
    points = timed("ask", lambda: victim_overlap.request_points(a, session, asked))
    again, tags = timed(
        "answer", lambda: victim_overlap.answer_points(b, session, points, answered)
    )
    shared = timed("count", lambda: victim_overlap.count_shared(a, session, again, tags))
    print(f"{people} against {people}, each letter of {len(points)} elements: {shared} shared")
    if shared != people // 10:
        sys.exit(f"{people // 10} are shared")


def main(words: list[str] | None = None) -> None:
    """Prints both worlds, or how long counting shared victims takes."""
    parser = measured.Parser("benchmarks.exchange", __doc__)
    parser.add_argument("--overlap", metavar="PEOPLE", type=int, help="count shared victims alone")
    options = parser.parse_args(words)
    if options.overlap:
        print_overlap(options.overlap)
        return
    for complaints, seeds in WORLDS.items():
        f1_scores: dict[str, list[float]] = {}
        for seed in seeds:
            with tempfile.TemporaryDirectory() as place:
                for name, score in print_ways(Path(place), complaints, seed).items():
                    f1_scores.setdefault(name, []).append(score)
        for name, scores in f1_scores.items():
            mean = f"F1 {fmean(scores):.2f}, mean of {len(scores)}"
            print(f"{complaints}\t{name}\t{mean}", flush=True)


if __name__ == "__main__":
    main()
