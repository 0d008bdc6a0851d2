"""An evidence number is printed wherever its thing is, and says offline what it is today."""

import csv
import io
import json
import shutil
import subprocess

import pytest

from pipelines import key_store
from reports import signing
from reports.evidence_number import (
    cluster_thing,
    evidence_number,
    letter_thing,
    parse_evidence_number,
    record_thing,
)
from reports.export.stix import NUMBERS
from reports.referral import seal
from schemas.tables import CLUSTERS, MEMBERS
from tests.support.exchange_world import ringtrace
from tests.support.run_pipeline import (
    callbacks,
    column,
    complaint,
    error_of,
    execute,
    json_of,
    jsonl,
    refusal_of,
    run as batch,
    table_rows,
    use_keys,
    write_decisions,
)

ONE, TWO, OTHER, FOURTH = "+18885550100", "+18885550122", "+18885550133", "+18885550144"

NARRATIVES = (
    "A pop-up froze my screen and a man made me buy gift cards at two shops.",
    "They said my subscription renews today and asked me to sign in to my bank.",
    "A recorded voice warned about a parcel of drugs with my name on the label.",
    "I lost the house deposit after the agent moved my savings to keep them safe.",
    "Grandmother was kept on the line for six hours and wired all that she had.",
    "The refund was typed with too many zeros, and he begged me to return it.",
)

CASE = """[[organisation]]
slug = "{org}"
legal_name = "{org}.com, Inc."

[case_numbers]
{org} = "{number}"
"""


def decisions(path, *rows):
    lines = [
        f"D-{n},{kind},phone:{a},{b and f'phone:{b}'},Ada,checked,2024-04-02T00:00:00Z,"
        for n, (kind, a, b) in enumerate(rows)
    ]
    return write_decisions(path, *lines)


def records(org):
    """Three people name two numbers, three two others, and three one of each."""
    pairs = [(ONE, TWO)] * 3 + [(OTHER, FOURTH)] * 3 + [(TWO, OTHER)] * 3
    return [
        complaint(
            number,
            complaint_id=f"{org[0]}{number}",
            source_org=org,
            received_at=f"2024-03-{number + 1:02d}T09:30:00Z",
            victim_id=f"{org}-v{number}",
            narrative=f"{NARRATIVES[number % 6]} {org} {number}",
            phone_numbers=callbacks(*pair),
        )
        for number, pair in enumerate(pairs)
    ]


class Office:
    """A company with a run, and a package of its one cluster."""

    def __init__(self, folder, org, patch):
        self.folder, self.org, self.patch = folder, org, patch
        folder.mkdir()
        self.act()
        self.rows = jsonl(folder / "rows.jsonl", records(org))
        self.run = self.made("run", ("confirm", ONE, ""))
        (self.cluster,) = column(self.run, CLUSTERS, "cluster_id")
        (folder / "case.toml").write_text(CASE.format(org=org, number=f"{org}-2024-17"))
        self.package = folder / "package"
        assert self.referral(self.run, self.package) == 0

    def act(self):
        use_keys(self.patch, self.folder / "home")

    def made(self, name, *decided, previous=None):
        file = decisions(self.folder / f"{name}.csv", *decided)
        more = ["--previous", previous] if previous else []
        batch(self.folder / name, "--complaints", self.rows, "--decisions", file, *more)
        return self.folder / name

    def referral(self, run, output, *more, now="2024-05-01T00:00:00Z"):
        words = ["referral", run, "--cluster", self.cluster, "--complaints", self.rows]
        words += ["--recipient", "us-fbi-ic3", "--output", output, "--from", self.org]
        words += ["--case", self.folder / "case.toml", "--now", now, *more]
        return ringtrace(*words, "--override-by", "Ada Cole", "--override-reason", "small")

    def number(self, subject):
        return evidence_number(self.org, subject)

    def text(self, path):
        return (self.package / "data" / path).read_text("utf-8-sig")


@pytest.fixture(scope="module")
def offices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offices")
    with pytest.MonkeyPatch.context() as patch:
        made = [Office(folder / org, org, patch) for org in ("amazon", "microsoft")]
        made[0].act()
        yield made


@pytest.fixture
def amazon(offices):
    offices[0].act()
    return offices[0]


def told(*words, status=0):
    return execute("resolve", *words, status=status).out


def test_every_exhibit_row_page_letter_and_object_has_its_number(amazon, tmp_path):
    folder = amazon.package / "data"
    for path in sorted((folder / "exhibits").glob("[0-9]*.csv")):
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
        assert all(parse_evidence_number(row["evidence_number"]) for row in rows)
    rows = csv.DictReader(io.StringIO(amazon.text("exhibits/02-identifiers.csv")))
    assert {row["identifier"]: row["evidence_number"] for row in rows} == {
        f"phone:{number}": amazon.number(f"phone:{number}") for number in (ONE, TWO, OTHER, FOURTH)
    }
    cluster = amazon.number(cluster_thing(amazon.cluster))
    assert cluster in amazon.text("referral.html")
    words = ["pdftotext", "-layout", folder / "referral.pdf", "-"]
    pages = subprocess.run(words, capture_output=True, check=True, text=True).stdout.split("\f")
    assert all(cluster in page for page in pages[:-1]) and len(pages) > 3
    letters = sorted((folder / "requests").glob("*.txt"))
    assert letters
    for letter in letters:
        name = f"requests/{letter.name}"
        assert amazon.number(letter_thing(amazon.cluster, name)) in letter.read_text()
    bundle = json.loads(amazon.text("cluster.stix.json"))["objects"]
    numbered = {
        node["type"]: each["external_id"]
        for node in bundle
        for each in node.get("external_references", ())
        if each["source_name"] == NUMBERS
    }
    kinds = {"infrastructure", "observed-data", "relationship", "sighting", "note", "grouping"}
    assert kinds <= numbered.keys() and numbered["infrastructure"] == cluster
    events = json.loads(amazon.text("cluster.misp.json"))["Event"]["Attribute"]
    assert all(
        amazon.number(f"phone:{attribute['value']}") in attribute["comment"] for attribute in events
    )


def test_the_code_on_the_cover_reads_as_the_number(amazon, tmp_path):
    zxingcpp = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    words = ["pdftoppm", "-r", "110", "-png", "-l", "1", amazon.package / "data/referral.pdf"]
    subprocess.run([*words, tmp_path / "page"], check=True)
    (page,) = tmp_path.glob("page*.png")
    (code,) = zxingcpp.read_barcodes(image.open(page))
    assert code.text == amazon.number(cluster_thing(amazon.cluster))


def test_an_identifier_a_record_a_link_a_letter_and_a_cluster_are_told(amazon):
    said = told(amazon.number(f"phone:{ONE}"), amazon.package, amazon.run)
    assert f"is the identifier phone:{ONE}, as amazon numbers it" in said
    # A letter prints it and is another thing.
    assert "requests/" in said and said.count(" numbers it") == 1
    assert "exhibits/02-identifiers.csv row" in said and "as of 2024" in said
    assert f"in the cluster {amazon.cluster}, core, reviewed" in said
    assert "issued to us-fbi-ic3 on 2024-05-01: package-" in said
    record = amazon.number(record_thing("complaint", "amazon", "a0"))
    assert "is the complaint amazon/a0" in told(record, amazon.package)
    letter = sorted((amazon.package / "data/requests").glob("*.txt"))[0].name
    subject = letter_thing(amazon.cluster, f"requests/{letter}")
    assert f"is the letter requests/{letter}" in told(amazon.number(subject), amazon.package)
    rows = csv.DictReader(io.StringIO(amazon.text("exhibits/04-links.csv")))
    link = next(iter(rows))
    assert "is the link of phone:" in told(link["evidence_number"], amazon.package)
    cluster = amazon.number(cluster_thing(amazon.cluster))
    said = told(cluster.lower(), amazon.package, amazon.run)
    assert f"is the cluster {amazon.cluster}" in said and f"is {amazon.cluster} (4 of them)" in said


def test_what_took_the_place_of_a_package_is_named_beside_it(amazon, tmp_path):
    later = tmp_path / "later"
    more = ["--supersedes", amazon.package]
    assert amazon.referral(amazon.run, later, *more, now="2024-06-01T00:00:00Z") == 0
    first, second = (
        line
        for line in told(amazon.number(f"phone:{ONE}"), amazon.package).splitlines()
        if "issued to us-fbi-ic3" in line
    )
    assert second.strip().startswith("issued to us-fbi-ic3 on 2024-06-01: package-")
    assert first.endswith(f", superseded on 2024-06-01 by {second.split(': ')[-1]}")


def test_a_run_alone_knows_its_own_numbers(amazon):
    said = told(amazon.number(f"phone:{TWO}"), amazon.run)
    assert f"is the identifier phone:{TWO}, as amazon numbers it" in said
    unknown = evidence_number("amazon", "phone:+18885550199")
    assert "nothing that was given knows it" in told(unknown, amazon.run, status=1)


def test_a_split_names_both_and_what_left_says_so(amazon):
    apart = [("cannot_link", a, b) for a in (ONE, TWO) for b in (OTHER, FOURTH)]
    later = amazon.made("split", *apart, previous=amazon.run)
    now = table_rows(later, MEMBERS)
    clusters = {row["cluster_id"] for row in now}
    assert len(clusters) > 1
    number = amazon.number(cluster_thing(amazon.cluster))
    said = told(number, amazon.package, later)
    assert "split: its members are in" in said and all(
        cluster_id in said for cluster_id in clusters
    )
    assert f"split, {amazon.cluster} to" in said
    gone = amazon.made("gone", ("legitimate", ONE, ""), previous=amazon.run)
    said = told(amazon.number(f"phone:{ONE}"), amazon.package, gone)
    assert "in no cluster; suppressed: " in said


def test_a_merge_keeps_both_numbers(amazon):
    apart = [("cannot_link", a, b) for a in (ONE, TWO) for b in (OTHER, FOURTH)]
    before = amazon.made("two", *apart)
    names = column(before, CLUSTERS, "cluster_id")
    after = amazon.made("one", ("confirm", ONE, ""), previous=before)
    (whole,) = column(after, CLUSTERS, "cluster_id")
    assert len(names) > 1
    for cluster_id in names:
        number = amazon.number(cluster_thing(cluster_id))
        said = told(number, before, after)
        assert f"is the cluster {cluster_id}" in said and whole in said


def test_aliases_and_case_numbers_lead_to_the_number(amazon, tmp_path):
    number = amazon.number(f"phone:{ONE}")
    file = tmp_path / "aliases.csv"
    file.write_text(
        "number,system,id,url,who,when\n"
        f"{number},salesforce,5003x00002AbC,https://crm.example/5003x,Ada,2024-05-02\n"
    )
    said = told("5003X00002abc", amazon.package, "--aliases", file)
    assert said.startswith(number) and f"phone:{ONE}" in said
    assert "alias: salesforce 5003x00002AbC (https://crm.example/5003x, Ada, 2024-05-02)" in said
    said = told("AMAZON-2024-17", amazon.package)
    assert said.startswith(amazon.number(cluster_thing(amazon.cluster)))


def test_an_address_that_is_none_is_refused(amazon, tmp_path):
    number = amazon.number(f"phone:{ONE}")
    file = tmp_path / "aliases.csv"
    file.write_text(f"number,system,id,url\n{number},crm,1,javascript:alert(1)\n")
    assert "row 2: field url: Expected" in error_of(
        "resolve", number, amazon.package, "--aliases", file
    )


@pytest.mark.parametrize("written", ["RT-MC55-B7NH-86", "nothing of ours"])
def test_what_is_wrong_is_refused_in_one_line(amazon, written):
    said = refusal_of("resolve", written, amazon.package)
    assert written in said


def test_a_wrong_line_of_aliases_is_named(amazon, tmp_path):
    file = tmp_path / "aliases.csv"
    file.write_text("number,system,id\nRT-MC55-B7NH-86,crm,1\n")
    assert "aliases.csv, row 2, number: its check characters" in error_of(
        "resolve", "x", amazon.package, "--aliases", file
    )


def test_an_altered_package_tells_nothing(amazon, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(amazon.package, copy)
    with (copy / "data/exhibits/02-identifiers.csv").open("a") as file:
        file.write("99,RT-MC55-B7NH-68,phone:+18005550199\n")
    assert "is no valid package" in error_of("resolve", "RT-MC55-B7NH-68", copy)


THEIRS = {"evidence_numbers": {"issuer": "microsoft"}}


@pytest.mark.parametrize(
    "change",
    [
        {"evidence_numbers": None},
        {"evidence_numbers": {"issuer": "ftc"}},
        {"members": [1, "x"]},
        {"case_numbers": {"a": 1}},
        {"as_of": 5},
        {"cluster_id": None},
        {"cluster_id": "c-1\x1b[2J"} | THEIRS,
        {"members": ["phone:+18885550101\ud800"]} | THEIRS,
        {"case_numbers": {"a": "\u202e"}} | THEIRS,
        "[" * 100_000 + "]" * 100_000,
    ],
)
def test_a_partners_package_of_another_form_is_one_line(amazon, tmp_path, change):
    folder = tmp_path / "sealed"
    shutil.copytree(amazon.package, folder)
    facts = json_of(folder / "data/package.json")
    text = change if isinstance(change, str) else json.dumps(facts | change)
    (folder / "data/package.json").write_text(text)
    _sealed_by_microsoft(folder)
    said = refusal_of("resolve", "RT-MC55-B7NH-68", folder)
    assert "has no evidence" in said or "for another" in said


def test_a_partners_case_number_is_no_formula(amazon, tmp_path):
    folder = tmp_path / "sealed"
    shutil.copytree(amazon.package, folder)
    facts = json_of(folder / "data/package.json")
    facts |= {"reference": '=HYPERLINK("https://x.example")', "case_numbers": {}}
    facts["evidence_numbers"]["issuer"] = "microsoft"
    (folder / "data/package.json").write_text(json.dumps(facts))
    _sealed_by_microsoft(folder)
    rows = list(
        csv.DictReader(io.StringIO(execute("exchange", "schedule", folder, amazon.package).out))
    )
    assert rows and {row["case_numbers_a"] for row in rows} == {'\'=HYPERLINK("https://x.example")'}


def _sealed_by_microsoft(folder):
    """Seals a package again with a key that is trusted as microsoft's."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("seal.json")
    }
    key = signing.make_signing_key()
    key_store.trust("microsoft", key.public_key())
    before = json_of(folder / seal.SEAL_FILE)["package"]
    named = {"issuer": "microsoft", "key_id": signing.key_id(key.public_key())}
    made = seal.make_seal(files, before | named)
    (folder / seal.SEAL_FILE).write_bytes(made)
    (folder / seal.SIGNATURE_FILE).write_bytes(signing.sign_detached(made, key))
    (folder / seal.QUERY_FILE).write_bytes(seal.time_stamp_query(made))


def test_two_companies_packages_are_laid_side_by_side(offices, amazon, tmp_path):
    microsoft = offices[1]
    microsoft.act()
    exported = tmp_path / "microsoft.pem"
    execute("keys", "export", "--output", exported)
    fingerprint = signing.key_id(key_store.own_public_keys()[0])
    amazon.act()
    words = ["keys", "trust", "microsoft", exported, "--fingerprint", fingerprint]
    execute(*words)
    rows = list(
        csv.DictReader(
            io.StringIO(execute("exchange", "schedule", amazon.package, microsoft.package).out)
        )
    )
    assert {row["identifier"] for row in rows} == {
        f"phone:{number}" for number in (ONE, TWO, OTHER, FOURTH)
    }
    for row in rows:
        assert row["number_a"] == amazon.number(row["identifier"])
        assert row["number_b"] == microsoft.number(row["identifier"])
        assert "amazon-2024-17" in row["case_numbers_a"]
        assert "microsoft-2024-17" in row["case_numbers_b"]
