"""One headless Chromium for the session, and the runs that its tests look at."""

from __future__ import annotations

import pytest

from tests.browser import driver
from tests.support.hostile_text import hostile_run
from tests.support.report_tables import complaint, entity, member, world, write_run
from tests.support.written_report import report_files


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


def _written(folder, run, whole, **options):
    for name, data in report_files(run, whole, **options).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "report"


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """A run of two companies with 60 clusters, the first with 72 members."""
    folder = tmp_path_factory.mktemp("world")
    rows, whole = world(60)
    rows["complaints"].append(complaint("names-nobody"))
    again = f"{rows['members'][0]['entity_id']}#2"
    rows["entities"].append(entity(again, complaints=1))
    rows["members"].append(member(again, rows["clusters"][1]["cluster_id"]))
    rows["clusters"][1]["size"] += 1
    return _written(folder, write_run(folder / "run", rows), whole)


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    return _written(folder, *hostile_run(folder / "run"))
