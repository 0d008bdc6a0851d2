import base64
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from reports.index import CLUSTER_LIMIT, MEMBER_LIMIT, SUPPRESSED_LIMIT, render
from tests.reports.made_up import (
    cluster,
    complaint,
    entity,
    manifest,
    member,
    mention,
    reject,
    supplier,
    world,
    write_run,
)

VOID = {"meta", "br"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\u202e\u2066evil\u2069\x00\x1b[31m",
    '" onmouseover="alert(1)',
    '=HYPERLINK("http://evil.example")',
    "{{ 7 * 7 }}{% raw %}",
    "x" * 1_000_000,
]


class Page(HTMLParser):
    """Collects elements and text; fails on an element that is not closed in order."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def hostile_run(folder):
    rows = {"entities": [], "mentions": [], "members": [], "clusters": [], "suppliers": []}
    for number, evil in enumerate(HOSTILE):
        entity_id, cluster_id = f"domain:{number}{evil}", f"c-{number}{evil}"
        orgs = [evil, f"other{evil}"]
        rows["entities"] += [
            entity(entity_id, orgs=orgs, region=evil, line_type=evil),
            entity(f"url:{number}{evil}", status="suppressed", reason=evil, orgs=orgs),
        ]
        rows["mentions"] += [mention(entity_id, evil, source_org=org, raw=evil) for org in orgs]
        rows["members"].append(member(entity_id, cluster_id))
        rows["suppliers"].append(supplier(f"trunk:{evil}", cluster_id))
        rows["clusters"].append(
            cluster(
                cluster_id,
                name=evil,
                orgs=orgs,
                brands=[evil] * 9,
                status=evil,
                countries=[{"country": evil, "complaints": 1}],
                losses=[{"currency": evil, "amount": Decimal(1), "complaints": 1}],
                weakest_bridges=[
                    {"entity_a": evil, "entity_b": evil, "weight": 1.0, "smaller_side": 1}
                ],
            )
        )
    rows["complaints"] = [complaint("A-1", narrative="SECRET NARRATIVE " + HOSTILE[-1])]
    rows["rejects"] = [reject(1, field=HOSTILE[0], raw="SECRET ROW", message="m")]
    inputs = [
        {"name": evil, "kind": evil, "format": evil, "bytes": 1, "sha256": "0" * 64, "rows": 1}
        for evil in HOSTILE
    ]
    whole = manifest(
        run_id=HOSTILE[0],
        options={"complaints": HOSTILE},
        inputs=inputs,
        tallies={evil: {evil: 1} for evil in HOSTILE},
        alarms=[{"code": evil, "message": evil} for evil in HOSTILE],
        versions=dict.fromkeys(HOSTILE, HOSTILE[1]),
    )
    return write_run(folder, rows), whole


def test_same_tables_same_bytes_however_they_are_cut(tmp_path):
    rows, whole = world(40)
    pages = {
        render(write_run(tmp_path / str(cut), rows, cut), json.loads(json.dumps(whole)))
        for cut in (1, 2, 5)
    }
    assert len(pages) == 1


def test_hostile_text_stays_text(tmp_path):
    html = render(*hostile_run(tmp_path / "r"))
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "link"}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert {a["href"][0] for _, a in page.elements if "href" in a} == {"#"}
    assert all(c.isprintable() or c in "\n\u202f" for c in html)
    assert "<script>alert(1)</script>" in page.text
    assert "U+202E" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert len(html) < 200_000
    assert "SECRET" not in html


def test_ids_are_unique_and_links_lead_somewhere(tmp_path):
    page = Page(render(*hostile_run(tmp_path / "r")))
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert set(ids.values()) == {1}
    links = {a["href"].removeprefix("#") for _, a in page.elements if "href" in a}
    assert links <= set(ids)


def test_policy_allows_the_one_style_and_nothing_else(tmp_path):
    html = render(write_run(tmp_path / "r", {}), manifest())
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(
        a["content"]
        for tag, a in Page(html).elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_every_table_has_a_caption_and_every_header_a_scope(tmp_path):
    rows, whole = world(8)
    page = Page(render(write_run(tmp_path / "r", rows), whole))
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["table"] == tags["caption"] > 10
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")


def test_an_empty_run_is_a_page(tmp_path):
    page = Page(render(write_run(tmp_path / "r", {}), manifest()))
    assert "No row was rejected." in page.text
    assert "complaints 0 0 0 0 adds up" in page.text


def test_uncorroborated_and_victim_side_identifiers_are_counted_but_not_named(tmp_path):
    rows = {
        "entities": [
            entity("phone:+12125550123", status="uncorroborated", orgs=["amazon", "ftc"]),
            entity("phone:withheld-7", status="victim_side", value=None, orgs=["amazon", "ftc"]),
        ]
    }
    page = Page(render(write_run(tmp_path / "r", rows), manifest()))
    assert "phone 0 0 1 1 2" in page.text
    assert "2125550123" not in page.text
    assert "withheld-7" not in page.text


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"read": 3, "accepted": 1, "duplicates": 0, "rejected": 1}, "read is not accepted"),
        ({"read": 3, "accepted": 2, "duplicates": 0, "rejected": 1}, "complaints/ holds 1 rows"),
        ({"read": 3, "accepted": 1, "duplicates": 0, "rejected": 2}, "rejects/ holds 1 rows"),
        ({"read": 3, "accepted": 1, "duplicates": 1, "rejected": 1}, "complaints 3 1 1 1 adds up"),
    ],
)
def test_accounting_that_does_not_add_up_is_said(tmp_path, counts, said):
    none = {"read": 0, "accepted": 0, "duplicates": 0, "rejected": 0}
    run = write_run(tmp_path / "r", {"complaints": [complaint("A-1")], "rejects": [reject(2)]})
    page = Page(render(run, manifest(counts={"complaints": counts, "calls": none})))
    assert said in page.text
    assert ("does not add up" in page.text) == ("adds up" not in said)


def test_long_lists_are_cut_and_the_rest_counted(tmp_path):
    many = CLUSTER_LIMIT + 30
    rows = {
        "clusters": [cluster(f"c-{n:04d}", priority=float(n)) for n in range(many)],
        "members": [member(f"remote:anydesk:{n:09d}", f"c-{many - 1:04d}") for n in range(75)],
        "entities": [entity(f"remote:anydesk:{n:09d}", complaints=n) for n in range(75)]
        + [entity(f"domain:{n}.example", status="suppressed", complaints=n) for n in range(60)],
    }
    rows["clusters"][-1]["size"] = 75
    html = render(write_run(tmp_path / "r", rows), manifest())
    page = Page(html)
    assert f"The first {CLUSTER_LIMIT} of {many} clusters." in page.text
    assert f"c-{many - 1:04d}" in page.text
    assert "c-0029" not in page.text
    assert "and 25 more in members/" in page.text
    assert html.count("remote:anydesk:") == MEMBER_LIMIT
    assert "remote:anydesk:000000074" in page.text
    assert f"The first {SUPPRESSED_LIMIT} of 60 identifiers." in page.text


def test_a_manifest_that_is_not_whole_is_an_error(tmp_path):
    run = write_run(tmp_path / "r", {})
    whole = manifest()
    del whole["counts"]
    with pytest.raises(KeyError, match="counts"):
        render(run, whole)


def test_rendering_needs_no_pipeline_engine():
    check = "import sys, reports.index; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colours_have_contrast_in_light_dark_and_print():
    style = files("reports").joinpath("templates/index.css").read_text()
    palettes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(palettes) == 3
    pairs = [
        (front, back) for front in ("text", "quiet", "accent") for back in ("page", "panel", "mark")
    ]
    pairs += [("text", "head"), ("text", "warn-page"), ("warn", "warn-page"), ("warn", "panel")]
    for palette in palettes:
        for front, back in pairs:
            light = sorted((luminance(palette[front]), luminance(palette[back])))
            assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (front, back, palette)
