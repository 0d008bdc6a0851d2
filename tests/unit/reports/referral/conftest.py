"""The case that tests of a referral only read."""

import pytest

from tests.support.made_up_case import case_of, package_of, rows


@pytest.fixture(scope="session")
def plain_case(tmp_path_factory):
    """The case of the made-up cluster, as it is."""
    return case_of(tmp_path_factory.mktemp("plain") / "run", rows())


@pytest.fixture(scope="session")
def plain_files(plain_case):
    """The package of that case."""
    return package_of(plain_case)
