"""The pictures of the README, the guide and docs/referral.md: `python -m tests.browser.pictures`.

They are of runs that anyone can repeat: a simulated world of two companies, with the run of the day
before and two decisions, and the public FTC records of examples/. Needs a Chromium
(tests/browser/driver.py).
"""

from __future__ import annotations

import csv
import io
import os
import sys
import tempfile
from pathlib import Path
from time import sleep

import pyarrow.compute as pc
import pypdfium2
from PIL import Image

from pipelines import cli, key_store
from pipelines.batch.__main__ import main as batch
from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from schemas.decision import DECISION
from schemas.tables import CLUSTERS
from tests.browser.driver import Browser, missing
from tests.support.run_pipeline import table_rows

PLACE = Path("docs/img")

WIDTH, HEIGHT = 1440, 900

COLOURS = 256
"""Of a palette: a page of text and a few colours needs no more, and a third of the bytes."""

READY = "document.documentElement.dataset.ready"

PAGE_WIDTH, GAP = 640, 10

YESTERDAY = "2025-06-20T00:00:00Z"


def two_companies(folder: Path) -> Path:
    """A run of a simulated world that follows the run of some days before."""
    os.environ[key_store.HOME_VARIABLE] = str(folder / "home")
    simulate(World(seed=1, complaints=3_000, operations=60), folder / "world")
    inputs = [f"--{kind}={folder / 'world' / kind}" for kind in ("complaints", "calls")]
    _run(*inputs, f"--as-of={YESTERDAY}", f"--output={folder / 'first'}")
    first = _ranked(folder / "first")
    with (folder / "decisions.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(DECISION.names)
        for number, (kind, row) in enumerate(zip(("confirm", "dispute"), first, strict=False)):
            bridge = row["weakest_bridges"][0]["entity_a"]
            told = [f"D-{number + 1}", kind, bridge, "", "a.analyst", "Seen in the panel's export"]
            rows.writerow([*told, "2025-06-21T00:00:00Z", ""])
    after = [f"--previous={folder / 'first'}", f"--decisions={folder / 'decisions.csv'}"]
    _run(*inputs, *after, f"--output={folder / 'second'}")
    return folder / "second"


def ftc(folder: Path) -> Path:
    """A run of the public records that ship with the project."""
    _run("--complaints=examples/*.csv", f"--output={folder / 'ftc'}")
    return folder / "ftc"


def referral(folder: Path) -> bytes:
    """Three pages of a package: its cover, the link chart, and what speaks against it."""
    run, package = folder / "second", folder / "package"
    confirmed = table_rows(run, CLUSTERS, pc.field("status") == "confirmed")
    (cluster,) = {row["cluster_id"] for row in confirmed}
    words = ["referral", run, "--cluster", cluster, "--recipient", "in-cbi", "--output", package]
    words += [f"--{kind}={folder / 'world' / kind}" for kind in ("complaints", "calls")]
    words += ["--decisions", folder / "decisions.csv", "--now", "2025-07-01T00:00:00Z"]
    words += ["--override-by", "Ada Cole", "--override-reason", "bridges looked at by hand"]
    if cli.main([str(word) for word in words]):
        raise SystemExit("a referral failed")
    document = pypdfium2.PdfDocument(package / "data/referral.pdf")
    texts = [page.get_textpage().get_text_range() for page in document]
    wanted = ("Criminal referral", ". Links between the identifiers", ". What speaks against it")
    shown = [
        document[
            next(
                place for place, text in enumerate(texts) if word in text and (place or not number)
            )
        ]
        for number, word in enumerate(wanted)
    ]
    pages = [page.render(scale=PAGE_WIDTH / page.get_width()).to_pil() for page in shown]
    height = max(page.height for page in pages) + 2 * GAP
    whole = Image.new("RGB", (len(pages) * (PAGE_WIDTH + GAP) + GAP, height), "#98a1a9")
    for number, page in enumerate(pages):
        whole.paste(page, (GAP + number * (PAGE_WIDTH + GAP), GAP))
    held = io.BytesIO()
    whole.save(held, "PNG")
    return held.getvalue()


def _run(*flags: str) -> None:
    if batch(flags):
        raise SystemExit("a run failed")


def _ranked(run: Path) -> list[dict]:
    """Clusters with a bridge that are large enough to see and small enough to read."""
    rows = table_rows(run, CLUSTERS)
    shown = [row for row in rows if 15 <= row["size"] <= 45 and row["weakest_bridges"]]
    return sorted(shown, key=lambda row: (-row["priority"], row["cluster_id"]))


def _shown(browser: Browser, run: Path, fragment: str) -> bytes:
    browser.open(run / "report" / "index.html", fragment)
    browser.page.reload()
    browser.wait(READY)
    if "?map=" in fragment:
        browser.wait("document.querySelector('.world circle')")
    if fragment.endswith("tab=graph"):
        browser.wait("document.documentElement.dataset.graph")
        sleep(0.5)  # labels are drawn once the graph stands still
    return browser.screenshot()


def _compared(browser: Browser, run: Path, cluster: str) -> bytes:
    """A cluster beside the first that is close to it and has several members."""
    _shown(browser, run, cluster.replace("#/c/", "#/compare?a="))
    browser.wait("document.querySelector('.plain a')")
    names = browser.texts(".plain a")
    rows = table_rows(run, CLUSTERS)
    sizes = {row["name"].split()[0]: row["size"] for row in rows}
    place = max(range(len(names)), key=lambda place: sizes.get(names[place].split()[0], 0))
    browser.page.locator(".plain a").nth(place).click()
    browser.wait("document.querySelector('.pair')")
    return browser.screenshot()


def _asked(browser: Browser, run: Path, cluster: str) -> bytes:
    """The question before a confirmation."""
    _shown(browser, run, cluster)
    browser.press("c")
    browser.type("#author", "Ada Cole")
    browser.type("#reason", "Two banks name these numbers together")
    return browser.screenshot()


def _small(picture: bytes) -> bytes:
    held = io.BytesIO()
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    palette = whole.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(held, "PNG", optimize=True)
    return held.getvalue()


def main() -> int:
    """Write the pictures, and say how large each is."""
    if lacks := missing():
        sys.stderr.write(f"{lacks}\n")
        return 1
    with tempfile.TemporaryDirectory() as held:
        made, real = two_companies(Path(held)), ftc(Path(held))
        cluster = f"#/c/{_ranked(made)[0]['cluster_id']}"
        browser = Browser(WIDTH, HEIGHT)
        try:
            pictures = {
                "queue.png": _shown(browser, made, "#/queue"),
                "workbench.png": _shown(browser, made, cluster),
                "cluster.png": _shown(browser, made, f"{cluster}?tab=graph"),
                "places.png": _shown(browser, made, "#/places"),
                "regions.png": _shown(browser, real, "#/places?map=US"),
                "compare.png": _compared(browser, made, cluster),
                "decide.png": _asked(browser, made, cluster),
                "ftc.png": _shown(browser, real, "#/shared"),
                "referral.png": referral(Path(held)),
            }
        finally:
            browser.close()
    for name, picture in pictures.items():
        content = _small(picture)
        (PLACE / name).write_bytes(content)
        sys.stdout.write(f"{PLACE / name}: {len(content) / 1000:.0f} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
