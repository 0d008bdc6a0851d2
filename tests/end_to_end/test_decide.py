"""`ringtrace decide`: one decision more in the file, bound to what the run shows."""

import csv
import inspect
import json
from threading import Thread

import pytest

from pipelines import cli
from pipelines.commands import decide as decide_command
from pipelines.user_files import MOST_DECISIONS_BYTES, read_decisions
from schemas.decision import DECISION, members_digest
from schemas.tables import CONTESTED, DECISIONS, MEMBERS
from tests.end_to_end.test_bound_decisions import LATE, RING, STRANGER, bound, first_day, ids, named
from tests.support.run_pipeline import (
    column,
    error_of,
    execute,
    jsonl,
    manifest_of,
    refusal_of,
    run,
    table_rows,
)
from transforms.decisions import parse_decisions, with_decision_added

NOW = ["--now", "2024-03-02T12:00:00Z"]

WHO = ["--author", "Ada Cole", "--reason", "seen in the panel's export", *NOW]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run of a ring and a stranger, and the records of the day after."""
    folder = tmp_path_factory.mktemp("decide")
    rows = [*first_day(), *(named(n, STRANGER) for n in range(40, 44))]
    run(folder / "run", "--complaints", jsonl(folder / "1.jsonl", rows))
    rows += [named(n, *RING, LATE, day=3) for n in range(10, 14)]
    jsonl(folder / "2.jsonl", rows)
    return folder


def decide(world, file, *words, who=WHO):
    return cli.main(["decide", str(world / "run"), *words, "--decisions", str(file), *who])


def parsed(file):
    return parse_decisions(file.read_text(encoding="utf-8"), file.name)


def test_a_decision_is_bound_and_the_next_run_takes_it(world, tmp_path):
    file = tmp_path / "d.csv"
    shown = execute(decide, world, file, "confirm", "(888) 555-0101").out
    assert "confirm covers 3 identifiers" in shown
    assert all(entity_id in shown for entity_id in ids(*RING))
    (decision,) = parsed(file)
    assert (decision.decision_id, decision.entity_a) == ("confirm-20240302-1", f"phone:{RING[0]}")
    assert decision.members == tuple(ids(*RING))
    assert decision.digest == members_digest(ids(*RING))
    assert file.stat().st_mode & 0o777 == 0o600
    manifest = run(tmp_path / "run", "--complaints", world / "2.jsonl", "--decisions", file)
    assert bound(tmp_path / "run")[decision.decision_id]["members"] == ids(*RING)
    assert bound(tmp_path / "run")[decision.decision_id]["run_id"] == decision.run_id
    assert manifest["tallies"]["decisions"]["bound_in_file"] == 1
    assert f"phone:{LATE}" in column(tmp_path / "run", MEMBERS, "entity_id")


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl"])
def test_rows_typed_by_hand_stay_as_they_are(world, tmp_path, name):
    file = tmp_path / name
    values = ["D,1", "dispute", RING[0], "", "Tom", 'says "no", twice', "2024-03-01T00:00:00Z", ""]
    row = dict(zip(DECISION.names, values, strict=True))
    if name == "d.csv":
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([DECISION.names, values])
    else:
        file.write_text(json.dumps({k: v for k, v in row.items() if v}), encoding="utf-8")
    (before,) = parsed(file)
    assert decide(world, file, "cannot_link", RING[0], STRANGER) == 0
    assert (
        decide(world, file, "suspect_held", RING[1], who=[*WHO, "--expires", "2024-05-01T00:00Z"])
        == 0
    )
    first, second, third = sorted(parsed(file), key=lambda decision: decision.kind != "dispute")
    assert first == before
    assert second.members == tuple(ids(RING[0], STRANGER))
    assert third.members == tuple(ids(RING[1]))
    assert third.expires_at.isoformat() == "2024-05-01T00:00:00+00:00"


@pytest.mark.parametrize("sign", [*"=+-@|%＝＋－＠", " ="])
def test_a_reason_is_no_formula_in_the_file(world, tmp_path, sign):
    file = tmp_path / "d.csv"
    who = ["--author", "Analyst", f'--reason={sign}HYPERLINK("https://x.example")', *NOW]
    assert decide(world, file, "review", RING[0], who=who) == 0
    (decision,) = parsed(file)  # and the signature holds over what stands there
    assert decision.signature
    assert decision.reason[0] == "'"
    with file.open(newline="", encoding="utf-8") as rows:
        (cells,) = csv.DictReader(rows)
    assert cells["reason"] == decision.reason


def test_a_file_never_grows_beyond_what_a_run_reads(world, tmp_path):
    file = tmp_path / "d.csv"
    assert decide(world, file, "review", RING[0]) == 0
    with file.open("a", encoding="utf-8") as rows:
        rows.write("\n" * (MOST_DECISIONS_BYTES - file.stat().st_size))
    before = file.read_bytes()
    assert "give another name, for a new file" in error_of(decide, world, file, "review", RING[1])
    assert file.read_bytes() == before
    assert len(read_decisions(str(file))) == 1


def test_a_victims_own_is_in_the_file_and_not_on_the_screen_or_in_a_run(world, tmp_path):
    file = tmp_path / "d.csv"
    shown = execute(decide, world, file, "victim_owned", STRANGER).out
    assert "phone:withheld-" in shown
    assert STRANGER[2:] not in shown
    assert file.read_text(encoding="utf-8").count(STRANGER) == 1
    run(tmp_path / "run", "--complaints", world / "2.jsonl", "--decisions", file)
    assert STRANGER[2:] not in repr(table_rows(tmp_path / "run", DECISIONS))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["must_link", RING[0], RING[0]], "must_link is about two entities"),
        (["must_link", RING[0], STRANGER], "contradicts a decision that is in force"),
        (["review", RING[2]], "contradicts a decision that is in force"),
        (["confirm", RING[1], "--author", "a\nb"], "visible characters"),
        (["confirm", RING[1], "--expires", "2024-03-02T12:00:00Z"], "expires_at: is not after"),
        (["confirm", RING[1], "--now", "2024-02-02T12:00:00Z"], "give a later time"),
        (["victim_owned", STRANGER, "--reason", "owner of 888-555-0160"], "reason"),
    ],
)
def test_what_cannot_be_decided_is_one_line_and_changes_nothing(world, tmp_path, words, says):
    file = tmp_path / "d.csv"
    assert decide(world, file, "cannot_link", RING[0], STRANGER) == 0
    assert decide(world, file, "dispute", RING[2]) == 0
    before = file.read_bytes()
    who = [*WHO]
    for flag in ("--author", "--reason", "--now"):
        if flag in words:
            del who[who.index(flag) : who.index(flag) + 2]
    error = refusal_of(decide, world, file, *words, who=who)
    assert says in error
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


@pytest.mark.parametrize("kind", ["legitimate", "victim_owned", "dispute"])
def test_an_innocent_is_taken_out_of_a_confirmed_cluster(world, tmp_path, kind):
    file = tmp_path / "d.csv"
    assert decide(world, file, "confirm", RING[0]) == 0
    later = [*WHO[:-1], "2024-03-03T00:00:00Z"]
    said = execute(decide, world, file, kind, RING[0], who=later).out
    assert f"takes back confirm-20240302-1 (confirm by {WHO[1]}, on 3 identifiers)" in said
    run(tmp_path / "run", "--complaints", world / "2.jsonl", "--decisions", file)
    manifest = manifest_of(tmp_path / "run")
    assert manifest["tallies"]["decisions"]["taken_back"] == 1
    assert not [alarm for alarm in manifest["alarms"] if alarm["code"] == "decisions_contradict"]
    assert set(column(tmp_path / "run", DECISIONS, "in_force")) == {True, False}
    assert "reviewed" not in column(tmp_path / "run", MEMBERS, "review")


@pytest.mark.parametrize("name", ["x" * 5_000, "x\0y"])
def test_a_name_that_no_file_can_have_is_one_line(world, name):
    assert refusal_of(decide, world, name, "confirm", RING[0]).count("\n") == 1


def test_a_confirm_says_how_many_stay_unreviewed(tmp_path):
    rows = [*first_day(), named(90, *RING, "+18885550199", month=2)]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "1.jsonl", rows))
    said = execute(decide, tmp_path, tmp_path / "d.csv", "confirm", RING[0]).out
    assert "1 of its cluster, to be verified or later than the decision, stays unreviewed" in said


@pytest.mark.parametrize("there", [False, True])
def test_what_another_wrote_meanwhile_is_not_lost(world, tmp_path, monkeypatch, there):
    file = tmp_path / "d.csv"
    if there:
        assert decide(world, file, "suspect_held", RING[1]) == 0

    edited = tmp_path / "edited.csv"
    if there:
        edited.write_bytes(file.read_bytes())
    assert decide(world, edited, "suspect_held", RING[2]) == 0

    def meanwhile(text, decision):
        """As an editor does, which takes no lock."""
        monkeypatch.undo()
        file.write_bytes(edited.read_bytes())
        return with_decision_added(text, decision)

    monkeypatch.setattr("pipelines.commands.decide.with_decision_added", meanwhile)
    assert "was changed meanwhile; run this again" in error_of(
        decide, world, file, "suspect_held", RING[0]
    )
    assert [decision.entity_a for decision in parsed(file)] == ids(*RING[1 if there else 2 :])
    assert decide(world, file, "suspect_held", RING[0]) == 0
    assert {decision.entity_a for decision in parsed(file)} == set(
        ids(RING[0], *RING[1 if there else 2 :])
    )


MOBILE = "+12125550142"


@pytest.fixture(scope="module")
def contested(tmp_path_factory):
    """A run with a number that two people report as a suspect's, and a third as a victim's."""
    folder = tmp_path_factory.mktemp("contested")
    rows = [named(n, MOBILE, RING[0]) for n in range(2)]
    rows.append(named(2) | {"phone_numbers": [{"raw": MOBILE, "role": "victim"}]})
    run(folder / "run", "--complaints", jsonl(folder / "1.jsonl", rows))
    (row,) = table_rows(folder / "run", CONTESTED)
    assert row["value"] == MOBILE
    return folder, row["entity_id"]


@pytest.mark.parametrize("by", ["value", "withheld"])
def test_who_holds_what_is_contested_is_decided_without_showing_it(contested, tmp_path, capsys, by):
    folder, stands = contested
    file = tmp_path / "d.csv"
    said = error_of(decide, folder, file, "confirm", stands)
    assert "is contested" in said
    assert decide(folder, file, "suspect_held", MOBILE if by == "value" else stands) == 0
    said += capsys.readouterr().out
    assert stands in said
    assert MOBILE[2:] not in said
    (decision,) = parsed(file)
    assert (decision.entity_a, decision.members) == (f"phone:{MOBILE}", (f"phone:{MOBILE}",))
    run(tmp_path / "run", "--complaints", folder / "1.jsonl", "--decisions", file)
    assert f"phone:{MOBILE}" in column(tmp_path / "run", MEMBERS, "entity_id")
    # Where it is not in force, the number is contested again and stands nowhere but in private/.
    after = ["--decisions", file, "--as-of", "2024-03-02T00:00:00Z"]
    run(tmp_path / "before", "--complaints", folder / "1.jsonl", *after)
    (row,) = table_rows(tmp_path / "before", DECISIONS)
    assert not row["in_force"]
    assert MOBILE[2:] not in repr(row)


def test_a_dry_run_says_what_it_would_cover_and_writes_nothing(world, tmp_path):
    file = tmp_path / "d.csv"
    assert (
        "confirm covers 3 identifiers"
        in execute(decide, world, file, "confirm", RING[0], "--dry-run").out
    )
    assert not file.exists()


def kept(world, file, *kinds, run_id=None, members=RING):
    """A file as the workbench of a run downloads it."""
    shown = manifest_of(world / "run")["run_id"]
    rows = [
        {
            "decision_id": f"{kind}-20240302-w1",
            "kind": kind,
            "entity_a": entity,
            "author": "A. Browser",
            "reason": "read in the workbench",
            "decided_at": "2024-03-02T12:00:00Z",
            "members": json.dumps(ids(*members)),
            "members_digest": members_digest(ids(*members)),
            "run_id": run_id or shown,
            "opened": "1 link: a b",
        }
        for kind, entity in kinds
    ]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def from_file(world, file, source, *words):
    flags = ["--decisions", str(file), "--from", str(source), "--author", "Ada Cole"]
    return cli.main(["decide", str(world / "run"), *flags, *words])


def test_decisions_of_a_browser_are_recorded_as_their_author_shows_them(world, tmp_path):
    file = tmp_path / "d.csv"
    made = [("confirm", f"phone:{RING[0]}"), ("review", f"phone:{STRANGER}")]
    shown = execute(from_file, world, file, kept(world, tmp_path / "k.csv", *made)).out
    assert "confirm covers 3 identifiers" in shown and "review covers 1 identifier" in shown
    confirm, review = parsed(file)
    assert (confirm.author, confirm.reason) == ("Ada Cole", "read in the workbench")
    assert confirm.members == tuple(ids(*RING)) and confirm.used
    assert review.members == (f"phone:{STRANGER}",)
    assert confirm.opened == "1 link: a b"
    assert f"{confirm.decided_at:%Y-%m-%d}" == "2024-03-02"


def test_decisions_of_another_run_or_of_what_is_not_there_are_refused(world, tmp_path):
    file = tmp_path / "d.csv"
    ring = ("confirm", f"phone:{RING[0]}")
    foreign = kept(world, tmp_path / "other.csv", ring, run_id="run-other")
    assert "was made on run-other" in error_of(from_file, world, file, foreign)
    unknown = kept(world, tmp_path / "unknown.csv", ring, ("review", "phone:+12125550199"))
    assert from_file(world, file, unknown) == 2
    assert not file.exists()
    assert from_file(world, file, foreign, "--reason", "x") == 2
    assert "or --from FILE" in error_of(decide, world, file, "confirm", who=["--author", "A"])


def test_a_browser_that_showed_other_members_decided_on_something_else(world, tmp_path):
    file = tmp_path / "d.csv"
    fewer = kept(world, tmp_path / "f.csv", ("confirm", f"phone:{RING[0]}"), members=RING[:2])
    assert "reload the page" in error_of(from_file, world, file, fewer)
    assert not file.exists()


def test_of_two_that_write_at_once_none_is_lost(world, tmp_path, monkeypatch):
    file = tmp_path / "d.csv"
    assert decide(world, file, "confirm", RING[0]) == 0
    statuses, others = [], []
    compared = decide_command.read_text

    def read_text(path, most):
        text = compared(path, most)
        if inspect.currentframe().f_back.f_code.co_name == "_write" and not others:
            others.append(Thread(target=decide_too))
            others[0].start()
            others[0].join(1)  # which waits now for the lock
        return text

    def decide_too():
        statuses.append(decide(world, file, "review", RING[1]))

    monkeypatch.setattr(decide_command, "read_text", read_text)
    statuses.append(decide(world, file, "review", RING[2]))
    others[0].join()
    assert statuses.count(0) >= 1
    assert len(parsed(file)) == 1 + statuses.count(0)
