"""README.md and docs/: links lead somewhere, extras exist, the first page is short."""

import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from schemas.enums import RecordKind
from schemas.extras import install_command
from tests.support.real_data import ROOT
from transforms.read.adapters.base import Layout
from transforms.read.adapters.registry import ADAPTERS

TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")

PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").glob("*.md"))]

PACKAGES = ("schemas", "transforms", "reports", "pipelines")

MOST_LINES, MOST_WORDS = 120, 900
"""Of README.md: three screens."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

EXTRAS = PROJECT["project"]["optional-dependencies"]


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    texts = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


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
    named = set()
    for path in [*sources, *PAGES, *(ROOT / "docs/recipes").glob("*.md")]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"EXTRAS=(\w+)|install_command\([\"'](\w+)|extra `(\w+)`", text))
    assert {"referral", "overlap", "kafka"} <= set(chain(*named)) - {""} <= set(EXTRAS)


def test_every_dependency_has_a_bound_above():
    groups = [*EXTRAS.values(), *PROJECT["dependency-groups"].values()]
    build = PROJECT["build-system"]["requires"]
    for requirement in chain(PROJECT["project"]["dependencies"], build, *groups):
        assert re.search(r"<|==", requirement), requirement


def test_the_command_that_installs_an_extra_fits_the_installation(monkeypatch):
    monkeypatch.setattr("sys.prefix", str(ROOT / ".venv"))
    monkeypatch.chdir(ROOT)
    assert install_command("serve") == "make install EXTRAS=serve"
    monkeypatch.chdir("/")
    assert install_command("serve") == f"make -C {shlex.quote(str(ROOT))} install EXTRAS=serve"
    monkeypatch.setattr("sys.prefix", "/elsewhere")
    *_, starlette, uvicorn = shlex.split(install_command("serve"))
    assert (starlette, uvicorn) == ("starlette<2,>=1.0", "uvicorn<1,>=0.30")


def test_operations_lists_every_format():
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition("## Formats it reads")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| (both|complaints|calls) \| .+ \| `([a-z-]+)` \|$", section, re.M))
    names = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}
    known = {
        ("both" if len(adapter.kinds) == 2 else names[min(adapter.kinds)], adapter.name)
        for adapter in ADAPTERS
        if adapter.layout != Layout.EMPTY
    }
    assert rows == known
