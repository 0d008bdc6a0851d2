"""Whatever somebody changes in a run's folder is named by each command that would build on it."""

import hashlib
import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ringtrace as rt
from pipelines import key_store
from reports import signing
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, PRIVATE_SIGNATURE, SIGNATURE_NAME
from tests.support.examples import some
from tests.support.run_pipeline import (
    error_of,
    execute,
    files_below,
    json_of,
    keys_in,
    manifest_of,
    ringtrace,
    use_keys,
)
from tests.support.small_ring import NOW, PART, RING, SmallRing


def clear(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tampered")
    with keys_in(folder / "home"):
        yield SmallRing(folder)


@pytest.fixture
def run(world, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(world.run, tmp_path / "run")


def rewritten(path, column, value):
    """Sets a column of every row."""
    rows = pq.read_table(path)
    values = pa.array([value] * rows.num_rows, rows.schema.field(column).type)
    place = rows.schema.get_field_index(column)
    pq.write_table(
        rows.set_column(place, rows.schema.field(place), values), path, compression="zstd"
    )


def forged(run, name, change):
    """Changes a table, and gives the manifest the digest of what is there now, as an insider."""
    change(run / name)
    manifest = manifest_of(run)
    content = (run / name).read_bytes()
    for line in manifest["outputs"]:
        if line["name"] == name:
            line |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (run / MANIFEST_NAME).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def review(run, _):
    rewritten(run / f"members/{PART}", "review", "reviewed")
    rewritten(run / f"members/{PART}", "robustness", 9)
    return f"members/{PART}: is not what the run wrote"


def flipped(run, _):
    content = bytearray((run / f"calls/{PART}").read_bytes())
    content[len(content) // 2] ^= 1
    (run / f"calls/{PART}").write_bytes(content)
    return f"calls/{PART}: is not what the run wrote: other bytes"


def added(run, _):
    shutil.copy(run / f"members/{PART}", run / "members/part-00001-of-00002.parquet")
    return "members/part-00001-of-00002.parquet: is not what the run wrote: added"


def added_table(run, _):
    (run / "contributors").mkdir()
    shutil.copy(run / f"members/{PART}", run / f"contributors/{PART}")
    return f"contributors/{PART}: is not what the run wrote: added"


def removed(run, _):
    shutil.rmtree(run / "links")
    return f"links/{PART}: is not what the run wrote: gone"


def emptied(run, _):
    (run / f"mentions/{PART}").write_bytes(b"")
    return f"mentions/{PART}: is not what the run wrote: empty"


def cut_off(run, _):
    os.truncate(run / f"entities/{PART}", 100)
    return f"entities/{PART}: is not what the run wrote: cut off"


def longer(run, _):
    with (run / f"rejects/{PART}").open("ab") as file:
        file.write(b"x")
    return f"rejects/{PART}: is not what the run wrote: longer"


def linked(run, world):
    (run / f"members/{PART}").unlink()
    (run / f"members/{PART}").symlink_to(world.run / f"members/{PART}")
    return f"members/{PART}: is not what the run wrote: a link"


def linked_folder(run, world):
    shutil.rmtree(run / "lineage")
    (run / "lineage").symlink_to(world.run / "lineage")
    return "lineage/"


def a_folder(run, _):
    (run / f"suppliers/{PART}").unlink()
    (run / f"suppliers/{PART}").mkdir()
    return f"suppliers/{PART}: is not what the run wrote: no file"


def a_pipe(run, _):
    (run / f"clusters/{PART}").unlink()
    os.mkfifo(run / f"clusters/{PART}")
    return f"clusters/{PART}: is not what the run wrote: no file"


def edited_manifest(run, _):
    manifest = manifest_of(run)
    manifest["counts"]["complaints"]["accepted"] += 1
    (run / MANIFEST_NAME).write_text(json.dumps(manifest))
    return f"{MANIFEST_NAME}: was altered after it was signed"


def insider(run, _):
    forged(run, f"clusters/{PART}", lambda path: rewritten(path, "status", "confirmed"))
    return f"{MANIFEST_NAME}: was altered after it was signed"


def insider_with_a_key(run, _):
    forged(run, f"clusters/{PART}", lambda path: rewritten(path, "status", "confirmed"))
    key = signing.make_signing_key()
    content = (run / MANIFEST_NAME).read_bytes()
    (run / SIGNATURE_NAME).write_bytes(signing.sign_detached(content, key))
    return f"is signed by the key {signing.key_id(key.public_key())}, which is neither yours nor"


def other_signature(run, world):
    shutil.copy(world.other / SIGNATURE_NAME, run / SIGNATURE_NAME)
    return f"{MANIFEST_NAME}: was altered after it was signed"


def broken_signature(run, _):
    (run / SIGNATURE_NAME).write_text("{}")
    return f"{MANIFEST_NAME}: has a signature file that ringtrace did not write"


def signature_is_a_pipe(run, _):
    (run / SIGNATURE_NAME).unlink()
    os.mkfifo(run / SIGNATURE_NAME)
    return f"{SIGNATURE_NAME}: is no file"


def leading_elsewhere(run, _):
    (run / SIGNATURE_NAME).unlink()
    text = (run / MANIFEST_NAME).read_text()
    (run / MANIFEST_NAME).write_text(text.replace(f"members/{PART}", f"members/../members/{PART}"))
    return "members/"


def narratives(run, _):
    rewritten(run / f"private/narratives/{PART}", "narrative", "nothing happened")
    return f"private/narratives/{PART}"


def contested(run, _):
    os.truncate(run / f"private/contested/{PART}", 50)
    return f"private/contested/{PART}: is not what the run wrote: cut off"


def register(run, _):
    (run / f"private/victims/{PART}").unlink()
    return f"private/victims/{PART}: is not what the run wrote: gone"


def other_private(run, world):
    shutil.rmtree(run / "private")
    shutil.copytree(world.other / "private", run / "private")
    return f"{PRIVATE_MANIFEST}: is not what the run wrote: that of another run"


def no_private_manifest(run, _):
    (run / PRIVATE_MANIFEST).unlink()
    return f"{PRIVATE_MANIFEST}: is not what the run wrote: gone"


def private_insider(run, _):
    path = run / f"private/narratives/{PART}"
    rewritten(path, "narrative", "nothing happened")
    listing = json_of(run / PRIVATE_MANIFEST)
    for line in listing["files"]:
        if line["name"] == f"private/narratives/{PART}":
            line |= {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
    (run / PRIVATE_MANIFEST).write_text(json.dumps(listing))
    return f"{PRIVATE_MANIFEST}: was altered after it was signed"


def private_insider_with_a_key(run, _):
    private_insider(run, None)
    key = signing.make_signing_key()
    content = (run / PRIVATE_MANIFEST).read_bytes()
    (run / PRIVATE_SIGNATURE).write_bytes(signing.sign_detached(content, key))
    return signing.key_id(key.public_key())


def broken_private_manifest(run, _):
    (run / PRIVATE_SIGNATURE).unlink()
    (run / PRIVATE_MANIFEST).write_text('{"files": 1}')
    return f"{PRIVATE_MANIFEST}: is not what the run wrote"


TAMPERINGS = (
    review,
    flipped,
    added,
    added_table,
    removed,
    emptied,
    cut_off,
    longer,
    linked,
    linked_folder,
    a_folder,
    a_pipe,
    edited_manifest,
    insider,
    insider_with_a_key,
    other_signature,
    broken_signature,
    signature_is_a_pipe,
    leading_elsewhere,
    narratives,
    contested,
    register,
    other_private,
    no_private_manifest,
    private_insider,
    private_insider_with_a_key,
    broken_private_manifest,
)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_each_command_that_builds_on_it_names_it(world, run, tmp_path, capsys, tamper):
    says = tamper(run, world)
    before = sorted(path.name for path in (world.folder / "home").iterdir())
    for name, words in world.builders(run, tmp_path / "out").items():
        capsys.readouterr()
        assert ringtrace(*words) == 2, name
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1, (name, error)
        assert not (tmp_path / "out").exists(), name
    assert sorted(path.name for path in (world.folder / "home").iterdir()) == before
    assert ringtrace("health", run) in (1, 2)
    printed = capsys.readouterr()
    assert (
        says.partition(": is not")[0].split(", which")[0].split()[-1] in printed.out + printed.err
    )


def test_what_is_as_it_was_written_is_taken_in_silence(world, run, tmp_path, capsys):
    # All of them take the unsigned run of the next test by the same way.
    for name, words in some([*world.builders(run, tmp_path / "out").items()]):
        capsys.readouterr()
        assert ringtrace(*words) == 0, (name, capsys.readouterr().err)
        assert "signed" not in capsys.readouterr().err
        clear(tmp_path / "out")
    assert "is signed with your own key" in execute("health", run).err
    assert "unsigned" not in repr(rt.open_run(run))


def test_an_unsigned_run_is_taken_and_every_command_says_it_once(world, run, tmp_path, capsys):
    (run / SIGNATURE_NAME).unlink()
    (run / PRIVATE_SIGNATURE).unlink()
    readers = {
        "explain": ["explain", run, RING],
        "rejects": ["rejects", run, "--output", tmp_path / "out"],
        "shown": ["report", run],
    }
    for name, words in (world.builders(run, tmp_path / "out") | readers).items():
        capsys.readouterr()
        assert ringtrace(*words) == 0, name
        assert capsys.readouterr().err.count(f"{run}: has no signature") == 1, name
        clear(tmp_path / "out")
    assert "has no signature" in execute("health", run).err
    assert "unsigned" in repr(rt.open_run(run))


def test_a_partners_signature_is_taken_and_said(world, run, tmp_path, capsys, monkeypatch):
    home = shutil.copytree(world.folder / "home", tmp_path / "home")
    use_keys(monkeypatch, home)
    key = key_store.own_key().public_key()
    (home / "own.pem").unlink()
    assert ringtrace("keys", "make") == 0
    words = world.builders(run, tmp_path / "out")["report"]
    assert ringtrace(*words) == 2, "signed by a key that is not known here"
    assert ringtrace("explain", run, RING) == 0, "but it can be read"
    assert (
        f"is signed by the key {signing.key_id(key)}, which is neither" in capsys.readouterr().err
    )
    assert "unknown_key: " in execute("health", run, status=1).out
    key_store.trust("microsoft", key)
    assert "is signed by microsoft, with the key" in execute(*words).err


def test_whoever_reads_a_changed_table_hears_of_it(world, run):
    finished = rt.open_run(run)
    assert finished.table("links").num_rows
    says = review(run, world)
    with pytest.raises(rt.AlteredRunError, match=says):
        finished.table("members")
    assert finished.table("entities").num_rows, "which is as it was"
    assert says in error_of("explain", run, RING)


def test_a_run_and_its_manifest_are_the_same_with_a_key_and_without(world, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(world.folder / "home/register.key", home)
    use_keys(monkeypatch, home)
    words = [*world.inputs, "--decisions", world.decisions, "--now", NOW]
    execute("batch", *words, "--output", tmp_path / "run")
    ours, theirs = map(files_below, (tmp_path / "run", world.run))
    assert theirs.keys() - ours.keys() == {SIGNATURE_NAME, PRIVATE_SIGNATURE}
    assert all(theirs[name] == content for name, content in ours.items())


def test_a_void_key_vouches_for_no_run(world, run, tmp_path, capsys, monkeypatch):
    home = shutil.copytree(world.folder / "home", tmp_path / "home")
    use_keys(monkeypatch, home)
    key = key_store.own_key().public_key()
    (home / "own.pem").unlink()
    assert ringtrace("keys", "make") == 0
    key_store.trust("microsoft", key)
    words = world.builders(run, tmp_path / "out")["export"]
    soon, past = "2999-01-01T00:00:00Z", "2024-01-01T00:00:00Z"
    for since, status in ((soon, 0), (past, 2)):
        assert ringtrace("keys", "distrust", "microsoft", "--since", since) == 0
        assert ringtrace(*words) == status
        clear(tmp_path / "out")
    says = f"is signed by the key {signing.key_id(key)}, which is void from 2024-01-01"
    assert says in capsys.readouterr().err
    assert f"unknown_key: {says}" in execute("health", run, status=1).out
