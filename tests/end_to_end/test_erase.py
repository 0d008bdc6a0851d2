"""Erased records are gone from the next run, a stream's state and private stores, by search."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pipelines import key_store, ledger
from pipelines.streaming.state_folder import STATE_FOLDER, StreamState
from reports import signing
from reports.run import Run, private_table
from reports.run_summary import check_accounting
from schemas.tables import CONTESTED, NARRATIVES, VICTIMS
from tests.support.leaks import layers_below, leak_forms, number_forms
from tests.support.run_pipeline import (
    call,
    callbacks,
    checked_manifest,
    complaint,
    execute,
    jsonl,
    keys_in,
    manifest_of,
    read,
    refusal_naming,
    ringtrace,
    run,
    use_keys,
    watch_once,
)
from transforms.custody import MAGIC
from transforms.stream import RETENTION_DAYS
from transforms.values import shipped_source_rules

SHARED, OTHER, OWN, ALONE = "+18882223344", "+18773334455", "+12024561411", "+18665550142"
"""Suspects' numbers that several name; the person's own; a suspect's that they alone name."""

WORDS = "Zebulon marmalade flew over the quaint viaduct while humming an unusual lullaby"

PERSON = [
    complaint(
        7700123,
        complaint_id="zq-7700123-erase",
        victim_id="pseudonym-q77",
        narrative=f"{WORDS}. My number is {OWN}.",
        phone_numbers=[
            {"raw": SHARED, "role": "callback"},
            {"raw": ALONE, "role": "callback"},
            {"raw": OWN, "role": "victim"},
        ],
        emails=[{"address": "marmalade.lone@gmail.com", "role": "reply_to"}],
    )
]

CALLS = [
    call(
        1,
        call_id="zk-callofperson",
        complaint_id="zq-7700123-erase",
        direction="inbound",
        calling_number=SHARED,
        called_number=OWN,
        victim_id="pseudonym-q77",
    ),
    call(2, direction="outbound", calling_number="+12025550177", called_number=SHARED),
]

OTHERS = [
    complaint(
        number,
        victim_id=f"v{number}",
        received_at=f"2024-03-0{number}T09:30:00Z",
        narrative=words,
        phone_numbers=[
            *callbacks(SHARED, OTHER),
            {"raw": f"+1202456143{number}", "role": "victim"},
        ],
    )
    for number, words in enumerate(
        (
            "They froze the screen of my laptop and a siren played until I rang the line shown",
            "My refund was too large they claimed and I must wire the difference before noon",
            "An invoice for antivirus software came by post although I own no computer at all",
        ),
        1,
    )
]

SECRETS = {
    *(form.encode() for number in (OWN, ALONE) for form in number_forms(number, "US")),
    *leak_forms(OWN),
    *leak_forms(ALONE),
    *(word.encode() for word in ("zebulon", "marmalade", "lullaby", "viaduct")),
    *(word.encode() for word in ("zq-7700123-erase", "zk-callofperson", "pseudonym-q77")),
}

WHO = ["--author", "Ada Cole", "--reason", "request of a data subject"]


def erase(*words):
    return ringtrace("erase", "--record", "amazon/zq-7700123-erase", *words, *WHO)


def hits(*folders):
    """The files below folders that have anything of the person, and what."""
    return sorted(
        f"{path}: {secret!r}"
        for folder in folders
        for path, layer in layers_below(folder)
        for secret in SECRETS
        if secret in layer.lower()
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    use_keys(monkeypatch, tmp_path / "home")
    return tmp_path / "home"


def fill(inbox):
    for kind, records in (("complaints", PERSON + OTHERS), ("calls", CALLS)):
        (inbox / kind).mkdir(parents=True)
        jsonl(inbox / kind / "a.jsonl", records)
    return inbox


@pytest.fixture
def inbox(tmp_path):
    """A folder of both kinds of records, to read or to watch."""
    return fill(tmp_path / "inbox")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of both kinds of records, and its key."""
    folder = tmp_path_factory.mktemp("finished")
    with keys_in(folder / "home"):
        batch(fill(folder / "inbox"), folder / "one")
    return folder


@pytest.fixture
def first(finished, home, tmp_path):
    """A copy of the run, for a test to change, and of its key."""
    shutil.copytree(finished / "home", home, dirs_exist_ok=True)
    return Path(shutil.copytree(finished / "one", tmp_path / "one"))


def batch(inbox, output, *flags):
    return run(output, "--complaints", inbox / "complaints", "--calls", inbox / "calls", *flags)


def rows(folder, table):
    return read(folder, table).num_rows


def test_the_next_run_and_the_private_stores_have_nothing_of_it(home, inbox, first, tmp_path):
    two, three = tmp_path / "two", tmp_path / "three"
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert {line.partition(": b")[2] for line in hits(first)} >= {"'lullaby'", "'zq-7700123-erase'"}
    assert (rows(first, NARRATIVES), rows(first, VICTIMS)) == (4, 5)
    lone = rows(first, CONTESTED)
    assert lone == 1, "the mailbox that one reporter alone names"
    said = execute(erase, "--run", first).out
    assert "1 narrative, 1 contested value, 1 entry of the register" in said
    assert "complaints/ (1), calls/ (1), mentions/" in said
    assert "--previous" in said
    assert "next tick" in said
    assert (rows(first, NARRATIVES), rows(first, CONTESTED), rows(first, VICTIMS)) == (3, 0, 4)
    checked_manifest(first)
    execute("health", first)
    sealed = [path for path in before if "private" not in path.parts]
    assert not [path for path in sealed if path.read_bytes() != before[path]]

    manifest = batch(inbox, two, "--previous", first)
    assert manifest["counts"]["complaints"] == {
        "read": 4, "accepted": 3, "duplicates": 0, "rejected": 0, "erased": 1
    }  # fmt: skip
    assert manifest["counts"]["calls"]["erased"] == 1, "the call of the complaint"
    assert manifest["run_id"] != Run.open(first).run_id
    assert not [account for account in check_accounting(Run.open(two)) if account["problems"]]
    assert hits(two, home) == []
    # And where the earlier run was not named: the register and the memo carry nothing on.
    batch(inbox, three, "--previous", two)
    assert hits(three) == []
    again = (home / "erased.jsonl").read_bytes()
    assert "before already" in execute(erase, "--run", two).out
    assert (home / "erased.jsonl").read_bytes() == again
    assert json.loads(again)["author"] == "Ada Cole"


def test_the_register_of_a_run_that_is_not_named_is_not_carried_on(home, inbox, first, tmp_path):
    assert erase() == 0
    (inbox / "calls" / "a.jsonl").unlink()
    jsonl(inbox / "complaints" / "a.jsonl", OTHERS)
    assert rows(first, VICTIMS) == 5
    run(tmp_path / "three", "--complaints", inbox / "complaints", "--previous", first)
    # The call of the complaint is known from a run alone: its hash keeps the entry.
    assert rows(tmp_path / "three", VICTIMS) == 5
    assert erase("--run", first) == 0
    run(tmp_path / "four", "--complaints", inbox / "complaints", "--previous", tmp_path / "three")
    assert rows(tmp_path / "four", VICTIMS) == 4


def test_a_number_that_others_name_too_stays_withheld(home, inbox, tmp_path):
    jsonl(
        inbox / "complaints" / "b.jsonl",
        [complaint(90, victim_id="w", phone_numbers=[{"raw": OWN, "role": "victim"}])],
    )
    batch(inbox, tmp_path / "one")
    assert erase("--run", tmp_path / "one") == 0
    assert rows(tmp_path / "one", VICTIMS) == 5
    batch(inbox, tmp_path / "two", "--previous", tmp_path / "one")
    assert rows(tmp_path / "two", VICTIMS) == 5


def test_sealed_private_files_elsewhere_are_sealed_again(home, inbox, tmp_path):
    execute("keys", "make", "--private")
    sealed, apart = tmp_path / "one", tmp_path / "apart"
    words = ["--complaints", inbox / "complaints", "--calls", inbox / "calls", "--output"]
    execute("batch", *words, sealed, "--private-output", apart)
    assert erase("--run", sealed) == 0
    files = [path for path in apart.rglob("*") if path.is_file()]
    assert apart / "private/manifest.json" in files
    for path in set(files) - {apart / "private/manifest.json"}:
        assert path.read_bytes().startswith(MAGIC)
        assert path.stat().st_mode & 0o777 == 0o600
    finished, key = Run.open(sealed), key_store.private_key()
    left = private_table(finished, NARRATIVES, ["complaint_id"], key)["complaint_id"]
    assert sorted(left.to_pylist()) == ["c1", "c2", "c3"]
    execute("batch", *words, tmp_path / "two", "--previous", sealed)


def newest_snapshot(output):
    return max((output / "snapshots").iterdir())


def test_a_stream_drops_it_at_its_next_tick(home, inbox, tmp_path):
    output = tmp_path / "live"
    watch_once(inbox, output)
    assert hits(output / STATE_FOLDER)
    old = newest_snapshot(output)
    assert erase() == 0
    watch_once(inbox, output)
    new = newest_snapshot(output)
    assert new != old
    assert hits(output / STATE_FOLDER, new) == []
    manifest = manifest_of(new)
    assert manifest["tallies"]["live"]["erased"] == 2
    assert manifest["counts"]["complaints"]["accepted"] == 3
    # It comes again, and is left out again.
    jsonl(inbox / "complaints" / "again.jsonl", PERSON)
    watch_once(inbox, output)
    assert hits(output / STATE_FOLDER, newest_snapshot(output)) == []
    manifest = manifest_of(newest_snapshot(output))
    assert manifest["tallies"]["live"]["erased"] == 3
    assert rows(newest_snapshot(output), VICTIMS) == 4


def test_the_state_is_that_of_a_stream_that_never_saw_it(home, tmp_path):
    script = "Your subscription will renew today for four hundred dollars unless you press one now"
    others = [
        report | {"narrative": f"{report['narrative']}. {script}"}
        for report in OTHERS
        + [complaint(number, victim_id=f"s{number}", narrative=script) for number in range(40, 44)]
    ]
    # The same person has another record, which shows a part of the erased one.
    kept = complaint(50, victim_id="pseudonym-q77", narrative=f"{script} {WORDS[:40]}")
    second = "+12024561499"
    person = PERSON[0] | {"narrative": f"{script} {PERSON[0]['narrative']}"}
    kept["phone_numbers"] = [{"raw": second, "role": "victim"}]
    person["phone_numbers"] = [*person["phone_numbers"], *kept["phone_numbers"]]
    states = []
    for name in ("all", "others"):
        folder = tmp_path / name / "complaints"
        folder.mkdir(parents=True)
        jsonl(folder / "b.jsonl", [*others, kept])
        if name == "all":
            jsonl(folder / "a.jsonl", [person])
            watch_once(folder.parent, tmp_path / "live-all")
            assert erase() == 0
        watch_once(folder.parent, tmp_path / f"live-{name}")
        output, rules = str(tmp_path / f"live-{name}"), shipped_source_rules()
        settled = StreamState(output, RETENTION_DAYS, rules).alive.settled(RETENTION_DAYS)
        states.append([sorted(map(repr, part.to_pylist())) for part in settled])
    (records, evidence, stated, prints, phrases), never = states
    assert [len(part) for part in states[0]] == [len(part) for part in never]
    assert (records, stated, phrases) == (never[0], never[2], never[4])
    assert f"phone:{second}" in "".join(stated)
    assert "subscription" in "".join(phrases)
    for mine, theirs in ((evidence, never[1]), (prints, never[3])):
        assert [re.sub(r"'row': \d+", "", row) for row in mine] == [
            re.sub(r"'row': \d+", "", row) for row in theirs
        ]


def test_a_rejected_row_of_it_is_left_out_too(home, tmp_path):
    bad = [PERSON[0] | {"received_at": "yesterday"}, *OTHERS]
    assert erase() == 0
    manifest = run(tmp_path / "one", "--complaints", jsonl(tmp_path / "bad.jsonl", bad))
    assert manifest["counts"]["complaints"]["rejected"] == 0
    assert hits(tmp_path / "one") == []


def test_a_list_of_erasures_without_its_key_or_changed_stops_a_run(home, inbox, first, tmp_path):
    right = ["erase", "--record", "amazon/zq-7700123-erase", *WHO]
    execute(*right)
    (home / "register.key").unlink()
    flags = ["--complaints", inbox / "complaints", "--output", tmp_path / "x", "--no-register"]
    refusal_naming(["batch", *flags], "erased.jsonl", "--register-key")
    (home / "erased.jsonl").write_text("{}\n")
    refusal_naming(["batch", *flags], "line 1", "was changed")
    assert not Path(tmp_path, "x").exists()


# -- legal hold ----------------------------------------------------------------------------------


@pytest.fixture
def issued(home, tmp_path):
    """A run whose offer left, and the flags that name one of its records."""
    rows = [
        complaint(
            number,
            received_at=f"2024-03-0{number}T09:30:00Z",
            victim_id=f"v{number}",
            narrative=OTHERS[(number - 1) % 3]["narrative"] if number < 4 else WORDS,
            phone_numbers=callbacks(*((SHARED, OTHER) if number < 4 else (SHARED,))),
        )
        for number in range(1, 5)
    ] + [complaint(9, victim_id="v9", phone_numbers=callbacks(ALONE))]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows))
    words = ["exchange", "offer", tmp_path / "run", "--to", "microsoft"]
    execute(*words, "--output", tmp_path / "offer", "--now", "2024-04-01T00:00:00Z")
    return tmp_path


def test_a_record_that_left_is_on_hold_until_it_is_corrected(issued, home):
    (entry,) = ledger.read_ledger(None)
    held = ["erase", "--record", "amazon/c4", *WHO]
    refusal_naming(held, "1 offer", "--run")
    of_run = [*held, "--run", issued / "run"]
    refusal_naming(of_run, "legal hold", entry.issue_id, "microsoft", "--despite-hold")
    despite = [*of_run, "--despite-hold", entry.issue_id]
    refusal_naming(despite, "--output")
    assert not (home / "erased.jsonl").exists()
    sealed = (issued / "offer" / "offer.json").read_bytes()
    narratives = rows(issued / "run", NARRATIVES)

    assert f"corrects {entry.issue_id}" in execute(*despite, "--output", issued / "fix").out
    content = (issued / "fix" / "microsoft" / "correction.json").read_bytes()
    signature = (issued / "fix" / "microsoft" / "correction.json.sig").read_bytes()
    assert signing.verify_detached(content, signature, key_store.own_public_keys())
    assert f"phone:{SHARED}".encode() in content
    assert f"phone:{OTHER}".encode() not in content, "what others show stays"
    assert b"amazon/c4" not in content and b'"c4"' not in content
    assert (issued / "offer" / "offer.json").read_bytes() == sealed
    assert rows(issued / "run", NARRATIVES) == narratives - 1
    # It holds no longer, and a record that nothing cites never was held.
    execute(*of_run)
    execute("erase", "--record", "amazon/c9", "--run", issued / "run", *WHO)
