"""Three organisations and a host: what one publishes, the others join, until it is taken back."""

import base64
import csv
import hashlib
import json
import re
import shutil
import sys
import uuid
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import stix2
from msgspec import structs

from pipelines.batch import join as batch_join
from pipelines.exchange import hub_host, taxii as taxii_module
from reports import signing, tables
from reports.disclosure_control import is_reviewed_core, thin_clusters
from reports.exchange import erased_line, open_letter
from reports.export.stix import stix_observable
from reports.letters import OfferError
from schemas.entity import without_epoch
from schemas.enums import EntityKind
from schemas.extras import install_command
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.tables import CLUSTERS, ENTITIES, LINKS, MEMBERS, MENTIONS
from tests.support.full_disk import FullDisk
from tests.support.hub_world import HOST, ORGS, HubWorld, agree, make_hub, make_world, newest_list
from tests.support.leaks import number_forms, values_in
from tests.support.run_pipeline import column, json_of, manifest_of, table_rows
from tests.support.taxii_server import running

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("hub-world"))


@pytest.fixture(scope="module")
def filled(made, tmp_path_factory):
    """The hub on 2 June, when the host has collected what all three published."""
    world = made.copy(tmp_path_factory.mktemp("filled"))
    for org in ORGS:
        world.do(org, "publish", day=2)
    collect(world, 2)
    return world


@pytest.fixture
def empty(made, tmp_path):
    return made.copy(tmp_path)


@pytest.fixture
def world(filled, tmp_path):
    return filled.copy(tmp_path)


@pytest.fixture(scope="module")
def pulled(filled, tmp_path_factory):
    """The hub of 2 June, whose feed amazon pulled and joined on 3 June; `told` says so."""
    world = filled.copy(tmp_path_factory.mktemp("pulled"))
    feed = pull(world, "amazon")
    told = join(world, "amazon", feed, world.folder / "joint").out
    (world.folder / "told").write_text(told)
    return world


@pytest.fixture
def joined(pulled, tmp_path):
    """A copy of it: its feed is `feed-amazon-6-3`, its joint run `joint`."""
    world = pulled.copy(tmp_path)
    for name in ("feed-amazon-6-3", "joint"):
        shutil.copytree(pulled.folder / name, tmp_path / name)
    return world


def another_hub(made, folder, *words):
    """A hub of the same members, of another day or charter."""
    world = made.copy(folder)
    for path in (world.hub, world.home(HOST) / "hubs", *(world.home(org) / "hubs" for org in ORGS)):
        shutil.rmtree(path, ignore_errors=True)
    for org in (*ORGS, HOST):
        world.pem(org).unlink()
    make_hub(world, *words)
    return world


def pulled_aside(world: HubWorld, org: str, day: int = 3, name: str = "", month: int = 6):
    """A feed that an organisation pulls, and what the command says."""
    folder = world.folder / (name or f"feed-{org}-{month}-{day}")
    return folder, world.do(org, "pull", "--output", folder, day=day, month=month).out


def pull(*words, **more):
    return pulled_aside(*words, **more)[0]


def collect(world: HubWorld, day: int, month: int = 6):
    """Lets the host take the letters of a day; returns what it says."""
    return world.do(HOST, "collect", day=day, month=month).out


def entries(feed):
    """The rows of entries.csv, disputes left out."""
    with (feed / "entries.csv").open() as lines:
        return [row for row in csv.DictReader(lines) if row["role"] != "dispute"]


def of_others(rows):
    return [row for row in rows if row["contributor"] != "own"]


def identifiers(rows):
    return {row["entity_id"] for row in rows}


def entry_ids(feed):
    return {row["entry"] for row in entries(feed)}


def offered(feed):
    return identifiers(json_of(feed / "offer.json")["entities"])


def own_entry(world, org, others=False):
    """The first entry, by identifier, that the organisation alone names: its id and identifier."""
    rows = entries(pull(world, org, name=f"look-{org}"))
    names = Counter(row["entity_id"] for row in rows)
    alone = [
        (row["entity_id"], row["entry"])
        for row in rows
        if (row["contributor"] == "own") != others and names[row["entity_id"]] == 1
    ]
    return min(alone)[::-1]


def join(world, org, feed, output, day=3, status=0):
    when = f"2026-06-{day:02}T12:00:00Z"
    words = ["exchange", "join", world.run(org), feed, "--now", when]
    words += ["--decisions", world.folder / "decisions.csv"]
    if not (world.folder / "decisions.csv").exists():
        shutil.copy2(world.run(org).resolve().parent / "decisions.csv", world.folder)
    return world.at(org, *words, "--output", output, status=status)


def from_hub(run):
    where = pc.field("source_org") == "acx"
    rows = tables.read_table(run, MENTIONS, ["entity_id"], where)
    return {without_epoch(entity_id) for entity_id in rows["entity_id"].to_pylist()}


def test_nothing_but_reviewed_core_of_confirmed_clusters_is_published(world):
    for org in ORGS:
        members = table_rows(world.run(org), MEMBERS)
        clusters = tables.read_table(world.run(org), CLUSTERS, ["cluster_id", "status"])
        confirmed = {
            row["cluster_id"] for row in clusters.to_pylist() if row["status"] == "confirmed"
        }.difference(pa.array(thin_clusters(world.run(org))).to_pylist())
        may = {member["entity_id"] for member in members if is_reviewed_core(member)
               and member["cluster_id"] in confirmed}  # fmt: skip
        published = {entity for entity, _ in world.record(org)["own"].values()}
        assert published and published <= may


def test_what_one_of_two_takes_back_makes_earlier_feeds_void(world):
    rows = of_others(entries(pull(world, "amazon")))
    names = Counter(row["entity_id"] for row in rows)
    entry = next(row["entry"] for row in rows if names[row["entity_id"]] == 2
                 and row["entry"] in world.record("google")["own"])  # fmt: skip
    world.do("google", "withdraw", entry, day=3)
    collect(world, 3)
    assert "taken back since: 1 earlier feed, " in pulled_aside(world, "amazon", day=4)[1]
    assert "taken back" not in pulled_aside(world, "amazon", day=5)[1]


def test_a_correction_of_the_next_epoch_takes_nothing_back(made, tmp_path):
    """By it two tokens are one contributor's; what the second one claimed is there as before."""
    world = another_hub(made, tmp_path, 1, "--epoch-days", 10)
    world.do("google", "publish", day=2)
    collect(world, 2)
    of_actor = defaultdict(dict)
    for row in entries(pull(world, "google", day=3)):
        of_actor[row["actor"]][row["entity_id"]] = row["entry"]
    phone = min(
        name for claimed in of_actor.values() if len(claimed) > 1
        for name in claimed if name.startswith("phone:")
    )  # fmt: skip
    unchanged = min((claimed for claimed in of_actor.values() if phone not in claimed), key=min)
    victims = tmp_path / "victims.csv"
    victims.write_text(f"phone,email,country\n{without_epoch(phone)[6:]},,US\n")
    world.do("google", "publish", "--victims", victims, day=4)
    collect(world, 4)
    world.do("google", "withdraw", *unchanged.values(), day=5)
    collect(world, 5)
    world.do("google", "publish", "--victims", victims, day=12)
    collect(world, 12)
    tokens = {row["contributor"] for row in entries(pull(world, "amazon", day=13))}
    assert len(tokens) == 2
    world.do("google", "publish", day=14)
    collect(world, 14)
    assert "taken back" not in pulled_aside(world, "amazon", day=15)[1]


def test_what_was_published_is_withdrawn_without_the_record_of_it(world):
    """The member that lost the record can withdraw it; no other member can."""
    entry, entity = own_entry(world, "microsoft")
    (world.home("microsoft") / "hubs" / "acx.json").unlink()
    assert (
        "withdrawn by the ids of its entries"
        in world.do("microsoft", "withdraw", entity, day=3, status=2).err
    )
    assert "you did not publish it from here" in world.do("microsoft", "withdraw", entry, day=3).out
    foreign, _ = own_entry(world, "google")
    world.do("amazon", "withdraw", foreign, day=3)
    assert (
        f"withdraws {foreign}, which is no entry of amazon"
        in world.do(HOST, "collect", day=3, status=1).out
    )
    names = entry_ids(pull(world, "amazon", day=4))
    assert entry not in names and foreign in names
    # What it claims again is refused as long as it is there, and it is told so.
    (world.home("microsoft") / "hubs" / "acx.json").unlink()
    assert "of which no record is beside your keys" in world.do("microsoft", "publish", day=4).out
    assert "claims what the entry" in world.do(HOST, "collect", day=4, status=1).out


def test_a_dispute_freezes_an_entry_until_it_is_answered(world):
    entry, entity = own_entry(world, "google", others=True)
    world.do("google", "dispute", entry, day=3)
    collect(world, 3)
    assert entity not in offered(pull(world, "google", day=4))
    owner = next(org for org in ORGS if entry in world.record(org)["own"])
    with (pull(world, owner, day=4) / "entries.csv").open() as lines:
        dispute = next(row["entry"] for row in csv.DictReader(lines) if row["role"] == "dispute")
    # Nobody but the contributor answers.
    third = next(org for org in ORGS if org not in (owner, "google"))
    assert (
        "no dispute of an entry of yours"
        in world.do(third, "dispute", dispute, "--answer", day=4, status=2).err
    )
    world.do(owner, "dispute", dispute, "--answer", day=4)
    collect(world, 4)
    assert entity in offered(pull(world, "google", day=5))
    # The same member does not freeze it a second time; an appeal does.
    world.do("google", "dispute", entry, day=5)
    world.do(HOST, "dispute", entry, "--appeal", "shop-114", day=5)
    assert f"disputes {entry} a second time" in world.do(HOST, "collect", day=5, status=1).out
    assert entity not in offered(pull(world, third, day=6))
    # Without an answer it is out.
    collect(world, 20)
    feed = pull(world, third, day=21)
    assert entry not in entry_ids(feed)


def test_a_members_appeal_for_somebody_freezes_an_entry_too(world):
    entry, entity = own_entry(world, "google", others=True)
    world.do("google", "dispute", entry, "--appeal", "shop-114", day=3)
    collect(world, 3)
    assert re.search(
        r"lines; entries: .*1 frozen.*; 1 open dispute\n", world.do("google", "log", day=4).out
    )
    owner = next(org for org in ORGS if entry in world.record(org)["own"])
    feed = pull(world, owner, day=4)
    with (feed / "entries.csv").open() as lines:
        (row,) = [row for row in csv.DictReader(lines) if row["role"] == "dispute"]
    # By whose hand it came shows as a token, for whom by the reference.
    assert row["contributor"] == "shop-114" and row["entity_id"] == entity
    line = (world.hub / "log" / "2026-06-03.jsonl").read_bytes()
    assert b'"appeal":"shop-114"' in line and b"google" not in line
    assert entity not in offered(pull(world, "google", day=4))
    world.do(owner, "dispute", row["entry"], "--answer", day=4)
    collect(world, 4)
    assert entity in offered(pull(world, "google", day=5))


def test_two_letters_of_one_second_are_both_taken_and_neither_twice(world):
    rows = of_others(entries(pull(world, "google")))
    for row in rows[:2]:
        world.do("google", "dispute", row["entry"], day=3)
    kept = [shutil.copy2(path, world.folder) for path in sealed(world)]
    assert "2 letters, 2 lines" in collect(world, 3)
    for path in kept:
        shutil.copy2(path, world.hub / "inbox")
    world.do("google", "dispute", rows[2]["entry"], day=3)
    said = world.do(HOST, "collect", day=4, status=1).out
    assert "1 letter, 1 line;" in said and said.count("it was replayed") == 2


def test_a_damaged_record_of_letters_is_not_read_as_if_none_were_taken(world):
    record = world.home(HOST) / "hubs" / "acx.letters.json"
    for content in ("[]", '""', '"amazon"', "[", ""):
        record.write_text(content)
        error = world.do(HOST, "collect", day=3, status=2).err
        assert error.count("\n") == 1 and "it says which letters were taken" in error


def test_times_of_files_say_a_day_and_no_more(empty):
    """Guesses whose a letter is by the order of its times, which are all the same."""
    world = empty
    for hour, org in ((7, "microsoft"), (9, "amazon"), (23, "google")):
        when = ["--now", f"2026-06-02T{hour:02}:{hour + 10}:00Z"]
        words = ["exchange", "hub", "publish", world.run(org), world.hub]
        world.at(org, *words, *when)
    midnight = datetime(2026, 6, 2, tzinfo=UTC).timestamp()
    assert {path.stat().st_mtime for path in sealed(world)} == {midnight}
    assert len({path.stat().st_mode for path in sealed(world)}) == 1
    collect(world, 2)
    for folder in ("log", "heads"):
        assert {path.stat().st_mtime for path in (world.hub / folder).iterdir()} == {midnight}
    lines = (world.hub / "log" / "2026-06-02.jsonl").read_text()
    assert not re.search(r"\dT\d\d:", lines)


def snapshot_of(world):
    """All files of the hub, and what its members and host keep of it."""
    folders = [world.hub, *(world.home(org) / "hubs" for org in (*ORGS, HOST))]
    return {
        path: path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (".lock", "acx.pem")
    }


@pytest.mark.parametrize(
    ("org", "word", "words"),
    [
        (HOST, "collect", []),
        ("google", "withdraw", ["--all"]),
        ("microsoft", "publish", []),
        ("amazon", "pull", ["--output", "feed"]),
    ],
)
def test_a_full_disk_at_any_write_leaves_the_hub_as_it_was(empty, monkeypatch, org, word, words):
    world = empty
    others = ORGS if word == "collect" else ("amazon", "google")
    for publisher in others:
        world.do(publisher, "publish", day=2)
    if word != "collect":
        collect(world, 2)
        world.do("amazon", "withdraw", "--all", day=3)
    words = [world.folder / word if word == "feed" else word for word in words]
    before = snapshot_of(world)
    failed = 0
    for step in range(1, 100):
        with monkeypatch.context() as patch:
            full = FullDisk(patch, step)
            done = world.do(org, word, *words, day=3, status=None)
        if done.status == 0 and full.count < step:
            break
        assert done.status in (1, 2), step
        assert "No space left on device" in done.err
        assert snapshot_of(world) == before, step
        assert not (world.folder / "feed" / "offer.json").exists()
        failed += 1
    assert failed > 3
    world.do("google", "log", day=4)
    if word == "collect":
        assert len(entries(pull(world, "amazon", day=4))) > 20


def test_a_corrected_run_corrects_and_a_correction_answers_no_dispute(world):
    entry, entity = own_entry(world, "microsoft")
    world.do("amazon", "dispute", entry, day=3)
    collect(world, 3)
    # Sorted, since entries are numbered by chance: without another identifier this one may leave.
    gone = min(
        entity_id
        for entity_id, _ in world.record("microsoft")["own"].values()
        if entity_id != entity and "#" not in entity_id
    )
    source = world.run("microsoft").resolve().parent
    decisions = world.folder / "more.csv"
    row = f"L-1,legitimate,{gone},,Ada Cole,asked them,2026-06-03T00:00:00Z,"
    decisions.write_text((source / "decisions.csv").read_text() + row + "\n")
    words = ["health", world.run("microsoft"), "--decisions", decisions]
    assert (
        "run ringtrace exchange hub withdraw"
        in world.at("microsoft", *words, "--now", "2026-06-04T00:00:00Z", status=1).out
    )
    files = ["--complaints", source / "records" / "complaints" / "microsoft.jsonl"]
    files += ["--calls", source / "records" / "calls" / "microsoft.jsonl"]
    run = world.folder / "corrected"
    words = ["batch", *files, "--decisions", decisions, "--output", run]
    world.at("microsoft", *words, "--now", "2026-06-04T00:00:00Z")
    words = ["exchange", "hub", "publish", run, world.hub, "--now", "2026-06-04T10:00:00Z"]
    assert "renews" in world.at("microsoft", *words).out
    collect(world, 4)
    rows = entries(pull(world, "amazon", day=5))
    assert gone not in identifiers(of_others(rows)) or (
        gone in {row["entity_id"] for row in rows if row["status"] == "live"}
    )
    frozen = [row for row in rows if row["entity_id"] == entity]
    assert [row["status"] for row in frozen] == ["frozen"]
    assert gone not in {
        entity
        for name, (entity, _) in world.record("microsoft")["own"].items()
        if name in {row["entry"] for row in rows}
    }
    words = ["health", run, "--decisions", decisions, "--now", "2026-06-05T00:00:00Z"]
    assert "exchange hub withdraw" not in world.at("microsoft", *words, status=None).out


def sealed(world):
    return sorted((world.hub / "inbox").glob("*.sealed"))


def test_a_letter_of_nobody_and_a_replayed_one_are_refused_by_name(world):
    entry, entity = own_entry(world, "microsoft")
    world.do("microsoft", "withdraw", entity, day=3)
    letter = shutil.copy2(sealed(world)[0], world.folder / "kept.sealed")
    collect(world, 3)
    # A member of another folder's list, whose key the host's list does not have.
    forked = (
        world.copy(world.folder / "other") if (world.folder / "other").mkdir() is None else None
    )
    (forked.home("google") / "own.pem").unlink()
    for path in (forked.home("google") / "hubs").iterdir():
        path.unlink()
    forked.at("google", "keys", "export", "--output", forked.folder / "new.pem")
    add = ["--add", "google", "--pem", forked.folder / "new.pem"]
    forked.do("amazon", "members", *add, day=4)
    agree(forked, "microsoft", day=4)
    forked.do("google", "publish", day=4)
    shutil.copy2(sealed(forked)[0], world.hub / "inbox")
    shutil.copy2(letter, world.hub / "inbox" / f"{'a' * 32}.sealed")
    (world.hub / "inbox" / f"{'b' * 32}.sealed").write_bytes(b"x" * 5_000)
    (world.hub / "inbox" / f"{'c' * 32}.sealed").write_bytes(letter.read_bytes()[:-1] + b"?")
    world.do("amazon", "withdraw", "--all", day=4)
    said = world.do(HOST, "collect", day=4, status=1).out
    assert "1 letter," in said and "no member has it" in said
    assert f"{'a' * 32}.sealed: of microsoft" in said and "it was replayed" in said
    assert said.count("is not sealed to this hub's key, or was altered") == 2
    assert not sealed(world) and len(list((world.hub / "refused").iterdir())) == 4
    assert entry not in entry_ids(pull(world, "google", day=5))


def altered(name, old, new):
    """Returns a change of the first place in a file of the hub."""

    def change(world):
        path = world.hub / name
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    return change


def relined(new_lines):
    """Returns a change of the lines of the log's first day."""

    def change(world):
        path = world.hub / "log" / "2026-06-02.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(new_lines(lines)))

    return change


def cut_days(world):
    for path in world.hub.glob("heads/2026-06-02*"):
        path.unlink()


def lose_list(world):
    max((world.hub / "members").glob("*.json")).unlink()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (altered("log/2026-06-02.jsonl", b'"reporters":', b'"reporters":1'), "2026-06-02.jsonl: "),
        (relined(lambda lines: lines[1:]), "is not what the host signed: the log was changed"),
        (relined(lambda lines: [lines[0], *lines]), "has a line twice, or its lines out of order"),
        (
            relined(lambda lines: [erased_line(lines[0].rstrip(b"\n")) + b"\n", *lines[1:]]),
            "erases line 0 of the log, which is not out",
        ),
        (cut_days, "you saw before: it was changed or cut"),
        (
            altered("heads/2026-06-02.json", b'"size":', b'"size":1'),
            "2026-06-02.json: was altered after it was signed",
        ),
        (
            altered("hub.json", b'"epoch_days":90', b'"epoch_days":91'),
            "hub.json: was altered after it was signed",
        ),
        (lose_list, "of the last head is missing, or lacks signatures"),
    ],
)
def test_a_changed_hub_is_refused_and_says_which_file(world, change, named):
    pull(world, "amazon")
    change(world)
    assert (
        named in world.do("amazon", "pull", "--output", world.folder / "new", day=4, status=2).err
    )
    assert not (world.folder / "new").exists()


def test_a_host_that_signs_two_logs_is_found_by_comparing_heads(world):
    (world.folder / "two").mkdir()
    forked = world.copy(world.folder / "two")
    world.do("amazon", "withdraw", "--all", day=3)
    collect(world, 3)
    collect(forked, 3)
    head = "heads/2026-06-03.json"
    earlier = ["--head", world.hub / "heads" / "2026-06-02.json"]
    assert "continues the head of 2026-06-02" in world.do("google", "log", *earlier, day=4).out
    assert (
        "the host signed two logs"
        in forked.do("google", "log", "--head", world.hub / head, day=4, status=2).err
    )


def test_a_token_is_opened_by_the_host_alone_and_every_member_reads_so(world):
    rows = entries(pull(world, "amazon"))
    entry, token = next((row["entry"], row["contributor"]) for row in rows
                        if row["contributor"] != "own")  # fmt: skip
    why = ["--open-token", token, "--reason", "order 12/2026"]
    assert (
        "ask its host isac, which alone can do this"
        in world.do("amazon", "log", *why, day=3, status=2).err
    )
    owner = next(org for org in ORGS if entry in world.record(org)["own"])
    assert f"{token} is {owner};" in world.do(HOST, "log", *why, day=3).out
    assert (
        f'token {token} was opened on 2026-06-03: "order 12/2026"'
        in world.do("google", "log", day=4).out
    )
    assert "run it again tomorrow" in world.do(HOST, "collect", day=3, status=2).err


def test_entries_die_without_renewal_sooner_for_kinds_with_short_lives(world):
    before = entries(pull(world, "amazon", day=3))
    for day in (15, 28):
        world.do("google", "publish", day=day)
        collect(world, day)
    # 45 days after 2 June a phone number is out, unless it was renewed; an account is not.
    collect(world, 20, month=7)
    after = entry_ids(pull(world, "amazon", day=21, month=7))
    renewed = set(world.record("google")["own"])
    for row in before:
        short = row["entity_id"].startswith("phone:")
        assert (row["entry"] in after) == (not short or row["entry"] in renewed), row
    assert any(row["entity_id"].startswith("phone:") and row["entry"] in renewed for row in before)


def victims_values(world):
    """Return what records say of victims, and their ids, in all forms of a number."""
    values, numbers = set(), set()
    source = world.run("amazon").resolve().parent / "records"
    for path in source.rglob("*.jsonl"):
        for row in map(json.loads, path.read_text().splitlines()):
            values |= {row.get(name) for name in ("victim_id", "complaint_id", "call_id")}
            suspect = "calling_number" if row.get("direction") == "inbound" else "called_number"
            country = row.get("victim_country") or "US"
            for name in {"calling_number", "called_number"} - {suspect}:
                numbers |= {(row[name], country)} if row.get(name) else set()
            for number in row.get("phone_numbers") or ():
                numbers |= {(number["raw"], country)} if number.get("role") == "victim" else set()
            for mail in row.get("emails") or ():
                if isinstance(mail, dict) and mail.get("role") == "victim":
                    values.add(mail["address"])
    for raw, country in numbers:
        try:
            values |= number_forms(raw, country)
        except Exception:
            values.add(raw)
    values = {value for value in values if value and len(value) >= 5}
    assert len(values) > 2_000 and len(numbers) > 50
    return values


def test_the_log_names_no_contributor(world):
    listed = json_of(max((world.hub / "members").glob("*.json")))["members"]
    keys = {member["key_id"] for member in listed}
    for folder in ("log", "heads", "inbox"):
        for path in (world.hub / folder).rglob("*"):
            content = path.read_bytes()
            assert not any(f'"{org}"'.encode() in content for org in ORGS), path
            assert not any(key.encode() in content for key in keys), path
    with pytest.raises(OfferError):
        open_letter(b"x" * 100, b"\1" * 32, "0" * 64)


def test_who_may_change_the_list_of_members(empty):
    pem = ["--pem", empty.pem(HOST)]
    assert (
        "names the host isac as a member"
        in empty.do("amazon", "members", "--add", HOST, *pem, status=2).err
    )
    first = empty.do("amazon", "members", "--expel", "microsoft").out
    assert first.count("waiting") == 1 and "has amazon" in first
    # The host is no member.
    assert "waiting" in empty.do(HOST, "members", "--sign", first.split("waiting: ")[1][:16]).out
    collect(empty, 2)
    empty.do("microsoft", "publish", day=3)


def test_a_list_that_another_overtook_waits_for_nobody(empty):
    late = empty.do("amazon", "members", "--expel", "microsoft").out.split("waiting: ")[1][:16]
    both = empty.do("amazon", "members", "--leave", "amazon").out
    (first,) = {piece[:16] for piece in both.split("waiting: ")[1:]} - {late}
    shown = empty.do("microsoft", "members", "--sign", first).out
    assert "waiting" not in shown
    assert f"overtaken: {late}: another list came first" in shown
    assert (
        "another list came first; make the change again"
        in empty.do("microsoft", "members", "--sign", late, status=2).err
    )


def test_a_member_signs_no_file_that_is_no_next_list_of_members(empty):
    """Otherwise a file in the folder could get the member's signature as an offer or a letter."""
    folder = empty.hub / "members"
    listed = json_of(max(folder.glob("*.json")))
    charter = json_of(empty.hub / "hub.json")
    # An offer of another member, a list of another hub, and a list that follows from no list.
    for content in (
        {"format": "ringtrace-offer", "sender": "google", "recipient": "amazon"},
        listed | {"hub": "0" * 64, "previous": hashlib.sha256(b"x").hexdigest()},
        listed | {"hub": charter["key_id"]},
    ):
        data = signing.canonical_json(content)
        digest = hashlib.sha256(data).hexdigest()[:16]
        (folder / f"00009-{digest}.json").write_bytes(data)
        said = empty.do("google", "members", "--sign", digest, status=2).err
        assert "cannot be signed" in said or "no list of that digest waits" in said
    assert not list(folder.glob("00009-*.sig"))


@pytest.mark.parametrize("junk", [b"junk", b"x" * 2_000_000, None])
def test_a_file_that_is_no_signature_counts_as_none(empty, junk):
    """Whoever can write to the folder can put it there, under any member's name."""
    folder = empty.hub / "members"
    empty.do("amazon", "members", "--expel", "microsoft")
    (listed,) = folder.glob(f"*-{newest_list(empty)}*.json")
    rows = json_of(listed)["members"]
    key_id = next(member["key_id"] for member in rows if member["org"] == "microsoft")
    path = folder / f"{listed.stem}.{key_id[:16]}.sig"
    path.symlink_to("/nowhere") if junk is None else path.write_bytes(junk)
    said = empty.do("google", "members").out
    assert "waiting" in said and path.name in said
    assert "waiting" not in empty.do("google", "members", "--sign", newest_list(empty)).out


@pytest.mark.parametrize("bound", [{"MAX_DAY_BYTES": 4}, {"MAX_LETTERS": 1}], ids=str)
def test_a_day_that_is_full_leaves_letters_for_the_next(world, monkeypatch, bound):
    rows = of_others(entries(pull(world, "google")))
    for org, count in (("google", 3), ("amazon", 1)):
        for row in rows[:count]:
            if row["entry"] not in world.record(org)["own"]:
                world.do(org, "dispute", row["entry"], day=3)
    waiting = len(sealed(world))
    for name, most in bound.items():
        monkeypatch.setattr(hub_host, name, most)
    for day in range(3, 3 + waiting):
        said = collect(world, day)
        left = len(sealed(world))
        assert "1 letter, 1 line" in said and left == waiting - (day - 2)
        assert not left or f"since this one is full: {left} letter" in said
    statuses = {row["entry"]: row["status"] for row in entries(pull(world, "microsoft", day=8))}
    assert {statuses[row["entry"]] for row in rows[:3]} == {"frozen"}


def test_each_member_decides_for_itself(world):
    whole = offered(pull(world, "amazon"))
    rows = entries(pull(world, "amazon", name="rows"))
    token = of_others(rows)[0]["contributor"]
    words = ["--output", world.folder / "without", "--without"]
    for wrong in (token[:7], "f" * 32, "own", "", rows[0]["actor"]):
        said = world.do("amazon", "pull", *words, wrong, day=4, status=2).err
        assert "is no entry or token of" in said
    # A join prints eight digits of it.
    world.do("amazon", "pull", *words, token[:8], day=4)
    others = {row["entity_id"] for row in rows if row["contributor"] not in ("own", token)}
    assert offered(world.folder / "without") == others < whole
    words = ["--min-count", 2, "--output", world.folder / "both"]
    world.do("amazon", "pull", *words, day=5)
    theirs = {row["entity_id"] for row in rows if row["contributor"] == token}
    assert offered(world.folder / "both") == theirs & others
    # Who takes the hub's key out takes all of it out.
    world.at("amazon", "keys", "distrust", "acx")
    join(world, "amazon", world.folder / "both", world.folder / "joint", day=5, status=2)
    assert (
        "trust it again to use the hub"
        in world.do("amazon", "pull", "--output", world.folder / "again", day=6, status=2).err
    )


def senders(run):
    """Returns the contributors of the hub in a manifest, by digits of their tokens."""
    return partners(run)["acx"]["contributors"]


def partners(run):
    return manifest_of(run)["options"]["senders"]


def test_each_contributor_bears_and_has_a_record_of_its_own(joined, pulled):
    world = joined
    feed = entries(world.folder / "feed-amazon-6-3")
    rows = of_others(feed)
    names = Counter(row["entity_id"] for row in rows)
    tokens = sorted({row["contributor"] for row in rows})
    told = (pulled.folder / "told").read_text()
    assert "acx: counts" in told and "people, by 2 contributors" in told
    for token in tokens:
        assert f"    {token[:8]}: counts " in told and token not in told
    assert not any(f"{org}:" in told for org in ("google", "microsoft"))
    before = senders(world.folder / "joint")
    assert list(before) == [token[:8] for token in tokens]
    assert {record["most_people"] for record in before.values()} == {8}
    assert all(
        record["people"] and record["right"] and not record["wrong"] for record in before.values()
    )
    # Wrong identifiers of a contributor lower no other contributor.
    wrong = [row["entity_id"] for row in rows
             if row["contributor"] == tokens[0] and names[row["entity_id"]] == 1]  # fmt: skip
    assert wrong
    lines = [f"L-{n},legitimate,{entity_id},,Ada Cole,asked,2026-06-03T00:00:00Z,"
             for n, entity_id in enumerate(wrong)]  # fmt: skip
    path = world.folder / "decisions.csv"
    decided = (pulled.folder / "decisions.csv").read_text()
    path.write_text(decided + "\n".join(lines) + "\n")
    # Of two pulls within a second the last one is taken.
    first, last = world.folder / "first", world.folder / "last"
    world.do("amazon", "pull", "--without", tokens[0], "--output", first, day=4)
    world.do("amazon", "pull", "--output", last, day=4)
    assert (
        "is older than the offer of"
        in join(world, "amazon", first, world.folder / "refused", day=4, status=2).err
    )
    join(world, "amazon", last, world.folder / "again", day=4)
    after = senders(world.folder / "again")
    assert after[tokens[1][:8]] == before[tokens[1][:8]]
    assert after[tokens[0][:8]]["wrong"] == len(wrong)
    assert after[tokens[0][:8]]["people"] == before[tokens[0][:8]]["people"]


def test_nobody_else_can_say_that_it_is_many(world):
    """A partner's own feed would bear as many people as the contributors that it makes up."""
    value = json_of(pull(world, "amazon") / "offer.json")
    key, folder = signing.make_signing_key(), world.folder / "made-up"
    pem = world.folder / "contoso.pem"
    pem.write_bytes(signing.public_pem(key.public_key()))
    mark = ["--fingerprint", signing.key_id(key.public_key())]
    world.at("amazon", "keys", "trust", "contoso", pem, *mark)
    value |= {"sender": "contoso", "key_id": signing.key_id(key.public_key())}
    folder.mkdir()
    (folder / "offer.json").write_bytes(signing.canonical_json(value))
    signature = signing.sign_detached((folder / "offer.json").read_bytes(), key)
    (folder / "offer.json.sig").write_bytes(signature)
    assert (
        "is a feed of contoso that was not made with your keys"
        in join(world, "amazon", folder, world.folder / "joint", status=2).err
    )
    assert not (world.folder / "joint").exists()


def test_each_day_has_a_head_and_a_day_without_says_so(world):
    assert "0 letters, 0 lines" in collect(world, 3)
    assert (world.hub / "heads" / "2026-06-03.json").exists()
    assert not (world.hub / "log" / "2026-06-03.jsonl").exists()
    said = world.do("amazon", "log", day=3).out
    assert "heads: 2, each continues the one before, since 2026-06-02" in said
    assert "no head" not in said and "days old" not in said
    assert "nothing was collected on 3 days since 2026-06-03" in collect(world, 7)
    head = ["--head", world.hub / "heads" / "2026-06-03.json"]
    said = world.do("amazon", "log", *head, day=8).out
    assert "no head of 2026-06-04, 2026-06-05, 2026-06-06: the host collected nothing" in said
    assert "heads: 3, each" in said and "continues the head of 2026-06-03" in said
    # An old copy is one that somebody may keep back.
    assert "days ago" not in pulled_aside(world, "amazon", day=9)[1]
    said = pulled_aside(world, "amazon", day=10)[1]
    assert "the last head is of 2026-06-07, 3 days ago" in said
    assert "the last head is 3 days old" in world.do("amazon", "log", day=10).out


def test_what_a_hub_says_goes_no_further_than_its_charter(joined, monkeypatch):
    now = datetime(2026, 6, 4, 10, tzinfo=UTC)
    monkeypatch.setattr("pipelines.commands.export.current_time", lambda: now)
    world, joint = joined, joined.folder / "joint"
    words = ["--all", "--output", world.folder / "gse.json", "--format", "gse"]
    assert (
        "joined with what acx marked TLP:AMBER+STRICT"
        in world.at("amazon", "export", joint, *words, status=2).err
    )
    assert not (world.folder / "gse.json").exists()
    world.at("amazon", "export", world.run("amazon"), *words)
    for form in ("stix", "misp", "case"):
        for run, level in ((joint, "AMBER+STRICT"), (world.run("amazon"), "AMBER")):
            path = world.folder / f"{form}-{level}"
            words = ["--all", "--output", path, "--format", form]
            told = (
                "acx: TLP:AMBER+STRICT binds this file too"
                in world.at("amazon", "export", run, *words).out
            )
            content = path.read_text().upper()
            assert told == ("TLP:AMBER+STRICT" in content) == (level == "AMBER+STRICT")
    # Nor can one agree for it by the key that signs its feeds here.
    ids = world.folder / "ids"
    ids.write_text(sorted(offered(pull(world, "amazon", day=4)))[0] + "\n")
    when = ["--now", "2026-06-04T10:00:00Z", "--expires", "2026-07-01T00:00:00Z"]
    who = ["--from", "acx", "--to", "amazon", "--recipient", "in-cbi"]
    key = ["--key", world.home("amazon") / "hubs" / "acx.pem"]
    consent = world.folder / "consent"
    words = ["exchange", "consent", ids, *who, *key, *when, "--output", consent]
    world.at("amazon", *words)
    cluster = tables.read_table(joint, CLUSTERS, ["cluster_id"])["cluster_id"][0].as_py()
    records = world.run("amazon").resolve().parent / "records" / "complaints" / "amazon.jsonl"
    words = ["referral", joint, "--cluster", cluster, "--recipient", "in-cbi"]
    words += ["--complaints", records, "--consent", consent, "--output", world.folder / "case"]
    assert (
        "your own key for the feeds of acx"
        in world.at("amazon", *words, "--now", "2026-06-04T11:00:00Z", status=2).err
    )
    assert not (world.folder / "case").exists()


def test_a_streams_snapshot_is_joined_with_a_feed_and_an_offer_as_a_run_is(
    made, tmp_path, monkeypatch
):
    policy = structs.replace(batch_join.custody_policy(), most_people_of_sender=1)
    monkeypatch.setattr(batch_join, "custody_policy", lambda: policy)
    # A stream has the clock of the machine, and so has its hub.
    world = another_hub(made, tmp_path, 0)
    for org in ("google", "microsoft"):
        world.do(org, "publish", day=0)
    collect(world, 0)
    feed = pull(world, "amazon", day=0)
    assert len(offered(feed)) > 10
    offer, partner = tmp_path / "offer", world.pem("microsoft")
    words = ["exchange", "offer", world.run("microsoft"), "--to", "amazon", "--output", offer]
    world.at("microsoft", *words)
    key_id = signing.key_id(signing.read_public_key(partner.read_bytes(), "microsoft"))
    words = ["keys", "trust", "microsoft", partner, "--fingerprint", key_id]
    world.at("amazon", *words)
    both = ["--offer", feed, "--offer", offer]
    source, watched, output = made.folder / "records", tmp_path / "in", tmp_path / "out"
    for kind in ("complaints", "calls"):
        (watched / kind).mkdir(parents=True)
        shutil.copy2(source / kind / "amazon.jsonl", watched / kind)
    words = ["--watch", watched, "--output", output, "--stop-after-idle", 1, "--tick-interval", 1]
    days = ["--retention", *(f"{kind}=36500" for kind in EntityKind)]
    decided = ["--decisions", made.folder / "decisions.csv"]
    world.at("amazon", "stream", *words, *days, *decided, *both)
    (joint,) = (output / "joint").iterdir()
    manifest = manifest_of(joint)
    files = ["--complaints", source / "complaints" / "amazon.jsonl"]
    files += ["--calls", source / "calls" / "amazon.jsonl", "--now", manifest["clock"]]
    run = tmp_path / "run"
    world.at("amazon", "batch", *files, *decided, "--output", run, *both)
    for table in (ENTITIES, LINKS, CLUSTERS, MEMBERS, CONTRIBUTORS, UNION_LINKS, OFFERED_CLUSTERS):
        pair = [tables.read_table(folder, table) for folder in (joint, tmp_path / "run-joint")]
        assert pair[0].num_rows and pair[0].equals(pair[1]), table.name
    assert len(senders(joint)) == 2 and senders(joint) == senders(tmp_path / "run-joint")
    told = [partners(folder) for folder in (joint, tmp_path / "run-joint")]
    assert told[0] == told[1] and told[0]["microsoft"]["most_people"]
    # What others say raises no alert, and is in no snapshot of one's own.
    snapshot = output / "snapshots" / joint.name
    assert manifest["clock"] == manifest_of(snapshot)["clock"]
    orgs = column(snapshot, ENTITIES, "orgs")
    assert {org for row in orgs for org in row} == {"amazon"}
    members = [tables.read_table(folder, MEMBERS).num_rows for folder in (joint, snapshot)]
    assert members[0] > members[1]
    # An offer that is damaged later stops no stream, and joins nothing.
    (offer / "offer.json").write_bytes((offer / "offer.json").read_bytes()[:-1])
    assert (
        "altered"
        in world.at("amazon", "stream", *words, *days, *decided, "--offer", offer, status=2).err
    )
    shutil.rmtree(offer)
    world.at("amazon", "stream", *words, *days, *decided)
    assert len(list((output / "snapshots").iterdir())) == 2
    assert [path.name for path in (output / "joint").iterdir()] == [joint.name]


def test_a_stream_on_an_engine_takes_no_feed_and_says_so(pulled, tmp_path):
    feed = pulled.folder / "feed-amazon-6-3"
    engine = ["--kafka-servers", "b:9092", "--kafka-complaints", "c", "--kafka-calls", "k"]
    engine += ["--output", tmp_path / "no", "--runner=FlinkRunner", "--offer", feed]
    assert (
        "--offer: not with --runner, since nobody joins"
        in pulled.at("amazon", "stream", *engine, status=2).err
    )
    assert not (tmp_path / "no").exists()


def test_three_organisations_from_the_first_claim_to_an_expulsion(joined):
    """All of it in one log: what each step takes away is out of the next join of everybody."""
    world, old = joined, joined.folder / "feed-amazon-6-3"
    rows = entries(old)
    assert len({row["contributor"] for row in rows}) == 3  # own, and two tokens
    others = identifiers(of_others(rows))
    assert offered(old) == others
    seen = from_hub(world.folder / "joint")
    assert len(seen) > 10 and seen <= {without_epoch(entity_id) for entity_id in others}
    first = shutil.copytree(world.hub / "heads", world.folder / "heads")
    # Withdrawn by one, disputed at another, and both are out at the third.
    withdrawn, gone = own_entry(world, "microsoft")
    disputed, frozen = own_entry(world, "google")
    world.do("microsoft", "withdraw", gone, day=3)
    world.do("amazon", "dispute", disputed, day=3)
    collect(world, 3)
    feed = pull(world, "amazon", day=4)
    assert offered(old) - offered(feed) == {gone, frozen}
    join(world, "amazon", feed, world.folder / "two", day=4)
    assert from_hub(world.folder / "joint") >= from_hub(world.folder / "two")
    assert {without_epoch(gone), without_epoch(frozen)}.isdisjoint(from_hub(world.folder / "two"))
    log = b"".join(path.read_bytes() for path in (world.hub / "log").iterdir())
    assert gone.encode() not in log and withdrawn.encode() in log
    # The old feed is no way around it, and what rested on it is void.
    assert (
        "revoked; its evidence is left out"
        in join(world, "amazon", old, world.folder / "again", day=4).err
    )
    assert not from_hub(world.folder / "again")
    assert "revoked" in world.at("amazon", "health", world.folder / "joint", status=1).out
    world.do("google", "log", day=4)
    # Corrected: claimed again by another publication, under another id.
    world.do("microsoft", "publish", day=5)
    collect(world, 5)
    rows = entries(pull(world, "amazon", day=6))
    (again,) = [row for row in rows if row["entity_id"] == gone]
    assert again["entry"] != withdrawn and again["status"] == "live"
    # Expelled: what google said is out, the dispute of it too.
    theirs = set(world.record("google")["own"])
    world.do("amazon", "members", "--expel", "google", day=6)
    agree(world, "microsoft", day=6)
    collect(world, 6)
    feed = pull(world, "amazon", day=7)
    rows = entries(feed)
    assert rows and theirs.isdisjoint(row["entry"] for row in rows)
    join(world, "amazon", feed, world.folder / "three", day=7)
    left = {without_epoch(row["entity_id"]) for row in rows if row["contributor"] != "own"}
    assert from_hub(world.folder / "three") <= left
    content = b"".join(path.read_bytes() for path in (world.hub / "log").iterdir())
    assert frozen.encode() not in content
    head = ["--head", first / "2026-06-02.json"]
    assert "continues the head of 2026-06-02" in world.do("microsoft", "log", *head, day=7).out


def test_a_hub_of_a_host_that_is_not_trusted_is_refused(world):
    world.at("google", "keys", "distrust", HOST)
    assert (
        "hub.json: "
        in world.do("google", "pull", "--output", world.folder / "feed", day=3, status=2).err
    )


# -- TAXII 2.1 -----------------------------------------------------------------------------------


@pytest.fixture
def taxii(tmp_path, monkeypatch):
    pytest.importorskip("medallion", reason="make install again: medallion is not installed")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with running(tmp_path / "netrc") as server:
        yield server


def over(world, server, org, word, *words, day, status=0):
    """Runs a command of the hub with a collection for HUB."""
    target = [world.run(org), server.url] if word == "publish" else [server.url]
    when = f"2026-06-{day:02}T10:00:00Z"
    words = [*target, *words, "--now", when]
    return world.at(org, "exchange", "hub", word, *words, status=status)


def sync(world, server, day):
    when = ["--now", f"2026-06-{day:02}T11:00:00Z"]
    return world.at(HOST, "exchange", "hub", "sync", world.hub, server.url, *when)


def carry(world, server, day):
    """Takes letters to the host, and what it makes of them back."""
    sync(world, server, day)
    collect(world, day)
    sync(world, server, day)


def of_type(server, *types):
    """The newest version of each object."""
    newest = {}
    for version in sorted(server.stored, key=lambda version: version.get("modified", "")):
        newest[version["id"]] = version
    return [version for version in newest.values() if version["type"] in types]


def test_a_hub_over_taxii_is_the_folder_to_the_byte(empty, taxii):
    world = empty
    sync(world, taxii, day=1)
    for org in ORGS:
        over(world, taxii, org, "publish", day=2)
    assert len(of_type(taxii, "artifact")) == 3 and not sealed(world)
    sync(world, taxii, day=2)
    assert len(sealed(world)) == 3 and not of_type(taxii, "artifact")
    collect(world, 2)
    sync(world, taxii, day=2)
    world.do("amazon", "pull", "--output", world.folder / "folder", day=3)
    (world.folder / "two").mkdir()
    second = world.copy(world.folder / "two")
    words = ["--output", second.folder / "taxii"]
    over(second, taxii, "amazon", "pull", *words, day=3)
    assert files_of(world.folder / "folder") == files_of(second.folder / "taxii")
    assert offered(world.folder / "folder")
    assert taxii.url.rstrip("/") in over(world, taxii, "google", "log", day=3).out
    # A member's change of the list, and another's agreement, go the same way.
    waiting = over(world, taxii, "amazon", "members", "--expel", "google", day=3).out.split(
        "waiting: "
    )[1][:16]
    over(world, taxii, "microsoft", "members", "--sign", waiting, day=3)
    carry(world, taxii, day=3)
    assert (
        "is no member's"
        in over(world, taxii, "google", "pull", "--output", world.folder / "x", day=4, status=2).err
    )


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_no_value_of_a_victim_and_no_record_is_in_any_byte(empty, taxii):
    """Neither in letters, nor in the folder, nor in a feed, nor in what a server keeps."""
    world = empty
    secret = (world.home(HOST) / "hubs" / "acx.key").read_bytes()[:32]
    hub = hashlib.sha256((world.hub / "hub.json").read_bytes()).hexdigest()
    parts = []

    def open_letters():
        for artifact in of_type(taxii, "artifact"):
            # A letter has no time there, and whatever a member puts there has that of a day.
            assert {"created", "modified"}.isdisjoint(artifact)
            parts.extend(open_letter(base64.b64decode(artifact["payload_bin"]), secret, hub))

    sync(world, taxii, day=1)
    for org in ORGS:
        over(world, taxii, org, "publish", day=2)
    open_letters()
    carry(world, taxii, day=2)
    entry, _ = own_entry(world, "google", others=True)
    over(world, taxii, "google", "dispute", entry, day=3)
    open_letters()
    carry(world, taxii, day=3)
    assert len(parts) == 8 and len(of_type(taxii, "observed-data")) > 20
    shown = json.dumps([version for version in taxii.stored if version["type"] != "note"])
    parts += [base64.b64decode(note["content"]) for note in of_type(taxii, "note")]
    files = [*world.hub.rglob("*"), *(world.folder / "look-google").rglob("*")]
    # What is sealed was opened above.
    parts += [path.read_bytes() for path in files if path.is_file() and path.suffix != ".sealed"]
    whole = b"\n".join([*parts, shown.encode()])
    assert entry.encode() in whole
    assert values_in(whole, victims_values(world) | {"google"}) == {"google"}
    # Members are named in their letters and the list of members, and in no entry.
    assert not any(f'"{org}"' in shown for org in ORGS)


def test_a_new_claim_after_a_withdrawal_has_new_ids_and_the_old_value_is_gone(
    world, taxii, tmp_path
):
    entry, entity = own_entry(world, "microsoft")
    sync(world, taxii, day=2)
    before = {version["id"]: version for version in of_type(taxii, "observed-data", "indicator")}
    observable = stix_observable(entity)
    (old,) = [
        version for version in before.values() if observable["id"] in version.get("object_refs", ())
    ]
    assert not any("revoked" in version for version in before.values())
    bundle = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}",
              "objects": [
                  {name: value for name, value in version.items() if name != "_date_added"}
                  for version in taxii.stored if version["type"] != "note"
              ]}  # fmt: skip
    assert stix2.parse(json.dumps(bundle), allow_custom=True)
    # A dispute freezes it: it is there, with no confidence; an answer gives it back.
    over(world, taxii, "amazon", "dispute", entry, day=3)
    carry(world, taxii, day=3)
    (frozen,) = [
        version for version in of_type(taxii, "observed-data") if version["id"] == old["id"]
    ]
    assert frozen["confidence"] == 0 and "disputed" in frozen["labels"]
    over(world, taxii, "microsoft", "withdraw", entity, day=4)
    carry(world, taxii, day=4)
    (gone,) = [version for version in of_type(taxii, "observed-data") if version["id"] == old["id"]]
    assert gone["revoked"] is True
    content = json.dumps(taxii.stored).encode()
    content += b"".join(base64.b64decode(note["content"]) for note in of_type(taxii, "note"))
    value = without_epoch(entity).rpartition(":")[2]
    assert value.encode() not in content and observable["id"].encode() not in content
    # Claimed again, it is another entry, and the revoked object stays revoked.
    over(world, taxii, "microsoft", "publish", day=5)
    carry(world, taxii, day=5)
    now = {version["id"]: version for version in of_type(taxii, "observed-data")}
    assert now[old["id"]]["revoked"] is True
    (new,) = [version for version in now.values() if observable["id"] in version["object_refs"]]
    assert new["id"] not in before and "revoked" not in new


def test_what_a_server_says_is_believed_no_more_than_a_folder(world, taxii):
    sync(world, taxii, day=2)
    over(world, taxii, "amazon", "pull", "--output", world.folder / "a", day=3)
    (note,) = [
        version for version in taxii.stored if version.get("abstract") == "log/2026-06-02.jsonl"
    ]
    good = note["content"]
    lines = base64.b64decode(good).splitlines(keepends=True)
    note["content"] = base64.b64encode(b"".join(lines[1:])).decode()
    words = ["pull", "--output", world.folder / "b"]
    said = over(world, taxii, "amazon", *words, day=4, status=2).err
    assert "is not what the host signed: the log was changed" in said
    assert f"{taxii.url}log/2026-06-02.jsonl" in said
    note["content"] = good
    # Notes that are no file of the hub are left alone, and so is a path that leads elsewhere.
    for path in ("../../escape", "/etc/passwd", "hub.json.bak", "log/../hub.json"):
        made = taxii_module.note_of(path, b"x", NOON, None)
        taxii.stored.append(made)
    taxii.stored.append(note | {"id": f"note--{uuid.uuid4()}", "content": "eA=="})
    over(world, taxii, "amazon", "pull", "--output", world.folder / "c", day=4)
    assert not (world.home("amazon") / "escape").exists()
    # The host alone takes letters out, and what is no letter stays out.
    assert (
        "which alone can do this"
        in world.at("amazon", "exchange", "hub", "sync", world.hub, taxii.url, status=2).err
    )
    for words, named in (
        (["collect", taxii.url], "the host does this in its folder"),
        (["init", taxii.url, "--name", "b", "--from", "isac"], "the host does this in its folder"),
        (["pull", "http://example.com/collections/x/", "--output", "y"], "is no collection"),
        (["pull", "https://u:p@example.com/collections/x/", "--output", "y"], "is no collection"),
        (["pull", taxii.url.replace("0f1e", "0f1f"), "--output", "y"], "404"),
    ):
        assert named in world.at("amazon", "exchange", "hub", *words, status=2).err


@pytest.mark.parametrize("time", ["never", "2026-06-02T00:00:00z", "9999-12-31T23:59:59.999Z", 5])
def test_no_time_of_a_server_hides_a_file_of_a_hub(world, taxii, monkeypatch, time):
    from taxii2client.v21 import Collection

    sync(world, taxii, day=2)
    odd = {"created": time, "modified": time}
    notes = [note | odd for note in of_type(taxii, "note")]
    monkeypatch.setattr(Collection, "get_objects", lambda *_, **__: {"objects": notes})
    over(world, taxii, "amazon", "pull", "--output", world.folder / f"at {time}", day=3)
    for note in notes:
        made = taxii_module.note_of(note["abstract"], b"x", NOON, note)
        assert "2026" < made["created"] <= made["modified"]


def test_what_is_no_letter_keeps_none_from_the_host(empty, taxii, monkeypatch):
    world = empty
    sync(world, taxii, day=1)
    for number in range(3):
        made = taxii_module.letter_object(bytes([number]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RINGTRACE_HOME", str(world.home("google")))
            taxii_module.Collection(taxii.url).add([made])
    over(world, taxii, "amazon", "publish", day=2)
    monkeypatch.setattr(taxii_module, "MAX_LETTERS", 2)
    assert "1 letter and" in sync(world, taxii, day=2).out and len(sealed(world)) == 1


@pytest.mark.parametrize(
    "answer",
    [None, {"objects": 3}, {"objects": [[], 7, {"id": 5}]}, {"more": True, "next": "x"},
     {"objects": [{"id": "note--1", "type": "note", "created": 5, "modified": "now"}]}],
)  # fmt: skip
def test_an_answer_of_another_shape_is_one_line(world, taxii, monkeypatch, answer):
    from taxii2client.v21 import Collection

    monkeypatch.setattr(Collection, "get_objects", lambda *_, **__: answer)
    words = ["pull", taxii.url, "--output", world.folder / "x"]
    for more in (words, ["sync", world.hub, taxii.url]):
        org = HOST if more[0] == "sync" else "amazon"
        whole = ["exchange", "hub", *more, "--now", "2026-06-04T00:00:00Z"]
        done = world.at(org, *whole, status=None)
        # What is no object of a hub is as if it were not there.
        assert (done.status, done.err.count("\n")) == (2, 1) or (org == HOST and done.status == 0)
    assert not (world.folder / "x").exists()


def test_without_the_library_one_line_says_what_to_install(world, monkeypatch):
    monkeypatch.setitem(sys.modules, "taxii2client.v21", None)
    url = "https://example.com/root/collections/x/"
    assert (
        world.at(
            "amazon", "exchange", "hub", "pull", url, "--output", world.folder / "x", status=2
        ).err
        == f"{url}: TAXII needs taxii2-client; {install_command('taxii')}\n"
    )
