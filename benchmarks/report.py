"""How fast the report of 10,000 clusters is written, opened and searched, and how large it is.

`python -m benchmarks.report [CLUSTERS]`; the browser's part needs chromium and chromedriver.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from reports.html import index_page, site
from reports.html.index_page import cluster_table
from reports.run import Run
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


def opening(page: Path) -> dict[str, float]:
    """Milliseconds, the median of `OPENINGS`, of what an analyst waits for."""
    browser = driver.Browser()
    browser.page.add_init_script(_WATCH)
    try:
        taken = sorted(_once(browser, page) for _ in range(OPENINGS))
    finally:
        browser.close()
    return dict(
        zip(("drawn", "ready", "found", "sorted", "paged"), taken[OPENINGS // 2], strict=True)
    )


_MEASURE = """
const done = arguments[0];
const drawn = performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd;
const until = (what) => new Promise((go) => {
  const look = () => (what() ? go(performance.now()) : setTimeout(look, 1));
  look();
});
(async () => {
  const start = performance.now();
  const field = document.getElementById('query');
  field.value = '(888) 000-4242';
  field.dispatchEvent(new Event('input', { bubbles: true }));
  const found = await until(() => document.documentElement.dataset.searched === field.value);
  const sorting = performance.now();
  document.querySelector('[data-column="5"] button').click();
  const sorted = await until(() => document.querySelector('[data-column="5"][aria-sort]'));
  const paging = performance.now();
  for (let n = 0; n < 20; n++) document.getElementById('next').click();
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  const paged = (performance.now() - paging) / 20;
  done([drawn, window.readyAt, found - start, sorted - sorting, paged]);
})();
"""

_WATCH = """
new MutationObserver(() => { window.readyAt ??= performance.now(); })
  .observe(document, { attributes: true, subtree: true, attributeFilter: ['data-ready'] });
"""


def _once(browser: driver.Browser, page: Path) -> list[float]:
    browser.open(page)
    browser.wait("document.documentElement.dataset.ready", 30)
    return browser.run_async(_MEASURE)


def main(clusters: int = CLUSTERS) -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        rows, whole = made_up(clusters)
        run = write_run(folder / "run", rows)
        start = time.perf_counter()
        clusters_shown = cluster_table(run, site.PAGE_LIMIT)
        page = index_page.render_index_page(Run(str(run), whole), clusters_shown)
        took = time.perf_counter() - start
        (folder / "index.html").write_bytes(page)
        print(f"| report, {clusters:,} clusters, {len(rows['entities']):,} identifiers | |")
        print("|---|---|")
        print(f"| complaints that search finds | {len(rows['complaints']):,} |")
        print(f"| index page, written in | {took:.2f} s |")
        print(f"| index page, size | {len(page) / 1e6:.2f} MB |")
        if lacks := driver.missing():
            print(f"| opened | not measured: {lacks} |")
            return
        ms = opening(folder / "index.html")
        print(f"| first rows drawn after | {ms['drawn']:.0f} ms |")
        print(f"| table ready after | {ms['ready']:.0f} ms |")
        print(f"| first search answered in | {ms['found']:.0f} ms |")
        print(f"| sorted in | {ms['sorted']:.0f} ms |")
        print(f"| paged in | {ms['paged']:.1f} ms |")
        start = time.process_time()
        files = report_files(run, whole)
        took = time.process_time() - start
        described = sum(
            name.startswith("report/clusters/c-") for name in files if name[-5:] == ".html"
        )
        print(f"| clusters with a page of their own | {described:,} |")
        print(f"| whole report, {len(files):,} files | {took:.1f} s CPU, {_megabytes(files)} MB |")
        for kind in ("html", "graphml", "gexf", "csv", "stix.json"):
            some = {name: data for name, data in files.items() if name.endswith(kind)}
            print(f"| of it {kind} | {len(some):,} files, {_megabytes(some)} MB |")
        large = files["report/clusters/c-00000000.html"]
        print(f"| page of a cluster of 500 | {len(large) / 1e6:.2f} MB |")


def _megabytes(files: dict[str, bytes]) -> str:
    return f"{sum(map(len, files.values())) / 1e6:.0f}"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
