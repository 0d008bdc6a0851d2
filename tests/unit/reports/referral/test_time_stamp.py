"""A time stamp is taken only of this seal, by the authority that is named, and unharmed."""

import shutil
import subprocess
import sys

import pytest
from cryptography.x509 import load_pem_x509_certificates

from pipelines import cli
from reports import signing
from reports.referral import seal
from reports.referral.seal import verify_package
from schemas.extras import install_command
from tests.support.made_up_case import KEY, case_of, package_of, rows, written

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

UNREADABLE = "cannot be read as an RFC 3161 time stamp in DER; see what openssl ts -verify says"

CONFIG = """
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[plain]
basicConstraints = critical, CA:false
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[stamp]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
"""


class Authority:
    """A made-up time-stamping authority of openssl's, with its own root."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        (folder / "c.cnf").write_text(CONFIG)
        (folder / "serial").write_text("01\n")
        made = "req -x509 -newkey rsa:2048 -nodes -days 3650 -config c.cnf"
        self.run(f"{made} -extensions root -subj /CN=Root -keyout root.key -out root.pem")
        made += " -CA root.pem -CAkey root.key -extensions tsa"
        self.run(f"{made} -subj /CN=Stamps -keyout tsa.key -out tsa.pem")

    def run(self, words):
        subprocess.run(
            ["openssl", *words.split()], cwd=self.folder, check=True, capture_output=True
        )

    def stamp(self, query):
        (self.folder / "q").write_bytes(query)
        self.run("ts -reply -queryfile q -config c.cnf -section stamp -signer tsa.pem "
                 "-inkey tsa.key -out r")  # fmt: skip
        return (self.folder / "r").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    return written(folder / "p", package_of(case_of(folder / "run", rows())))


@pytest.fixture(scope="module")
def token(authority, package):
    return authority.stamp((package / seal.QUERY_FILE).read_bytes())


def roots(authority):
    return load_pem_x509_certificates(authority.root.read_bytes())


def checked(package, token, certificates):
    (package / seal.TOKEN_FILE).write_bytes(token)
    result = verify_package(package, [KEY.public_key()], certificates)
    return result, [(finding.path, finding.problem) for finding in result.findings]


def test_it_holds_by_its_authority_and_only_by_that(authority, package, token, tmp_path):
    result, findings = checked(package, token, roots(authority))
    assert result.holds and findings == []
    assert result.time_stamp.checked and result.time_stamp.by == "CN=Stamps"
    assert result.time_stamp.text.endswith("its signature and certificates hold")
    result, findings = checked(package, token, roots(Authority(tmp_path / "other")))
    ((path, problem),) = findings
    assert path == seal.TOKEN_FILE and "is not valid by the given authority" in problem


def test_without_an_authority_the_text_states_that_nothing_was_checked(package, token):
    result, _ = checked(package, token, [])
    assert result.holds and not result.time_stamp.checked
    assert result.time_stamp.text.startswith("says 2")
    assert "its signature was not checked: give --authority" in result.time_stamp.text


def test_an_altered_one_and_one_of_another_seal(authority, package, token):
    other_stamp = authority.stamp(seal.time_stamp_query(b"another seal"))
    for certificates in ([], roots(authority)):
        assert checked(package, other_stamp, certificates)[1] == [
            (seal.TOKEN_FILE, "is not a time stamp of this seal")
        ]
        assert checked(package, b"0...", certificates)[1] == [(seal.TOKEN_FILE, UNREADABLE)]
        empty = "is empty: there is no time stamp in it"
        assert checked(package, b"", certificates)[1] == [(seal.TOKEN_FILE, empty)]
    for position in range(0, len(token), 97):
        broken = bytearray(token)
        broken[position] ^= 0x10
        try:
            result, findings = checked(package, bytes(broken), roots(authority))
        except Exception as error:
            pytest.fail(f"byte {position}: {error!r}")
        # Unsigned and unread bytes may differ: the text of a status, a spare certificate.
        assert findings or result.time_stamp.by == "CN=Stamps"


def test_one_that_was_asked_for_must_be_there(authority, package):
    (package / seal.TOKEN_FILE).unlink(missing_ok=True)
    result = verify_package(package, [KEY.public_key()], roots(authority))
    assert [finding.path for finding in result.findings] == [seal.TOKEN_FILE]


def test_the_command_prints_it(authority, package, token, tmp_path, capsys):
    (package / seal.TOKEN_FILE).write_bytes(token)
    key = tmp_path / "k.pem"
    key.write_bytes(signing.public_pem(KEY.public_key()))
    words = ["verify", str(package), "--key", str(key)]
    assert cli.main(words) == 0
    assert "was not checked" in capsys.readouterr().out
    assert cli.main([*words, "--authority", str(authority.root)]) == 0
    assert "by CN=Stamps; its signature and certificates hold" in capsys.readouterr().out
    for bad in (key, tmp_path / "absent.pem"):
        assert cli.main([*words, "--authority", str(bad)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_without_the_package_nothing_is_claimed(package, token, monkeypatch):
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    result, findings = checked(package, token, [])
    assert findings == [] and not result.time_stamp.checked
    assert f"was not checked: {install_command('referral')}" in result.time_stamp.text
    assert checked(package, b"0...", [])[1] == [
        (seal.TOKEN_FILE, "is not a time stamp of this seal")
    ]
