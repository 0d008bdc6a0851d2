"""`ringtrace keys`: made once, for its owner's eyes; a partner's is trusted by fingerprint."""

import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import cli, key_store, private_keys
from pipelines.options import UsageError
from pipelines.run_folder import run_signer
from pipelines.user_files import custody_policy
from reports import signing
from schemas.extras import install_command
from tests.support.changed import replace


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


def test_a_key_is_made_on_first_need_for_its_owner_alone_and_reported(home, capsys):
    before = os.umask(0)
    try:
        key = key_store.own_key()
    finally:
        os.umask(before)
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


def test_a_key_that_others_can_read_is_refused(home):
    key_store.own_key()
    (home / "own.pem").chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        key_store.own_key()


@pytest.mark.parametrize(("folder", "mode"), [("", 0o770), ("trusted", 0o707)])
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


def test_nothing_is_made_unasked(home, capsys):
    with pytest.raises(UsageError, match="keys make"):
        key_store.own_key(make=False)
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
    assert key_store.read_note("microsoft", signer).revoked_since is not None
    assert keys("trust", "microsoft", path, "--fingerprint", signer) == 0
    assert key_store.read_note("microsoft", signer).revoked_since is None


@pytest.mark.parametrize("org", ["../up", "a/b", "", "x" * 65, "é"])
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


@pytest.fixture
def parties(tmp_path, monkeypatch):
    """Two organisations, the second trusting the first, and a way to act as either."""

    def act_as(org):
        monkeypatch.setenv(key_store.HOME_VARIABLE, str(tmp_path / org))

    act_as("amazon")
    key = key_store.own_key().public_key()
    act_as("microsoft")
    key_store.trust("amazon", key)
    return signing.key_id(key), act_as


def at(day):
    return f"2096-06-{day:02d}T00:00:00Z"


def moment(day):
    return datetime(2096, 6, day, tzinfo=UTC)


def test_a_rotated_key_is_taken_by_its_list_and_the_old_one_ends_later(parties, tmp_path, capsys):
    old, act_as = parties
    act_as("amazon")
    words = ["rotate", "--from", "amazon", "--keep-days", 10, "--valid-days", 20, "--now", at(1)]
    assert keys(*words, "--output", tmp_path / "list") == 0
    new = signing.key_id(key_store.own_key().public_key())
    assert new != old
    assert set(map(signing.key_id, key_store.own_public_keys())) == {old, new}
    act_as("microsoft")
    capsys.readouterr()
    assert keys("import", "amazon", tmp_path / "list", "--now", at(2)) == 0
    said = capsys.readouterr().out
    assert f"trusted  {old}  amazon  until 2096-06-11T00:00:00Z" in said
    assert f"trusted  {new}  amazon  from 2096-06-01T00:00:00Z, until 2096-06-21" in said
    for signer, first, last in ((old, None, 11), (new, 1, 21)):
        valid = key_store.validity("amazon", signer)
        assert valid.problem(moment(last)) is None
        assert "ended" in valid.problem(moment(last + 1))
        if first:
            assert "before" in valid.problem(moment(first) - timedelta(seconds=1))
    # The same list again changes nothing; a later one by the new key is taken, too.
    assert keys("import", "amazon", tmp_path / "list", "--now", at(3)) == 0
    act_as("amazon")
    words[-1] = at(4)
    assert keys(*words, "--output", tmp_path / "second") == 0
    act_as("microsoft")
    assert keys("import", "amazon", tmp_path / "second", "--now", at(5)) == 0
    assert len(key_store.trusted("amazon")) == 3


def test_a_revoked_key_is_void_for_partners_and_signs_no_more(parties, tmp_path, capsys):
    old, act_as = parties
    act_as("amazon")
    words = ["revoke", old, "--since", at(3), "--from", "amazon", "--now", at(5)]
    assert keys(*words, "--output", tmp_path / "list") == 0
    assert not key_store.own_path().exists()
    act_as("microsoft")
    assert keys("import", "amazon", tmp_path / "list", "--now", at(6)) == 0
    valid = key_store.validity("amazon", old)
    assert valid.problem(moment(2)) is None
    assert "void from 2096-06-03T00:00Z" in valid.problem(moment(3))
    assert "void from" in valid.problem(moment(2), moment(6)), "a time can be dated back"
    capsys.readouterr()
    assert keys("import", "amazon", tmp_path / "list", "--now", at(7)) == 2
    assert "void from" in capsys.readouterr().err
    act_as("amazon")
    assert keys("make") == 0
    assert signing.key_id(key_store.own_key().public_key()) != old


def test_a_key_that_was_taken_out_is_not_brought_back_by_a_list(parties, tmp_path):
    old, act_as = parties
    act_as("amazon")
    assert keys("rotate", "--from", "amazon", "--output", tmp_path / "list") == 0
    new = signing.key_id(key_store.own_key().public_key())
    act_as("microsoft")
    assert keys("import", "amazon", tmp_path / "list") == 0
    assert keys("distrust", "amazon", new) == 0
    assert keys("import", "amazon", tmp_path / "list") == 0
    assert list(map(signing.key_id, key_store.trusted("amazon"))) == [old]


def test_an_own_key_that_ended_does_not_sign(home, capsys):
    assert keys("make", "--valid-days", 1) == 0
    signer = signing.key_id(key_store.own_key().public_key())
    note = key_store.read_note(None, signer)
    assert keys("make") == 2
    key_store.write_note(None, signer, replace(note, not_after=datetime(2026, 6, 1, tzinfo=UTC)))
    with pytest.raises(UsageError, match="run ringtrace keys make"):
        key_store.own_key()
    assert keys("make") == 0
    assert signing.key_id(key_store.own_key().public_key()) != signer
    assert signer in map(signing.key_id, key_store.own_public_keys())


@pytest.mark.parametrize("by", ["file", "variable"])
def test_a_passphrase_locks_the_private_key_and_not_the_public_one(
    home, tmp_path, capsys, monkeypatch, by
):
    key = key_store.own_key()
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o600)
    if by == "file":
        monkeypatch.setenv("RINGTRACE_PASSPHRASE_FILE", str(secret))
    else:
        monkeypatch.setenv("RINGTRACE_PASSPHRASE", "correct horse battery")
    assert keys("protect") == 0
    content = key_store.own_path().read_bytes()
    assert b"ENCRYPTED" in content
    assert key_store.own_key().private_bytes_raw() == key.private_bytes_raw()
    monkeypatch.setattr(private_keys, "_opened", {})
    monkeypatch.delenv("RINGTRACE_PASSPHRASE_FILE", raising=False)
    monkeypatch.setenv("RINGTRACE_PASSPHRASE", "another one entirely")
    with pytest.raises(UsageError, match="another passphrase"):
        key_store.own_key()
    monkeypatch.delenv("RINGTRACE_PASSPHRASE")
    with pytest.raises(UsageError, match="is encrypted, and there is no terminal"):
        key_store.own_key()
    # What needs the public key alone asks for nothing.
    assert keys("show") == 0
    assert keys("export") == 0
    assert signing.key_id(key.public_key()) in capsys.readouterr().out
    monkeypatch.setenv("RINGTRACE_PASSPHRASE", "correct horse battery")
    assert keys("protect", "--remove") == 0
    assert b"ENCRYPTED" not in key_store.own_path().read_bytes()
    monkeypatch.setenv("RINGTRACE_PASSPHRASE", "short")
    assert keys("protect") == 2
    secret.chmod(0o644)
    monkeypatch.setenv("RINGTRACE_PASSPHRASE_FILE", str(secret))
    assert keys("protect") == 2
    assert "chmod 600" in capsys.readouterr().err


def test_a_locked_key_behind_another_public_key_is_refused(monkeypatch):
    key_store.own_key()
    monkeypatch.setenv("RINGTRACE_PASSPHRASE", "correct horse battery")
    assert keys("protect") == 0
    path = key_store.own_path()
    content = path.read_bytes()
    strange = signing.public_pem(signing.make_signing_key().public_key())
    path.write_bytes(strange + content[content.index(b"-----BEGIN ENCRYPTED") :])
    with pytest.raises(UsageError, match="two halves are not one key"):
        key_store.own_key()


def test_the_keyring_keeps_the_passphrase(home, monkeypatch):
    keyring = pytest.importorskip("keyring")
    kept = {}
    monkeypatch.setattr(keyring, "set_password", lambda *asked: kept.update({asked[:2]: asked[2]}))
    monkeypatch.setattr(keyring, "get_password", lambda *asked: kept.get(asked))
    key = key_store.own_key()
    assert keys("protect", "--keyring") == 0
    assert list(kept) == [("ringtrace", signing.key_id(key.public_key()))]
    monkeypatch.setattr(private_keys, "_opened", {})
    assert key_store.own_key().private_bytes_raw() == key.private_bytes_raw()


def test_without_a_keyring_it_is_one_line(home, monkeypatch, capsys):
    key_store.own_key()
    monkeypatch.setitem(sys.modules, "keyring", None)
    capsys.readouterr()
    assert keys("protect", "--keyring") == 2
    assert install_command("keyring") in capsys.readouterr().err


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An ssh-agent with an Ed25519 key and another one."""
    for tool in ("ssh-agent", "ssh-add", "ssh-keygen"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = Path(tempfile.mkdtemp(prefix="agent"))  # a socket's path is short
    process = subprocess.Popen(["ssh-agent", "-D", "-a", folder / "s"], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(folder / "s"))
    for _ in range(100):
        if (folder / "s").exists():
            break
        time.sleep(0.05)
    for kind in ("ed25519", "ecdsa"):
        words = f"ssh-keygen -q -t {kind} -f {folder / kind}".split()
        subprocess.run([*words, "-N", "", "-C", f"{kind} of Ada"], check=True)
        subprocess.run(["ssh-add", "-q", folder / kind], check=True)
    yield
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


def test_an_agent_signs_and_gives_no_key_away(agent, capsys, monkeypatch):
    assert keys("make", "--agent", "ecdsa of Ada") == 2
    assert "ed25519 of Ada" in capsys.readouterr().err
    assert keys("make", "--agent", "ed25519 of Ada") == 0
    assert b"PRIVATE" not in key_store.own_path().read_bytes()
    key = key_store.own_key()
    signature = signing.sign_detached(b"content", key)
    assert signing.verify_detached(b"content", signature, key_store.own_public_keys())
    with pytest.raises(UsageError, match="gives it to nobody"):
        key.private_bytes_raw()
    sign = pickle.loads(pickle.dumps(run_signer()))  # noqa: S301
    assert signing.verify_detached(b"run", sign(b"run"), key_store.own_public_keys())
    subprocess.run(["ssh-add", "-q", "-D"], check=True, stderr=subprocess.DEVNULL)
    with pytest.raises(UsageError, match="does not sign"):
        key.sign(b"content")
    assert sign(b"run") is None
    assert "the run is left unsigned" in capsys.readouterr().err
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(UsageError, match="there is no agent"):
        key.sign(b"content")


@pytest.mark.parametrize("file", ["trusted/microsoft", "pem", "json", "policy.toml"])
def test_what_others_can_write_is_not_believed(home, theirs, capsys, file):
    path, signer = theirs
    assert keys("trust", "microsoft", path, "--fingerprint", signer, "--not-after", at(1)) == 0
    (home / "policy.toml").write_text("longest_offer_days = 7\n")
    target = home / file
    if file in ("pem", "json"):
        target = home / "trusted" / "microsoft" / f"{signer}.{file}"
    target.chmod(0o777 if target.is_dir() else 0o666)
    with pytest.raises(UsageError, match="others than its owner can write"):
        key_store.trusted("microsoft")
        key_store.validity("microsoft", signer)
        custody_policy()


def test_a_trusted_file_that_is_another_key_is_refused(home, theirs):
    path, signer = theirs
    assert keys("trust", "microsoft", path, "--fingerprint", signer) == 0
    file = home / "trusted" / "microsoft" / f"{signer}.pem"
    file.write_bytes(signing.public_pem(signing.make_signing_key().public_key()))
    with pytest.raises(UsageError, match="another key than its name says"):
        key_store.trusted("microsoft")


@pytest.mark.parametrize(
    "text",
    [
        'two_people = ["dispute"]',
        "x = 1",
        "longest_offer_days = 400",
        "= =",
        "least_shared_count = 2",
    ],
)
def test_a_wrong_policy_is_one_line(home, text):
    home.mkdir()
    (home / "policy.toml").write_text(text)
    with pytest.raises(UsageError, match=r"policy\.toml"):
        custody_policy()


def test_what_was_built_before_a_key_was_void_stays(theirs):
    path, signer = theirs
    since = datetime(2024, 6, 1, tzinfo=UTC)
    before = since - timedelta(seconds=1)
    assert "no longer trusted" in key_store.void_reason("microsoft", signer, before)
    key_store.trust("microsoft", key_store.public_key(path))
    assert key_store.void_reason("microsoft", signer, since) == ""
    key_store.distrust("microsoft", signer, since)
    assert key_store.void_reason("microsoft", signer, before) == ""
    assert "void from 2024-06-01" in key_store.void_reason("microsoft", signer, since)
