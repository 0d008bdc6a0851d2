"""Files that are fetched are those that are pinned, and an engine that cannot be had says why."""

import pytest

from tests.engines import cache


@pytest.fixture
def pinned(tmp_path, monkeypatch):
    """An engine of one jar, pinned, in the cache already."""
    monkeypatch.setenv("RINGTRACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "ARTEFACTS", tmp_path / "artefacts")
    monkeypatch.setattr(cache.shutil, "which", lambda name: f"/bin/{name}")
    (artefact := tmp_path / "artefacts" / "toy").mkdir(parents=True)
    (artefact / "pom.xml").write_text("<project/>")
    place = cache.root() / f"toy-{cache.digest(artefact / 'pom.xml')[:12]}"
    place.mkdir(parents=True)
    (place / "toy-1.jar").write_bytes(b"as released")
    (artefact / cache.SUMS).write_text(f"{cache.digest(place / 'toy-1.jar')}  toy-1.jar\n")
    return place


def test_the_pinned_jars_are_used(pinned):
    assert cache.jars("toy") == pinned


@pytest.mark.parametrize("change", ["altered", "gone", "more"])
def test_other_jars_are_refused(pinned, change):
    jar = pinned / "toy-1.jar"
    if change == "altered":
        jar.write_bytes(b"as nobody released")
    elif change == "gone":
        jar.unlink()
    else:
        (pinned / "toy-2.jar").write_bytes(b"new")
    with pytest.raises(cache.MissingEngineError, match=r"toy-\d\.jar .*SHA256SUMS"):
        cache.jars("toy")


def test_a_missing_tool_is_named(pinned, monkeypatch):
    monkeypatch.setattr(cache.shutil, "which", lambda name: None)
    with pytest.raises(cache.MissingEngineError, match="toy: no java on this machine"):
        cache.jars("toy")


def test_a_failed_fetch_leaves_nothing_and_says_why(pinned, monkeypatch):
    (pinned / "toy-1.jar").unlink()
    pinned.rmdir()
    monkeypatch.setattr(cache.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(cache.MissingEngineError, match="toy: false: no reason"):
        cache.jars("toy")
    assert list(cache.root().iterdir()) == []
