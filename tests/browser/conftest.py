"""One headless Chromium for the session."""

from __future__ import annotations

import pytest

from tests.browser import driver


@pytest.fixture(scope="session")
def session_browser():
    if lacks := driver.missing():
        if driver.required():
            pytest.fail(f"{lacks}, and {driver.REQUIRED} is set")
        pytest.skip(lacks)
    browser = driver.Browser()
    yield browser
    browser.close()


@pytest.fixture
def browser(session_browser):
    """A new window of the shared browser."""
    session_browser.fresh()
    return session_browser
