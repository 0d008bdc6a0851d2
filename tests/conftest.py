"""Settings of all tests: no example fails for being slow, and no test uses the user's own keys."""

import os
import tempfile

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A run makes a key of the victim register where there is none yet.
_HOME = tempfile.TemporaryDirectory(prefix="ringtrace-home-")
os.environ["RINGTRACE_HOME"] = _HOME.name


@pytest.fixture(scope="module", autouse=True)
def home_of_module(tmp_path_factory):
    """A key store for each module: a key that one makes must not sign the runs of another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RINGTRACE_HOME", str(tmp_path_factory.mktemp("home")))
        yield
