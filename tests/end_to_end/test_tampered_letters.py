"""Tamperings of packages, offers, letters, key lists and decisions: each named for what it is."""

import base64
import csv
import io
import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import UNSET

from pipelines import key_store
from pipelines.letters import accepted_offers, consents, signed_files
from pipelines.options import UsageError
from pipelines.safe_files import write_whole
from pipelines.user_files import read_decisions, who_answers
from reports import signing
from reports.referral import seal
from schemas.decision import members_digest
from schemas.offer import CountryCount, KeyList, ListedKey
from tests.end_to_end.test_bound_decisions import RING, first_day
from tests.support import fuzz_readers
from tests.support.changed import replace
from tests.support.examples import LONG
from tests.support.made_up_case import KEY, case_of, package_of, rows, written
from tests.support.run_pipeline import (
    error_of,
    execute,
    json_of,
    jsonl,
    keys_in,
    refusal_of,
    ringtrace,
    run,
    use_keys,
    write_decisions,
)

NOW = datetime(2026, 6, 2, tzinfo=UTC)

AT = ["--now", "2026-06-02T00:00:00Z"]

THEIRS, OTHER, STRANGER = (signing.make_signing_key() for _ in range(3))

PEMS = {"microsoft": THEIRS, "ftc": OTHER, "amazon": KEY}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Keys of one's own, and those of three partners."""
    use_keys(monkeypatch, tmp_path / "home")
    key_store.own_key()
    for org, key in PEMS.items():
        key_store.trust(org, key.public_key())
    return tmp_path / "home"


def signed(folder, name, letter, key=THEIRS):
    """A letter in a folder, signed by a key that it names, or raw bytes."""
    content = letter if isinstance(letter, bytes) else signing.letter_bytes(letter, key)
    return signed_files.write_signed(folder, name, content, key)


# Packages.


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return package_of(case_of(tmp_path_factory.mktemp("case") / "run", rows()))


BAG, STIX = "bagit.txt", "data/cluster.stix.json"


def flip(path):
    content = bytearray(path.read_bytes())
    content[5_000 % len(content)] ^= 1
    path.write_bytes(content)


def resealed(folder, key, **facts):
    """The seal with other facts, signed by a key."""
    whole = json_of(folder / seal.SEAL_FILE)
    whole["package"] |= facts
    content = (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()
    (folder / seal.SEAL_FILE).write_bytes(content)
    (folder / seal.SIGNATURE_FILE).write_bytes(signing.sign_detached(content, key))
    (folder / seal.QUERY_FILE).write_bytes(seal.time_stamp_query(content))


def void_since(when):
    return lambda _: key_store.distrust("amazon", None, when)


def ended(when):
    note = key_store.KeyNote(not_after=when)
    return lambda _: key_store.write_note("amazon", signing.key_id(KEY.public_key()), note)


def not_before(when):
    note = key_store.KeyNote(not_before=when)
    return lambda _: key_store.write_note("amazon", signing.key_id(KEY.public_key()), note)


PACKAGES = {
    "a byte": (lambda folder: flip(folder / STIX), f"{STIX}: was altered somewhere in bytes 4096"),
    "cut": (
        lambda folder: (folder / BAG).write_bytes((folder / BAG).read_bytes()[:-3]),
        "ends 3 bytes early",
    ),
    "emptied": (lambda folder: (folder / BAG).write_bytes(b""), f"{BAG}: is empty: all of its"),
    "removed": (lambda folder: (folder / BAG).unlink(), f"{BAG}: is missing ("),
    "added": (
        lambda folder: (folder / "data/x.csv").write_text("x"),
        "data/x.csv: was added (1 bytes)",
    ),
    "folder": (lambda folder: (folder / "data/new").mkdir(), "data/new: is an empty folder"),
    "deep": (
        lambda folder: (folder / "/".join("d" * 40)).mkdir(parents=True),
        "deeper than any of a",
    ),
    "link": (lambda folder: (folder / "x").symlink_to(folder / BAG), "x: is a symbolic link"),
    "seal": (
        lambda folder: flip(folder / seal.SEAL_FILE),
        "seal.json: was altered after it was signed",
    ),
    "no seal": (lambda folder: (folder / seal.SEAL_FILE).unlink(), "seal.json: is missing"),
    "emptied seal": (
        lambda folder: (folder / seal.SEAL_FILE).write_bytes(b""),
        "seal.json: is empty",
    ),
    "not signed": (
        lambda folder: (folder / seal.SIGNATURE_FILE).unlink(),
        "seal.json.sig: is missing",
    ),
    "emptied signature": (
        lambda folder: (folder / seal.SIGNATURE_FILE).write_bytes(b""),
        "seal.json.sig: is empty: the package is not signed",
    ),
    "emptied query": (lambda folder: (folder / seal.QUERY_FILE).write_bytes(b""), "tsq: is empty"),
    "another partner": (
        lambda folder: resealed(folder, THEIRS),
        "is signed by microsoft, which it does not name as its issuer",
    ),
    "a stranger": (lambda folder: resealed(folder, STRANGER), "which is not trusted"),
    "another key named": (
        lambda folder: resealed(folder, KEY, key_id="0" * 64),
        "is signed by another key than it names",
    ),
    "void": (void_since(NOW), "is signed by a key that is void from 2026-06-02T00:00Z on"),
    "ended": (ended(datetime(2020, 1, 1, tzinfo=UTC)), "was signed after its key had ended"),
    "sealed before its key was valid": (
        not_before(datetime(2024, 5, 2, tzinfo=UTC)),
        "was signed before its key was valid, from 2024-05-02",
    ),
    "sealed at no time": (
        lambda folder: resealed(folder, KEY, sealed_at="0001-01-01T00:00:00+23:00"),
        "names no time at which it was sealed",
    ),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package(home, files, tmp_path, name):
    folder = written(tmp_path / "package", files)
    said = execute("verify", folder).out
    assert f"signed by    {signing.key_id(KEY.public_key())}, amazon, whose key you trust" in said
    assert "recipient    us-fbi-ic3" in said
    tamper, says = PACKAGES[name]
    tamper(folder)
    said = execute("verify", folder, status=1).out
    assert says in said, said
    assert said.endswith("does not hold\n")


def test_no_more_of_a_package_is_read_than_was_sealed(home, files, tmp_path, capsys):
    folder = written(tmp_path / "package", files)
    with (folder / BAG).open("ab") as file:
        file.truncate(1 << 38)  # a hole of 256 GB
    before = time.process_time()
    assert ringtrace("verify", folder) == 1
    assert time.process_time() - before < 5
    assert "bytes too many" in capsys.readouterr().out


# Offers.

OFFER = fuzz_readers.offer()


def accept(*folders, now=NOW):
    return accepted_offers.accept_offers(
        [str(folder) for folder in folders], "amazon", {"amazon"}, now
    )


def altered(folder):
    path = signed(folder, "offer.json", OFFER)
    path.write_bytes(path.read_bytes().replace(b'"reports":20', b'"reports":21'))


def without_signature(folder):
    signed(folder, "offer.json", OFFER).with_name("offer.json.sig").unlink()


def emptied(name):
    def tamper(folder):
        signed(folder, "offer.json", OFFER)
        (folder / name).write_bytes(b"")

    return tamper


def as_offer(key=THEIRS, **changes):
    return lambda folder: signed(folder, "offer.json", replace(OFFER, **changes), key)


def naming_another(folder):
    content = signing.canonical_json(replace(OFFER, key_id="0" * 64))
    signed(folder, "offer.json", content)


def million_victims(folder):
    cluster = replace(OFFER.clusters[0], countries=(CountryCount("US", 10**9),))
    signed(folder, "offer.json", replace(OFFER, clusters=(cluster,)))


def billion_reports(folder):
    evidence = (replace(OFFER.evidence[0], reports=10**9),)
    signed(folder, "offer.json", replace(OFFER, evidence=evidence))


def short_policy(folder):
    (key_store.home() / "policy.toml").write_text("longest_offer_days = 7\n")
    signed(folder, "offer.json", OFFER)


def replayed(folder):
    signed(
        folder.with_name("newer"), "offer.json", replace(OFFER, issued_at="2026-06-01T12:00:00Z")
    )
    (newer,) = accept(folder.with_name("newer")).offers
    now = accepted_offers.AcceptedOffers(newer.content.issued_at, newer.sha256, frozenset())
    accepted_offers.save_accepted(newer.content.sender, now)
    signed(folder, "offer.json", OFFER)


def timed(**times):
    def tamper(folder):
        note = key_store.KeyNote(**times)
        key_store.write_note("microsoft", signing.key_id(THEIRS.public_key()), note)
        signed(folder, "offer.json", OFFER)

    return tamper


OFFERS = {
    "altered": (altered, "was altered after it was signed"),
    "not signed": (without_signature, "is not signed: put its offer.json.sig beside it"),
    "emptied": (emptied("offer.json"), "offer.json: is empty"),
    "emptied signature": (emptied("offer.json.sig"), "offer.json.sig: is empty"),
    "a stranger": (as_offer(STRANGER), "which is not trusted"),
    "another partner": (as_offer(OTHER), "says that it is microsoft's, but ftc signed it"),
    "another key named": (naming_another, "is signed by another key than it names"),
    "for another": (as_offer(recipient="ftc"), "is for ftc, not for amazon"),
    "of tomorrow": (as_offer(issued_at="2026-06-20T00:00:00Z"), "was issued in the future"),
    "for ever": (as_offer(expires_at="2028-01-01T00:00:00Z"), "field expires_at is invalid"),
    "for longer than we take": (short_policy, "is valid for 30 days, and your policy takes 7"),
    "more victims than reports": (million_victims, "counts more victims in clusters[0]"),
    "billions of reports": (billion_reports, "reports, more than 10000000: not plausible"),
    "replayed": (replayed, "is older than the offer of 2026-06-01T12:00:00Z"),
    "key ended": (timed(not_after=NOW - timedelta(days=9)), "was signed after its key had ended"),
    "key not yet valid": (timed(not_before=NOW), "was signed before its key was valid"),
}


@pytest.mark.parametrize("name", OFFERS)
def test_an_offer(home, tmp_path, name):
    signed(tmp_path / "right", "offer.json", OFFER)
    assert len(accept(tmp_path / "right").offers) == 1
    tamper, says = OFFERS[name]
    tamper(tmp_path / "offer")
    with pytest.raises(UsageError) as error:
        accept(tmp_path / "offer")
    assert says in str(error.value)
    assert "offer.json" in str(error.value)


def test_an_offer_is_left_out_from_when_its_key_is_void(home, tmp_path):
    signed(tmp_path / "offer", "offer.json", OFFER)
    key_store.distrust("microsoft", None, NOW)
    assert len(accept(tmp_path / "offer", now=NOW - timedelta(hours=1)).offers) == 1
    intake = accept(tmp_path / "offer")
    assert intake.offers == []
    ((_, why),) = intake.void
    assert why == "signed by a key that is void from 2026-06-02T00:00:00Z on"


def test_ones_own_offer_is_refused_as_that(home, tmp_path):
    signed(tmp_path / "offer", "offer.json", OFFER, key_store.own_key())
    with pytest.raises(UsageError, match="is signed with your own key; give what the other side"):
        accept(tmp_path / "offer")


def test_an_own_key_that_is_trusted_by_name_shows_what_it_signed(home, tmp_path):
    own = key_store.own_key()
    key_store.trust("apple", own.public_key())
    signed(tmp_path / "offer", "offer.json", replace(OFFER, sender="apple"), own)
    assert "your own key" in execute("exchange", "show", tmp_path / "offer").out


def test_what_the_key_of_before_signed_can_still_be_taken_back(home, tmp_path):
    own = key_store.own_key()
    signed(tmp_path / "offer", "offer.json", replace(OFFER, sender="apple"), own)
    execute("keys", "rotate", "--from", "apple", "--output", tmp_path / "list")
    assert "VOID" not in execute("exchange", "show", tmp_path / "offer").out
    execute("exchange", "revoke", tmp_path / "offer", "--output", tmp_path / "back")
    revocation = json_of(tmp_path / "back" / "revocation.json")
    assert revocation["key_id"] == signing.key_id(key_store.own_key().public_key())


def test_what_a_void_key_signed_is_shown_as_void(home, tmp_path):
    signed(tmp_path / "letter", "correction.json", LETTERS["correction"])
    key_store.distrust("microsoft", None, NOW)
    assert (
        "VOID: it was signed by a key that is void from 2026-06-02"
        in execute("exchange", "show", tmp_path / "letter").out
    )


def test_an_offer_of_before_keys_were_named_is_taken(home, tmp_path):
    signed(tmp_path / "offer", "offer.json", signing.canonical_json(OFFER))
    (offer,) = accept(tmp_path / "offer").offers
    assert offer.content.key_id is UNSET


# Corrections and lists of keys.

LETTERS = dict(fuzz_readers.letters())


def listed(key, *, name=None, **times):
    raw = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    none = dict.fromkeys(("not_after", "not_before", "revoked_since"))
    return ListedKey(
        key_id=name or signing.key_id(key.public_key()), public_key=raw, **none | times
    )


def key_list(*keys):
    return KeyList(
        "microsoft", fuzz_readers.ISSUED, tuple(sorted(keys, key=lambda key: key.key_id))
    )


def wrong_issue(folder):
    (issue,) = LETTERS["correction"].issues
    wrong = replace(issue, issue_id="package-" + "2" * 16)
    signed(folder, "correction.json", replace(LETTERS["correction"], issues=(wrong,)))


def altered_letter(name, letter, old, new):
    def tamper(folder):
        path = signed(folder, name, letter)
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return tamper


SHOW, IMPORT = ("exchange", "show"), ("keys", "import", "microsoft")

OTHERS = {
    "correction altered": (
        altered_letter("correction.json", LETTERS["correction"], b"0101", b"0102"),
        SHOW,
        "was altered after it was signed",
    ),
    "correction of another issue": (wrong_issue, SHOW, "field issues[0].issue_id is invalid"),
    "correction of a stranger": (
        lambda folder: signed(folder, "correction.json", LETTERS["correction"], STRANGER),
        SHOW,
        "which is not trusted",
    ),
    "list altered": (
        altered_letter("keys.json", key_list(listed(THEIRS)), b"null", b'"1"'),
        IMPORT,
        "was altered after it was signed",
    ),
    "list of another partner": (
        lambda folder: signed(folder, "keys.json", key_list(listed(OTHER)), OTHER),
        IMPORT,
        "which is not trusted",
    ),
    "list with a key under another's name": (
        lambda folder: signed(folder, "keys.json", key_list(listed(STRANGER, name="0" * 64))),
        IMPORT,
        "field keys[0].key_id is invalid",
    ),
    "list with a time that is none": (
        lambda folder: signed(folder, "keys.json", key_list(listed(THEIRS, not_after="soon"))),
        IMPORT,
        "field keys[0].not_after: Expected `str`",
    ),
    "emptied list": (
        lambda folder: signed(folder, "keys.json", key_list(listed(THEIRS))).write_bytes(b""),
        IMPORT,
        "keys.json: is empty",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_correction_or_a_list_of_keys(home, tmp_path, name):
    tamper, command, says = OTHERS[name]
    tamper(tmp_path / "letter")
    clock = AT if command is IMPORT else []
    error = refusal_of(*command, tmp_path / "letter", *clock)
    assert says in error


def test_a_key_that_a_stolen_one_announced_is_void_with_it(home, tmp_path):
    signed(tmp_path / "keys", "keys.json", key_list(listed(THEIRS), listed(STRANGER)))
    execute(*IMPORT, tmp_path / "keys", *AT)
    new = signing.key_id(STRANGER.public_key())
    assert new in map(signing.key_id, key_store.trusted("microsoft"))
    key_store.distrust("microsoft", signing.key_id(THEIRS.public_key()), NOW - timedelta(days=1))
    assert key_store.validity("microsoft", new).revoked_since == NOW
    # It announces no other, and what was taken out here is not brought back by a list.
    signed(tmp_path / "more", "keys.json", key_list(listed(signing.make_signing_key())), STRANGER)
    assert "void from" in error_of(*IMPORT, tmp_path / "more", *AT)


# Decisions.


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    with keys_in(folder / "home"):
        run(folder / "run", "--complaints", jsonl(folder / "1.jsonl", first_day()))
    return folder / "run"


def decide(world, file, kind, entity, author="Ada Cole", *more):
    who = ["--author", author, "--reason", "seen in the panel", "--now", "2024-03-02T12:00:00Z"]
    return ringtrace("decide", world, kind, entity, "--decisions", file, *who, *more)


@pytest.fixture
def decided(home, world, tmp_path):
    """A decisions file: a typed row, and three that are signed."""
    file = write_decisions(
        tmp_path / "d.csv",
        f"T-1,dispute,{RING[2]},,Tom,not sure,2024-03-01T00:00:00Z,2024-03-01T12:00:00Z",
    )
    for kind, phone in (("review", RING[0]), ("suspect_held", RING[1]), ("review", RING[1])):
        assert decide(world, file, kind, phone) == 0
    return file


def changed(file, change):
    """The file with its rows, as cells by column, changed."""
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    columns = list(rows[0])
    rows = change(rows) or rows
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file.write_text(out.getvalue())


def edit(row, **cells):
    return lambda rows: rows[row].update(cells)


def other_members(rows):
    members = [f"phone:{RING[2]}"]
    rows[1].update(members=json.dumps(members), members_digest=members_digest(members), used='[""]')


def swap_signatures(rows):
    a, b = rows[2], rows[3]
    a["signature"], b["signature"] = b["signature"], a["signature"]


def strip(row):
    return edit(row, previous="", key_id="", signature="")


def swap(a, b):
    def change(rows):
        rows[a], rows[b] = rows[b], rows[a]

    return change


def remove(row):
    def change(rows):
        del rows[row]

    return change


DECISIONS = {
    "another author": (edit(1, author="Eve"), "row 3: review-20240302-1 was edited after the key"),
    "another reason": (edit(2, reason="no"), "row 4: suspect_held-20240302-1 was edited after"),
    "another day": (edit(3, decided_at="2024-03-02T13:00:00Z"), "row 5: review-20240302-2 was edi"),
    "other members": (other_members, "row 3: review-20240302-1 was edited after the key"),
    "another kind": (edit(3, kind="suspect_held"), "row 5: review-20240302-2 was edited after"),
    "signatures swapped": (swap_signatures, "row 4: suspect_held-20240302-1 was edited after"),
    "a row removed": (remove(2), "row 4: review-20240302-2 follows a signed row that is not here"),
    "the first removed": (remove(1), "row 3: suspect_held-20240302-1 follows a signed row that is"),
    "the last removed": (remove(3), "the last row that you signed in it"),
    "rows moved": (swap(1, 2), "row 3: suspect_held-20240302-1 was signed after row 4"),
    "rows moved down": (swap(2, 3), "row 4: review-20240302-2 was signed after row 5"),
    "a signature taken off": (strip(1), "row 4: suspect_held-20240302-1 follows a signed row"),
    "the last signature": (strip(3), "the last row that you signed in it"),
    "half a signature": (edit(3, signature=""), "row 5, signature: is empty in a row that was"),
    "another key": (edit(3, key_id="0" * 64), "the last row that you signed in it"),
    "no base64": (edit(3, signature="!"), "row 5, signature: is not base64"),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decisions_file(decided, world, name):
    change, says = DECISIONS[name]
    changed(decided, change)
    error = refusal_of(decide, world, decided, "review", RING[2])
    assert says in error, error
    assert str(decided) in error


COPIES = {
    "the last cut off": remove(3),
    "the last signature": strip(3),
    "all cut off": lambda rows: rows[:1],
}


def test_a_cut_copy_is_noticed_where_the_run_before_knows_the_chain(decided, world, home, tmp_path):
    rows = ["--complaints", world.parent / "1.jsonl", "--now", "2024-03-03T00:00:00Z"]
    execute("batch", *rows, "--decisions", decided, "--output", tmp_path / "run")
    for case in (*COPIES, "no file"):
        # Another store has no note of the last row, and the copy has another name.
        (home / "decisions.json").unlink()
        more, folder = [], tmp_path / case
        folder.mkdir()
        if case != "no file":
            copy = folder / "copy.csv"
            copy.write_bytes(decided.read_bytes())
            changed(copy, COPIES[case])
            more = ["--decisions", copy]
        again = ["--output", folder / "again", "--previous", tmp_path / "run"]
        error = refusal_of("batch", *rows, *more, *again)
        lost = "review-20240302-2" if more and case != "all cut off" else "review-20240302-1"
        assert f"lacks {lost} (review by Ada Cole), which {tmp_path / 'run'} has" in error
        assert not (folder / "again").exists()
        # It can be begun anew where nothing knows it, and what is decided says so.
        if LONG or case in ("the last signature", "no file"):
            execute("batch", *rows, *more, *again[:2])
        assert (
            "lacks review-20240302-1"
            in execute(decide, tmp_path / "run", folder / "new.csv", "legitimate", RING[0]).err
        )


def test_a_typed_row_may_change_and_is_counted(decided, world):
    changed(decided, edit(0, reason="surely not"))
    said = execute(decide, world, decided, "suspect_held", RING[0]).out
    signer = signing.key_id(key_store.own_key().public_key())
    assert f"signed by {signer}" in said
    assert f"not signed by a known key: 1 of the decisions in {decided}" in said


def test_policy_refuses_what_was_typed(decided, world, home):
    (home / "policy.toml").write_text("require_signed_decisions = true\n")
    assert "T-1 is signed by no key that is known here" in error_of(
        decide, world, decided, "suspect_held", RING[0]
    )


def test_two_people_confirm(home, world, tmp_path, monkeypatch):
    (home / "policy.toml").write_text('two_people = ["confirm"]\n')
    file = tmp_path / "d.csv"
    assert (
        "without effect yet: waits for the decision of a second"
        in execute(decide, world, file, "confirm", RING[0]).out
    )
    # Neither the same person again, nor another name with the same key, is a second one.
    assert "without effect yet" in execute(decide, world, file, "confirm", RING[0], "Tom Lee").out
    pem = tmp_path / "tom.pem"
    pem.write_bytes(signing.private_pem(KEY))
    pem.chmod(0o600)
    assert (
        "without effect"
        not in execute(decide, world, file, "confirm", RING[0], "Tom Lee", "--key", pem).out
    )


def test_two_people_answer_for_an_override(home, tmp_path):
    (home / "policy.toml").write_text('two_people = ["override"]\n')
    own, partner, stranger = (tmp_path / f"{name}.pem" for name in ("own", "other", "stranger"))
    for path, key in ((own, key_store.own_key()), (partner, KEY), (stranger, STRANGER)):
        path.write_bytes(signing.private_pem(key))
        path.chmod(0o600)
    assert who_answers("Ada Cole", "Tom Lee", str(partner)) == "Ada Cole and Tom Lee"
    for second, path, says in (
        (None, None, "your policy asks for two people"),
        ("Tom Lee", None, "go together"),
        ("ada  COLE", partner, "another person than the author"),
        ("Tom Lee", own, "is no other key that you trust"),
        ("Tom Lee", stranger, "is no other key that you trust"),
    ):
        with pytest.raises(UsageError, match=says):
            who_answers("Ada Cole", second, str(path) if path else None)


def test_what_a_void_key_accused_has_no_effect_and_what_it_protects_stays(home, world, tmp_path):
    file, pem = tmp_path / "d.csv", tmp_path / "theirs.pem"
    pem.write_bytes(signing.private_pem(KEY))
    pem.chmod(0o600)
    for kind in ("review", "dispute"):
        assert (
            decide(world, file, kind, RING[2 if kind == "dispute" else 0], "Eve", "--key", pem) == 0
        )
    key_store.distrust("amazon", None, datetime(2024, 3, 1, tzinfo=UTC))
    dispute, review = read_decisions(str(file))
    assert (dispute.void, dispute.signed_by) == (None, None)
    assert review.void == "is signed by a key that is void from 2024-03-01 on"


def test_every_reader_bears_mutations():
    count = 6_500 if LONG else 1_625
    refused, longest = fuzz_readers.fuzz(count, 7)
    assert sum(refused.values()) > count * 10 // 13
    assert min(refused.values()) > count * 2 // 65
    assert longest < 20


def test_a_megabyte_of_any_file_is_read_in_time():
    """The most rows that a megabyte can hold, of a right offer, and bytes that are no file."""
    evidence = [
        replace(OFFER.evidence[0], week=f"{year}-W{week:02d}", entities=(0,), kind=kind, reports=1)
        for year in range(2000, 2026)
        for week in range(1, 53)
        for kind in ("call", "complaint")
    ]
    ids = sorted(f"domain:{n:06d}.example" for n in range(9_000))
    entities = [replace(OFFER.entities[0], entity_id=entity_id) for entity_id in ids]
    large = replace(
        OFFER,
        entities=tuple(entities),
        evidence=tuple(sorted(evidence, key=lambda row: (row.week, row.kind))),
        clusters=(replace(OFFER.clusters[0], countries=(), elsewhere=None, losses=()),),
    )
    content = signing.letter_bytes(large, fuzz_readers.KEY)
    assert len(content) > 900_000
    for specimen in fuzz_readers.specimens():
        for mutant in (content, b"[" * 2**20, b"[1," * 2**18, b'{"a":' * 2**17, b"9" * 2**20):
            before = time.process_time()
            with suppress(*specimen.errors):
                specimen.read(mutant, signing.sign_detached(mutant, fuzz_readers.KEY))
            assert time.process_time() - before < 20, specimen.name


def test_a_consent_by_a_key_that_is_void_releases_nothing(home, tmp_path):
    signed(tmp_path / "consent", consents.CONSENT_FILE, dict(fuzz_readers.letters())["consent"])
    asked = [str(tmp_path / "consent")], {"amazon"}, "in-cbi", NOW
    assert list(consents.read_consents(*asked)) == ["microsoft"]
    key_store.distrust("microsoft", None, NOW)
    with pytest.raises(UsageError, match="was signed by a key that is void from 2026-06-02"):
        consents.read_consents(*asked)


@pytest.mark.parametrize(
    "content",
    [
        '{"members":[1]}',
        '{"members":[["phone:+18885550101"]]}',
        '{"members":["phone:+18885550101\\nphone:+18885550102"]}',
        '{"members":["phone:+1888555\\ud800"]}',
        '{"members":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"members":[]}',
        "phone:+18885550101\u202e",
    ],
)
def test_what_a_partner_sends_to_be_consented_to_is_ids_or_refused(home, tmp_path, content):
    (tmp_path / "package.json").write_text(content)
    words = ["exchange", "consent", tmp_path / "package.json", "--to", "amazon"]
    words += ["--from", "microsoft", "--recipient", "in-cbi", "--expires", "2099-01-01T00:00:00Z"]
    said = refusal_of(*words, "--output", tmp_path / "out")
    assert "package.json: " in said and "give ids such as" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["offer.json", "revocation.json"])
def test_a_pipe_in_a_shared_folder_keeps_nobody_waiting(home, tmp_path, name):
    os.mkfifo(tmp_path / name)
    for place in (tmp_path, tmp_path / name):
        with pytest.raises(UsageError, match=r"no regular file|No such file"):
            signed_files.read_signed(str(place), accepted_offers.OFFER_FILES)
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="no regular file"):
        signed_files.read_signed(str(tmp_path / "zero"), accepted_offers.OFFER_FILES)


def test_no_partner_takes_the_name_of_a_hub(home, tmp_path):
    path = accepted_offers.hub_file("acx.pem")
    write_whole(path, signing.private_pem(signing.make_signing_key()))
    (tmp_path / "acx.pem").write_bytes(signing.public_pem(fuzz_readers.KEY.public_key()))
    words = ["--fingerprint", signing.key_id(fuzz_readers.KEY.public_key())]
    assert "is the name of a hub" in error_of("keys", "trust", "acx", tmp_path / "acx.pem", *words)
    assert key_store.trusted("acx") == []
