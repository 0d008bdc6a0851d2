"""All that rests on a join is void with the key of an offer in it, and each place says so."""

import shutil
from dataclasses import replace

import pytest

from pipelines import key_store
from pipelines.exchange import signed_files
from pipelines.ledger import EntryKind, outstanding, read_ledger
from reports import tables
from schemas.tables import CLUSTERS, DECISIONS, MEMBERS
from tests.support.exchange_world import NOW, ringtrace

LATER = "2026-06-04T00:00:00Z"


@pytest.fixture(scope="module")
def made(world, joint, tmp_path_factory):
    """A joint run, a package of it, a decision made on it, and a run of one's own made with that.

    The decision is in `signed.csv`, the own run in `own`.
    """
    joint.folder = folder = tmp_path_factory.mktemp("void")
    shown = tables.read_table(joint.run, MEMBERS, ["entity_id", "cluster_id"]).to_pylist()
    inside = joint.cluster["cluster_id"]
    member = min(row["entity_id"] for row in shown if row["cluster_id"] == inside)
    who = ["--author", "Ada", "--reason", "seen", "--now", LATER]
    decided = ["--decisions", folder / "signed.csv"]
    assert ringtrace("decide", joint.run, "confirm", member, *who, *decided) == 0
    files = ["--complaints", world.amazon.complaints, "--calls", world.amazon.calls]
    own = ["--now", "2026-06-05T00:00:00Z", "--output", folder / "own"]
    assert ringtrace("batch", *files, *decided, "--previous", joint.run, *own) == 0
    return joint


@pytest.fixture
def distrusted(made, tmp_path, monkeypatch):
    """Takes microsoft's key out of a copy of the keys, of which the ledger is a part."""
    home = shutil.copytree(key_store.home(), tmp_path / "home")
    monkeypatch.setenv(key_store.HOME_VARIABLE, str(home))

    def distrust(*words):
        return ringtrace("keys", "distrust", "microsoft", *words)

    return distrust


def test_the_ledger_has_every_join_and_what_an_issue_rests_on(made):
    joins = [line for line in read_ledger(None) if line.kind == EntryKind.JOIN]
    assert {join.recipient for join in joins} == {"microsoft"}
    assert joins[-1].reference == str(made.run)
    (package,) = [line for line in read_ledger(None) if line.kind == EntryKind.PACKAGE]
    assert package.run_id == joins[-1].run_id and package.run_id in package.built_on


def test_distrust_lists_what_it_voids_and_what_to_do(made, distrusted, capsys):
    assert distrusted("--decisions", made.folder / "signed.csv") == 0
    said = capsys.readouterr().out
    (package,) = [line for line in read_ledger(None) if line.kind == EntryKind.PACKAGE]
    joins = [line for line in read_ledger(None) if line.kind == EntryKind.JOIN]
    for join in joins:
        assert (
            f"void: the join {join.run_id} of {join.at} in {join.reference}: make it again" in said
        )
    assert f"void: {package.issue_id} of {package.at} to in-cbi, reference " in said
    assert "run ringtrace correct" in said
    assert "(confirm, Ada) in " in said and f"made on {joins[-1].run_id}" in said


def test_from_a_moment_on_it_voids_what_was_made_then(made, distrusted, capsys):
    assert distrusted("--since", "2026-06-03T00:00:00Z") == 0
    assert "void: " not in capsys.readouterr().out
    assert ringtrace("verify", made.package) == 0
    assert distrusted("--since", "2026-06-02T00:00:00Z") == 0
    assert "void: package-" in capsys.readouterr().out


def test_a_changed_ledger_keeps_no_key_trusted(made, distrusted, capsys):
    path = key_store.home() / "issued.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kind":"join"', b'"kind":"jest"'))
    assert distrusted() == 1
    assert "the ledger was changed" in capsys.readouterr().err
    assert key_store.trusted("microsoft") == []


def test_verify_says_that_a_package_rests_on_a_void_join(made, distrusted, capsys):
    assert ringtrace("verify", made.package) == 0
    assert distrusted() == 0
    capsys.readouterr()
    assert ringtrace("verify", made.package) == 1
    said = capsys.readouterr().out
    assert "WRONG" in said and "which is void: the offer of microsoft in it is signed by" in said


def test_a_correction_takes_all_of_it_back_once(made, distrusted, tmp_path, capsys):
    options = [world_run(made), "--decisions", made.folder / "signed.csv"]
    assert ringtrace("correct", *options, "--output", tmp_path / "none") == 0
    assert "nothing that was issued" in capsys.readouterr().out
    assert distrusted() == 0
    capsys.readouterr()
    assert ringtrace("health", *options) == 1
    assert "(rests on a void join); run ringtrace correct" in capsys.readouterr().out
    assert ringtrace("correct", *options, "--output", tmp_path / "out") == 0
    (package,) = [line for line in read_ledger(None) if line.kind == EntryKind.PACKAGE]
    (taken,) = [line for line in read_ledger(None) if line.kind == EntryKind.CORRECTION]
    assert taken.bare == package.bare and (tmp_path / "out/in-cbi/correction.json").is_file()
    capsys.readouterr()
    assert ringtrace("correct", *options, "--output", tmp_path / "again") == 0
    assert "nothing that was issued" in capsys.readouterr().out


def test_what_was_made_of_an_offer_that_its_sender_took_back_is_taken_back(
    made, tmp_path, monkeypatch, capsys
):
    """Decisions on the join hold: the offer was revoked, and nobody else could sign it."""
    home = shutil.copytree(key_store.home(), tmp_path / "home")
    monkeypatch.setenv(key_store.HOME_VARIABLE, str(home))
    entries = read_ledger(None)
    (package,) = [row for row in entries if row.kind == EntryKind.PACKAGE]
    before = signed_files.accepted_before("microsoft")
    offers = {row.sha256 for row in entries if row.run_id == package.run_id} - {package.sha256}
    signed_files.save_accepted("microsoft", replace(before, revoked=before.revoked | offers))
    assert ringtrace("verify", made.package) == 1
    assert f"of the join {package.run_id}, whose offer microsoft revoked" in capsys.readouterr().out
    options = [world_run(made), "--decisions", made.folder / "signed.csv"]
    assert ringtrace("health", *options) == 1
    said = capsys.readouterr().out
    assert f"correction: {package.issue_id} " in said and "void_join: " not in said
    leaves = ["export", made.folder / "own", "--format", "csv", "--all"]
    assert ringtrace(*leaves, "--output", tmp_path / "x.csv") == 0
    revoked = signed_files.revoked_letters()
    new = replace(package, sha256="9" * 64, run_id="other", supersedes=package.sha256)
    assert outstanding([*entries, new], (), {}, revoked) == []
    assert [issue.entry for issue in outstanding([*entries, new], package.bare, {}, revoked)] == [
        package,
        new,
    ]
    assert ringtrace("correct", *options, "--output", tmp_path / "out") == 0
    assert (tmp_path / "out/in-cbi/correction.json").is_file()
    assert outstanding(read_ledger(None), (), {}, revoked) == []


def test_what_accuses_there_has_no_effect_and_what_rests_on_it_does_not_leave(
    made, world, distrusted, tmp_path, capsys
):
    own = made.folder / "own"
    leaves = ["export", own, "--format", "stix", "--all", "--include-verify"]
    offers = ["exchange", "offer", own, "--to", "fcc"]
    case = ["referral", own, "--cluster", confirmed(own), "--recipient", "in-cbi"]
    case += ["--complaints", world.amazon.complaints, "--calls", world.amazon.calls]
    assert distrusted() == 0
    capsys.readouterr()
    for number, words in enumerate((leaves, offers, case)):
        assert ringtrace(*words, "--output", tmp_path / str(number)) == 2, words
        assert "rests on the join " in capsys.readouterr().err
        assert not (tmp_path / str(number)).exists()
    again = ["--complaints", world.amazon.complaints, "--calls", world.amazon.calls]
    again += ["--decisions", made.folder / "signed.csv", "--previous", made.run]
    assert ringtrace("batch", *again, "--output", tmp_path / "again") == 0
    said = capsys.readouterr().err
    assert "was made on a join that is void" in said
    assert f"--previous {made.run}: the offer of microsoft in it is signed by" in said
    rows = tables.read_table(tmp_path / "again", DECISIONS).to_pylist()
    assert [row["in_force"] for row in rows] == [False]
    assert ringtrace("health", own) == 1
    assert "void_join: it rests on the join " in capsys.readouterr().out
    here = confirmed_member(own)
    for words in (["explain", own, here], ["report", own, "--output", tmp_path / "report"]):
        assert ringtrace(*words) == 0
        assert f"{own}: rests on the join " in capsys.readouterr().err
    who = ["--author", "Ada", "--reason", "seen", "--decisions", tmp_path / "d.csv"]
    assert ringtrace("decide", own, "confirm", here, *who) == 2
    assert "rests on the join " in capsys.readouterr().err
    assert ringtrace("decide", own, "victim_owned", here, *who) == 0
    assert ringtrace("exchange", "join", own, "--output", tmp_path / "join", "--now", NOW,
                     "--decisions", made.folder / "signed.csv") == 0  # fmt: skip
    assert f"{own}: rests on the join " in capsys.readouterr().err


def confirmed_member(run):
    rows = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"]).to_pylist()
    return min(row["entity_id"] for row in rows if row["cluster_id"] == confirmed(run))


def world_run(made):
    return made.world.amazon.run


def confirmed(run):
    """The cluster that the decision confirmed."""
    rows = tables.read_table(run, CLUSTERS, ["cluster_id", "status"]).to_pylist()
    return next(row["cluster_id"] for row in rows if row["status"] == "confirmed")
