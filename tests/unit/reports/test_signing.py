"""Detached signatures: only an unaltered file by a trusted key is taken, and openssl agrees."""

import base64
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, strategies as st

from reports import signing

KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))

CONTENT = b'{"format":"something"}'

SIGNED = signing.sign_detached(CONTENT, KEY)

TRUSTED = [OTHER.public_key(), KEY.public_key()]


def test_what_was_signed_is_taken_and_the_key_is_named():
    assert signing.verify_detached(CONTENT, SIGNED, TRUSTED) == signing.key_id(KEY.public_key())
    assert signing.sign_detached(CONTENT, KEY) == SIGNED


def test_rfc_8032_test_vector_2():
    key = ed25519.Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    raw = base64.b64decode(json.loads(signing.sign_detached(b"\x72", key))["signature"])
    assert raw.hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_a_key_that_is_not_trusted_is_named():
    with pytest.raises(signing.UnknownKeyError) as error:
        signing.verify_detached(CONTENT, SIGNED, [OTHER.public_key()])
    assert error.value.key_id == signing.key_id(KEY.public_key())
    assert error.value.key_id in str(error.value)


@given(st.data())
def test_any_altered_byte_of_the_content_is_found(data):
    place = data.draw(st.integers(0, len(CONTENT) - 1))
    flip = data.draw(st.integers(1, 255))
    altered = bytearray(CONTENT)
    altered[place] ^= flip
    with pytest.raises(signing.WrongSignatureError):
        signing.verify_detached(bytes(altered), SIGNED, TRUSTED)


@given(st.integers(0, len(CONTENT) - 1))
def test_a_cut_content_is_found(length):
    with pytest.raises(signing.WrongSignatureError):
        signing.verify_detached(CONTENT[:length], SIGNED, TRUSTED)


@given(st.binary(max_size=200) | st.integers(0, len(SIGNED) - 1).map(lambda n: SIGNED[:n]))
def test_a_file_that_is_no_signature_is_refused(signature):
    if json_equal(signature, SIGNED):
        return
    with pytest.raises(signing.SignatureError):
        signing.verify_detached(CONTENT, signature, TRUSTED)


def json_equal(a, b):
    try:
        return json.loads(a) == json.loads(b)
    except ValueError:
        return False


HOSTILE = [
    {"key_id": "../../../etc/passwd"},
    {"key_id": "A" * 64},
    {"key_id": ["0" * 64]},
    {"key_id": None},
    {"signature": "not base64!"},
    {"signature": ""},
    {"signature": 7},
    {"algorithm": "none"},
    {"version": 2},
    {"version": True},
    {"format": "other"},
    {"more": 1},
]


@pytest.mark.parametrize("change", HOSTILE)
def test_hostile_fields_are_refused(change):
    fields = json.loads(SIGNED) | change
    with pytest.raises(signing.SignatureError) as error:
        signing.verify_detached(CONTENT, json.dumps(fields).encode(), TRUSTED)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"[" * 4000, b"null", b"{}", b"\xff", b" " * 5000 + SIGNED])
def test_deep_empty_and_long_files_are_refused(content):
    with pytest.raises(signing.BrokenSignatureError):
        signing.verify_detached(CONTENT, content, TRUSTED)


def test_keys_go_through_pem():
    private = signing.read_private_key(signing.private_pem(KEY), "own.pem")
    public = signing.read_public_key(signing.public_pem(KEY.public_key()), "p.pem")
    assert private.private_bytes_raw() == KEY.private_bytes_raw()
    assert signing.key_id(public) == signing.key_id(KEY.public_key())


def pem(key, encryption=None):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no private key"),
        (b"\0" * 5000, "too large"),
        (signing.public_pem(KEY.public_key()), "no private key"),
        (pem(KEY, serialization.BestAvailableEncryption(b"x")), "encrypted"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "Ed25519"),
    ],
    ids=["empty", "too large", "public", "encrypted", "of another curve"],
)
def test_files_that_are_no_private_key(content, word):
    with pytest.raises(signing.KeyFileError, match=word) as error:
        signing.read_private_key(content, "f.pem")
    assert str(error.value).startswith("f.pem: ")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no public key"),
        (pem(KEY), "private key"),
        (b"-" * 5000, "too large"),
        (
            ec.generate_private_key(ec.SECP256R1())
            .public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
            "Ed25519",
        ),
    ],
    ids=["empty", "private", "too large", "of another curve"],
)
def test_files_that_are_no_public_key(content, word):
    with pytest.raises(signing.KeyFileError, match=word):
        signing.read_public_key(content, "f.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_checks_the_same_signature(tmp_path):
    (tmp_path / "key.pem").write_bytes(signing.public_pem(KEY.public_key()))
    (tmp_path / "file").write_bytes(CONTENT)
    raw = base64.b64decode(json.loads(SIGNED)["signature"])
    (tmp_path / "raw").write_bytes(raw)

    def openssl(*words):
        return subprocess.run(["openssl", *words], cwd=tmp_path, check=False, capture_output=True)

    check = "pkeyutl -verify -pubin -inkey key.pem -rawin -in file -sigfile raw".split()
    assert openssl(*check).returncode == 0
    der = openssl("pkey", "-pubin", "-in", "key.pem", "-outform", "DER").stdout
    import hashlib

    assert hashlib.sha256(der).hexdigest() == signing.key_id(KEY.public_key())
    (tmp_path / "file").write_bytes(CONTENT + b" ")
    assert openssl(*check).returncode != 0
