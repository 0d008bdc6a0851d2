"""The package: complete, the same bytes, harmless whatever its texts say."""

import csv
import io
import json

import bagit
import networkx as nx
import pytest
from pymisp import MISPEvent

from reports import signing
from reports.referral import blocking_checks, package, pdf
from reports.referral.pdf import MONO, PROSE, register_fonts
from tests.support.made_up_case import IDS, ROLES, case_of, package_of, rows, written
from tests.support.parsed_page import Page
from tests.unit.reports.export.test_stix import problems

EVIL = [
    "x" * 10_000,
    "<script>alert(1)</script>",
    '=HYPERLINK("http://evil.example")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u202eevil\x00\x1b[31m\r\nBag-Size: 9",
    "{{ 7 * 7 }}{% raw %}",
    "</para><para fontSize=90>",
    "अमेज़न सहायता",
]


@pytest.mark.parametrize("evil", EVIL)
def test_hostile_texts_stay_text_in_every_file(tmp_path, evil):
    ids = [f"handle:telegram:{evil}", *IDS[1:]]
    tables = rows(ids, name=evil, brands=[evil], orgs=["amazon", evil])
    for one in tables["links"]:
        one["reason"] = evil
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


def test_the_page_asks_nothing_of_the_network_and_runs_nothing(tmp_path):
    text = package_of(case_of(tmp_path / "run", rows()))["data/referral.html"].decode()
    page = Page(text)
    policies = [
        one["content"]
        for tag, one in page.elements
        if tag == "meta" and one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policies) == 1 and policies[0].startswith("default-src 'none'; style-src 'sha256-")
    assert not {tag for tag, _ in page.elements} & {"script", "img", "link", "iframe", "object"}
    assert not any("src" in one or "style" in one for _, one in page.elements)
    links = [one["href"] for tag, one in page.elements if tag == "a"]
    assert links and all(one.startswith("#") for one in links)


def test_the_same_case_gives_the_same_bytes_and_another_key_changes_the_signature(tmp_path):
    case = case_of(tmp_path / "run", rows())
    files = package_of(case)
    assert package_of(case) == files
    other = package.package_files(case, signing.make_signing_key(), {"ringtrace": "0"})
    assert {path for path in files if files[path] != other[path]} == {"seal.json.sig"}


def test_what_the_fonts_lack_is_spelled_out():
    register_fonts()
    assert pdf.paragraph_markup("a\u05d0<", PROSE) == "a[U+05D0]&lt;"
    assert pdf.paragraph_markup("सहायता", PROSE) == "सहायता"
    assert pdf.paragraph_markup("phone:+1", MONO) == "phone:+1"


def test_caller_ids_alone_are_counted_and_named_nowhere(tmp_path):
    from tests.support.report_tables import entity, mention

    tables = rows()
    tables["entities"] += [
        entity("phone:+12125550100", status="uncorroborated", reason="caller id only"),
        entity("phone:+18002801400", status="suppressed", reason="known legitimate: Amazon"),
    ]
    tables["mentions"] += [
        mention("phone:+12125550100", "A-0", role="caller_id"),
        mention("phone:+18002801400", "A-0", role="caller_id"),
    ]
    files = package_of(case_of(tmp_path / "run", tables))
    for content in files.values():
        assert b"2125550100" not in content
    page = files["data/referral.html"].decode()
    assert "name 1 numbers as caller ids alone" in page
    assert "phone:+18002801400" in page and "known legitimate: Amazon" in page


def test_the_exculpatory_section_names_thin_evidence(tmp_path):
    tables = rows()
    for one in tables["mentions"]:
        one["confidence"] = 0.4
    tables["entities"][0]["complaints"] = 1
    page = package_of(case_of(tmp_path / "run", tables))["data/referral.html"].decode()
    assert "one record names it" in page
    assert f"{len(IDS)} members were only ever read with doubt" in page


def test_small_groups_of_victims_are_not_shown_by_country(tmp_path):
    page = package_of(case_of(tmp_path / "run", rows()))["data/referral.html"].decode()
    assert "of fewer than 10 victims no country is told" in page
    assert "<td>US</td>" not in page.split("Victims by country")[1].split("</table>")[0]


def test_differences_name_members_losses_and_roles(tmp_path):
    before = package.package_facts(case_of(tmp_path / "1", rows()), {})
    tables = rows([*IDS[:4], "handle:telegram:x"], [*ROLES[:3], "payee", "sender"], victims=4)
    now = package.package_facts(case_of(tmp_path / "2", tables), {})
    now["losses"] = {"USD": "30.00"}
    told = package.fact_differences(before, now)
    assert ("victims", "3", "4") in told
    assert ("loss in USD", "20.20", "30.00") in told
    assert ("member handle:telegram:x", "not in it", "added as sender") in told
    assert ("member email:x@gmail.com", "in it", "removed") in told
    assert ("role of remote:anydesk:123456789", "operator", "payee") in told
    assert package.fact_differences(before, before) == []


def test_machine_facts_are_json(tmp_path):
    files = package_of(case_of(tmp_path / "run", rows()))
    facts = json.loads(files[package.FACTS_FILE])
    assert facts["losses"] == {"USD": "20.20"} and set(facts["members"]) == set(IDS)


def test_links_between_members_that_were_not_accepted_are_marked_in_the_graph(tmp_path):
    tables = rows()
    tables["links"][0] |= {"accepted": False, "reason": "chance explains it"}
    text = package_of(case_of(tmp_path / "run", tables))["data/cluster.graphml"].decode()
    told = [data["accepted"] for _, _, data in nx.parse_graphml(text).edges(data=True)]
    assert len(told) == len(tables["links"]) and told.count(False) == 1
