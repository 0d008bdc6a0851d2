"""The page of a referral in a real browser: legible to everybody, no request to the network."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.driver import WCAG
from tests.support.made_up_case import case_of, package_of, rows


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("referral")
    files = package_of(case_of(folder / "run", rows(name="<b>bold</b> & co.")))
    path = folder / "referral.html"
    path.write_bytes(files["data/referral.html"])
    return path


def test_axe_finds_nothing(browser, page):
    browser.open(page)
    options = {"runOnly": [*WCAG, "best-practice"], "resultTypes": ["violations"]}
    found = Axe().run(browser.page, options=options).response
    assert found["passes"], "no rule was applied"
    violations = [
        (violation["id"], violation["impact"], [node["target"] for node in violation["nodes"][:3]])
        for violation in found["violations"]
    ]
    assert violations == []


def test_it_prints_as_a_document(browser, page):
    browser.open(page)
    assert browser.print().startswith(b"%PDF")
