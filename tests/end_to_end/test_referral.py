"""From the raw files of two simulated companies to a package that others' tools accept."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from decimal import Decimal

import bagit
import networkx as nx
import pyarrow.compute as pc
import pypdfium2
import pytest
from case_utils.case_validate import validate as case_validate
from pymisp import MISPEvent

from pipelines import cli
from reports import referral, tables
from reports.referral.language import TEMPLATE_VALUES
from reports.referral.reference import english, load_reference, recipient_codes
from schemas.tables import CLUSTERS, COMPLAINTS, ENTITIES, HELD_FOLDER, MEMBERS, MENTIONS
from tests.support.examples import LONG, some
from tests.support.leaks import decoded_layers
from tests.support.made_up_case import sheet, write_recipient
from tests.support.run_pipeline import (
    by_key,
    column,
    command,
    complaint,
    confirm_all,
    error_of,
    execute,
    files_below,
    json_of,
    jsonl,
    manifest_of,
    read,
    ringtrace,
    run,
    table_rows,
)
from tests.unit.reports.export.test_stix import problems


class Office:
    """A world of two companies, a run on it, and what a referral needs."""

    def __init__(self, folder):
        self.folder = folder
        self.world, self.run = folder / "world", folder / "run"
        sizes = ["--complaints", "260", "--operations", "4", "--days", "90", "--seed", "5"]
        execute("simulate", self.world, *sizes)
        with (self.world / "truth.csv").open() as file:
            rows = list(csv.DictReader(file))
        operations = {}
        for row in rows:
            if row["entity_id"].startswith(("phone:", "account:", "remote:")):
                operations.setdefault(row["operation"], []).append(row["entity_id"])
        confirmed, disputed = sorted(operations)[:2]
        self.decisions = confirm_all(
            folder / "decisions.csv",
            operations[confirmed],
            "2026-06-01T00:00:00Z",
            "seen by both; Jo at 212 555 0188",
        )
        with self.decisions.open("a") as file:
            file.writelines(
                f"D-{n},dispute,{entity_id},,Tom Lee,a customer wrote in,2026-06-01T00:00:00Z,\n"
                for n, entity_id in enumerate(sorted(operations[disputed]))
            )
        self.inputs = ["--complaints", self.world / "complaints", "--calls", self.world / "calls"]
        run(self.run, *self.inputs, "--decisions", self.decisions)

    def cluster(self, status):
        where = pc.field("status") == status
        rows = table_rows(self.run, CLUSTERS, where)
        return max(rows, key=lambda cluster: (cluster["size"], cluster["cluster_id"]))

    def named(self):
        """The members that may be named: core, and reviewed by the confirmation."""
        here = pc.field("cluster_id") == self.cluster("confirmed")["cluster_id"]
        may = (pc.field("tier") == "core") & (pc.field("review") == "reviewed")
        return tables.read_table(self.run, MEMBERS, ["entity_id"], here & may)["entity_id"]

    def referral(self, output, *more, recipient="us-fbi-ic3", status="confirmed"):
        words = [self.run, "--cluster", self.cluster(status)["cluster_id"], *self.inputs]
        words += ["--recipient", recipient, "--output", output, *more]
        return ringtrace("referral", *map(str, words))


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    made = Office(folder)
    made.override = ["--override-by", "Ada Cole", "--override-reason", "counsel agreed"]
    made.package = folder / "package"
    assert made.referral(made.package, "--decisions", made.decisions, *made.override) == 0
    return made


def exhibit(package, number):
    return sheet(package, "exhibits", number)


SITE, CITED = "amzn-refund-desk.com", "consumer-notes.org"


def test_a_click_id_is_in_the_request_to_its_platform_alone(rings, tmp_path):
    """An ad led two victims each to the site of a ring."""
    package, made = rings.package(tmp_path, "clicks"), rings.run
    files = files_below(package)
    requests = {
        "data/requests/ad-platform-google-ads.txt": {"gclid=Cj0-click-1", "gclid=Cj0-click-2"},
        "data/requests/ad-platform-microsoft-advertising.txt": {
            "msclkid=Cj0-click-3", "msclkid=Cj0-click-4",
        },
    }  # fmt: skip
    asked = {name: files[name].decode() for name in files if "/ad-platform-" in name}
    assert {name: set(re.findall(r"\S+=\S+", text)) for name, text in asked.items()} == requests
    assert all(text.count(f"led to {SITE}") == 2 for text in asked.values())
    files |= files_below(made)
    for name, content in files.items():
        for layer in decoded_layers(name, content):
            assert name in requests or b"Cj0-click" not in layer, name
            assert b"IwAR-cited" not in layer, name


CONFIRMATIONS = ("data/package.json", "data/referral.html", "data/referral.pdf", "data/memo.html")


def test_words_that_an_analyst_typed_name_nobody_else(office):
    reasons = column(office.run, ENTITIES, "reason")
    assert any("seen by both" in reason for reason in reasons)
    for name, content in files_below(office.package).items():
        for layer in decoded_layers(name, content):
            assert b"555 0188" not in layer, name
            assert b"seen by both" not in layer or name in CONFIRMATIONS, name


def test_ones_own_export_leaves_out_what_an_analyst_typed(office, tmp_path):
    out = tmp_path / "own.csv"
    execute("export", office.run, "--all", "--format", "csv", "--include-verify", "--output", out)
    assert "seen by both" not in out.read_text() and "left out of this copy" in out.read_text()


def test_a_package_verifies_with_nothing_but_the_public_key(office, tmp_path, monkeypatch):
    public = tmp_path / "pub.pem"
    execute("keys", "export", "--output", public)
    monkeypatch.setenv("RINGTRACE_HOME", str(tmp_path / "nobody"))
    told = execute("verify", office.package, "--key", public).out
    assert "holds: " in told and office.cluster("confirmed")["cluster_id"] in told


def test_another_key_is_not_enough(office, tmp_path, monkeypatch):
    monkeypatch.setenv("RINGTRACE_HOME", str(tmp_path / "other"))
    public = str(tmp_path / "o.pem")
    execute("keys", "make")
    execute("keys", "export", "--output", public)
    told = execute("verify", office.package, "--key", public, status=1).out
    assert "does not hold" in told and "not trusted" in told


def test_a_package_that_names_a_victim_is_held_back_and_in_no_ledger(office, tmp_path, monkeypatch):
    make, number = referral.package_files, victims_number(office)

    def leaking(*arguments):
        files = make(*arguments)
        return files | {"data/referral.html": files["data/referral.html"] + number.encode()}

    monkeypatch.setattr(referral, "package_files", leaking)
    book = tmp_path / "issued.jsonl"
    more = ["--decisions", office.decisions, *office.override, "--ledger", book]
    try:
        said = error_of(office.referral, tmp_path / "package", *more)
        assert "data/referral.html names 1 withheld value;" in said and number not in said
        assert not (tmp_path / "package").exists() and not book.exists()
        assert "data/referral.html" in execute("health", office.run, status=1).out
    finally:
        shutil.rmtree(office.run / HELD_FOLDER, ignore_errors=True)


def victims_number(office):
    """The number of a victim that the run withheld."""
    with (office.world / "victims.csv").open() as file:
        ids = [row["entity_id"] for row in csv.DictReader(file)]
    shown = set(column(office.run, ENTITIES, "entity_id"))
    return next(
        entity_id[6:]
        for entity_id in ids
        if entity_id.startswith("phone:+1") and entity_id not in shown
    )


def test_the_same_run_gives_the_same_package_byte_for_byte(office, tmp_path):
    words = [office.run, "--cluster", office.cluster("confirmed")["cluster_id"], *office.inputs]
    words += ["--decisions", office.decisions, *office.override, "--recipient", "us-fbi-ic3"]
    words += ["--now", json_of(office.package / "seal.json")["package"]["sealed_at"]]
    told = command("referral", *words, "--output", tmp_path / "again", PYTHONHASHSEED="7")
    assert told.returncode == 0, told.stderr
    assert files_below(tmp_path / "again") == files_below(office.package)
    assert files_below(counsel(tmp_path / "again")) == files_below(counsel(office.package))


def test_others_validators_accept_it(office):
    assert bagit.Bag(str(office.package)).validate()
    assert problems((office.package / "data/cluster.stix.json").read_bytes()) == []
    event = MISPEvent()
    event.load((office.package / "data/cluster.misp.json").read_text())
    kinds = event.describe_types["category_type_mappings"]
    members = len(office.named())
    assert 3 < members < office.cluster("confirmed")["size"]
    assert len(event.attributes) == members
    for attribute in event.attributes:
        assert attribute.type in kinds[attribute.category] and not attribute.to_ids
    graph = nx.read_graphml(office.package / "data/cluster.graphml")
    assert len(graph) == members
    path = office.package / "data/cluster.case.jsonld"
    said = case_validate(str(path))
    assert said.conforms, said.text
    (whole,) = json_of(path)["@graph"]
    kinds = Counter(node["@type"] for node in whole["core:object"])
    assert kinds["investigation:ProvenanceRecord"] == members


def test_every_exhibit_row_points_into_the_raw_files(office):
    digests = {source["name"]: source["sha256"] for source in manifest_of(office.run)["inputs"]}
    records = {row["row"]: row for row in exhibit(office.package, 1)}
    lines = {name: (office.world / name).read_text().splitlines() for name in digests}
    for row in records.values():
        raw = json.loads(lines[row["file"]][int(row["position"]) - 1])
        assert raw[f"{row['kind']}_id"] == row["record_id"]
        assert raw["source_org"] == row["organisation"]
    for number in range(1, 11):
        for row in exhibit(office.package, number):
            record = records[row["record"]]
            assert row["file_sha256"] == digests[row["file"]]
            assert (row["file"], row["position"]) == (record["file"], record["position"])


def test_losses_reconcile_to_the_cent(office):
    where = pc.field("entity_id").isin(office.named().combine_chunks())
    naming = table_rows(office.run, MENTIONS, where)
    ids = {(row["source_org"], row["record_id"]) for row in naming}
    told = Counter()
    for row in table_rows(office.run, COMPLAINTS):
        if (row["source_org"], row["complaint_id"]) in ids and row["loss_currency"]:
            told[row["loss_currency"]] += row["loss_amount"]
    rows = Counter()
    for row in exhibit(office.package, 5):
        rows[row["currency"]] += Decimal(row["amount"])
    assert told and rows == told
    facts = json_of(office.package / "data/package.json")
    assert {currency: Decimal(amount) for currency, amount in facts["losses"].items()} == told


def test_no_byte_of_a_victim_is_in_it(office):
    members = set(
        column(
            office.run,
            MEMBERS,
            "entity_id",
            pc.field("cluster_id") == office.cluster("confirmed")["cluster_id"],
        )
    )
    with (office.world / "victims.csv").open() as file:
        secrets = {row["entity_id"].partition(":")[2] for row in csv.DictReader(file)}
    for kind in ("complaints", "calls"):
        for path in (office.world / kind).glob("*.jsonl"):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                secrets.add(row.get("victim_id"))
                secrets.update(
                    part for part in (row.get("narrative") or "").split(". ") if len(part) > 20
                )
                own = [
                    number["raw"]
                    for number in row.get("phone_numbers") or []
                    if number["role"] == "victim"
                ]
                side = "called_number" if row.get("direction") == "inbound" else "calling_number"
                own += [row[side]] if row.get(side) else []
                secrets.update(raw for raw in own if f"phone:{raw}" not in members)
    secrets = {secret.encode() for secret in secrets if secret and len(secret) > 4}
    assert len(secrets) > 500
    files = files_below(office.package) | files_below(counsel(office.package))
    for path, content in files.items():
        leaked = [secret for secret in secrets if secret in content]
        assert not leaked, (path, leaked[:3])


def counsel(package):
    return package.with_name(f"{package.name}-counsel")


TO_COUNSEL = (
    "counsel agreed", "never legal advice", "No lawyer", "refused", "obstacle", "A lead, not proof",
)  # fmt: skip
"""Words between the maker and its counsel."""


def test_notes_to_counsel_are_in_a_bag_of_their_own(office):
    page = (office.package / "data/referral.html").read_text()
    assert "by Priya Rao on 1 June 2026" in page
    for name in ("data/referral.html", "data/package.json", "data/README.txt"):
        words = (office.package / name).read_text()
        assert not [word for word in TO_COUNSEL if word.lower() in words.lower()], name
    memo = (counsel(office.package) / "data/memo.html").read_text()
    facts = json_of(counsel(office.package) / "data/counsel.json")
    assert "Priya Rao" in memo and "seen by both" in memo and "never legal advice" in memo
    assert facts["override"] is None or ("Ada Cole" in memo and "counsel agreed" in memo)


def checked(package, public):
    """The lines that the commands of a package's README print, which check it without ringtrace."""
    text = (package / "data/README.txt").read_text()
    lines = [
        line.replace("PUBLIC_KEY", str(public)) for line in re.findall("(?m)^    (\\S.*)", text)
    ]
    assert len([line for line in lines if "openssl" in line]) == 3
    lines = [line for line in lines if "openssl" in line or "sha256sum" in line]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], cwd=package, text=True, capture_output=True, check=False
    )
    return done.stdout.splitlines(), done.stderr


@pytest.mark.parametrize(
    "recipient", [*some(["cn-psb", "de-bka", "es-policia", "us-fbi-ic3"]), None]
)
def test_whoever_receives_a_package_can_check_it_with_openssl(office, tmp_path, recipient):
    public, package = tmp_path / "amazon.pem", tmp_path / "in" / "p"
    execute("keys", "export", "--output", public)
    package.parent.mkdir()
    if recipient is None:
        shutil.copytree(counsel(office.package), package)
    else:
        words = ["--decisions", office.decisions, *office.override]
        assert office.referral(package, *words, recipient=recipient) == 0
    with public.open() as file:
        der = subprocess.check_output(["openssl", "pkey", "-pubin", "-outform", "DER"], stdin=file)
    holds = [f"{hashlib.sha256(der).hexdigest()}  -", "Signature Verified Successfully", "1"]
    assert checked(package, public) == (holds, "")
    document = package / f"data/{'referral' if recipient else 'memo'}.pdf"
    document.write_bytes(document.read_bytes() + b" ")
    said, warned = checked(package, public)
    assert said[:3] == holds and "pdf: FAILED" in said[3] and "1 computed checksum" in warned
    seal = package / "seal.json"
    seal.write_bytes(seal.read_bytes() + b" ")
    assert "Signature Verification Failure" in checked(package, public)[0][1]


def test_a_pdf_says_when_it_was_made(office, tmp_path):
    """Not the year 2000, which is as a forger would have it."""
    case = tmp_path / "case.toml"
    case.write_text("date = 2026-06-02\n")
    words = ["--decisions", office.decisions, *office.override, "--case", case]
    assert office.referral(tmp_path / "p", *words) == 0
    for path in (tmp_path / "p/data/referral.pdf", counsel(tmp_path / "p") / "data/memo.pdf"):
        known = pypdfium2.PdfDocument(path).get_metadata_dict()
        assert known["CreationDate"] == known["ModDate"] == "D:20260602000000+00'00'"


def test_counsels_bag_names_the_rest_by_value_and_its_seal_the_package(office):
    folder = counsel(office.package)
    assert "/counsel" in execute("verify", folder).out
    assert bagit.Bag(str(folder)).validate()
    with (folder / "data/annex-to-verify.csv").open(encoding="utf-8-sig") as file:
        annex = {row["identifier"] for row in csv.DictReader(file)}
    here = pc.field("cluster_id") == office.cluster("confirmed")["cluster_id"]
    members = set(column(office.run, MEMBERS, "entity_id", here))
    assert annex and annex == members - set(office.named().to_pylist())
    package = office.package / "seal.json"
    about = json_of(folder / "seal.json")["package"]["about"]
    assert about == hashlib.sha256(package.read_bytes()).hexdigest()


EMPTY = TEMPLATE_VALUES["request.txt"]


@pytest.mark.parametrize(
    "recipient", recipient_codes() if LONG else ["cn-psb", "in-cbi", "interpol-igrip", "us-fbi-ic3"]
)
def test_every_recipient_can_be_sent_a_package(office, tmp_path, recipient):
    assert office.referral(tmp_path / "p", *office.override, recipient=recipient) == 0
    language = load_reference(recipient).language
    page = (tmp_path / "p/data/referral.html").read_text()
    assert "No lawyer has checked" in (tmp_path / "p-counsel/data/memo.html").read_text()
    title = f"{language.say('titles.offences')}</h2>"
    matrix = page.partition(title)[2].partition("</section>")[0]
    captions = re.findall(r"<caption>(.*?)</caption>", matrix, re.DOTALL)
    assert captions or recipient == "interpol-igrip"
    for caption in captions:
        assert re.search(r"https://\S+?[,，] ?\S+ ?\S* ?\S* ?20\d\d-\d\d-\d\d[.。]", caption), (
            caption
        )
    drafts = list((tmp_path / "p/data").glob("requests/*.txt"))
    drafts += (tmp_path / "p/data").glob("certificates/*.txt")
    assert len(drafts) > 3
    opening = language.templates["request.txt"].render(EMPTY).splitlines()[0]
    for path in drafts:
        text = path.read_text()
        assert text.startswith((opening, "FORM - NOT A CERTIFICATE")), path
        unknown = language.say("clock.no_period") in text
        assert unknown or re.search(r"https://\S+?.*\n?.*[(（].*20\d\d-", text), path
    for row in exhibit(tmp_path / "p", 10):
        assert bool(row["rule_source"]) == bool(row["rule_date"])
    assert (tmp_path / "p/data/certificates/in-bsa-63.txt").exists() == (recipient == "in-cbi")
    assert (tmp_path / "p/data/certificates/hash-report.csv").exists()


def test_a_recipient_of_ones_own_is_a_folder(office, tmp_path):
    write_recipient(tmp_path / "own/recipients/xx-fraud")
    own = ["--reference", tmp_path / "own"]
    assert office.referral(tmp_path / "p", *office.override, *own, recipient="xx-fraud") == 0
    execute("verify", tmp_path / "p")
    made = {path.name for path in (tmp_path / "p/data/certificates").iterdir()}
    assert made == {"hash-report.csv", "us-fre-902.txt", "xx-oath.txt"}
    facts = json_of(tmp_path / "p/data/package.json")
    assert "recipients/xx-fraud/xx-oath.txt" in facts["reference_files"]
    assert "Fraud Office, Exampland" in (tmp_path / "p/data/referral.html").read_text()


def test_what_nobody_confirmed_is_refused_whoever_answers(office, tmp_path, capsys):
    assert office.referral(tmp_path / "p", *office.override, status="candidate") == 1
    assert "not_confirmed" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_a_dispute_is_refused_whoever_answers_for_it(office, tmp_path, capsys):
    for flags in ([], office.override):
        assert office.referral(tmp_path / "p", *flags, status="disputed") == 1
        assert "disputed" in capsys.readouterr().err
        assert not (tmp_path / "p").exists()


def test_a_member_that_must_be_verified_is_named_by_override_alone(office, tmp_path):
    here = pc.field("cluster_id") == office.cluster("confirmed")["cluster_id"]
    verify = here & (pc.field("tier") == "verify")
    left_out = column(office.run, MEMBERS, "entity_id", verify)
    assert left_out
    verified, value = left_out[0], left_out[0].rpartition(":")[2].encode()
    for path, content in files_below(office.package).items():
        assert value not in content, path
    assert (
        office.referral(
            tmp_path / "p", *office.override, "--include", f"{verified}=seen at the raid"
        )
        == 0
    )
    page = (tmp_path / "p/data/referral.html").read_text()
    assert value.decode() in page and "seen at the raid" in page and "Ada Cole" in page
    facts = json_of(tmp_path / "p/data/package.json")
    assert facts["included"] == {verified: {"by": "Ada Cole", "reason": "seen at the raid"}}
    assert "give a reason" in error_of(
        office.referral, tmp_path / "q", "--include", f"{verified}=", *office.override
    )


def test_inputs_that_changed_are_refused(office, tmp_path):
    shutil.copytree(office.world, tmp_path / "world")
    path = tmp_path / "world/complaints/amazon.jsonl"
    path.write_bytes(path.read_bytes() + b"\n")
    words = ["--complaints", tmp_path / "world/complaints", "--calls", tmp_path / "world/calls"]
    cluster_id = office.cluster("confirmed")["cluster_id"]
    whole = [office.run, "--cluster", cluster_id, "--recipient", "in-cbi", *words]
    assert "is not what the run read" in error_of(
        "referral", *map(str, whole), "--output", tmp_path / "p"
    )


def test_a_wrong_package_to_supersede_is_named_before_records_are_read(office, tmp_path):
    words = ["--cluster", office.cluster("confirmed")["cluster_id"], "--recipient", "in-cbi"]
    words += ["--output", tmp_path / "p", "--supersedes", tmp_path / "none"]
    said = error_of("referral", office.run, *words)
    assert "give the earlier package to --supersedes" in said


def test_what_stands_in_place_of_a_package_is_not_replaced(office, tmp_path):
    (tmp_path / "empty").mkdir()
    link = tmp_path / "package"
    link.symlink_to(tmp_path / "empty")
    assert office.referral(link, "--decisions", office.decisions, *office.override) == 2
    assert link.is_symlink()


def test_a_later_referral_says_what_changed(office, tmp_path):
    flags = ["--decisions", office.decisions, *office.override]
    later = tmp_path / "later"
    when = ["--as-of", "2030-01-01T00:00:00Z"]
    assert office.referral(later, *flags, *when, "--supersedes", office.package) == 0
    facts = json_of(later / "data/package.json")
    assert facts["supersedes"] is not None
    changes = (later / "data/changes.csv").read_text()
    assert "as of" in changes and "2030-01-01" in changes
    assert "Supersedes." in (later / "data/referral.html").read_text()
    execute("verify", later)


def test_losses_are_converted_only_by_a_dated_rate(office, tmp_path):
    rates = tmp_path / "rates.csv"
    currencies = [loss["currency"] for loss in office.cluster("confirmed")["losses"]]
    rows = [
        f"2025-04-30,{currency},EUR,0.5,ECB reference rates"
        for currency in currencies
        if currency != "EUR"
    ]
    rates.write_text("date,from,to,rate,source\n" + "\n".join(rows) + "\n")
    assert office.referral(tmp_path / "p", *office.override, "--rates", rates) == 0
    assert "ECB reference rates" in (tmp_path / "p/data/referral.html").read_text()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed")
def test_the_pdf_says_what_the_page_says(office):
    path = office.package / "data/referral.pdf"
    told = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    page = (office.package / "data/referral.html").read_text()
    squeezed = "".join(told.split())
    for title in ("1. Summary", "What speaks against it", "Offences and evidence"):
        assert title in told and title in page
    pages = told.count("\f")
    assert all(f"page {number} of {pages}" in told for number in range(1, pages + 1))
    for row in exhibit(office.package, 2)[:20]:
        words = english().identifier(row["identifier"])
        assert words in page
        assert "".join(words.split())[:16] in squeezed
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
    assert "Mukta" in fonts


def test_the_pdf_can_be_found_ones_way_in(office):
    content = (office.package / "data/referral.pdf").read_bytes()
    assert b"/Lang (en)" in content and b"/DisplayDocTitle true" in content
    assert b"/Outlines" in content
    page = (office.package / "data/referral.html").read_text()
    assert content.count(b"/Subtype /Link") == page.count('<li><a href="#section-')


BLANK = "____________________"

SHOWN_REFERENCES = {
    "FT24061X": "FT24061X",
    "UTR SBINR52024030112345678": "… SBINR52024030112345678",
    "for Zyxxia Innocent 4711": "… … … 4711",
    "ZYXXIA INNOCENT": BLANK,
    "ZYXXIAINNOCENT12": BLANK,
}
"""The part of a reference that is repeated."""

STATED = {
    "forms": [
        {
            "paid_at": "2024-03-01T08:00:00+01:00",
            "beneficiary_name": "Jane  DOE",
            "beneficiary_bank": "Example Bank Cologne",
            "reference": "FT24061X",
            "status": "recalled",
        },
        {
            "paid_at": "2024-03-02",
            "beneficiary_name": "Doe, Jane",
            "beneficiary_bank": "example bank, Cologne",
            "status": "odd",
        },
        {
            "beneficiary_name": "Zyxxia Innocent",
            "beneficiary_bank": "Zyxxia Innocent and Sons",
            "reference": "for Zyxxia Innocent 4711",
        },
        {"paid_at": "2024-03-20T00:00:00Z", "reference": "Zyxxia Innocent"},
    ],
    "same": [
        {
            "beneficiary_name": "Jane Doe",
            "beneficiary_bank": "B",
            "reference": "SAME1",
            "status": "failed",
        }
    ]
    * 3,
    "contacts": [
        {
            "beneficiary_name": "Call 2125550181",
            "beneficiary_bank": "jane@example.com",
            "reference": reference,
        }
        for reference in ("2125550181", "12125550181", "4111 1111 1111 1111")
    ],
    "codes": [{"reference": reference} for reference in SHOWN_REFERENCES],
    "clicks": [],
}
"""Payments, as the complaints of each ring state them."""

NUMBERS = ("8885550121", "8775550142", "8665550163", "8555550184", "8445550195")

ACCOUNTS = (
    "DE89370400440532013000",
    "DE78370400440532013101",
    "DE67370400440532013202",
    "DE56370400440532013303",
)


def ring_rows(plain):
    """Complaints of each ring: of payments to one account, or of a click that led to a site."""
    for ring, (name, stated) in enumerate(STATED.items()):
        for n in range(1, 1 + (len(stated) or 4)):
            row = {
                "received_at": f"2024-03-{3 * ring + n:02}T09:30:00Z",
                "victim_id": f"v{ring}-{n}",
                "phone_numbers": [
                    {"raw": f"+1{NUMBERS[ring]}", "role": "callback"},
                    {"raw": f"+121255501{ring + 6}{n}", "role": "victim"},
                ],
            }
            if name == "clicks":
                kind = "gclid" if n < 3 else "msclkid"
                row["urls"] = [f"https://{SITE}/?x=1&{kind}=Cj0-click-{n}"]
                said = f"I read of it on https://{CITED}/scam?fbclid=IwAR-cited later."
                row["narrative"] = f"They sent me to the page. {said}"
            else:
                row["narrative"] = "They made me wire money."
                told = {} if plain else stated[n - 1]
                paid = {"method": "wire", "payee": ACCOUNTS[ring], "amount": "900.00"}
                row["payments"] = [paid | {"currency": "USD"} | told]
            yield complaint(f"{ring}-{n}", **row)


class Rings:
    """A run on several rings, each of which an analyst confirmed."""

    def __init__(self, folder, plain=False):
        folder.mkdir()
        rows = jsonl(folder / "rows.jsonl", ring_rows(plain))
        phones = [f"phone:+1{number}" for number in NUMBERS]
        decisions = confirm_all(folder / "decisions.csv", phones, "2026-06-01T00:00:00Z")
        self.flags, self.run = ["--complaints", rows, "--decisions", decisions], folder / "run"
        run(self.run, *self.flags)

    def package(self, folder, name, recipient="us-fbi-ic3"):
        number = NUMBERS[list(STATED).index(name)]
        members = by_key(self.run, MEMBERS)
        words = ["referral", self.run, "--cluster", members[f"phone:+1{number}"]["cluster_id"]]
        words += [*self.flags, "--recipient", recipient, "--output", folder / "package"]
        words += ["--override-by", "Ada Cole", "--override-reason", "counsel agreed"]
        assert cli.main([str(word) for word in words]) == 0
        return folder / "package"


@pytest.fixture(scope="module")
def rings(tmp_path_factory):
    return Rings(tmp_path_factory.mktemp("rings") / "stated")


def naming(folder, value):
    """The files of a folder that hold a value, in any of their layers."""
    return {
        path
        for path, content in files_below(folder).items()
        if any(value in layer for layer in decoded_layers(path, content))
    }


def form(package, number):
    return sheet(package, "forms", number)


def test_what_a_complaint_states_of_a_payment_is_in_the_forms_that_ask_for_it(rings, tmp_path):
    package, made = rings.package(tmp_path, "forms"), rings.run
    rows = form(package, 2)
    assert [row["Transaction date"] for row in rows] == [
        "2024-03-01T07:00:00Z",
        "2024-03-02",
        BLANK,
        BLANK,  # later than the complaint
    ]
    # One person could put anybody's name there.
    assert [row["Recipient name"] for row in rows] == [
        "Jane DOE (as stated by the reporter)",
        "Doe, Jane (as stated by the reporter)",
        BLANK,
        BLANK,
    ]
    assert rows[0]["Recipient bank"].endswith("; Example Bank Cologne (as stated by the reporter)")
    assert "stated by the reporter" not in rows[2]["Recipient bank"]
    assert not [*naming(package, b"Zyxxia"), *naming(made, b"Zyxxia"), *naming(made, b"DOE")]
    shown = naming(package, b"DOE") - {"data/referral.pdf"}
    assert shown == {"data/forms/02-financial-transactions.csv", "data/referral.html"}
    memo = (tmp_path / "package-counsel/data/memo.html").read_text()
    assert "the records are 3 of Exhibit 1" in memo
    letters = [path.read_text() for path in (package / "data/requests").glob("*bank*.txt")]
    assert any("paid, as stated, 2024-03-01 to 2024-03-02" in letter for letter in letters)


def test_what_is_stated_of_a_payment_links_nothing_and_may_be_left_out(rings, tmp_path):
    plain = Rings(tmp_path / "plain", plain=True)
    for table in (CLUSTERS, COMPLAINTS, ENTITIES, MEMBERS, MENTIONS):
        assert read(plain.run, table).equals(read(rings.run, table)), table.name
    package = plain.package(tmp_path, "same")
    assert not [row for row in form(package, 2) if "stated" in str(row)]
    page = (package / "data/referral.html").read_text()
    assert "Transaction date" in page and "as stated by the reporter" not in page


def test_a_contact_in_what_is_stated_of_a_payment_is_left_out(rings, tmp_path):
    package = rings.package(tmp_path, "contacts", "interpol-igrip")
    for value in (b"2125550181", b"jane@", b"4111"):
        assert not naming(package, value)
    assert {row["Transaction reference"] for row in form(package, 2)} == {BLANK}


def test_a_reference_is_repeated_as_far_as_it_is_a_code(rings, tmp_path):
    """The rest of a reference is free text: a payer's name, or whomever a liar accuses."""
    package = rings.package(tmp_path, "codes", "interpol-igrip")
    shown = [row["Transaction reference"] for row in form(package, 2)]
    assert shown == [*SHOWN_REFERENCES.values()]
    assert not naming(package, b"Zyxxia") and not naming(package, b"ZYXXIA")
