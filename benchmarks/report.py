"""Time and size of a report of 10,000 clusters: written, opened and searched.

`python -m benchmarks.report [CLUSTERS]` needs a Chromium for the browser's part. `--share N ...`
prints the report's share of a run's CPU, on a single processor, for a simulated world of N
complaints (`benchmarks.worlds`). Each world is run twice with its report and twice without, in
turn. The CPU within `write_report` is measured too, since the machine's other work affects it less.
"""

from __future__ import annotations

import random
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks import measured
from benchmarks.batch import Observed, observe
from benchmarks.worlds import world
from schemas.manifest import Manifest
from tests.browser import driver
from tests.support.report_tables import (
    START,
    cluster,
    complaint,
    entity,
    lineage,
    link,
    manifest,
    member,
    mention,
    write_run,
)
from tests.support.written_report import report_files

CLUSTERS = 10_000

OPENINGS = 7

BRANDS = ("Amazon", "Microsoft", "PayPal", "Norton", "Geek Squad")

COUNTRIES = ("US", "GB", "DE", "CA", "AU", "ES")


def made_up(clusters: int) -> tuple[dict[str, list[dict]], Manifest]:
    """Clusters of two organisations, five members and ten complaints each on average.

    The first has 500 members.
    """
    chance = random.Random(7)
    names = ("entities", "members", "clusters", "mentions", "complaints", "links", "lineage")
    rows: dict[str, list[dict]] = {name: [] for name in names}
    serial = 0
    for number in range(clusters):
        cluster_id = f"c-{number * 2654435761 % 2**32:08x}"
        size = 500 if number == 0 else 1 + int(chance.expovariate(1 / 4))
        orgs = [["amazon", "microsoft"], ["amazon"], ["microsoft"]][number % 3]
        first = START + timedelta(hours=chance.randrange(24 * 180))
        last = first + timedelta(days=chance.randrange(1, 60))
        ids: list[str] = []
        for place in range(size):
            serial += 1
            kind = chance.random()
            value = f"domain:refund-{serial}.support" if kind < 0.3 else f"phone:+1888{serial:07d}"
            value = value if kind < 0.8 else f"remote:anydesk:{100000000 + serial}"
            if place:
                near = ids[max(0, place - chance.randrange(1, 12))]
                rows["links"].append(link(value, near, weight=1 + chance.random() * 5))
            ids.append(value)
            seen = {"first_seen": first, "last_seen": last, "complaints": chance.randrange(1, 40)}
            rows["entities"].append(entity(value, orgs=orgs, **seen))
            rows["members"].append(member(value, cluster_id))
        for _ in range(2 * size):
            record = f"CO{len(rows['complaints']):09d}"
            org = chance.choice(orgs)
            rows["complaints"].append(complaint(record, source_org=org, received_at=first))
            named = chance.choice(ids)
            rows["mentions"].append(mention(named, record, source_org=org, observed_at=first))
        rows["lineage"].append(lineage(cluster_id, event=("born", "grew", "unchanged")[number % 3]))
        rows["clusters"].append(
            cluster(
                cluster_id,
                name=f"{ids[0].partition(':')[2]} ({BRANDS[number % 5].lower()})",
                size=size,
                complaints=2 * size,
                victims=2 * size,
                orgs=orgs,
                brands=[BRANDS[number % 5], BRANDS[(number + 2) % 5]],
                countries=[{"country": COUNTRIES[number % 6], "complaints": 2 * size}],
                losses=[{"currency": "USD", "amount": Decimal(size * 731), "complaints": size}],
                first_seen=first,
                last_seen=last,
                priority=100 * (1 - number / clusters),
            )
        )
    accepted = len(rows["complaints"])
    counts = {"read": accepted, "accepted": accepted, "duplicates": 0, "rejected": 0}
    none = dict.fromkeys(counts, 0)
    return rows, manifest(counts={"complaints": counts, "calls": none})


_MEASURE = """
const done = arguments[1];
const until = (what) => new Promise((go) => {
  const look = () => (what() ? go(performance.now()) : setTimeout(look, 1));
  look();
});
const page = document.documentElement.dataset;
const painted = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
(async () => {
  const ready = await until(() => document.querySelector("tbody tr") && performance.now());
  await painted();
  let start = performance.now();
  const field = document.getElementById("query");
  field.value = "(888) 000-4242";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  const found = (await until(() => page.searched === field.value)) - start;
  start = performance.now();
  location.hash = arguments[0];
  await until(() => page.ready === location.hash);
  await painted();
  const cluster = performance.now() - start;
  start = performance.now();
  location.hash = `${arguments[0]}?tab=graph`;
  await until(() => page.graph);
  await painted();
  done([ready, found, cluster, performance.now() - start]);
})();
"""


def opening(page: Path, cluster_id: str) -> list[tuple[str, float]]:
    """Returns medians, in milliseconds, of what an analyst waits for."""
    browser = driver.Browser(1440, 900)
    taken = []
    try:
        for _ in range(OPENINGS):
            browser.fresh()
            browser.size(1440, 900)
            browser.open(page)
            taken.append(browser.run_async(_MEASURE, f"#/c/{cluster_id}"))
    finally:
        browser.close()
    names = ("queue drawn", "first search answered", "cluster of 500 drawn", "its graph drawn")
    medians = [sorted(times)[OPENINGS // 2] for times in zip(*taken, strict=True)]
    return list(zip(names, medians, strict=True))


def share(complaints: int) -> str:
    """Returns a row: what runs with a report and without took, its share, files and bytes."""
    runs = dict[bool, list[Observed]]({True: [], False: []})
    with tempfile.TemporaryDirectory() as scratch:
        for report in (True, False) * 2:
            output = Path(scratch, f"run-{report}")
            timed = ["pipelines.batch.pipeline:write_report"] if report else []
            taken = observe(world(complaints), output, *timed, report=report, one_processor=True)
            runs[report].append(taken)
        files = [file for file in Path(scratch, "run-True").rglob("*") if file.is_file()]
        sizes = {True: 0, False: 0}
        for file in files:
            top = file.relative_to(scratch).parts[1]
            sizes[top in ("report", "graph")] += file.stat().st_size
    within = sum(sum(run.seconds) for run in runs[True]) / 2
    cpu = {report: sum(run.used.cpu for run in taken) / 2 for report, taken in runs.items()}
    peak = {report: max(run.used.peak for run in taken) for report, taken in runs.items()}
    return (
        f"| {complaints:,} | {cpu[True]:.1f} | {cpu[False]:.1f} | {1 - cpu[False] / cpu[True]:.1%} "
        f"| {within:.2f} | {within / cpu[True]:.1%} "
        f"| {peak[True]:,.0f} | {peak[False]:,.0f} | {len(files)} "
        f"| {sizes[True] / 1e6:.1f} | {sizes[False] / 1e6:.1f} |"
    )


def main(words: list[str] | None = None) -> None:
    """Prints one table."""
    parser = measured.Parser("benchmarks.report", __doc__)
    parser.add_argument("clusters", metavar="CLUSTERS", type=int, nargs="?", default=CLUSTERS)
    parser.add_argument(
        "--share", metavar="N", type=int, nargs="+", help="its share of a run's CPU"
    )
    options = parser.parse_args(words)
    if options.share:
        print(
            "| complaints | CPU, s | without | share | report | share "
            "| MiB | without | files | MB | others, MB |"
        )
        print("|---" * 11 + "|")
        for complaints in options.share:
            print(share(complaints), flush=True)
        return
    opened(options.clusters)


def opened(clusters: int) -> None:
    """Prints how long the report of made-up clusters takes to be written and opened."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows, whole = made_up(clusters)
        run = write_run(folder / "run", rows)
        start = time.process_time()
        files = report_files(run, whole)
        took = time.process_time() - start
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        print("| what | measured |\n|---|---|")
        print(f"| clusters, identifiers | {clusters:,}, {len(rows['entities']):,} |")
        megabytes = sum(map(len, files.values())) / 1e6
        print(
            f"| report and graph | {took:.1f} s of CPU, {len(files):,} files, {megabytes:.1f} MB |"
        )
        for name, ms in opening(
            folder / "report" / "index.html", rows["clusters"][0]["cluster_id"]
        ):
            print(f"| {name} | {ms:,.0f} ms |")


if __name__ == "__main__":
    main()
