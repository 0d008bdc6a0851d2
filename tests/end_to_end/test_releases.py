"""Every release's files are read, followed, verified and continued.

`tests/support/releases` has an archive a release, which make_release_fixture.py made and describes;
`stream_state_8.tar.xz` the stream alone, made by commit 234358a0 before the first release.
"""

import shutil
import tarfile
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from io import StringIO
from pathlib import Path

import pytest

import ringtrace as rt
from pipelines.progress import Progress
from pipelines.streaming.options import parse
from pipelines.streaming.state_folder import StreamState
from pipelines.streaming.watch import Watch
from pipelines.streaming.watch_sources import WatchedFolder
from schemas.joint import CONTRIBUTORS
from schemas.tables import CLUSTERS, DECISIONS
from tests.end_to_end.streaming.test_watch import files_of
from tests.support.make_release_fixture import ALERTS, RELEASES
from tests.support.run_pipeline import (
    NOW,
    cluster_by_entity,
    column,
    execute,
    json_of,
    keys_in,
    manifest_of,
    ringtrace,
    table_rows,
    use_keys,
)
from transforms.read.files import ReadOptions
from transforms.stream.state import RETENTION_DAYS
from transforms.values import shipped_source_rules

ARCHIVES = sorted(RELEASES.glob("*.tar.xz"))

BEFORE_RELEASES = RELEASES.with_name("stream_state_8.tar.xz")

COMES_AGAIN = 1
"""Records of rest.jsonl that the stream had read before."""


def unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="tar")  # keeps that only the owner may write a key
    return folder


@dataclass(frozen=True)
class Release:
    """A release's archive, as one company has it."""

    folder: Path
    now: str
    cluster: str
    identifier: str

    def __truediv__(self, name: str) -> Path:
        return self.folder / "amazon" / name

    @property
    def inputs(self) -> list[object]:
        return ["--complaints", self / "complaints.jsonl", "--calls", self / "calls.jsonl"]


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def release(request, tmp_path_factory):
    folder = unpacked(request.param, tmp_path_factory.mktemp("release"))
    with keys_in(folder / "amazon" / "home"):
        yield Release(folder, **json_of(folder / "release.json"))


def test_this_version_has_its_archive():
    assert f"{rt.__version__}.tar.xz" in {path.name for path in ARCHIVES}


@pytest.mark.parametrize("name", ["run", "joint"])
def test_a_run_is_opened_and_shown(release, tmp_path, name):
    opened = release / name
    assert rt.open_run(opened).notes == ()
    for words in (
        ["report", opened, "--output", tmp_path / "shown"],
        ["explain", opened, release.identifier],
        ["rejects", opened, "--output", tmp_path / "rejects"],
    ):
        assert "unsigned" not in execute(*words).err
    assert (tmp_path / "shown" / "report" / "index.html").exists()


def test_a_run_is_followed_and_its_decisions_are_read(release, tmp_path):
    decisions = shutil.copy2(release / "decisions.csv", tmp_path)
    more = ["review", release.identifier, "--author", "A", "--reason", "R", "--now", release.now]
    execute("decide", release / "run", *more, "--decisions", decisions)
    follow = ["--previous", release / "run", "--decisions", decisions, "--now", release.now]
    execute("batch", *release.inputs, *follow, "--output", tmp_path / "next")
    assert cluster_by_entity(tmp_path / "next")[release.identifier] == release.cluster
    (cluster,) = table_rows(tmp_path / "next", CLUSTERS)
    assert cluster["status"] == "confirmed"
    (confirmed,) = table_rows(release / "run", DECISIONS)
    bound = {row["kind"]: row["members"] for row in table_rows(tmp_path / "next", DECISIONS)}
    assert set(bound) == {"confirm", "review"}
    assert bound["confirm"] == confirmed["members"]


@pytest.mark.parametrize("name", ["package", "package-counsel"])
def test_a_package_is_verified(release, tmp_path, name):
    execute("verify", release / name)
    changed = tmp_path / name
    shutil.copytree(release / name, changed)
    with next((changed / "data").glob("*.html")).open("ab") as page:
        page.write(b" ")
    assert ringtrace("verify", changed) == 1


def test_an_offer_is_joined(release, tmp_path):
    words = [release / "run", release / "offer", "--decisions", release / "decisions.csv"]
    words += ["--previous", release / "joint", "--now", release.now]
    execute("exchange", "join", *words, "--output", tmp_path / "joint")
    contributors = column(tmp_path / "joint", CONTRIBUTORS, "contributor")
    assert set(contributors) == {"amazon", "microsoft"}
    kept = cluster_by_entity(release / "joint")[release.identifier]
    assert cluster_by_entity(tmp_path / "joint")[release.identifier] == kept


def tick_of(folder: Path, output: Path) -> tuple[dict[str, bytes], int]:
    """One tick of a stream over a folder: its snapshot's tables, and how many records it knew."""
    words = ["--watch", str(folder), "--output", str(output), *ALERTS, "--migrate-state"]
    now = datetime.fromisoformat(NOW).timestamp()
    live = Watch(parse(words), Progress(StringIO()), clock=lambda: now)
    before = StreamState(str(output), RETENTION_DAYS, shipped_source_rules()).positions
    live.tick(WatchedFolder(str(folder), ReadOptions()).poll(before, final=True), snapshot=True)
    (snapshot,) = (output / "snapshots").iterdir()
    tallies = manifest_of(snapshot)["tallies"]
    return files_of(snapshot), tallies.get("live", {}).get("duplicates", 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The tables of a stream that reads a file in one tick; most archives have the same file."""

    @cache
    def tables(content: bytes) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("undisturbed")
        (folder / "complaints").mkdir()
        (folder / "complaints" / "all.jsonl").write_bytes(content)
        return tick_of(folder, folder / "out")[0]

    return tables


@pytest.mark.parametrize("archive", [BEFORE_RELEASES, *ARCHIVES], ids=lambda path: path.name)
def test_a_stream_goes_on(undisturbed, tmp_path, monkeypatch, archive):
    use_keys(monkeypatch, tmp_path / "home")
    folder = unpacked(archive, tmp_path) / "stream"
    with (folder / "in" / "complaints" / "grows.jsonl").open("ab") as file:
        file.write((folder / "rest.jsonl").read_bytes())
    alerts = sorted((folder / "out" / "alerts").iterdir())
    tables, duplicates = tick_of(folder / "in", folder / "out")
    assert tables == undisturbed((folder / "all.jsonl").read_bytes())
    assert duplicates == COMES_AGAIN
    assert alerts == sorted((folder / "out" / "alerts").iterdir())
