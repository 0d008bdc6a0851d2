"""Two companies, one case: from raw files by way of an offer to a package that holds."""

import hashlib
import json
import shutil
from datetime import UTC, datetime

import bagit

from pipelines import key_store, ledger
from pipelines.letters.accepted_offers import void_offers
from reports.run import Run
from tests.support.exchange_world import AGREED, ISSUED, NOW, ringtrace, rows
from tests.support.made_up_case import sheet
from tests.support.run_pipeline import error_of, execute, json_of, use_keys
from tests.unit.reports.export.test_stix import problems


def test_what_was_received_under_a_marking_is_not_passed_on_unasked(joint, tmp_path):
    said = execute(joint.referral, tmp_path / "p", status=1).err
    assert "handling: the offer of microsoft is TLP:AMBER+STRICT" in said
    _, asked = said.split("a consent of microsoft must list what it saw of those to name:\n")
    listed = {line.strip() for line in asked.splitlines() if line.startswith("    ")}
    offered = {entity["entity_id"] for entity in json_of(joint.offer / "offer.json")["entities"]}
    members = json_of(joint.package / "data/package.json")["members"]
    assert listed == offered & {entity_id.partition("#")[0] for entity_id in members} and listed


def test_the_package_holds_and_says_who_agreed(joint):
    assert "holds: " in execute("verify", joint.package).out
    page = (joint.package / "data/referral.html").read_text()
    assert "TLP:AMBER+STRICT" in page and "agreed" not in page
    # Nobody counted the victims that both know.
    assert "how many did is not known" in page
    assert "distinct victim" not in page.split("Victims by country")[0].split("Summary")[-1]
    memo = (joint.package.with_name("package-counsel") / "data/memo.html").read_text()
    assert "microsoft agreed on 1 June 2026" in memo
    assert bagit.Bag(str(joint.package)).validate()
    assert problems((joint.package / "data/cluster.stix.json").read_bytes()) == []


def test_a_partners_consent_releases_the_members_that_it_lists(joint, tmp_path, monkeypatch):
    ids = sorted(json_of(joint.package / "data/package.json")["members"])
    for name, members in (("all", ids), ("some", ids[:3])):
        (tmp_path / f"{name}.txt").write_text("\n".join(members) + "\n")

    def consent(name, *changed, output):
        use_keys(monkeypatch, joint.world.microsoft.home)
        words = ["exchange", "consent", tmp_path / f"{name}.txt", "--to", "amazon"]
        words += ["--from", "microsoft", "--expires", "2026-06-30T00:00:00Z", "--now", ISSUED]
        execute(*words, "--output", tmp_path / output, *changed)
        monkeypatch.undo()
        return ["--consent", tmp_path / output]

    def said(status, *flags):
        return execute(joint.referral, tmp_path / "p", *flags, status=status).err

    cbi = ["--recipient", "in-cbi"]
    refused = said(1, *consent("some", *cbi, output="1"))
    assert "does not cover" in refused and f"\n    {ids[0]}\n" not in refused
    agreed = consent("all", *cbi, output="2")
    assert "handling" not in said(1, *agreed)
    assert "not to in-cbi" in said(2, *consent("all", "--recipient", "us-fbi-ic3", output="3"))
    late = ["--now", "2026-07-01T00:00:00Z"]
    assert "is in force from" in said(2, *agreed, *late)
    path = tmp_path / "2/consent.json"
    letter = path.read_bytes()
    path.write_bytes(letter.replace(b"2026-06-30", b"2027-06-30"))
    assert "altered" in said(2, *agreed)
    path.write_bytes(letter)
    said(0, *agreed, "--override-by", "Ada Cole", "--override-reason", "one bridge, looked at")
    page = (tmp_path / "p/data/referral.html").read_text()
    assert "Released with Microsoft&#39;s consent of 1 June 2026" in page
    assert "brands that the callers claimed, by those to Amazon: " in page
    assert (tmp_path / "p/data/consents/01-consent.json").read_bytes() == letter
    assert "consents/" in (tmp_path / "p/data/README.txt").read_text()
    assert "consents/" not in (joint.package / "data/README.txt").read_text()
    execute("verify", tmp_path / "p")
    assert_revoked(joint, tmp_path, monkeypatch, said, agreed)


def assert_revoked(joint, tmp_path, monkeypatch, said, flags):
    """The sender of a consent takes it back: what was made with it is due for a correction."""
    home = shutil.copytree(key_store.home(), tmp_path / "home")
    use_keys(monkeypatch, joint.world.microsoft.home)
    revoke = ["exchange", "revoke", tmp_path / "2", "--now", NOW]
    assert (
        "revokes the consent of 2026-06-01"
        in execute(*revoke, "--output", tmp_path / "revoked").out
    )
    use_keys(monkeypatch, home)
    issue = ledger.read_ledger(None)[-1].issue_id
    assert f"{issue} " not in health(joint)
    for name in ("", "-counsel"):
        (tmp_path / f"p{name}").rename(tmp_path / f"sent{name}")
    assert "was revoked by microsoft" in said(2, *flags, "--consent", tmp_path / "revoked")
    assert "was revoked by microsoft" in said(2, *flags)
    told = health(joint)
    assert f"correction: {issue} " in told
    assert "(was made with a consent of microsoft, which revoked it)" in told
    assert (
        "with a consent of microsoft, which revoked it"
        in execute("verify", tmp_path / "sent", status=1).out
    )
    flags = ["--decisions", joint.offer.parent / "decisions.csv", "--now", NOW]
    execute("correct", joint.run, *flags, "--output", tmp_path / "out")
    assert f"{issue} " not in health(joint)


def health(joint):
    return execute("health", joint.run, "--now", NOW, status=None).out


def test_the_strictest_marking_binds_every_file(joint):
    facts = json_of(joint.package / "data/package.json")
    assert facts["tlp"] == "amber+strict"
    first = json_of(joint.package / "data/cluster.stix.json")["objects"][0]
    assert first["name"] == "TLP:AMBER+STRICT"
    event = json_of(joint.package / "data/cluster.misp.json")["Event"]
    assert event["Tag"] == [{"name": "tlp:amber+strict"}]


def test_rows_point_into_ones_own_files_and_into_the_offer(joint):
    offer = json_of(joint.offer / "offer.json")
    orgs, own = set(), joint.world.amazon.complaints
    named = {}
    for row in sheet(joint.package, "exhibits", 3):
        named.setdefault(row["record"], set()).add(row["identifier"].partition("#")[0])
    for row in sheet(joint.package, "exhibits", 1):
        orgs.add(row["organisation"])
        place = int(row["position"]) - 1
        if row["organisation"] == "microsoft":
            counted = offer["evidence"][place]
            told = {offer["entities"][number]["entity_id"] for number in counted["entities"]}
            assert named[row["row"]] <= {entity_id.partition("#")[0] for entity_id in told}
            assert row["file"].startswith("offer-microsoft-")
        else:
            source = joint.world.amazon.calls if row["kind"] == "call" else own
            assert rows(source)[place][f"{row['kind']}_id"] == row["record_id"]
    assert orgs == {"amazon", "microsoft"}


def test_no_byte_of_the_partners_victims_is_in_it(joint):
    victims = {row["victim_id"] for row in rows(joint.world.microsoft.complaints)}
    ids = {row["complaint_id"] for row in rows(joint.world.microsoft.complaints)}
    secrets = {value.encode() for value in victims | ids if value}
    own = {row["complaint_id"].encode() for row in rows(joint.world.amazon.complaints)}
    secrets -= own
    assert len(secrets) > 100
    for path in joint.package.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path


def test_the_offers_own_counts_stand_beside(joint):
    page = (joint.package / "data/referral.html").read_text()
    assert "All organisations: victims and losses" in page and "<bdi>Together</bdi>" in page


def test_a_void_offer_is_in_no_referral(joint, tmp_path, capsys):
    late = ["--now", "2026-07-01T00:00:00Z"]
    said = execute(joint.referral, tmp_path / "p", *AGREED, *late, status=1).err
    assert "void_offer: the offer of microsoft in it is void (expired at 2026-07-01" in said
    assert "override" not in said
    (pem,) = (key_store.home() / "trusted/microsoft").glob("*.pem")
    pem.rename(tmp_path / "microsoft.pem")
    try:
        assert (
            "is void (signed by a key that is no longer trusted)"
            in execute(joint.referral, tmp_path / "p", *AGREED, status=1).err
        )
        assert (
            "the offer of microsoft is signed by a key that"
            in execute("health", joint.run, "--now", NOW, status=1).out
        )
    finally:
        (tmp_path / "microsoft.pem").rename(pem)
    now = datetime(2026, 6, 9, tzinfo=UTC)
    try:
        key_store.distrust("microsoft", None, datetime(2026, 6, 3, tzinfo=UTC))
        assert void_offers(Run.open(joint.run), now) == {}, "the join was made before"
        key_store.distrust("microsoft", None, datetime(2026, 6, 2, tzinfo=UTC))
        assert (
            "(signed by a key that is void from 2026-06-02T00:00"
            in execute(joint.referral, tmp_path / "p", *AGREED, status=1).err
        )
        who = ["--author", "Ada", "--reason", "seen", "--now", NOW, "--decisions", tmp_path / "d"]
        assert "an offer in it is void (signed by a key" in error_of(
            "decide", joint.run, "review", "+18885550123", *who
        )
    finally:
        pem.with_suffix(".json").unlink()
    record = key_store.home() / "offers/microsoft.json"
    before = record.read_text()
    sha256 = hashlib.sha256((joint.offer / "offer.json").read_bytes()).hexdigest()
    record.write_text(json.dumps(json.loads(before) | {"revoked": [sha256]}))
    leaves = ["export", joint.run, "--all", "--format", "csv", "--output", tmp_path / "x.csv"]
    asks = ["exchange", "overlap", "request", tmp_path / "v.csv", "--by", "phone", "--run"]
    asks += [joint.run, "--cluster", "c-0", "--offer", joint.offer, "--to", "microsoft"]
    asks += ["--from", "amazon", "--output", tmp_path / "x.csv", "--now", NOW]
    try:
        assert "is void (revoked)" in execute(joint.referral, tmp_path / "p", *AGREED, status=1).err
        for words in (leaves, asks):
            assert ringtrace(*words) == 2, words
            assert "microsoft in it is void (revoked); join without" in capsys.readouterr().err
            assert not (tmp_path / "x.csv").exists()
    finally:
        record.write_text(before)
    assert not (tmp_path / "p").exists()
