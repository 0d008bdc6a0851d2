"""A disk that is full at any step leaves a run or a package with its record, or neither."""

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import apache_beam as beam
import pytest

import ringtrace as rt
from pipelines import ledger, runner
from pipelines.letters import accepted_offers, signed_files
from pipelines.letters.accepted_offers import NOTHING_ACCEPTED
from pipelines.letters.signed_files import SignedFile
from pipelines.options import LOCAL_RUNNER
from pipelines.progress import Progress
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, SIGNATURE_NAME
from schemas.offer import Revocation
from schemas.tables import NARRATIVES
from tests.support.examples import LONG
from tests.support.full_disk import FullDisk
from tests.support.run_pipeline import manifest_of, read, ringtrace, use_keys
from tests.support.small_ring import PART, SmallRing
from transforms.custody import PrivateStore, RunSettings, check_private
from transforms.write import PublishRun, staging_folder, write_output_file


@pytest.fixture
def home(tmp_path, monkeypatch):
    use_keys(monkeypatch, tmp_path / "home")
    return tmp_path / "home"


def published(folder, number):
    """Publishes a run that joins the partner's offer of a day; returns the exit status."""
    token = f"t{number}"
    apart = PrivateStore(
        output=str(folder / "apart"), staging=staging_folder(str(folder / "apart"), token)
    )
    settings = RunSettings(
        staging=staging_folder(str(folder / "run"), token),
        output=str(folder / "run"),
        versions={},
        options={"day": number},
        private=apart,
    )
    lines = [
        write_output_file(b"%d" % number, settings.staging, "a/part", 1),
        write_output_file(b"%d" % number, apart.staging, "private/part", 1),
    ]
    day = f"2026-06-0{number}T00:00:00Z"
    offer = SignedFile(
        Path(), Revocation("microsoft", "amazon", day, ()), b"%d" % number, b"", "microsoft", ""
    )
    pipeline = runner.make_pipeline([f"--runner={LOCAL_RUNNER}", "--direct_num_workers=1"])
    start = pipeline | "Start" >> beam.Create([settings], reshuffle=False)
    parts = {"digests": [], "counters": [(("complaints", "read"), 0)], "outputs": lines}
    inputs = {
        name: pipeline | name >> beam.Create(rows, reshuffle=False) for name, rows in parts.items()
    }
    made = datetime(2026, 6, 1, tzinfo=UTC)
    record = partial(accepted_offers.accepted, offers=[offer], output=settings.output, made=made)
    _ = inputs | PublishRun(start, lambda *_: None, lambda content: b"{}", record)
    try:
        runner.run_pipeline(pipeline, settings, Progress(sys.stderr), debug=False)
    except runner.RunFailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def day_of(folder):
    """The day of the run, if there is one; it, its private files and the record are of one day."""
    taken = accepted_offers.accepted_before("microsoft")
    if not (folder / "run").exists():
        assert taken == NOTHING_ACCEPTED and not (folder / "apart").exists()
        return None
    manifest = manifest_of(folder / "run")
    day = manifest["options"]["day"]
    assert taken.sha256 == signed_files.digest_of(b"%d" % day)
    assert (folder / "apart/private/part").read_bytes() == b"%d" % day
    assert (folder / "apart" / PRIVATE_MANIFEST).exists()
    assert check_private(str(folder / "run"), manifest) is not None
    return day


@pytest.mark.parametrize("before", [None, 1], ids=["first", "replaced"])
def test_a_join_and_its_record_appear_together(tmp_path, home, monkeypatch, capfd, before):
    with monkeypatch.context() as patch:
        count = FullDisk(patch)
        assert published(tmp_path / "all", 1) == 0
        assert published(tmp_path / "all", 2) == 0
    (home / "offers/microsoft.json").unlink()
    folder = tmp_path / "one"
    if before:
        assert published(folder, before) == 0
    failed = 0
    for step in range(1, count.count):
        with monkeypatch.context() as patch:
            FullDisk(patch, step)
            try:
                status = published(folder, 2)
            except OSError:  # what is staged here stands for tables, which a run stages itself
                continue
        if status == 0:
            break
        failed += 1
        assert "No space left on device (ENOSPC)" in capfd.readouterr().err
        assert day_of(folder) == before, step
        assert not list((home / "offers").glob(".*"))
    assert failed > 8
    assert day_of(folder) == 2
    assert published(folder, 3) == 0
    assert day_of(folder) == 3


def test_a_package_and_its_record_appear_together(tmp_path, home, monkeypatch, capfd):
    ring = SmallRing(tmp_path)
    out = tmp_path / "packages" / "out"
    words = ring.builders(ring.run, out)["referral"]
    with monkeypatch.context() as patch:
        count = FullDisk(patch)
        assert ringtrace(*ring.builders(ring.run, tmp_path / "all")["referral"]) == 0
    before = (home / ledger.FILE_NAME).read_bytes()
    end = count.count + 1
    last = range(end - 10, end + 1) if LONG else (end - 6, end - 3, end - 1, end)
    for step in (1, *last):
        capfd.readouterr()
        with monkeypatch.context() as patch:
            FullDisk(patch, step)
            status = ringtrace(*words)
        assert status in (1, 2) and "No space left on device" in capfd.readouterr().err
        assert (home / ledger.FILE_NAME).read_bytes() == before
        assert not out.exists()
        assert not list((tmp_path / "packages").glob(".*")) and not list(home.glob(".*"))
    assert ringtrace(*words) == 0
    assert len(ledger.read_ledger(None)) == 2
    assert ringtrace("verify", out) == 0


def test_an_erasure_leaves_private_files_whole(tmp_path, home, monkeypatch, capfd):
    run = SmallRing(tmp_path).run
    sealed = {name: (run / name).read_bytes() for name in (MANIFEST_NAME, SIGNATURE_NAME)}
    who = ["--author", "Ada Cole", "--reason", "request of a data subject"]
    words = ["erase", "--record", "amazon/c1", "--run", run, *who]
    failed = 0
    for step in range(1, 40):
        with monkeypatch.context() as patch:
            FullDisk(patch, step)
            status = ringtrace(*words)
        finished = rt.open_run(run)
        finished.check_all()
        assert finished.custody.private_org == "", "signed anew, with one's own key"
        rows = read(run, NARRATIVES).num_rows
        assert rows == (3 if status == 0 else 4), step
        assert {name: (run / name).read_bytes() for name in sealed} == sealed
        assert not list(run.glob(".*"))
        if status == 0:
            break
        failed += 1
        assert "No space left on device" in capfd.readouterr().err
    assert failed > 6
    (run / "private/victims" / PART).write_bytes(b"")
    assert ringtrace("erase", "--record", "amazon/c2", "--run", run, *who) == 2
    assert f"private/victims/{PART}: is not what the run wrote" in capfd.readouterr().err
