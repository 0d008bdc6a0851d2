"""All that rests on a join is void with the key of an offer in it, and each place says so."""

import shutil

import pytest

from pipelines import key_store
from pipelines.ledger import EntryKind, outstanding, read_ledger
from pipelines.letters import accepted_offers
from schemas.tables import CLUSTERS, DECISIONS, MEMBERS
from tests.support.changed import replace
from tests.support.exchange_world import NOW, ringtrace
from tests.support.run_pipeline import error_of, execute, table_rows, use_keys

LATER = "2026-06-04T00:00:00Z"


@pytest.fixture(scope="module")
def made(world, joint, tmp_path_factory):
    """A joint run, a package of it, a decision made on it, and a run of one's own made with that.

    The decision is in `signed.csv`, the own run in `own`.
    """
    joint.folder = folder = tmp_path_factory.mktemp("void")
    shown = table_rows(joint.run, MEMBERS)
    inside = joint.cluster["cluster_id"]
    member = min(row["entity_id"] for row in shown if row["cluster_id"] == inside)
    who = ["--author", "Ada", "--reason", "seen", "--now", LATER]
    decided = ["--decisions", folder / "signed.csv"]
    execute("decide", joint.run, "confirm", member, *who, *decided)
    files = ["--complaints", world.amazon.complaints, "--calls", world.amazon.calls]
    own = ["--now", "2026-06-05T00:00:00Z", "--output", folder / "own"]
    execute("batch", *files, *decided, "--previous", joint.run, *own)
    return joint


@pytest.fixture
def distrusted(made, tmp_path, monkeypatch):
    """Takes microsoft's key out of a copy of the keys, of which the ledger is a part."""
    home = shutil.copytree(key_store.home(), tmp_path / "home")
    use_keys(monkeypatch, home)

    def distrust(*words):
        return ringtrace("keys", "distrust", "microsoft", *words)

    return distrust


def test_the_ledger_has_every_join_and_what_an_issue_rests_on(made):
    joins = [issue for issue in read_ledger(None) if issue.kind == EntryKind.JOIN]
    assert {issue.recipient for issue in joins} == {"microsoft"}
    assert joins[-1].reference == str(made.run)
    (package,) = [issue for issue in read_ledger(None) if issue.kind == EntryKind.PACKAGE]
    assert package.run_id == joins[-1].run_id and package.run_id in package.built_on


def test_distrust_lists_what_it_voids_and_what_to_do(made, distrusted):
    said = execute(distrusted, "--decisions", made.folder / "signed.csv").out
    (package,) = [issue for issue in read_ledger(None) if issue.kind == EntryKind.PACKAGE]
    joins = [issue for issue in read_ledger(None) if issue.kind == EntryKind.JOIN]
    for issue in joins:
        assert (
            f"void: the join {issue.run_id} of {issue.at} in {issue.reference}: make it again"
            in said
        )
    assert f"void: {package.issue_id} of {package.at} to in-cbi, reference " in said
    assert "run ringtrace correct" in said
    assert "(confirm, Ada) in " in said and f"made on {joins[-1].run_id}" in said


def test_from_a_moment_on_it_voids_what_was_made_then(made, distrusted):
    assert "void: " not in execute(distrusted, "--since", "2026-06-03T00:00:00Z").out
    execute("verify", made.package)
    assert "void: package-" in execute(distrusted, "--since", "2026-06-02T00:00:00Z").out


def test_a_changed_ledger_keeps_no_key_trusted(made, distrusted):
    path = key_store.home() / "issued.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kind":"join"', b'"kind":"jest"'))
    assert "the ledger was changed" in execute(distrusted, status=1).err
    assert key_store.trusted("microsoft") == []


def test_verify_says_that_a_package_rests_on_a_void_join(made, distrusted):
    execute("verify", made.package)
    assert distrusted() == 0
    said = execute("verify", made.package, status=1).out
    assert "WRONG" in said and "which is void: the offer of microsoft in it is signed by" in said


def test_a_correction_takes_all_of_it_back_once(made, distrusted, tmp_path):
    words = [world_run(made), "--decisions", made.folder / "signed.csv"]
    assert (
        "nothing that was issued" in execute("correct", *words, "--output", tmp_path / "none").out
    )
    assert distrusted() == 0
    assert (
        "(rests on a void join); run ringtrace correct" in execute("health", *words, status=1).out
    )
    execute("correct", *words, "--output", tmp_path / "out")
    (package,) = [issue for issue in read_ledger(None) if issue.kind == EntryKind.PACKAGE]
    (taken,) = [issue for issue in read_ledger(None) if issue.kind == EntryKind.CORRECTION]
    assert taken.bare == package.bare and (tmp_path / "out/in-cbi/correction.json").is_file()
    assert (
        "nothing that was issued" in execute("correct", *words, "--output", tmp_path / "again").out
    )


def test_what_was_made_of_an_offer_that_its_sender_took_back_is_taken_back(
    made, tmp_path, monkeypatch
):
    """Decisions on the join hold: the offer was revoked, and nobody else could sign it."""
    home = shutil.copytree(key_store.home(), tmp_path / "home")
    use_keys(monkeypatch, home)
    entries = read_ledger(None)
    (package,) = [issue for issue in entries if issue.kind == EntryKind.PACKAGE]
    before = accepted_offers.accepted_before("microsoft")
    offers = {issue.sha256 for issue in entries if issue.run_id == package.run_id} - {
        package.sha256
    }
    accepted_offers.save_accepted("microsoft", replace(before, revoked=before.revoked | offers))
    assert (
        f"of the join {package.run_id}, whose offer microsoft revoked"
        in execute("verify", made.package, status=1).out
    )
    words = [world_run(made), "--decisions", made.folder / "signed.csv"]
    said = execute("health", *words, status=1).out
    assert f"correction: {package.issue_id} " in said and "void_join: " not in said
    leaves = ["export", made.folder / "own", "--format", "csv", "--all"]
    execute(*leaves, "--output", tmp_path / "x.csv")
    revoked = accepted_offers.revoked_letters()
    new = replace(package, sha256="9" * 64, run_id="other", supersedes=package.sha256)
    assert outstanding([*entries, new], (), {}, revoked) == []
    assert [due.entry for due in outstanding([*entries, new], package.bare, {}, revoked)] == [
        package,
        new,
    ]
    execute("correct", *words, "--output", tmp_path / "out")
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
    said = execute("batch", *again, "--output", tmp_path / "again").err
    assert "was made on a join that is void" in said
    assert f"--previous {made.run}: the offer of microsoft in it is signed by" in said
    rows = table_rows(tmp_path / "again", DECISIONS)
    assert [row["in_force"] for row in rows] == [False]
    assert "void_join: it rests on the join " in execute("health", own, status=1).out
    here = confirmed_member(own)
    for words in (["explain", own, here], ["report", own, "--output", tmp_path / "report"]):
        assert f"{own}: rests on the join " in execute(*words).err
    who = ["--author", "Ada", "--reason", "seen", "--decisions", tmp_path / "d.csv"]
    assert "rests on the join " in error_of("decide", own, "confirm", here, *who)
    assert ringtrace("decide", own, "victim_owned", here, *who) == 0
    assert (
        f"{own}: rests on the join "
        in execute(
            "exchange",
            "join",
            own,
            "--output",
            tmp_path / "join",
            "--now",
            NOW,
            "--decisions",
            made.folder / "signed.csv",
        ).err
    )


def confirmed_member(run):
    rows = table_rows(run, MEMBERS)
    return min(row["entity_id"] for row in rows if row["cluster_id"] == confirmed(run))


def world_run(made):
    return made.world.amazon.run


def confirmed(run):
    """The cluster that the decision confirmed."""
    rows = table_rows(run, CLUSTERS)
    return next(row["cluster_id"] for row in rows if row["status"] == "confirmed")
