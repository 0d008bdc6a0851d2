"""Settings of all tests: no example fails for being slow, and no test uses the user's own keys."""

import os
import tempfile

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A run makes a key of the victim register where there is none yet.
_HOME = tempfile.TemporaryDirectory(prefix="ringtrace-home-")
os.environ["RINGTRACE_HOME"] = _HOME.name
