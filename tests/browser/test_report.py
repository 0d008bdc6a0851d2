"""The report in a real browser, opened from disk as an analyst does."""

import json
import re
import socket

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.driver import Browser
from tests.support.report_tables import world

READY = "document.documentElement.dataset.ready"

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def opened(browser: Browser, page, fragment="") -> Browser:
    browser.open(page, fragment)
    browser.wait(READY)
    return browser


def searched(browser: Browser, query: str) -> list[str]:
    browser.type("#query", query)
    browser.wait(f"document.documentElement.dataset.searched === {json.dumps(query)}")
    return browser.texts("#hits li")


def first_column(browser: Browser, at: int) -> list[str]:
    return browser.texts(f"#cluster-rows tr > :nth-child({at})")


@pytest.fixture
def index(browser, report):
    return opened(browser, report / "index.html")


@pytest.fixture
def page(browser, report):
    return opened(browser, report / "clusters" / "c-00000000.html")


PHONE = "phone:+18885550000"


@pytest.mark.parametrize(
    "written",
    [
        "(888) 555-0000",
        "+1 888 555 0000",
        "001-888-555-0000",
        "1.888.555.0000",
        "8885550000",
        "tel:+18885550000",
        "phone:+18885550000",
        "８８８ ５５５ ００００",
        "+1 (888) 555\u20110000",
    ],
)
def test_search_finds_a_number_however_it_is_written(index, written):
    hits = searched(index, written)
    assert hits[0].startswith(PHONE)
    assert "Amazon at +18885550000" in hits[0]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("https://login.support-msft31.support/x?y=1", "domain:support-msft31.support"),
        ("hxxps://support-msft31[.]support", "domain:support-msft31.support"),
        ("SUPPORT-MSFT31.support", "domain:support-msft31.support"),
        ("100 490 978", "remote:anydesk:100490978"),
        ("+1 800 280 1400", "phone:+18002801400 suppressed: known legitimate"),
        ("amazon-0-0-0", "amazon-0-0-0 record of amazon"),
        ("names-nobody", "names-nobody record of amazon, which names no member of a cluster"),
        ("microsoft at", "Microsoft at"),
        ("c-00000000", "Amazon at +18885550000"),
    ],
)
def test_search_finds_sites_ids_records_and_names(index, written, found):
    assert any(hit.startswith(found) for hit in searched(index, written)), index.texts("#hits li")


def test_every_holder_of_a_number_is_found_and_its_row_shown(index):
    hits = searched(index, "(888) 555-0000")
    assert [hit.split()[0] for hit in hits[:2]] == [PHONE, f"{PHONE}#2"]
    assert searched(index, f"{PHONE}#2")[0].startswith(f"{PHONE}#2")
    index.click("#hits li a")
    index.wait("document.querySelector('tr.sought')")
    assert f"{PHONE}#2" in index.text("tr.sought")


def test_search_says_what_it_does_not_find(index):
    assert searched(index, "(212) 555-0003") == []
    assert "only a forgeable caller id names are not on this page" in index.text("#found")


def test_a_hit_opens_the_row_of_its_cluster(index):
    searched(index, "(888) 555-0000")
    index.click("#hits a")
    index.wait("document.querySelector('tr.sought')")
    assert PHONE in index.text("tr.sought")


def test_a_cluster_of_one_is_found_on_the_page_that_it_shares(index, report):
    shared = (report / "clusters" / "single-0001.html").read_text(encoding="utf-8")
    value = re.search(r'class="id"><bdi>phone:(\+\d+)<', shared)[1]
    searched(index, value)
    index.click("#hits a")
    index.wait("document.querySelector('tr.sought')")
    assert value in index.text("tr.sought")
    assert "single-0001.html?find=" in index.url


def test_columns_sort_both_ways(index):
    index.click('#cluster-head [data-column="5"] button')
    down = [int(one) for one in first_column(index, 4)]
    assert down == sorted(down, reverse=True)
    assert (
        index.run("return document.querySelector('[data-column=\"5\"]').ariaSort") == "descending"
    )
    index.click('#cluster-head [data-column="5"] button')
    up = [int(one) for one in first_column(index, 4)]
    assert up == sorted(up)
    assert up[0] < down[0]


def test_filters_narrow_and_clear(index):
    assert index.text("#shown") == "1 to 50 of 60 clusters"
    index.click("[name=both]")
    assert index.text("#shown") == "1 to 20 of 20 clusters"
    index.run(
        "const e = document.querySelector('[name=size]'); e.value = '10';"
        "e.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert all(int(one) >= 10 for one in first_column(index, 3))
    index.type("[name=named]", "no such name")
    assert index.text("#shown") == "No cluster fits these filters"
    index.click("#filters [type=reset]")
    index.wait("document.getElementById('shown').textContent === '1 to 50 of 60 clusters'")
    index.run(
        "const e = document.querySelector('[name=event]'); e.value = 'merged';"
        "e.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert index.text("#shown") == "1 to 15 of 15 clusters"


def chosen(browser: Browser, field: str, label: str) -> int:
    """Choose an option by its words; how many clusters are left."""
    browser.page.locator(f"#filters [name={field}]").select_option(label=label)
    shown = browser.text("#shown")
    return 0 if shown.startswith("No") else int(shown.split(" of ")[1].split()[0])


@pytest.mark.parametrize(
    ("field", "label", "wanted"),
    [
        ("brand", "Norton", lambda row: "Norton" in row["brands"]),
        ("country", "DE", lambda row: "DE" in [one["country"] for one in row["countries"]]),
        ("size", "10 or more", lambda row: row["size"] >= 10),
        ("active", "7 days", None),
        ("event", "new", lambda row: row["event"] == "born"),
        ("event", "grew", lambda row: row["event"] == "grew"),
        ("event", "merged", lambda row: row["event"] == "merged"),
    ],
)
def test_each_filter_leaves_what_it_says(index, field, label, wanted):
    rows, _ = world(60)
    events = {row["cluster_id"]: row["event"] for row in rows["lineage"]}
    newest = max(row["last_seen"] for row in rows["clusters"])
    clusters = [row | {"event": events[row["cluster_id"]]} for row in rows["clusters"]]
    if field == "active":
        days = [(newest.date() - row["last_seen"].date()).days for row in clusters]
        expected = sum(one < 7 for one in days)
    else:
        expected = sum(map(wanted, clusters))
    assert expected > 0
    assert chosen(index, field, label) == expected


def test_the_table_pages(index):
    index.click("#next")
    assert index.text("#shown") == "51 to 60 of 60 clusters"
    index.page.locator("#next").click(force=True)  # it says that it is disabled
    assert index.text("#shown") == "51 to 60 of 60 clusters"
    index.click("#previous")
    assert index.text("#shown") == "1 to 50 of 60 clusters"


def test_the_table_works_by_keyboard_alone(index):
    index.press("/")
    index.press(*"(888) 555-0000")
    index.wait("document.documentElement.dataset.searched === '(888) 555-0000'")
    index.press("Tab")
    assert index.run("return document.activeElement.closest('#hits') !== null")
    index.press("Enter")
    index.wait("location.pathname.includes('/clusters/') && document.querySelector('tr.sought')")


def test_the_graph_works_by_keyboard_alone(page):
    page.run(
        "document.querySelector('#picture').previousElementSibling; document.activeElement.blur()"
    )
    for _ in range(40):
        page.press("Tab")
        if page.run("return document.activeElement.classList.contains('node')"):
            break
    first = page.text("#panel-title")
    assert first.startswith("phone:")
    page.press("Right")
    page.press("Enter")
    selected = page.text("#panel-title")
    assert selected != first
    assert page.run("return document.querySelectorAll('[aria-pressed=true]').length") == 1
    assert "weight" in page.text("#panel")
    page.press("Tab")
    assert page.text("#panel-title") == selected
    assert not page.run("return document.activeElement.classList.contains('node')")


def test_pointing_and_selecting_shows_the_evidence(page):
    page.click(".nodes .node")
    assert "complaints" in page.text("#panel")
    lines = page.run("return document.querySelectorAll('.lines .near').length")
    assert lines == page.run("return document.querySelectorAll('#panel li').length") > 0


def test_zoom_stays_within_the_picture(page):
    for _ in range(9):
        page.click("#closer")
    x, y, width, _ = map(
        float, page.run("return document.querySelector('#picture').getAttribute('viewBox')").split()
    )
    assert width == 100
    assert x >= 0
    assert x + width <= 1000
    assert y >= 0
    page.click("#fit")
    assert page.run("return document.querySelector('#picture').viewBox.baseVal.width") == 1000


def test_a_citation_names_the_run_the_cluster_and_the_row(page):
    page.click("#identifiers .cite")
    citation = page.text("#cited")
    assert "ringtrace run-made-up, cluster c-00000000: phone:+18885550000" in citation
    assert citation.endswith("; members/, entities/")
    assert page.run("return document.getElementById('cited').checkVisibility()")
    page.press("Escape")
    assert page.text("#cited") == ""


CITED = """
const wrong = [];
let rows = 0;
for (const row of document.querySelectorAll("main tbody tr")) {
  const head = row.querySelector("th") || row.parentElement.querySelector("th[scope=rowgroup]");
  if (!head) continue;
  rows++;
  const button = row.querySelector("td:last-child > button.cite");
  const table = row.closest("table");
  const heads = table.tHead.rows[0].cells.length;
  button?.click();
  const said = document.getElementById("cited").textContent;
  const text = row.dataset.cite || (head.querySelector(".id") || head).textContent;
  const name = text.trim().split(/\\s/)[0];
  const whose = row.closest("[data-cited]").dataset.cited;
  const from = row.dataset.from || table.dataset.from;
  const fits = said.includes(whose) && said.includes(name) && said.endsWith("; " + from);
  if (!fits || /undefined|null|NaN/.test(said)) wrong.push([name, said]);
}
return [rows, wrong];
"""


@pytest.mark.parametrize(
    ("name", "most"),
    [("index.html", 140), ("clusters/c-00000000.html", 250), ("clusters/single-0001.html", 90)],
)
def test_every_row_can_be_cited(browser, report, name, most):
    opened(browser, report / name)
    rows, wrong = browser.run(CITED)
    assert wrong == []
    assert rows > most


def test_what_a_row_says_is_cited_under_its_headings(browser, report):
    opened(browser, report / "index.html")
    browser.click("#next")
    browser.click("#cluster-rows .cite")
    assert ": cluster c-" in browser.text("#cited")
    assert re.search(r", priority [\d.]+, members \d+, complaints \d+, ", browser.text("#cited"))
    browser.click("#several tbody tr:nth-child(2) .cite")
    citation = browser.text("#cited")
    assert "seen by several sources: phone:+1" in citation
    assert ", organisation microsoft, complaints 1, calls 0, as callback, first seen 20" in citation


def test_nothing_is_asked_of_the_network_and_nothing_is_refused(browser, report, hostile_report):
    pages = [report / "index.html", hostile_report / "index.html"]
    pages += sorted((hostile_report / "clusters").glob("*.html"))
    for one in pages:
        opened(browser, one)
    assert len(browser.asked) >= len(pages)
    assert [one for one in browser.asked if not one.startswith("file:")] == []
    assert browser.messages == []


def test_the_policy_stops_what_should_slip_through(index):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        index.run_async(
            "const done = arguments[1]; const image = new Image(); image.onerror = () => done();"
            "image.src = arguments[0]; document.body.append(image)",
            address,
        )
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    index.run(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s)"
    )
    assert index.run("return window.ran") is None
    refused = [one for one in index.messages if "Content Security Policy" in one]
    assert len(refused) == 2


def test_hostile_text_does_nothing(browser, hostile_report):
    for one in [hostile_report / "index.html", *sorted((hostile_report / "clusters").iterdir())]:
        if one.suffix != ".html":
            continue
        opened(browser, one)
        assert (
            browser.run("return document.querySelectorAll('img, iframe, [onmouseover]').length")
            == 0
        )
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), one
    opened(browser, hostile_report / "index.html")
    assert "<script>alert(1)</script>" in searched(browser, "<script>")[0]
    assert "[U+202E]" in browser.text("#cluster-rows")


def test_pages_fit_a_narrow_window(browser, report):
    browser.size(360, 800)
    for name in ("index.html", "clusters/c-00000000.html", "clusters/single-0001.html"):
        opened(browser, report / name)
        assert browser.run("return document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", ["index.html", "clusters/c-00000000.html", "clusters/single-0001.html"]
)
def test_axe_finds_nothing(browser, report, scheme, name):
    browser.colors(scheme)
    opened(browser, report / name)
    # Axe comes in through the debugger: the page's policy lets no other script in.
    options = {"runOnly": [*WCAG, "best-practice"], "resultTypes": ["violations"]}
    found = Axe().run(browser.page, options=options).response
    assert found["passes"], "no rule was applied"
    violations = [
        (one["id"], one["impact"], [node["target"] for node in one["nodes"][:3]])
        for one in found["violations"]
    ]
    assert violations == []


def test_print_is_a_clean_document(browser, report):
    opened(browser, report / "clusters" / "c-00000000.html")
    printed = browser.print()
    assert printed.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 2 <= pages <= 30
    browser.media("print")
    assert (
        browser.run("return getComputedStyle(document.querySelector('.tools')).display") == "none"
    )
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_the_first_clusters_are_there(browser, report):
    browser.fresh(scripts=False)
    browser.open(report / "index.html")
    assert "Amazon at +18885550000" in browser.texts("#cluster-rows th")[0]
    browser.open(report / "clusters" / "c-00000000.html")
    assert len(browser.texts("#identifiers tr[id] th")) == 72
