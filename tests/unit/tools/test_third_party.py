"""A release runs on nothing that is GPL or AGPL, unnamed or not looked at."""

import pytest

from tools.third_party import Licensed, problems

LOCKED = ["package==1.0"]


@pytest.mark.parametrize(
    "licence",
    [
        "GPL-3.0-or-later",
        "AGPL-3.0-only",
        "MIT AND GPL-2.0-only",
        "GPL-2.0-only AND (MIT OR BSD-3-Clause)",
        "GNU General Public License v3 or later (GPLv3+)",
        "GNU Affero General Public License v3; AGPL",
        "GPLv3",
    ],
)
def test_the_gpl_is_refused_by_name(licence):
    (line,) = problems(LOCKED, [Licensed("package", "1.0", licence, ())])
    assert line == f"package 1.0: {licence} is not allowed"


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "LGPL-2.1-only",
        "GNU Lesser General Public License v2 or later (LGPLv2+); LGPL",
        "MIT OR GPL-3.0-or-later",
        "MPL-2.0 AND (Apache-2.0 OR MIT)",
    ],
)
def test_others_are_allowed(licence):
    assert problems(LOCKED, [Licensed("package", "1.0", licence, ())]) == []


def test_nothing_of_the_lock_is_passed_over():
    assert problems(LOCKED, []) == ["package==1.0: could not be looked at"]
    (line,) = problems(LOCKED, [Licensed("package", "1.0", "", ())])
    assert line == "package 1.0: its metadata names no licence"
