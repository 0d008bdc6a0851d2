"""The files that tests of reading write."""

import pytest


@pytest.fixture
def written(tmp_path):
    """A function that writes text or bytes into a file, and returns its path."""

    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
