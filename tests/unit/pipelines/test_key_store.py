"""Keys and lists on this machine: how long a key holds, which registers and erasures are used."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import key_store
from pipelines.key_store import KeyNote
from pipelines.options import UsageError
from schemas.entity import VICTIM_ENTRY
from schemas.manifest import MANIFEST_NAME
from schemas.tables import VICTIMS
from tests.support.report_tables import manifest
from transforms.custody import Erasures, RegisterKey

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

MACS = [bytes([number]) * 16 for number in range(3)]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(key_store.HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def later(hours):
    return NOON + timedelta(hours=hours)


def noted(**notes):
    """Writes the notes of an organisation's keys; returns when the key `a` is void from."""
    for name, note in notes.items():
        key_store.write_note("amazon", name, note)
    return key_store.validity("amazon", "a").revoked_since


def test_a_key_is_void_where_a_key_that_vouched_for_it_was_void_by_then():
    by_b = KeyNote(vouched_by="b", vouched_at=later(2))
    assert noted() is None
    assert noted(a=by_b, b=KeyNote(revoked_since=later(3))) is None
    assert noted(b=KeyNote(revoked_since=later(2))) == later(2)
    assert noted(b=KeyNote(vouched_by="c", vouched_at=later(1)), c=KeyNote()) is None
    assert noted(c=KeyNote(revoked_since=later(0))) == later(2)
    own = KeyNote(later(-1), later(9), later(1), "b", later(2))
    assert noted(a=own) == later(1)
    assert key_store.validity("amazon", "a").not_after == later(9)
    assert noted(a=by_b, b=KeyNote(vouched_by="a", vouched_at=later(1))) is None  # a circle ends


def test_a_note_that_was_damaged_is_not_none():
    noted(a=KeyNote())
    (path,) = key_store.home().rglob("a.json")
    path.write_text("{")
    with pytest.raises(UsageError, match="restore it, or trust the key again"):
        key_store.validity("amazon", "a")


def secret(folder, byte=b"\1"):
    path = folder / f"secret-{byte.hex()}"
    path.write_bytes(byte * 32)
    path.chmod(0o600)
    return str(path), RegisterKey(byte * 32)


def register(path, key):
    """A file of a register with one entry."""
    entry = {"mac": "0" * 64, "kind": "phone", "reporters": 1, "first_seen": NOON}
    rows = [entry | {"key_id": key.key_id}]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, VICTIM_ENTRY), path)
    return str(path)


def test_registers_are_of_the_key_that_is_given(tmp_path):
    key_file, key = secret(tmp_path)
    files = [register(tmp_path / "victims" / name, key) for name in ("b.parquet", "a.parquet")]
    source = key_store.register_source(key_file, use=True, files=[str(tmp_path / "victims")])
    assert (source.key, list(source.files)) == (key, sorted(files))
    erased = Erasures()
    source = key_store.register_source(key_file, use=True, files=files[:1], erased=erased)
    assert list(source.files) == files[:1] and source.erasures is erased
    strange, _ = secret(tmp_path, b"\2")
    for words, problem in (
        ({"key_file": strange, "files": files}, f"of the key {key.key_id}, here is"),
        ({"key_file": None, "files": files}, "none is here"),
        ({"key_file": key_file, "files": [str(tmp_path / "home")]}, "cannot be|No such file"),
        ({"key_file": key_file, "files": [str(tmp_path)]}, "has no file of a victim register"),
    ):
        with pytest.raises(UsageError, match=problem):
            key_store.register_source(use=True, **words)


def test_a_file_of_a_run_that_is_named_too_has_the_rows_that_the_run_says(tmp_path):
    key_file, key = secret(tmp_path)
    run, name = tmp_path / "run", f"{VICTIMS.name}/part-00000-of-00001.parquet"
    file = register(run / name, key)
    listed = [{"name": name, "rows": 2}]
    (run / MANIFEST_NAME).write_text(json.dumps(manifest(private=listed)))
    for files in ([], [file], [str(run / VICTIMS.name)]):
        with pytest.raises(UsageError, match="has 1 entries, its manifest says 2"):
            key_store.register_source(key_file, use=True, runs=[str(run)], files=files)


def test_an_empty_name_of_a_key_does_not_mean_ones_own(tmp_path):
    key_store.own_key()
    key_store.register_key(None)
    with pytest.raises(UsageError, match="Is a directory"):
        key_store.own_key("")
    with pytest.raises(UsageError, match="Is a directory"):
        key_store.register_key("")


def test_a_register_is_used_and_its_key_made_only_if_asked_for(tmp_path, capsys):
    key_file, key = secret(tmp_path)
    assert key_store.register_source(None, use=False) is None
    assert key_store.register_source(None, use=True) is None
    assert not key_store.home().exists()
    assert not key_store.has_register_key(None) and key_store.has_register_key(key_file)
    for words in ({"key_file": key_file}, {"key_file": None, "files": ["x"]}):
        with pytest.raises(UsageError, match="--no-register: leave out --regist"):
            key_store.register_source(use=False, **words)
    made = key_store.register_source(None, use=True, make=True)
    assert key_store.has_register_key(None) and "later runs need it" in capsys.readouterr().err
    assert key_store.register_source(None, use=True).key == made.key != key
    short = Path(key_file)
    short.write_bytes(b"\1" * 31)
    with pytest.raises(UsageError, match="is not a key of 32 bytes"):
        key_store.register_source(key_file, use=True)


def erased(*lines):
    path = key_store.erased_path()
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    path.chmod(0o600)


def test_erased_records_are_those_of_all_lines_under_the_key_that_is_here(tmp_path):
    key_file, key = secret(tmp_path)
    assert key_store.erasures(key_file) is None and key_store.erasures_stamp() is None
    lines = [{"key_id": key.key_id, "macs": [mac.hex() for mac in macs]}
             for macs in (MACS[:2], MACS[1:])]  # fmt: skip
    erased(*lines)
    known = key_store.erasures(key_file)
    assert (known.key, known.macs) == (key, frozenset(MACS))
    before = key_store.erasures_stamp()
    erased(lines[0])
    assert key_store.erasures_stamp() != before
    strange, _ = secret(tmp_path, b"\2")
    for words, problem in ((strange, "here is"), (None, "none is here")):
        with pytest.raises(UsageError, match=f"under the key {key.key_id}, {problem}"):
            key_store.erasures(words)


@pytest.mark.parametrize("line", ["", {"key_id": "k", "macs": []}, {"key_id": "k", "macs": ["00"]}])
def test_a_changed_list_of_erased_records_is_refused(tmp_path, line):
    key_file, key = secret(tmp_path)
    erased({"key_id": key.key_id, "macs": [MACS[0].hex()]}, line)
    with pytest.raises(UsageError, match="line 2: was changed"):
        key_store.erasures(key_file)
