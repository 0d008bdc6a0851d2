"""Verification: every altered, missing or added byte is named, and nothing outside is opened."""

import json
import os

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from reports import signing
from reports.referral import seal
from reports.referral.seal import verify_package
from tests.support.examples import draws
from tests.support.made_up_case import KEY, case_of, package_of, rows, written

PUBLIC = KEY.public_key()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return package_of(case_of(tmp_path_factory.mktemp("case") / "run", rows()))


@pytest.fixture
def package(files, tmp_path):
    return written(tmp_path / "package", files)


def found(folder, keys=(PUBLIC,)):
    return {(finding.path, finding.problem) for finding in verify_package(folder, keys).findings}


def test_a_package_as_it_was_made_holds(package, files):
    result = verify_package(package, [PUBLIC])
    assert result.holds and result.findings == []
    assert result.signer == signing.key_id(PUBLIC)
    assert result.files == len(files) - 3
    assert result.package["recipient"] == "us-fbi-ic3"


@settings(draws(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_altered_byte_is_named_with_its_place(package, files, data):
    name = data.draw(st.sampled_from(sorted(file for file in files if files[file])))
    position = data.draw(st.integers(0, len(files[name]) - 1))
    flip = data.draw(st.integers(1, 255))
    content = bytearray(files[name])
    content[position] ^= flip
    (package / name).write_bytes(content)
    try:
        result = verify_package(package, [PUBLIC])
    finally:
        (package / name).write_bytes(files[name])
    assert not result.holds
    if name not in seal.UNSEALED:
        (finding,) = result.findings
        assert finding.path == name
        start, end = (int(word) for word in finding.problem.split(" bytes ")[1].split(" to "))
        assert start <= position <= end < len(content) and end - start < seal.CHUNK
    elif name != seal.QUERY_FILE:
        assert {finding.path for finding in result.findings} & {
            seal.SEAL_FILE,
            seal.SIGNATURE_FILE,
            seal.QUERY_FILE,
        }


def test_neighbouring_places_are_one_range_and_distant_ones_two(package, files):
    path = "data/cluster.stix.json"
    content = bytearray(files[path])
    for position in (0, 4_096, 5_000, 12_288):
        content[position] ^= 1
    (package / path).write_bytes(content)
    assert found(package) == {
        (path, "was altered somewhere in bytes 0 to 8191"),
        (path, "was altered somewhere in bytes 12288 to 16383"),
    }


def test_a_file_swapped_for_a_link_is_not_followed(package, files, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(files["bagit.txt"])
    (package / "bagit.txt").unlink()
    (package / "bagit.txt").symlink_to(outside)
    told = found(package)
    assert ("bagit.txt", "is a symbolic link, which no package has; it was not followed") in told
    assert any(path == "bagit.txt" and "missing" in problem for path, problem in told)


def test_a_pipe_is_not_read(package):
    os.mkfifo(package / "data/pipe")
    assert ("data/pipe", "is not a regular file; it was not read") in found(package)


def test_a_manifest_that_names_a_path_outside_opens_nothing(package, tmp_path):
    (tmp_path / "x").write_bytes(b"secret")
    whole = json.loads((package / seal.SEAL_FILE).read_bytes())
    whole["files"].insert(0, msgspec.to_builtins(seal.seal_entry("../x", b"secret")))
    whole["files"].sort(key=lambda file: file["path"])
    whole["merkle_root"] = seal.merkle_root(msgspec.convert(whole["files"], list[seal.SealEntry]))
    forged = json.dumps(whole).encode()
    (package / seal.SEAL_FILE).write_bytes(forged)
    (package / seal.SIGNATURE_FILE).write_bytes(signing.sign_detached(forged, KEY))
    told = dict(found(package))
    assert "'../x'" in told[seal.SEAL_FILE] and "not allowed" in told[seal.SEAL_FILE]


@pytest.mark.parametrize("facts", [{}, {"issuer": None}, {"issuer": ["amazon"]}])
def test_a_package_that_names_no_issuer_holds_by_a_given_key_alone(package, files, facts):
    unsealed = {name: content for name, content in files.items() if name not in seal.UNSEALED}
    again = seal.make_seal(unsealed, facts)
    (package / seal.SEAL_FILE).write_bytes(again)
    (package / seal.SIGNATURE_FILE).write_bytes(signing.sign_detached(again, KEY))
    (package / seal.QUERY_FILE).write_bytes(seal.time_stamp_query(again))
    assert not verify_package(package, [], (), {"amazon": [PUBLIC]}).holds
    assert verify_package(package, [PUBLIC]).holds


def test_a_signature_file_that_says_the_same_in_other_bytes_is_named(package):
    path = package / seal.SIGNATURE_FILE
    whole = path.read_bytes()
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    end = whole.index(b'=="') - 1
    # The last letter before the padding has four bits that no reader of base64 looks at.
    letter = letters[letters.index(whole[end]) ^ 1]
    for again in (whole + b" ", whole[:end] + bytes([letter]) + whole[end + 1 :]):
        path.write_bytes(again)
        result = verify_package(package, [PUBLIC])
        assert [finding.path for finding in result.findings] == [seal.SIGNATURE_FILE]
        assert not result.holds
