import base64
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files

import pytest

from reports.html.index_page import FIRST_ROWS, SUPPRESSED_LIMIT, cluster_table, render_index_page
from reports.run import Run
from tests.support.hostile_text import hostile_run
from tests.support.parsed_page import Page
from tests.support.report_tables import (
    cluster,
    complaint,
    entity,
    manifest,
    reject,
    world,
    write_run,
)


def shown(run, whole, pages=100) -> str:
    return render_index_page(Run(str(run), whole), cluster_table(run, pages)).decode()


def test_same_tables_same_bytes_however_they_are_cut(tmp_path):
    rows, whole = world(40)
    pages = {
        shown(write_run(tmp_path / str(cut), rows, cut), json.loads(json.dumps(whole)))
        for cut in (1, 2, 5)
    }
    assert len(pages) == 1


def test_hostile_text_stays_text(tmp_path):
    html = shown(*hostile_run(tmp_path / "r"))
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"img", "iframe", "object", "link"}
    assert {a.get("type") for tag, a in page.elements if tag == "script"} == {None, "text/plain"}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert all(c.isprintable() or c in "\n\u202f" for c in html)
    assert "<script>alert(1)</script>" in page.text
    assert "U+202E" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert len(html) < 250_000
    assert "SECRET" not in html


def test_ids_are_unique_and_links_lead_somewhere(tmp_path):
    page = Page(shown(*hostile_run(tmp_path / "r")))
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert set(ids.values()) == {1}
    links = {a["href"] for _, a in page.elements if "href" in a}
    assert {one.removeprefix("#") for one in links if one.startswith("#")} <= set(ids)
    assert all(one.startswith(("#", "clusters/x-")) for one in links)


def test_policy_allows_the_pages_own_style_and_scripts_and_nothing_else(tmp_path):
    html = shown(write_run(tmp_path / "r", {}), manifest())
    digests = [
        base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        for body in re.findall("<(?:style|script)>(.*?)</(?:style|script)>", html, re.DOTALL)
    ]
    policy = next(
        a["content"]
        for tag, a in Page(html).elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    scripts = " ".join(f"'sha256-{one}'" for one in digests[1:])
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_every_table_has_a_caption_and_every_header_a_scope(tmp_path):
    rows, whole = world(8)
    page = Page(shown(write_run(tmp_path / "r", rows), whole))
    tags = Counter(tag for tag, _ in page.elements)
    assert tags["table"] == tags["caption"] > 10
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")


def test_an_empty_run_is_a_page(tmp_path):
    page = Page(shown(write_run(tmp_path / "r", {}), manifest()))
    assert "No row was rejected." in page.text
    assert "complaints 0 0 0 0 adds up" in page.text


def test_uncorroborated_and_victim_side_identifiers_are_counted_but_not_named(tmp_path):
    rows = {
        "entities": [
            entity("phone:+12125550123", status="uncorroborated", orgs=["amazon", "ftc"]),
            entity("phone:withheld-7", status="victim_side", value=None, orgs=["amazon", "ftc"]),
        ]
    }
    page = Page(shown(write_run(tmp_path / "r", rows), manifest()))
    assert "phone 0 0 1 1 0 2" in page.text
    assert "2125550123" not in page.text
    assert "withheld-7" not in page.text


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"read": 3, "accepted": 1, "duplicates": 0, "rejected": 1}, "read is not accepted"),
        ({"read": 3, "accepted": 2, "duplicates": 0, "rejected": 1}, "complaints/ contains 1 rows"),
        ({"read": 3, "accepted": 1, "duplicates": 0, "rejected": 2}, "rejects/ contains 1 rows"),
        ({"read": 3, "accepted": 1, "duplicates": 1, "rejected": 1}, "complaints 3 1 1 1 adds up"),
    ],
)
def test_accounting_that_does_not_add_up_is_shown(tmp_path, counts, message):
    none = {"read": 0, "accepted": 0, "duplicates": 0, "rejected": 0}
    run = write_run(tmp_path / "r", {"complaints": [complaint("A-1")], "rejects": [reject(2)]})
    page = Page(shown(run, manifest(counts={"complaints": counts, "calls": none})))
    assert message in page.text
    assert ("does not add up" in page.text) == ("adds up" not in message)


def test_long_lists_are_cut_and_the_rest_counted(tmp_path):
    rows = {
        "clusters": [cluster(f"c-{n:04d}", priority=float(n)) for n in range(FIRST_ROWS + 30)],
        "entities": [
            entity(f"domain:{n}.example", status="suppressed", complaints=n) for n in range(60)
        ],
    }
    run = write_run(tmp_path / "r", rows)
    page = Page(shown(run, manifest(), pages=20))
    assert f"The first {FIRST_ROWS} of {FIRST_ROWS + 30} clusters, by priority." in page.text
    assert "The 20 of highest priority are described on pages of their own" in page.text
    links = [a["href"] for _, a in page.elements if a.get("href", "").startswith("clusters/")]
    assert links == [f"clusters/single-0001.html#c-{FIRST_ROWS + 29 - n:04d}" for n in range(20)]
    assert f"The first {SUPPRESSED_LIMIT} of 60 identifiers." in page.text


def test_a_manifest_that_is_not_whole_is_an_error(tmp_path):
    run = write_run(tmp_path / "r", {})
    whole = manifest()
    del whole["counts"]
    with pytest.raises(KeyError, match="counts"):
        shown(run, whole)


def test_rendering_needs_no_pipeline_engine():
    check = "import sys, reports.html.index_page; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_colours_have_contrast_in_light_dark_and_print():
    style = files("reports").joinpath("templates/page.css").read_text()
    palettes = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(palettes) == 3
    kinds = ("phone", "domain", "email", "remote", "account", "wallet")
    drawn = ["line", "warn-line", "edge", "series-a", "series-b", *(f"k-{one}" for one in kinds)]
    pairs = [
        (front, back) for front in ("text", "quiet", "accent") for back in ("page", "panel", "mark")
    ]
    pairs += [
        ("text", "highlight"),
        ("text", "head"),
        ("text", "warn-page"),
        ("warn", "warn-page"),
        ("warn", "panel"),
    ]
    screen = [palettes[0], palettes[1]]
    for palette in screen:
        for front in drawn:
            light = sorted((luminance(palette[front]), luminance(palette["panel"])))
            assert (light[1] + 0.05) / (light[0] + 0.05) >= 3, (front, palette)
    for palette in palettes:
        for front, back in pairs:
            light = sorted((luminance(palette[front]), luminance(palette[back])))
            assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (front, back, palette)
