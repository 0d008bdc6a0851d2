"""`ringtrace keys`: made once, for its owner's eyes; a partner's is trusted by fingerprint."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines import cli, key_store
from pipelines.options import UsageError
from reports import signing


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv(key_store.HOME_VARIABLE, str(folder))
    return folder


@pytest.fixture
def theirs(tmp_path):
    key = signing.make_signing_key().public_key()
    path = tmp_path / "theirs.pem"
    path.write_bytes(signing.public_pem(key))
    return path, signing.key_id(key)


def keys(*words):
    return cli.main(["keys", *map(str, words)])


def test_a_key_is_made_on_first_need_and_reported(home, capsys):
    key = key_store.own_key()
    said = capsys.readouterr().err
    assert signing.key_id(key.public_key()) in said
    assert str(home / "own.pem") in said
    assert stat.S_IMODE((home / "own.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    again = key_store.own_key()
    assert again.private_bytes_raw() == key.private_bytes_raw()
    assert capsys.readouterr().err == ""
    assert [path.name for path in home.iterdir()] == ["own.pem"]


def test_several_at_once_make_one_key():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: key_store.own_key().private_bytes_raw(), range(16)))
    assert len(set(made)) == 1


def test_umask_cannot_open_the_key(home):
    before = os.umask(0)
    try:
        key_store.own_key()
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / "own.pem").stat().st_mode) == 0o600


def test_a_key_that_others_can_read_is_refused(home):
    key_store.own_key()
    (home / "own.pem").chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        key_store.own_key()


@pytest.mark.parametrize("folder", ["", "trusted"])
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_is_refused(home, capsys, folder, mode):
    assert keys("make") == 0
    (home / folder).mkdir(exist_ok=True)
    (home / folder).chmod(mode)
    capsys.readouterr()
    assert keys() == 2
    said = capsys.readouterr().err
    assert "others than its owner can write here" in said
    assert said.count("\n") == 1


def test_make_does_not_replace(home, capsys):
    assert keys("make") == 0
    before = (home / "own.pem").read_bytes()
    assert keys("make") == 2
    assert "exists already" in capsys.readouterr().err
    assert (home / "own.pem").read_bytes() == before


def test_a_given_key_is_used_and_never_made(tmp_path):
    path = tmp_path / "other.pem"
    with pytest.raises(UsageError, match="No such file"):
        key_store.own_key(path)
    assert not path.exists()
    key = signing.make_signing_key()
    path.write_bytes(signing.private_pem(key))
    path.chmod(0o600)
    assert key_store.own_key(path).private_bytes_raw() == key.private_bytes_raw()


def test_where_nothing_may_be_made_it_is_refused(home):
    with pytest.raises(UsageError, match="keys make"):
        key_store.own_key(make=False)
    assert not home.exists()


def test_show_makes_nothing(home, capsys):
    assert keys() == 0
    assert "none yet" in capsys.readouterr().out
    assert not home.exists()


def test_export_is_the_public_key_alone(tmp_path, capsys):
    assert keys("export") == 0
    printed = capsys.readouterr().out.encode()
    assert b"PRIVATE" not in printed
    own = key_store.own_key().public_key()
    assert signing.key_id(signing.read_public_key(printed, "x")) == signing.key_id(own)
    assert keys("export", "--output", tmp_path / "own-public.pem") == 0
    assert (tmp_path / "own-public.pem").read_bytes() == printed
    assert keys("export", "--output", tmp_path / "own-public.pem") == 2


def test_trust_wants_the_fingerprint_and_shows_it(theirs, capsys):
    path, signer = theirs
    assert keys("trust", "microsoft", path) == 2
    assert keys("trust", "microsoft", path, "--fingerprint", "0" * 64) == 2
    assert "do not trust it" in capsys.readouterr().err
    assert key_store.trusted("microsoft") == []
    told = " ".join(signer.upper()[i : i + 4] for i in range(0, 64, 4))
    assert keys("trust", "microsoft", path, "--fingerprint", told) == 0
    assert list(map(signing.key_id, key_store.trusted("microsoft"))) == [signer]
    capsys.readouterr()
    assert keys("show") == 0
    assert f"trusted  {signer}  microsoft" in capsys.readouterr().out


def test_one_key_is_one_organisations(theirs, capsys):
    path, signer = theirs
    assert keys("trust", "microsoft", path, "--fingerprint", signer) == 0
    assert keys("trust", "amazon", path, "--fingerprint", signer) == 2
    assert "microsoft" in capsys.readouterr().err


def test_distrust(theirs, capsys):
    path, signer = theirs
    assert keys("distrust", "microsoft") == 2
    assert keys("trust", "microsoft", path, "--fingerprint", signer) == 0
    assert keys("distrust", "microsoft", "0" * 64) == 2
    assert keys("distrust", "microsoft", signer) == 0
    assert key_store.trusted("microsoft") == []
    assert key_store.trusted_orgs() == []


@pytest.mark.parametrize("org", ["../up", "a/b", "", ".", "A", "x" * 65, "a\nb", "..", "-x", "é"])
def test_a_name_cannot_climb_out_of_the_folder(org, theirs, home):
    path, signer = theirs
    assert keys("trust", "--fingerprint", signer, "--", org, path) == 2
    with pytest.raises(UsageError):
        key_store.trusted(org)
    assert not home.exists()


def test_a_private_key_is_not_taken_for_a_partners(tmp_path, capsys):
    key_store.own_key()
    assert keys("trust", "x", key_store.own_path(), "--fingerprint", "0" * 64) == 2
    assert "private key" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nonsense"], ["trust"], ["show", "--x"], ["make", "extra"]])
def test_wrong_usage_is_one_line(words, capsys):
    assert keys(*words) == 2
    assert capsys.readouterr().err.count("\n") == 1
