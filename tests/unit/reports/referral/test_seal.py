"""The seal: RFC 6962 hashing against its definition, and hostile seals."""

import hashlib
import json
import shutil
import subprocess

import msgspec
import pytest
from hypothesis import given, strategies as st

from reports.referral import package, seal

FILES = {"bagit.txt": b"x", "data/a.csv": b"y" * 9_000, "data/empty": b""}


def tree_hash(leaves):
    """Returns the MTH of RFC 6962 section 2.1, as it is defined there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


@given(st.lists(st.binary(max_size=5), max_size=70))
def test_the_root_is_that_of_rfc_6962(data):
    assert seal.merkle_tree_hash([seal.merkle_leaf(content) for content in data]) == tree_hash(data)


def test_a_known_root():
    """Of the test vectors of Certificate Transparency: one empty leaf, and the first two."""
    empty_root = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    two = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert seal.merkle_tree_hash([seal.merkle_leaf(b"")]).hex() == empty_root
    assert seal.merkle_tree_hash([seal.merkle_leaf(b""), seal.merkle_leaf(b"\0")]).hex() == two


def test_a_seal_lists_every_file_and_can_be_read_again():
    package, entries = seal.parse_seal(seal.make_seal(FILES, {"reference": "r"}))
    assert package["reference"] == "r"
    assert [entry.path for entry in entries] == sorted(FILES)
    assert [len(entry.chunks) for entry in entries] == [1, 3, 0]


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "data/../../x",
        "/etc/passwd",
        "data//x",
        "./x",
        "C:x",
        "data\\..\\x",
        "data/.hidden",
        "",
        "x\n",
        "x\0y",
        "data/ä",
        "a" * 300,
        seal.SEAL_FILE,
        seal.TOKEN_FILE,
    ],
)
def test_a_path_that_leads_anywhere_is_refused(path):
    with pytest.raises(seal.SealError):
        seal.parse_seal(seal.make_seal({path: b"x"}, {}))


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"version": True},
        {"chunk_bytes": 1},
        {"files": {}},
        {"files": [1]},
        {"package": []},
        {"merkle_root": "0" * 64},
    ],
)
def test_a_seal_that_is_none_is_refused(change):
    whole = json.loads(seal.make_seal(FILES, {})) | change
    with pytest.raises(seal.SealError):
        seal.parse_seal(json.dumps(whole).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff", b'{"format": 1}'])
def test_rubbish_is_refused(content):
    with pytest.raises(seal.SealError):
        seal.parse_seal(content)


@pytest.mark.parametrize(
    ("name", "value"),
    [("bytes", -1), ("bytes", 1.0), ("bytes", True), ("sha256", "x"), ("chunks", []), ("more", 1)],
)
def test_an_entry_that_does_not_add_up_is_refused(name, value):
    whole = json.loads(seal.make_seal({"a": b"xyz"}, {}))
    whole["files"][0][name] = value
    whole["merkle_root"] = "0" * 64
    with pytest.raises(seal.SealError):
        seal.parse_seal(json.dumps(whole).encode())


def test_files_given_twice_are_refused():
    whole = json.loads(seal.make_seal({"a": b"xyz"}, {}))
    whole["files"] *= 2
    whole["merkle_root"] = seal.merkle_root(msgspec.convert(whole["files"], list[seal.SealEntry]))
    with pytest.raises(seal.SealError, match="twice"):
        seal.parse_seal(json.dumps(whole).encode())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_reads_the_time_stamp_query(tmp_path):
    sealed = seal.make_seal(FILES, {})
    (tmp_path / "q").write_bytes(seal.time_stamp_query(sealed))
    (tmp_path / "s").write_bytes(sealed)
    told = subprocess.run(
        ["openssl", "ts", "-query", "-in", tmp_path / "q", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Hash Algorithm: sha256" in told and "Certificate required: yes" in told
    again = subprocess.run(
        ["openssl", "ts", "-query", "-data", tmp_path / "s", "-sha256", "-no_nonce", "-cert"],
        capture_output=True,
        check=True,
    ).stdout
    assert again == seal.time_stamp_query(sealed)


def test_the_bag_counts_its_payload():
    tags = package.bag_tag_files(
        {"data/a": b"xyz", "data/b": b""}, {"Source-Organization": "amazon"}
    )
    assert b"Payload-Oxum: 3.2\n" in tags["bag-info.txt"]
    assert tags["manifest-sha256.txt"].count(b"\n") == 2
    assert b"  manifest-sha256.txt\n" in tags["tagmanifest-sha256.txt"]
