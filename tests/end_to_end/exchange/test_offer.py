"""`ringtrace exchange offer`: what leaves is what docs/exchange.md says, to the byte."""

import csv
import hashlib
import json
import re
import shutil

import pytest
import xxhash

from pipelines import key_store, ledger
from pipelines.letters import accepted_offers
from reports import letters, signing, tables
from reports.exchange.offer import shipped_policy
from schemas.joint import CONTRIBUTORS
from schemas.offer import Offer
from schemas.tables import CLUSTERS, ENTITIES, HELD_FOLDER, MEMBERS, MENTIONS
from tests.support.changed import replace
from tests.support.exchange_world import ISSUED, ringtrace, rows, trust_key
from tests.support.leaks import values_in
from tests.support.real_data import ROOT
from tests.support.run_pipeline import (
    by_key,
    callbacks,
    column,
    complaint,
    error_of,
    execute,
    json_of,
    jsonl,
    keys_in,
    refusal_of,
    run as batch,
    table_rows,
    use_keys,
)

DOC = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")


def offer_of(folder):
    return json_of(folder / "offer.json")


def forbidden(company):
    """Every value of a company's own records that must not leave, with where it stands."""
    for kind, path in (("complaint", company.complaints), ("call", company.calls)):
        for row in rows(path):
            yield f"{kind}_id", row[f"{kind}_id"]
            yield "victim_id", row.get("victim_id")
            for number in row.get("phone_numbers") or []:
                if number.get("role") == "victim":
                    yield "victim number", number["raw"]
            own = {"inbound": "called_number", "outbound": "calling_number"}.get(
                row.get("direction")
            )
            if own:
                yield "victim number", row.get(own)
            yield "narrative", row.get("narrative")


def test_no_byte_comes_from_a_victim_or_a_record(world, offered):
    content = (offered() / "offer.json").read_bytes()
    text = content.decode()
    values = list(forbidden(world.microsoft))
    kinds = {kind for kind, value in values if value}
    assert kinds == {"complaint_id", "call_id", "victim_id", "victim number", "narrative"}
    ids = {value for kind, value in values if value and kind.endswith("_id")}
    assert not [value for value in ids if value in text]
    words = {
        " ".join(window)
        for kind, value in values
        if kind == "narrative" and value
        for said in [value.split()]
        for window in (said[start : start + 3] for start in range(len(said) - 2))
    }
    assert len(words) > 1000
    assert not [phrase for phrase in words if phrase in text]
    # Their raw forms are given with the victim's country, which the simulator writes.
    raws = {
        (country, value)
        for kind, value in values
        if kind == "victim number" and value
        for country in ("US", "GB", "DE", "CA", "AU", "ES")
    }
    # In another country's reading a victim's number can be the scammer's: only their own count.
    own = {re.sub(r"\D", "", value) for _, value in raws} - {""}
    ours = [re.sub(r"\D", "", entity["entity_id"]) for entity in of_text(text)["entities"]]
    assert not [
        number for number in own if len(number) >= 7 and any(number in digits for digits in ours)
    ]
    digests = {
        digest
        for value in ids | own
        for digest in (
            xxhash.xxh3_64_hexdigest(value.encode()),
            str(xxhash.xxh3_64_intdigest(value.encode())),
        )
    }
    assert not [digest for digest in digests if digest in text]
    assert values_in(content, ids | own) == set()


def test_an_offer_that_names_victims_is_held_back_and_in_no_ledger(
    world, act_as, tmp_path, monkeypatch
):
    act_as(world.microsoft)
    make = signing.canonical_json
    numbers = [value for kind, value in forbidden(world.microsoft) if kind == "victim number"]
    leak = " ".join(filter(None, numbers)).encode()
    monkeypatch.setattr(signing, "canonical_json", lambda value: make(value) + leak)
    book = tmp_path / "issued.jsonl"
    words = ["--to", "amazon", "--output", tmp_path / "offer", "--now", ISSUED, "--ledger", book]
    try:
        said = error_of("exchange", "offer", world.microsoft.run, *words)
        assert re.search(r"offer\.json names [1-9]\d* withheld values;", said)
        assert not (tmp_path / "offer").exists() and not book.exists()
        assert "held: " in execute("health", world.microsoft.run, status=1).out
    finally:
        shutil.rmtree(world.microsoft.run / HELD_FOLDER, ignore_errors=True)


def of_text(text):
    return json.loads(text)


def paths(value, here=""):
    """Every path of an offer, lists without their places."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from paths(below, f"{here}.{name}".lstrip("."))
    elif isinstance(value, list):
        for below in value:
            yield from paths(below, f"{here}[]")
    else:
        yield here


def test_every_field_that_leaves_is_in_the_table_and_every_row_of_the_table_leaves(offered):
    leaving = DOC.partition("## What leaves")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([^`]+)` \|", leaving, re.MULTILINE))
    assert set(paths(offer_of(offered()))) == listed


def test_only_sure_infrastructure_leaves(world, offered):
    rules = shipped_policy()
    entities = by_key(world.microsoft.run, ENTITIES)
    members = by_key(world.microsoft.run, MEMBERS)
    offer = offer_of(offered())
    assert len(offer["entities"]) > 20
    for entity in offer["entities"]:
        entity_id = entity["entity_id"]
        assert entities[entity_id]["status"] == "infrastructure"
        assert members[entity_id]["confidence"] >= rules.confidence_floor
        assert entity_id.partition(":")[0] in rules.kinds
    stayed = {"victim_side", "suppressed", "uncorroborated"}
    assert {entity["status"] for entity in entities.values()} >= stayed
    text = json.dumps(offer)
    for entity_id, entity in entities.items():
        if entity["status"] in stayed and len(entity["value"] or "") > 6:
            assert json.dumps(entity_id) not in text
    # Nor a cluster's id: it is a digest of a member that need not be on offer.
    assert not [member for member in members.values() if member["cluster_id"][2:] in text]


def test_the_same_run_gives_the_same_bytes_and_they_are_canonical(offered):
    first, second = offered("one"), offered("other")
    for name in ("offer.json", "offer.json.sig"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    content = (first / "offer.json").read_bytes()
    assert signing.canonical_json(json.loads(content)) == content


def test_the_recipient_can_read_it(world, offered, act_as):
    folder = offered()
    act_as(world.amazon)
    content, signature = ((folder / f"offer.json{s}").read_bytes() for s in ("", ".sig"))
    trusted = {"microsoft": key_store.trusted("microsoft")}
    org, signer = letters.signer_of(content, signature, trusted)
    assert org == "microsoft"
    assert signer == signing.key_id(trusted["microsoft"][0])
    offer = letters.parse_file(content, org, Offer)
    assert signing.canonical_json(offer) == content
    letters.check_offer_addressee(offer, "amazon", letters.parse_moment(ISSUED))


def test_victims_by_country_are_those_of_the_records_and_none_under_k(world, offered):
    """Counted anew from the company's files, of the offer's identifiers."""
    k = shipped_policy().k
    offer = offer_of(offered())
    assert any(cluster["countries"] for cluster in offer["clusters"])
    mentions = tables.read_table(world.microsoft.run, MENTIONS)
    hard = {"callback", "payee", "operator", "lure_site", "sender"}
    complaints = {row["complaint_id"]: row for row in rows(world.microsoft.complaints)}
    calls = {row["call_id"]: row for row in rows(world.microsoft.calls)}
    cluster_of = {entity["entity_id"]: entity["cluster"] for entity in offer["entities"]}
    countries = {}
    for row in mentions.to_pylist():
        cluster = cluster_of.get(row["entity_id"])
        if cluster is None or row["role"] not in hard:
            continue
        record = (complaints if row["record_kind"] == "complaint" else calls)[row["record_id"]]
        piece = record.get("complaint_id") or row["record_id"]
        who = record.get("victim_id") or piece
        countries.setdefault(cluster, {}).setdefault(who, set()).add(row["victim_country"])
    for counts in offer["clusters"]:
        counted = [min(c for c in places if c) for places in countries[counts["number"]].values()]
        for shown in counts["countries"]:
            assert shown["victims"] == counted.count(shown["country"]) >= k
        if counts["elsewhere"] is not None:
            assert sum(c["victims"] for c in counts["countries"]) + counts["elsewhere"] == len(
                counted
            )


TOLD = [
    "A man with a foreign accent kept me talking for hours about my own laptop.",
    "My mother was told that somebody had bought a telephone in her name yesterday.",
    "They wanted gift cards, I drove to the shop and read the codes out to them.",
    "After the window popped up I could not close it, so I rang them in panic.",
    "He said our bank account was under investigation and we must keep it secret.",
    "The woman was friendly, then shouted when I refused to install her program.",
]
"""Words of six people, each of their own."""


def test_an_identifier_that_holds_a_victims_id_stays(tmp_path, monkeypatch, capsys):
    use_keys(monkeypatch, tmp_path / "home")
    reports = [
        complaint(
            number,
            victim_id=f"victim{number}",
            received_at=f"2024-03-0{number + 1}T09:30:00Z",
            narrative=TOLD[number],
            phone_numbers=callbacks("(877) 242-7372"),
            emails=[
                {"address": f"{name}@amazon-help.support", "role": "reply_to"}
                for name in ("victim3", "desk")
            ],
            urls=["https://amazon-help.support/"],
        )
        for number in range(6)
    ]
    batch(tmp_path / "run", "--complaints", jsonl(tmp_path / "c.jsonl", reports))
    flags = ["--to", "microsoft", "--output", tmp_path / "offer"]
    assert ringtrace("exchange", "offer", tmp_path / "run", *flags) == 0
    ids = {entity["entity_id"] for entity in offer_of(tmp_path / "offer")["entities"]}
    assert "email:desk@amazon-help.support" in ids
    assert "email:victim3@amazon-help.support" not in ids
    assert "holds an id" in capsys.readouterr().out


def test_own_victims_stay_whatever_a_record_says(world, offered, tmp_path):
    before = {entity["entity_id"] for entity in offer_of(offered("before"))["entities"]}
    phone = min(entity_id for entity_id in before if entity_id.startswith("phone:"))
    email = min(entity_id for entity_id in before if entity_id.startswith("email:"))
    listed = tmp_path / "victims.csv"
    listed.write_text(f"phone,email\n{phone[6:].partition('#')[0]},{email[6:].partition('#')[0]}\n")
    after = {
        entity["entity_id"]
        for entity in offer_of(offered("after", **{"--victims": listed}))["entities"]
    }
    assert before - after == {phone, email}


@pytest.fixture(scope="module")
def replying(world, tmp_path_factory):
    """A folder with Amazon's offer (theirs), Microsoft's run joined with it, and again (joint).

    In between an analyst confirms all clusters but one, which is disputed (decisions.csv).
    """
    folder = tmp_path_factory.mktemp("replying")
    trust_key(world.microsoft, world.amazon)
    taken = world.microsoft.home / "offers" / "amazon.json"
    with keys_in(world.amazon.home) as patch:
        to = ["--to", "microsoft", "--now", ISSUED, "--output", folder / "theirs"]
        execute("exchange", "offer", world.amazon.run, *to)
        use_keys(patch, world.microsoft.home)
        later = ISSUED.replace("T00", "T01")
        join = ["exchange", "join", world.microsoft.run, folder / "theirs", "--now", later]
        execute(*join, "--output", folder / "unreviewed")
        decide_all(folder / "unreviewed", folder / "decisions.csv", later)
        decided = ["--decisions", folder / "decisions.csv", "--previous", folder / "unreviewed"]
        execute(*join, *decided, "--output", folder / "joint")
    yield folder
    taken.unlink()


def decide_all(run, path, when):
    """Confirms every cluster but the largest, which is disputed."""
    members = table_rows(run, MEMBERS)
    first = {member["cluster_id"]: member["entity_id"] for member in reversed(members)}
    disputed = max(
        first,
        key=lambda cluster_id: (
            sum(row["cluster_id"] == cluster_id for row in members),
            cluster_id,
        ),
    )
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            "decision_id kind entity_a entity_b author reason decided_at expires_at".split()
        )
        for cluster, entity_id in first.items():
            kind = "dispute" if cluster == disputed else "confirm"
            out.writerow([f"joint {cluster}", kind, entity_id, "", "analyst", "seen", when, ""])


def ids_of(folder):
    return {entity["entity_id"] for entity in offer_of(folder)["entities"]}


def test_a_reply_returns_what_is_reviewed_core_in_the_union_and_nothing_else(
    world, offered, replying
):
    joint = replying / "joint"
    before = ids_of(offered("plain"))
    assert ids_of(offered("nobody-looked", **{"--joint": replying / "unreviewed"})) == before
    after = ids_of(offered("reply", **{"--joint": joint}))
    clusters = table_rows(joint, CLUSTERS)
    disputed = {cluster["cluster_id"] for cluster in clusters if cluster["status"] == "disputed"}
    assert len(disputed) == 1
    reviewed_core = {
        member["entity_id"]
        for member in table_rows(joint, MEMBERS)
        if member["tier"] == "core"
        and member["review"] == "reviewed"
        and member["cluster_id"] not in disputed
    }
    own = set(column(world.microsoft.run, MEMBERS, "entity_id"))
    assert before < after
    # They may have named another epoch of an identifier than the reviewed epoch.
    seen = table_rows(joint, CONTRIBUTORS)
    named = {row["entity_id"] for row in seen if row["contributor"] == "amazon"}
    assert after - before == (named & reviewed_core & own) - before
    assert after - before <= ids_of(replying / "theirs")
    verify = {
        member["entity_id"]
        for member in table_rows(world.microsoft.run, MEMBERS)
        if member["tier"] == "verify"
    }
    assert verify & after  # one person here, and many there


def test_one_liar_adds_nothing_to_a_reply_that_could_not_leave_without_the_lie(
    world, act_as, replying, tmp_path
):
    act_as(world.microsoft)
    joint = replying / "joint"
    could_leave = {
        member["entity_id"]
        for member in table_rows(joint, MEMBERS)
        if member["tier"] == "core" and member["review"] == "reviewed"
    }
    phones = [
        entity_id for entity_id in ids_of(replying / "theirs") if entity_id.startswith("phone:+")
    ]
    stranger = "+12125550147"
    lies = [
        complaint(
            f"lie{n}",
            source_org="microsoft",
            victim_id="liar",
            received_at=f"2025-02-{1 + n % 28:02d}T09:30:00Z",
            phone_numbers=callbacks(phone.partition(":")[2].partition("#")[0], stranger),
        )
        for n, phone in enumerate(sorted(phones))
    ]
    files = ["--complaints", world.microsoft.complaints, jsonl(tmp_path / "lies.jsonl", lies)]
    files += ["--calls", world.microsoft.calls]
    lied = tmp_path / "lied"
    execute("batch", *files, "--output", lied)
    later = ISSUED.replace("T00", "T02")
    join = ["exchange", "join", lied, replying / "theirs", "--previous", joint, "--now", later]
    join += ["--decisions", replying / "decisions.csv", "--output", tmp_path / "again"]
    execute(*join)
    own = set(column(lied, MEMBERS, "entity_id"))
    assert f"phone:{stranger}" in own
    reply = ["exchange", "offer", lied, "--to", "amazon", "--now", later]
    execute(*reply, "--output", tmp_path / "plain")
    execute(*reply, "--joint", tmp_path / "again", "--output", tmp_path / "reply")
    returned = ids_of(tmp_path / "reply") - ids_of(tmp_path / "plain")
    assert returned
    assert returned <= could_leave
    assert f"phone:{stranger}" not in ids_of(tmp_path / "reply")


def test_a_reply_to_an_offer_that_its_sender_took_back_is_taken_back(
    world, replying, tmp_path, monkeypatch, capsys
):
    home = shutil.copytree(world.microsoft.home, tmp_path / "home")
    use_keys(monkeypatch, home)
    to = ["--to", "amazon", "--now", ISSUED.replace("T00", "T02")]
    offer = ["exchange", "offer", world.microsoft.run, *to]
    assert ringtrace(*offer, "--output", tmp_path / "plain") == 0
    reply = [*offer, "--joint", replying / "joint", "--output", tmp_path / "reply"]
    assert ringtrace(*reply) == 0
    *_, plain, answered = (issue for issue in ledger.read_ledger(None) if issue.kind == "offer")
    words = [world.microsoft.run, "--now", ISSUED.replace("T00", "T05")]
    capsys.readouterr()
    ringtrace("health", *words)
    assert "correction: " not in capsys.readouterr().out
    before = accepted_offers.accepted_before("amazon")  # as a join with the revocation records it
    sha256 = hashlib.sha256((replying / "theirs/offer.json").read_bytes()).hexdigest()
    accepted_offers.save_accepted("amazon", replace(before, revoked=before.revoked | {sha256}))
    said = execute("health", *words, status=1).out
    assert f"correction: {answered.issue_id} " in said and "whose offer amazon revoked" in said
    assert plain.issue_id not in said  # before the disputes of the joint run are in force
    decided = ["--decisions", replying / "decisions.csv"]
    assert ringtrace("correct", *words, *decided, "--output", tmp_path / "out") == 0
    revocation = json_of(tmp_path / "out/amazon/revocation.json")
    assert answered.sha256 in revocation["offers"]
    assert ringtrace("correct", *words, *decided, "--output", tmp_path / "more") == 0
    assert not (tmp_path / "more").exists()


def test_a_reply_is_made_of_this_run_joined_with_an_offer_in_force(
    world, joined, act_as, replying, tmp_path
):
    act_as(world.microsoft)
    joint = replying / "joint"
    reply = ["--output", tmp_path / "reply"]
    to = {"to": "amazon", "now": ISSUED.replace("T00", "T02")}

    def refused(folder, word, run=world.microsoft.run, **changes):
        flags = [word for name, value in (to | changes).items() for word in (f"--{name}", value)]
        said = refusal_of("exchange", "offer", run, *reply, "--joint", folder, *flags)
        assert word in said
        assert not (tmp_path / "reply").exists()

    refused(tmp_path / "absent", "absent")
    refused(world.microsoft.run, "joined with no offer")
    refused(joint, "holds no offer of apple", to="apple")
    refused(joint, "void (expired at 2026-", now="2027-06-01T00:00:00Z")
    refused(joint, "joins another run", run=joined / "reviewed")
    path = world.microsoft.home / "offers" / "amazon.json"
    before = path.read_text()
    sha256 = json.loads(before)["sha256"]
    path.write_text(json.dumps(json.loads(before) | {"revoked": [sha256]}))
    refused(joint, "is void (revoked)")
    path.write_text(before)
    (pem,) = (world.microsoft.home / "trusted/amazon").glob("*.pem")
    pem.rename(tmp_path / "amazon.pem")
    refused(joint, "a key that is no longer trusted")
    (tmp_path / "amazon.pem").rename(pem)
    words = ["--joint", joint, "--to", "amazon", "--now", to["now"]]
    execute("exchange", "offer", world.microsoft.run, *reply, *words)


def test_it_can_be_read_before_it_is_mailed_and_after(world, offered, act_as, tmp_path):
    folder = offered()
    offer = offer_of(folder)
    for company in (world.microsoft, world.amazon):
        act_as(company)
        told = execute("exchange", "show", folder).out
        assert "offer of microsoft to amazon, TLP:AMBER+STRICT" in told
        assert all(entity["entity_id"] in told for entity in offer["entities"])
        assert told.isprintable() or set(told) - {"\n"} <= {c for c in told if c.isprintable()}
        for cluster in offer["clusters"]:
            for seen in cluster["countries"]:
                assert f"{seen['country']} {seen['victims']}" in told
    path = folder / "offer.json"
    path.write_bytes(path.read_bytes().replace(b'"US"', b'"GB"', 1))
    assert "altered" in error_of("exchange", "show", folder)
