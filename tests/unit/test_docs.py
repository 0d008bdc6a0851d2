"""README.md and docs/: links lead somewhere, extras exist, the first page is short."""

import re
import tomllib
from pathlib import Path

import pytest

from schemas.enums import RecordKind
from tests.support.real_data import ROOT
from transforms.read.adapters.base import Layout
from transforms.read.adapters.registry import ADAPTERS

TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")

PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").glob("*.md"))]

PACKAGES = ("schemas", "transforms", "reports", "pipelines")

MOST_LINES, MOST_WORDS = 120, 900
"""Of README.md: three screens."""

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    texts = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", one) for one in headings]
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in texts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_readme_fits_three_screens():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.sub(r"!\[[^]]*\]\([^)]*\)", "", text))
    assert len(shown.splitlines()) <= MOST_LINES
    assert len(re.findall(r"[^\s|#`*]*\w[^\s|#`*]*", shown)) <= MOST_WORDS


def test_an_extra_that_is_to_be_installed_exists():
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    for folder in ("benchmarks", "tools"):
        sources += (ROOT / folder).rglob("*.py")
    sources += PAGES
    named = set()
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "pip install 'ringtrace" not in text, f"{path}: no such package on PyPI"
        named |= set(re.findall(r"'[\w.]*\[([a-z,]+)\]'", text))
    assert {"referral", "overlap", "kafka", "remote"} <= named <= set(EXTRAS)


def test_dev_has_the_extras_that_tests_need():
    """All but what another environment holds: gcp for Dataflow, bench for the benchmarks."""
    (own,) = (one for one in EXTRAS["dev"] if one.startswith("ringtrace["))
    named = set(own.removeprefix("ringtrace[").removesuffix("]").split(","))
    assert named == set(EXTRAS) - {"dev", "gcp", "bench"}


def test_operations_lists_every_format():
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("## Formats it reads")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| (both|complaints|calls) \| .+ \| `([a-z-]+)` \|$", section, re.M))
    names = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}
    known = {
        ("both" if len(one.kinds) == 2 else names[min(one.kinds)], one.name)
        for one in ADAPTERS
        if one.layout != Layout.EMPTY
    }
    assert rows == known
