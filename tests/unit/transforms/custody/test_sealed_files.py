"""A sealed file opens to the sealed content, only with its own key and as its own table."""

import io
import json
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from schemas.manifest import PRIVATE_MANIFEST
from schemas.tables import CONTESTED, NARRATIVES
from tests.support.examples import draws
from transforms.custody import (
    CHUNK_BYTES,
    TAG_BYTES,
    PrivateFileError,
    PrivateKey,
    open_private,
    private_files,
    read_private_manifest,
    seal,
    sealed_files as module,
)

KEY, OTHER = PrivateKey(b"k" * 32), PrivateKey(b"o" * 32)


def sealed(content, *sizes):
    ends = [0, *sizes, len(content)]
    chunks = [content[start:end] for start, end in pairwise(ends)]
    return b"".join(seal(chunks, NARRATIVES, KEY))


def opened(content, table=NARRATIVES, key=KEY):
    return bytes(open_private(io.BytesIO(content), "place", table, key).read())


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2_500_000]
)
def test_any_size_opens_to_what_was_sealed(size):
    content = bytes(range(256)) * (size // 256) + b"z" * (size % 256)
    made = sealed(content, size // 3, size // 2)
    assert opened(made) == content
    assert made != sealed(content), "each file has a salt"


def test_no_two_files_are_enciphered_alike():
    header = len(sealed(b"")) - TAG_BYTES
    first, second = (sealed(b"z" * 1_000)[header:-TAG_BYTES] for _ in range(2))
    assert len(first) == 1_000
    assert first != second


def test_a_file_that_is_not_sealed_is_as_it_is():
    assert opened(b"PAR1 plain", key=None) == b"PAR1 plain"


@given(st.integers(0, 2 * CHUNK_BYTES + 200), st.integers(1, 255))
@draws(25)
def test_no_byte_can_be_changed(place, by):
    made = bytearray(sealed(b"n" * (2 * CHUNK_BYTES)))
    place %= len(made)
    made[place] = (made[place] + by) % 256
    if place < 8:
        assert opened(bytes(made)) == bytes(made), "that is no sealed file"
        return
    with pytest.raises(PrivateFileError, match=r"place: is (not what|sealed with)"):
        opened(bytes(made))


def test_chunks_cannot_be_left_out_or_moved():
    made = sealed(b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES + b"c")
    size = CHUNK_BYTES + TAG_BYTES
    head, first, second, last = (
        made[:48],
        made[48 : 48 + size],
        made[48 + size : 48 + 2 * size],
        made[48 + 2 * size :],
    )
    assert opened(head + first + second + last)[-1:] == b"c"
    for parts in ([first, second], [second, first, last], [first, last], [first], [], [last]):
        with pytest.raises(PrivateFileError, match="is not what the run wrote"):
            opened(b"".join([head, *parts]))


def test_another_key_and_another_table_are_refused():
    made = sealed(b"words")
    with pytest.raises(PrivateFileError, match=f"key {KEY.key_id}.*there is none"):
        opened(made, key=None)
    with pytest.raises(PrivateFileError, match=f"key {KEY.key_id}.*{OTHER.key_id}"):
        opened(made, key=OTHER)
    with pytest.raises(PrivateFileError, match="is not what the run wrote"):
        opened(made, CONTESTED)


def test_a_key_does_not_show_itself():
    assert "kkk" not in repr(KEY)
    assert (b"k" * 8).hex() not in KEY.key_id


def test_a_manifest_leads_nowhere_else(monkeypatch):
    # Arrow asks for a store that does not answer for a quarter of an hour.
    monkeypatch.setattr(module, "read_private_manifest", lambda _: None)
    names = ["private/contested/part-00000-of-00001.parquet", "private/contested/../../x.parquet"]
    manifest = {"private": [{"name": name, "rows": 2} for name in (*names, "/etc/passwd")]}
    assert private_files("run/", manifest, CONTESTED) == {f"run/{names[0]}": 2}
    manifest["private_output"] = "gs://closed/run"
    assert private_files("run", manifest, CONTESTED) == {f"gs://closed/run/{names[0]}": 2}


def test_the_private_manifest_says_what_is_there_now(tmp_path):
    name = "private/contested/part-00000-of-00001.parquet"
    run = {"private": [{"name": name, "rows": 2}]}
    assert private_files(str(tmp_path), run, CONTESTED) == {f"{tmp_path}/{name}": 2}
    file = {"name": name, "bytes": 9, "sha256": "a" * 64, "rows": 1}
    whole = {"run_id": "r-1", "manifest_sha256": "b" * 64, "files": [file]}
    path = tmp_path / PRIVATE_MANIFEST
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(whole))
    assert read_private_manifest(str(tmp_path)) == whole
    assert private_files(str(tmp_path), run, CONTESTED) == {f"{tmp_path}/{name}": 1}
    for missing in whole:
        path.write_text(json.dumps({key: whole[key] for key in whole if key != missing}))
        with pytest.raises(PrivateFileError, match="is not what the run wrote"):
            read_private_manifest(str(tmp_path))
