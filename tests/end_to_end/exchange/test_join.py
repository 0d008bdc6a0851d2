"""`ringtrace exchange join`: better than either alone, undone without a trace, fooled by nobody."""

import json
import re
import shutil
from collections import defaultdict
from datetime import UTC, datetime

import pytest
from msgspec import structs

from pipelines import key_store
from pipelines.batch.joint_pipeline import offered_evidence
from pipelines.commands import evaluate
from reports import letters, signing
from schemas.entity import without_epoch
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.offer import CountryCount, Offer, OfferedCluster, OfferedEntity, OfferedEvidence, Terms
from schemas.tables import ALL_TABLES, CLUSTERS, ENTITIES, LINEAGE, LINKS, MEMBERS, MENTIONS
from tests.support.exchange_world import CLOCK, ISSUED, NOW, rows
from tests.support.run_pipeline import (
    checked_manifest,
    cluster_by_entity,
    column,
    error_of,
    execute,
    jsonl,
    read,
    refusal_of,
    run as batch,
    table_rows,
    use_keys,
    write_decisions,
)
from tests.support.written_report import parts, piece
from transforms.extract import allowlist
from transforms.graph import AcceptedOffer


def offer_of(folder):
    return letters.parse_file((folder / "offer.json").read_bytes(), "microsoft", Offer)


def known(view, entity_id):
    """The form in a view of an id of the joint run, whose epochs are counted anew."""
    forms = [form for form in view if without_epoch(form) == without_epoch(entity_id)]
    return view.get(forms[0] if len(forms) == 1 else entity_id)


def partition(cluster_of):
    parts = defaultdict(set)
    for entity_id, cluster in cluster_of.items():
        parts[cluster].add(entity_id)
    return {frozenset(part) for part in parts.values()}


# -- what comes out ------------------------------------------------------------------------------


def test_the_union_is_better_than_either_alone_and_harms_nobody(world, joined):
    truth = evaluate.read_truth(world.truth)
    victims = evaluate.read_ids(world.folder / "victims.csv")
    innocents = evaluate.read_ids(world.folder / "innocents.csv")
    known = allowlist.shipped_allowlist()
    score, innocent = {}, {}
    for name, run in (
        ("amazon", world.amazon.run),
        ("microsoft", world.microsoft.run),
        ("joint", joined / "run"),
    ):
        lists = evaluate.HarmLists(known, victims, innocents)
        result = evaluate.evaluate(evaluate.read_members(run), truth, lists)
        assert (result.harm.known_legitimate, result.harm.victim_side) == (0, 0)
        innocent[name] = result.harm.innocent
        score[name] = result.agreement
    # A line that no list names can be taken for a scammer's; joining must not add to those.
    assert innocent["joint"] <= innocent["amazon"] + innocent["microsoft"]
    for alone in ("amazon", "microsoft"):
        assert score["joint"].bcubed.f1 > score[alone].bcubed.f1 + 0.05
        assert score["joint"].bcubed.recall > score[alone].bcubed.recall
    assert score["joint"].bcubed.precision > 0.9


def test_a_run_comes_out_that_every_command_can_read(world, joined):
    manifest = checked_manifest(joined / "run")
    (told,) = manifest["options"]["offers"]
    assert told["sender"] == "microsoft"
    assert manifest["options"]["own_run"] == checked_manifest(world.amazon.run)["run_id"]
    assert [source["name"] for source in manifest["inputs"] if source["kind"] == "offer"] == [
        f"offer-microsoft-{told['sha256'][:12]}.json"
    ]
    both = table_rows(joined / "run", LINKS)
    link = max(
        (row for row in both if row["accepted"] and len(row["orgs"]) == 2),
        key=lambda row: row["weight"],
    )
    words = ["explain", joined / "run", link["entity_a"], link["entity_b"], "--json"]
    told = json.loads(execute(*words).out)
    parts = [part for step in told["path"]["links"] for part in step["parts"]]
    assert {part["record"].partition("|")[0] for part in parts} == {"amazon", "microsoft"}
    assert sum(part["share"] for part in parts if part["counted"]) == pytest.approx(link["weight"])
    execute("report", joined / "run")


def test_explain_dates_what_an_offer_counts_to_the_week_and_says_what_was_called(joined):
    offer = offer_of(joined / "offer")
    called = {without_epoch(offer.entities[place].entity_id) for place in offer.called}
    both = table_rows(joined / "run", LINKS)
    of_offer = [row for row in both if row["accepted"] and "microsoft" in row["orgs"]]
    link = next(row for row in of_offer if without_epoch(row["entity_b"]) in called)
    told = execute("explain", joined / "run", link["entity_a"], link["entity_b"]).out
    assert re.search(
        r"record microsoft\|offer-\S+ \(in the week of \d+ \w{3} \d{4}\), victim", told
    )
    number = re.escape(link["entity_b"].partition("#")[0])
    callback = rf"{number}(#\d+)? as callback, counted by the offer"
    assert re.search(rf"{callback}, whose sender has a call record of it \(", told)
    assert 'offer: ""' not in told and "offer.called" not in told


def test_every_member_says_who_saw_it(world, joined):
    offer = offer_of(joined / "offer")
    own, said = (
        cluster_by_entity(world.amazon.run),
        {entity.entity_id: entity for entity in offer.entities},
    )
    told = table_rows(joined / "run", CONTRIBUTORS)
    seen = defaultdict(set)
    for row in told:
        seen[row["entity_id"]].add(row["contributor"])
        if row["contributor"] == "amazon":
            assert row["part"] == known(own, row["entity_id"])
        else:
            assert row["part"] == str(known(said, row["entity_id"]).cluster)
    joint = cluster_by_entity(joined / "run")
    assert set(seen) == set(joint)
    for entity_id, orgs in seen.items():
        assert "microsoft" not in orgs or known(said, entity_id) is not None
    theirs = {without_epoch(entity_id) for entity_id, orgs in seen.items() if "microsoft" in orgs}
    assert theirs == {without_epoch(entity_id) for entity_id in said} & {
        without_epoch(entity_id) for entity_id in joint
    }
    assert {frozenset(orgs) for orgs in seen.values()} == {
        frozenset(orgs) for orgs in (["amazon"], ["microsoft"], ["amazon", "microsoft"])
    }


def test_what_only_the_union_reveals_is_listed_and_nothing_else(world, joined):
    views = [
        cluster_by_entity(world.amazon.run),
        {entity.entity_id: entity.cluster for entity in offer_of(joined / "offer").entities},
    ]
    seen = {entity["entity_id"]: entity["orgs"] for entity in table_rows(joined / "run", ENTITIES)}
    placed = [
        {entity_id: known(view, entity_id) for entity_id, orgs in seen.items() if org in orgs}
        for org, view in zip(("amazon", "microsoft"), views, strict=True)
    ]
    joint = cluster_by_entity(joined / "run")
    listed = table_rows(joined / "run", UNION_LINKS)

    def together(a, b):
        return any(view.get(a) is not None and view[a] == view.get(b) for view in placed)

    accepted = [
        (link["entity_a"], link["entity_b"])
        for link in table_rows(joined / "run", LINKS)
        if link["accepted"]
    ]
    links = {(row["entity_a"], row["entity_b"]) for row in listed if row["kind"] == "link"}
    assert links == {pair for pair in accepted if not together(*pair)}
    shared = [row for row in listed if row["kind"] == "shared"]
    assert shared
    for row in shared:
        a = {e for e, part in placed[0].items() if part == row["part_a"] and e in joint}
        b = {e for e, part in placed[1].items() if str(part) == row["part_b"] and e in joint}
        inside = {e for e, cluster in joint.items() if cluster == row["cluster_id"]}
        assert len(a & b & inside) == row["shared_in_all"]
        assert set(row["shared"]) <= a & b & inside
        assert (a - b) & inside
        assert (b - a) & inside


def test_the_offers_own_words_on_its_clusters_are_kept_beside(joined):
    offer = offer_of(joined / "offer")
    told = {row["part"]: row for row in table_rows(joined / "run", OFFERED_CLUSTERS)}
    assert len(told) == len(offer.clusters)
    for cluster in offer.clusters:
        row = told[str(cluster.number)]
        assert [(c["country"], c["victims"]) for c in row["countries"]] == [
            (c.country, c.victims) for c in cluster.countries
        ]
        assert row["tlp"] == offer.tlp


def test_ids_and_lineage_go_on(world, joined):
    own, joint = cluster_by_entity(world.amazon.run), cluster_by_entity(joined / "run")
    kept = set(own.values()) & set(joint.values())
    assert len(kept) > len(set(own.values())) / 2
    events = defaultdict(set)
    for row in table_rows(joined / "run", LINEAGE):
        events[row["event"]].add(row["cluster_id"])
    assert events["merged"]
    assert events["unchanged"] | events["grew"]
    assert set(joint.values()) - kept <= events["born"] | events["split"] | events["merged"]


def test_a_batch_with_an_offer_is_a_batch_and_a_join(world, joined, act_as, tmp_path):
    """The next day's run beside the one before, whose ids both of its runs go on with."""
    act_as(world.amazon)
    before = tmp_path / "run"
    before.symlink_to(world.amazon.run)
    (tmp_path / "run-joint").symlink_to(joined / "run")
    words = ["--complaints", world.amazon.complaints, "--calls", world.amazon.calls]
    words += ["--previous", before, "--offer", joined / "offer", "--now", CLOCK]
    told = execute("batch", *words, "--output", tmp_path / "next").out
    assert "single identifiers among them" in told and "seen by several organisations" in told
    for run, earlier in (("next", world.amazon.run), ("next-joint", joined / "run")):
        checked_manifest(tmp_path / run)
        for table in ALL_TABLES:
            if table is not LINEAGE:
                assert read(tmp_path / run, table).equals(read(earlier, table)), table.name
    own, joint, alone = (
        checked_manifest(run)
        for run in (tmp_path / "next", tmp_path / "next-joint", joined / "run")
    )
    options = [manifest["options"] for manifest in (joint, alone)]
    assert joint["options"]["previous"] == alone["run_id"]
    assert joint["options"]["own_run"] == own["run_id"]
    for value in options:
        del value["previous"], value["own_run"]
    assert options[0] == options[1] and options[0]["senders"]["microsoft"]
    for table in (CONTRIBUTORS, UNION_LINKS, OFFERED_CLUSTERS):
        assert read(tmp_path / "next-joint", table).equals(read(joined / "run", table)), table.name


def test_a_batch_writes_nothing_where_an_offer_is_refused(world, offered, act_as, tmp_path):
    records = jsonl(tmp_path / "c.jsonl", rows(world.amazon.complaints)[:40])
    words = ["batch", "--complaints", records, "--output", tmp_path / "run", "--now", NOW]
    offer, foreign = offered(), offered("other", **{"--to": "ftc"})
    altered = offered("altered")
    (altered / "offer.json").write_bytes((altered / "offer.json").read_bytes()[:-1])
    act_as(world.amazon)
    for flags, word in (
        (["--offer", altered], "altered"),
        (["--offer", tmp_path / "absent"], "No such file"),
        (["--offer", offer, "--offer", foreign], f"but {offer / 'offer.json'} is for amazon"),
        (["--offer", offer, "--no-wait"], "leave --no-wait out"),
    ):
        said = refusal_of(*words, *flags)
        assert word in said
        assert not (tmp_path / "run").exists() and not (tmp_path / "run-joint").exists()
    # Whose records are in the run is known at its end: it stands, and is not joined.
    assert "is for ftc, of whom" in error_of(*words, "--offer", foreign)
    assert (tmp_path / "run" / "manifest.json").exists()
    assert not (tmp_path / "run-joint").exists()


# -- what is refused -----------------------------------------------------------------------------


def refused(world, tmp_path, offers, word, *flags):
    """Checks for one line that names a file, exit status 2, and no output."""
    output = tmp_path / "refused"
    words = [world.amazon.run, *offers, "--output", output, "--now", NOW, *flags]
    said = execute("exchange", "join", *words, status=2)
    assert word in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not output.exists()
    return said.err


def signed(folder, content, key):
    folder.mkdir(exist_ok=True)
    (folder / "offer.json").write_bytes(content)
    (folder / "offer.json.sig").write_bytes(signing.sign_detached(content, key))
    return folder


def left_out(world, run, offers, whys, *flags):
    """The join is done without the offers, which terminal and manifest say."""
    words = [world.amazon.run, *offers, "--output", run, "--now", CLOCK, *flags]
    said = execute("exchange", "join", *words).err
    assert all(f"{why}; its evidence is left out\n" in said for why in whys)
    options = checked_manifest(run)["options"]
    assert options["offers"] == []
    told = [(offer["sender"], offer["why"]) for offer in options["offers_left_out"]]
    assert told == [("microsoft", why) for why in whys]


def test_what_is_void_is_left_out_and_the_join_goes_on(
    world, joined, offered, act_as, tmp_path, monkeypatch
):
    late = offered("late", **{"--now": "2026-01-01T00:00:00Z"})
    offer = offered("offer", **{"--now": "2026-05-01T12:00:00Z"})
    words = [offer, "--output", tmp_path / "revocation", "--now", CLOCK]
    execute("exchange", "revoke", *words)
    act_as(world.amazon)
    assert "not trusted" in error_of("exchange", "revoke", offer, "--output", tmp_path / "no")
    home = shutil.copytree(world.amazon.home, tmp_path / "home")
    use_keys(monkeypatch, home)
    # Without any evidence of others the run is one's own, to the byte.
    alone, offers = tmp_path / "alone", [late, offer, tmp_path / "revocation"]
    left_out(world, alone, offers, ["expired at 2026-01-31T00:00:00Z", "revoked"])
    for table in ALL_TABLES:
        if table is not LINEAGE:
            name = f"{table.name}/part-00000-of-00001.parquet"
            assert (alone / name).read_bytes() == (world.amazon.run / name).read_bytes(), name
    # The revocation stays, and what an earlier join took of the sender is out again.
    run = tmp_path / "run"
    left_out(world, run, [offer], ["revoked"], "--previous", joined / "run")
    same = [table for table in ALL_TABLES if table not in (LINEAGE, CLUSTERS, MEMBERS)]
    for table in (*same, MENTIONS):
        if table.name not in ("suppliers", "campaigns"):  # they name clusters, by the joint ids
            assert read(run, table).equals(read(world.amazon.run, table)), table.name
    assert partition(cluster_by_entity(run)) == partition(cluster_by_entity(world.amazon.run))
    assert "split" in column(run, LINEAGE, "event")
    # What is void must still be signed, and whole.
    (late / "offer.json").write_bytes((late / "offer.json").read_bytes()[:-1])
    refused(world, tmp_path, [late], "altered")


def test_two_of_one_sender(world, offered, act_as, tmp_path):
    offers = offered("first"), offered("second", **{"--now": "2026-06-01T01:00:00Z"})
    act_as(world.amazon)
    refused(world, tmp_path, offers, "give the newest alone")


def test_an_older_one_is_not_taken_after_a_newer(
    world, joined, offered, act_as, tmp_path, monkeypatch
):
    """The run of `joined` took the offer of May: one of April comes too late."""
    older = offered("older", **{"--now": "2026-04-30T00:00:00Z"})
    twin = offered("twin", **{"--now": "2026-05-01T00:00:00Z"})
    act_as(world.amazon)
    flags = ["--now", "2026-05-03T00:00:00Z"]
    refused(world, tmp_path, [older], "is older than the offer of 2026-05-01", *flags)
    (world.amazon.home / "offers" / "microsoft.json").write_text("{")
    refused(world, tmp_path, [twin], "cannot be read", *flags)
    (world.amazon.home / "offers" / "microsoft.json").unlink()


def test_a_joint_run_is_neither_offered_nor_joined_again(world, joined, act_as, tmp_path):
    act_as(world.amazon)
    flags = ["--output", tmp_path / "out"]
    assert "is joined already" in error_of("exchange", "join", joined / "run", *flags)
    assert "offer from your own run alone" in error_of(
        "exchange", "offer", joined / "run", "--to", "ftc", *flags
    )
    assert not (tmp_path / "out").exists()


def test_what_bound_the_run_must_be_given_again_and_its_own_records_count_once(
    world, act_as, tmp_path
):
    act_as(world.microsoft)
    made = ["--to", "microsoft", "--from", "amazon", "--output", tmp_path / "mine"]
    made += ["--register-key", world.amazon.home / "register.key"]
    execute("exchange", "offer", world.amazon.run, *made, "--now", NOW)
    key_store.trust("amazon", key_store.own_key().public_key())
    listed = tmp_path / "bank.csv"
    listed.write_text("entity_id,reason\n+18005551234,a bank\n")
    decided = write_decisions(
        tmp_path / "decided.csv", "d1,dispute,+18005551234,,ann,unclear,2025-01-01T00:00:00Z,"
    )
    files = [
        jsonl(tmp_path / f"{company.org}.jsonl", rows(company.complaints)[:40])
        for company in (world.amazon, world.microsoft)
    ]
    lists, decisions = ["--known-legitimate", listed], ["--decisions", decided]
    batch(tmp_path / "run", "--complaints", *files, *lists, *decisions)
    words = [tmp_path / "run", tmp_path / "mine", "--from", "microsoft", "--now", NOW]
    for flags, word in (
        (decisions, f"was made with --known-legitimate {listed.name}; give it"),
        (lists, f"was made with --decisions {decided.name}; give it"),
        ([*lists, *decisions], "would count twice"),
    ):
        assert word in error_of("exchange", "join", *words, *flags, "--output", tmp_path / "out")
        assert not (tmp_path / "out").exists()
    key_store.distrust("amazon", None)


# -- what an offer cannot do ---------------------------------------------------------------------

BRAND_LINE = "phone:+18882804331"

VICTIM_IN_ADDRESS = "refund2025550173@scam-help.support"
"""An address with a victim's number in it."""

MARKUP = ('handle:telegram:=hyperlink("http://x")', "handle:telegram:{0}<script>alert(1)")

HOSTILE = ("handle:telegram:../../../../tmp/evil", "handle:telegram:%s%n&lt;")


PAGES = ["domain:co.uk", "domain:login.amazon.com", "domain:s3.amazonaws.com", "url:amazon.com/x"]
"""A brand's pages and hosts of everybody, in ids that no record is read as and no list has."""


def test_a_hostile_offer_names_no_innocent_and_breaks_nothing(
    world, offered, act_as, tmp_path, monkeypatch
):
    """A known line, a victim's number and hostile texts, by a partner whose key is trusted."""
    value = offer_of(offered())
    victim = "phone:+12025550173"
    named = [BRAND_LINE, victim, *HOSTILE, "phone:+18775550199", f"email:{VICTIM_IN_ADDRESS}"]
    named += PAGES

    def sent(name, *ids):
        ids = sorted(ids)
        offer = structs.replace(
            value,
            entities=tuple(OfferedEntity(entity_id, "callback", 99, 1) for entity_id in ids),
            evidence=(OfferedEvidence(tuple(range(len(ids))), "complaint", 9, "2026-W09"),),
            clusters=(OfferedCluster((CountryCount("US", 9),), 0, (), 1),),
            called=tuple(
                place for place, entity_id in enumerate(ids) if entity_id.startswith("phone:")
            ),
        )
        act_as(world.microsoft)
        folder = signed(tmp_path / name, signing.canonical_json(offer), key_store.own_key())
        act_as(world.amazon)
        return folder

    folder = sent("hostile", *named)
    mine = tmp_path / "victims.csv"
    mine.write_text("phone,country\n(202) 555-0173,US\n")
    run = world.amazon.run
    for number, handle in enumerate(MARKUP):
        bad = sent(f"bad{number}", *named, handle)
        words = [run, bad, "--output", tmp_path / "joint", "--now", NOW]
        said = error_of("exchange", "join", *words)
        assert said.endswith("].entity_id is invalid\n") and handle not in said
    words = [run, folder, "--output", tmp_path / "joint", "--now", NOW, "--victims", mine]
    said = execute("exchange", "join", *words).out
    assert "microsoft names 2 identifiers of your own victims: left out" in said
    joint = cluster_by_entity(tmp_path / "joint")
    assert BRAND_LINE not in joint
    assert not joint.keys() & set(PAGES)
    assert "names 4 identifiers in a form that your own records would not have" in said
    assert victim not in joint
    assert f"email:{VICTIM_IN_ADDRESS}" not in joint
    assert "phone:+18775550199" in joint
    status = {
        entity["entity_id"]: entity["status"] for entity in table_rows(tmp_path / "joint", ENTITIES)
    }
    assert status[BRAND_LINE] == "suppressed"
    assert victim not in status
    monkeypatch.setattr(
        "pipelines.commands.export.current_time", lambda: datetime(2026, 6, 2, tzinfo=UTC)
    )
    out = tmp_path / "all.csv"
    words = ["export", tmp_path / "joint", "--all", "--format", "csv", "--include-verify"]
    execute(*words, "--output", out)
    assert HOSTILE[1] in out.read_text()
    (world.amazon.home / "offers" / "microsoft.json").unlink()


def test_a_sender_of_whom_few_bear_says_nothing_of_calls():
    """A call spares a private line the three who must else tie it: by policy, or by its record."""
    entity = OfferedEntity(BRAND_LINE, "callback", 99, 1)
    row = OfferedEvidence((0,), "complaint", 1, "2026-W09")
    offer = Offer(
        "microsoft", "amazon", ISSUED, NOW, "TLP:AMBER", Terms(75, 5, 2, 1000), (entity,), (row,),
        (OfferedCluster((), None, (), 1),), called=(0,),
    )  # fmt: skip
    for most, field in ((1, "offer"), (2, "offer"), (3, "offer.called"), (8, "offer.called")):
        taken = AcceptedOffer(offer, "0" * 64)
        (record,) = offered_evidence(taken, frozenset(), {"microsoft": most})
        ((mention,),) = record["mentions"].to_pylist()
        assert mention["field"] == field


# -- what people read ----------------------------------------------------------------------------


def test_the_report_shows_who_saw_what_and_what_only_the_union_reveals(joined):
    files = {
        str(path.relative_to(joined / "run")): path.read_bytes()
        for path in (joined / "run/report/data").iterdir()
    }
    whole = piece(files, "run")["joint"]
    assert [offer["sender"] for offer in whole["offers"] if not offer["why"]]
    union = table_rows(joined / "run", UNION_LINKS)
    offered = table_rows(joined / "run", OFFERED_CLUSTERS)
    assert "shared" in {row["kind"] for row in union}
    clusters = parts(files)
    for revealed in union:
        told = clusters[revealed["cluster_id"]]["joint"]
        if revealed["kind"] == "link":
            assert [revealed["entity_a"], revealed["entity_b"]] in told["links"]
        else:
            assert revealed["part_a"] in [each["part_a"] for each in told["shared"]]
        for row in offered:
            if revealed["cluster_id"] in row["cluster_ids"]:
                assert row["tlp"] in [each["tlp"] for each in told["offered"]]
    for row in table_rows(joined / "run", CONTRIBUTORS):
        saw = dict(clusters[row["cluster_id"]]["joint"]["saw"])[row["entity_id"]]
        assert row["contributor"] in [org for org, _, _ in saw]
