"""The package: complete, the same bytes, harmless whatever its texts say."""

import csv
import io
import json
import re
import sys
from functools import partial

import bagit
import networkx as nx
import pytest
from pymisp import MISPEvent

from reports import signing
from reports.referral import blocking_checks, blocks, package, pdf
from reports.referral.pdf import MONO, PROSE, register_fonts
from reports.referral.reference import english
from reports.tables import kept_narratives
from schemas.extras import install_command
from schemas.facts import fact
from tests.support.examples import LONG
from tests.support.leaks import decoded_layers
from tests.support.made_up_case import IDS, ROLES, SEALER, case_of, package_of, rows, written
from tests.support.parsed_page import Page
from tests.support.report_tables import cluster, complaint, entity, link, member, mention, told
from tests.unit.reports.export.test_stix import problems

EVIL_ANYWHERE = [
    "<script>alert(1)</script>",
    "\u202eevil\x00\x1b[31m\r\nBag-Size: 9",
    "{{ 7 * 7 }}{% raw %}",
    "</para><para fontSize=90>",
    "अमेज़न सहायता",
]

EVIL = ["".join(EVIL_ANYWHERE), '=HYPERLINK("http://evil.example")', "x" * 10_000]

MORE_EVIL = [*EVIL_ANYWHERE, "@SUM(1+1)*cmd|' /C calc'!A0"]


@pytest.mark.slow
@pytest.mark.parametrize("evil", EVIL + MORE_EVIL if LONG else EVIL)
def test_hostile_texts_stay_text_in_every_file(tmp_path, evil):
    ids = [f"handle:telegram:{evil}", *IDS[1:]]
    tables = rows(ids, name=evil, brands=[evil], orgs=["amazon", evil])
    for link_row in tables["links"]:
        link_row["reason"] = evil
    override = blocking_checks.Override(evil, evil)
    files = package_of(case_of(tmp_path / "run", tables, override=override))
    assert bagit.Bag(str(written(tmp_path / "bag", files))).validate()
    assert problems(files["data/cluster.stix.json"]) == []
    MISPEvent().load(files["data/cluster.misp.json"].decode())
    assert len(nx.parse_graphml(files["data/cluster.graphml"].decode())) == len(IDS)
    assert b"<script" not in files["data/referral.html"]
    assert files["bag-info.txt"].count(b"\n") == 6
    for path, content in files.items():
        if path.endswith(".csv"):
            for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))):
                for cell in row:
                    assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
                    assert len(cell) < 1_100
    assert len(files["data/referral.pdf"]) < 400_000


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(plain_files):
    page = Page(plain_files["data/referral.html"].decode())
    policies = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'; style-src 'sha256-")
    assert not {tag for tag, _ in page.elements} & {"script", "img", "link", "iframe", "object"}
    assert not any("src" in attributes or "style" in attributes for _, attributes in page.elements)
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links and all(target.startswith("#") for target in links)


def test_the_same_case_gives_the_same_bytes_and_key_and_time_change_the_seal_alone(
    plain_case, plain_files
):
    case, files = plain_case, plain_files
    assert package_of(case) == files
    key = signing.make_signing_key()
    for sealer in (SEALER._replace(key=key), SEALER._replace(when="2024-05-02T00:00:00Z")):
        other_files = package.package_files(case, {"ringtrace": "0"}, sealer)
        assert {path for path in files if files[path] != other_files[path]} == {
            "seal.json",
            "seal.json.sig",
            "seal.json.tsq",
        }


def test_what_the_fonts_lack_is_spelled_out():
    register_fonts()
    assert pdf.paragraph_markup("a\u05d0<", PROSE) == "a[U+05D0]&lt;"
    assert pdf.paragraph_markup("सहायता", PROSE) == "सहायता"
    assert pdf.paragraph_markup("phone:+1", MONO) == "phone:+1"


def test_without_its_library_the_pdf_names_the_command_that_installs_it(monkeypatch, plain_case):
    monkeypatch.setitem(sys.modules, "reportlab.graphics.barcode.qr", None)
    monkeypatch.delitem(sys.modules, "reports.referral.pdf")
    monkeypatch.delattr("reports.referral.pdf")
    with pytest.raises(blocks.MissingPdfError, match=re.escape(install_command("referral"))):
        package_of(plain_case)


def test_caller_ids_alone_are_counted_and_named_nowhere(tmp_path):
    tables = rows()
    tables["entities"] += [
        entity("phone:+12125550100", status="uncorroborated"),
        entity(
            "phone:+18002801400", status="suppressed", **told(fact("known_legitimate", "Amazon"))
        ),
    ]
    tables["mentions"] += [
        mention("phone:+12125550100", "A-0", role="caller_id"),
        mention("phone:+18002801400", "A-0", role="caller_id"),
    ]
    files = package_of(case_of(tmp_path / "run", tables))
    for content in files.values():
        assert b"2125550100" not in content
    page = files["data/referral.html"].decode()
    assert "show 1 number as a caller id alone" in page
    assert "1 identifier that is publicly known to be legitimate" in page
    for path, content in files.items():
        assert b"18002801400" not in content, path


def test_the_exculpatory_section_names_thin_evidence(tmp_path):
    tables = rows()
    for row in tables["mentions"]:
        row["confidence"] = 0.4
    tables["entities"][0]["complaints"] = 1
    page = package_of(case_of(tmp_path / "run", tables))["data/referral.html"].decode()
    assert f"{len(IDS)} identifiers were only ever read with doubt" in page


def test_small_groups_of_victims_are_not_shown_by_country(plain_files):
    page = plain_files["data/referral.html"].decode()
    assert "of fewer than 10 victims no country is told" in page
    assert "<td>US</td>" not in page.split("Victims by country")[1].split("</table>")[0]


def test_differences_name_members_losses_and_roles(tmp_path):
    before = package.package_facts(case_of(tmp_path / "1", rows()), {})
    tables = rows([*IDS[:4], "handle:telegram:x"], [*ROLES[:3], "payee", "sender"], victims=4)
    now = package.package_facts(case_of(tmp_path / "2", tables), {})
    now |= {"losses": {"USD": "30.00"}, "victims": 4, "organisations": ["amazon", "microsoft"]}
    told = package.fact_differences(before, now, english())
    assert ("victims", "3", "4") in told
    assert ("loss in USD", "20.20", "30.00") in told
    assert ("member handle:telegram:x", "not in it", "added as sender") in told
    assert ("member email:x@gmail.com", "in it", "removed") in told
    assert ("role of remote:anydesk:123456789", "operator", "payee") in told
    assert ("organisations", "amazon", "amazon, microsoft") in told
    assert package.fact_differences(before, before, english()) == []
    assert package.fact_differences(package.compared_facts(before), now, english()) == told


def test_the_identifiers_of_a_package_are_in_the_files_that_it_says(plain_case, plain_files):
    case, files = plain_case, plain_files
    named = package.package_identifiers(case, files)
    assert named.keys() == set(IDS)
    for paths in named.values():
        assert {"data/referral.html", "data/referral.pdf"} <= set(paths) <= files.keys()
    longer = {"data/x.csv": b"phone:+188855501239 \xff", "x.csv": b"domain:amzn-refund.support"}
    assert package.package_identifiers(case, longer) == {}
    (phone, *_) = IDS
    assert package.package_identifiers(case, {"data/x.csv": b"phone:+18885550123 \xff"}) == {
        phone: ("data/x.csv",)
    }


def test_the_operation_is_named_to_machines_by_its_subject(plain_case, plain_files):
    assert plain_case.subject in plain_files["data/cluster.stix.json"].decode()


def test_links_between_members_that_were_not_accepted_are_marked_in_the_graph(tmp_path):
    tables = rows()
    tables["links"][0] |= {"accepted": False, "reason": "chance explains it"}
    text = package_of(case_of(tmp_path / "run", tables))["data/cluster.graphml"].decode()
    told = [data["accepted"] for _, _, data in nx.parse_graphml(text).edges(data=True)]
    assert len(told) == len(tables["links"]) and told.count(False) == 1


STRANGER, UNREVIEWED, OUTSIDE = (
    "email:jane.roe@gmail.com",
    "phone:+12125550188",
    "phone:+13125550177",
)


def liars_case(folder):
    """A case in whose cluster one complaint put a stranger, and where one member is unreviewed."""
    tables = rows(
        complaints=4, victims=4, name="jane.roe@gmail.com (call_jane)", brands=["call_jane"]
    )
    said = "I rang (888) 555-0123 and jane.roe@gmail.com answered, or 212 555 0188"
    tables["complaints"].append(
        complaint("A-9", victim_id="liar", victim_country="US", narrative=said)
        | {"payments": [{"method": "to jane.roe@gmail.com", "payee": IDS[1]}]}
    )
    # Complaints that name nobody else, so that a package of the others has no record of them.
    tables["complaints"].append(complaint("A-8", victim_id="liar", victim_country="US"))
    tables["clusters"][0]["complaints"] = 5
    tables["members"] += [
        member(STRANGER, "c-1", role="sender", tier="verify", reporters=1, review="reviewed"),
        member(UNREVIEWED, "c-1"),
        member(OUTSIDE, "c-2"),
    ]
    tables["clusters"].append(cluster("c-2"))
    tables["entities"] += [
        entity(STRANGER, complaints=40),
        entity(UNREVIEWED),
        entity(OUTSIDE),
        entity("phone:+18005550155", status="suppressed", **told(fact("hub", 0.5, 9, 9))),
    ]
    tables["links"] += [
        link(IDS[0], STRANGER, record_ids=["amazon|A-9"]),
        link(IDS[1], UNREVIEWED),
        link(
            IDS[0],
            OUTSIDE,
            accepted=False,
            **told(fact("kept_apart", "cannot_link", "d", "A", "Jane")),
        ),
    ]
    tables["mentions"] += [
        mention(IDS[0], "A-9", field="narrative", start=7, end=21, raw="(888) 555-0123"),
        mention(
            STRANGER,
            "A-9",
            role="sender",
            field="narrative",
            start=26,
            end=44,
            raw="jane.roe@gmail.com",
        ),
        mention(UNREVIEWED, "A-9", field="narrative", start=58, end=70, raw="212 555 0188"),
        mention(IDS[1], "A-9", field="payments[0].payee", role="payee"),
        mention(STRANGER, "A-8", role="sender", also_read_as="+12125550188"),
        mention(OUTSIDE, "A-0"),
        mention("phone:+18005550155", "A-0", role="caller_id"),
        mention(IDS[0], "A-1", also_read_as="+18885550132", field="narrative", start=0, end=9),
    ]
    tables["clusters"][0] |= {"complaints": 5, "victims": 4}
    return case_of(folder, tables, excerpts=partial(kept_narratives, folder))


def naming(files, *words):
    return sorted(
        path
        for path, content in files.items()
        if any(word.encode() in layer for word in words for layer in decoded_layers(path, content))
    )


HIDDEN = ("jane.roe", "2125550188", "212 555 0188", "3125550177", "5550155", "5550132", "call_jane")


def test_only_reviewed_core_members_are_named_and_the_rest_is_counted(tmp_path):
    case = liars_case(tmp_path / "run")
    files = package_of(case)
    assert naming(files, *HIDDEN) == []
    facts = json.loads(files[package.FACTS_FILE])
    assert set(facts["members"]) == set(IDS)
    assert facts["members_left_out"] == 2
    # The complaint that names the stranger alone is no record of this case; the other one is.
    assert (facts["complaints"], facts["victims"]) == (4, 4)
    page = Page(files["data/referral.html"].decode()).text
    assert "may use 2 more identifiers, which this referral counts and does not name" in page
    assert "I rang (888) 555-0123 and ##################" in page
    assert "phone number of another cluster, left out" in page
    for path in (
        "cluster.stix.json",
        "cluster.misp.json",
        "cluster.graphml",
        "exhibits/02-identifiers.csv",
    ):
        assert naming({path: files[f"data/{path}"]}, "+18885550123") == [path]
    requests = {path: content for path, content in files.items() if "/requests/" in path}
    assert (
        len(naming(requests, *(entity_id.rpartition(":")[2] for entity_id in IDS)))
        == len(requests)
        > 3
    )


def test_a_cluster_of_nobody_to_name_is_refused_whoever_answers(tmp_path):
    tables = rows()
    for row in tables["members"]:
        row["review"] = "unreviewed"
    (stop,) = case_of(tmp_path / "run", tables).obstacles
    assert stop.code == "nothing_reviewed" and not stop.answerable


def test_members_that_only_a_left_out_one_ties_stop_it(tmp_path):
    tables = rows()
    middle = tables["members"][0]["entity_id"]
    tables["members"][0]["review"] = "unreviewed"
    tables["links"] = [
        row for row in tables["links"] if middle in (row["entity_a"], row["entity_b"])
    ]
    case = case_of(tmp_path / "run", tables)
    assert [(obstacle.code, obstacle.answerable) for obstacle in case.obstacles] == [
        ("tie_left_out", True)
    ]
    assert case.tied_by_left_out == 3
