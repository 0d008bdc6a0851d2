"""The recipient's sections say true things, and name no more than what is established."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from reports.exchange.offer import disclose_counts
from reports.referral import counsel, package
from reports.referral.case import dominant_country
from reports.referral.reference import english
from tests.support.made_up_case import IDS, SEALER, case_of, package_of, rows
from tests.support.parsed_page import Page
from tests.support.report_tables import START, complaint, entity, link, member, mention, supplier

SCRIPT = "script:07b54ae1ee3a4a22"

WORDS = "this is the billing department your order of # is ready press one now"


def page_of(case):
    return Page(package_of(case)["data/referral.html"].decode()).text


def with_script(people):
    """A case in which so many people report one text."""
    tables = rows(complaints=6, victims=6)
    tables["complaints"] += [
        complaint(f"B-{n}", victim_id=f"w-{n}", victim_country="US") for n in range(3)
    ]
    tables["suppliers"].append(supplier(SCRIPT, "c-1", template=WORDS))
    tables["mentions"] += [mention(IDS[0], f"B-{n}") for n in range(3)]
    ids = ["A-0", "A-1", "A-2", "B-0", "B-1", "B-2"][:people]
    tables["mentions"] += [
        mention(SCRIPT, one, role="signalling", field="narrative", raw=WORDS) for one in ids
    ]
    return tables


@pytest.mark.parametrize(("people", "quoted"), [(4, False), (5, True)])
def test_a_text_is_quoted_once_enough_people_report_it(tmp_path, people, quoted):
    page = page_of(case_of(tmp_path / "run", with_script(people)))
    assert ("your order of # is ready" in page) == quoted


def test_a_shared_service_of_one_person_is_counted(tmp_path):
    tables = rows()
    tables["suppliers"].append(supplier("ip:198.51.100.7", "c-1"))
    tables["mentions"] += [
        mention("trunk:acme-4", f"A-{n}", role="signalling") for n in range(2)
    ] + [mention("ip:198.51.100.7", "A-0", role="signalling")]
    files = package_of(case_of(tmp_path / "run", tables))
    assert b"acme-4" in files["data/exhibits/08-suppliers.csv"]
    assert b"1 more is left out" in files["data/referral.html"]
    assert not [path for path, content in files.items() if b"198.51.100.7" in content]


LEAF = "phone:+18885550177"


def test_a_thin_leaf_makes_no_mule_of_what_it_hangs_on(tmp_path):
    tables = rows()
    tables["members"][0]["bridge"] = True
    tables["members"].append(member(LEAF, "c-1", tier="verify", reporters=1, review="unreviewed"))
    tables["entities"].append(entity(LEAF))
    tables["links"].append(link(IDS[0], LEAF))
    case = case_of(tmp_path / "run", tables)
    assert "mule" not in page_of(case).partition("Weak points")[2]
    assert "mule" not in str(counsel.counsel_payload(case, {}, "", {})[0])


def test_what_two_established_identifiers_hang_on_is_said(tmp_path):
    tables = rows()
    middle, others = IDS[0], IDS[1:]
    pairs = [(middle, one) for one in others] + [(others[0], others[1]), (others[2], others[3])]
    tables["links"] = [link(a, b) for a, b in pairs]
    case = case_of(tmp_path / "run", tables)
    number = case.number[middle]
    assert f"Without No. {number}, 2 identifiers would not be tied to the rest" in page_of(case)


def test_a_near_miss_is_named_to_counsel_alone(tmp_path):
    tables = rows()
    near = "phone:+18885550124"
    tables["members"].append(
        member(near, "c-1", tier="verify", reporters=1, review="unreviewed", near_miss_of=IDS[0])
    )
    tables["entities"].append(entity(near))
    tables["links"].append(link(IDS[1], near))
    case = case_of(tmp_path / "run", tables)
    files = package_of(case)
    assert not [path for path, content in files.items() if b"8885550124" in content]
    page = Page(files["data/referral.html"].decode()).text
    assert f"is one digit off an identifier of this referral (No. {case.number[IDS[0]]})" in page
    memo = package.counsel_files(case, {}, SEALER, files)
    annex = memo["data/annex-to-verify.csv"].decode()
    assert near in annex and f"one digit off {IDS[0]}, which more people report" in annex


def test_victims_above_complaints_are_explained(tmp_path):
    tables = rows(calls=1, victims=4)
    tables["calls"] = [
        {
            "call_id": "K-1",
            "source_org": "amazon",
            "started_at": START + timedelta(days=4),
            "direction": "outbound",
            "victim_id": "v-9",
            "victim_country": "US",
            "suspect_number": IDS[0].partition(":")[2],
            "suspect_role": "callback",
        }
    ]
    tables["mentions"].append(mention(IDS[0], "K-1", record_kind="call", field="called_number"))
    page = page_of(case_of(tmp_path / "run", tables))
    assert "There are more victims than complaints, since 1 of them is known" in page


@given(
    st.dictionaries(st.sampled_from(["US", "CA", "GB", "AU", None]), st.integers(1, 60), max_size=5)
)
def test_the_largest_country_is_a_lower_bound_that_leaves_enough(victims):
    seen = disclose_counts(victims, 5)
    bound = dominant_country(victims, seen, 5)
    if bound is not None:
        total = sum(victims.values())
        assert not seen.countries and bound.victims % 10 == 0
        assert total / 2 < bound.victims <= victims[bound.country]
        assert total - bound.victims >= 10


def test_totals_of_two_organisations_say_which_are_one_sided(tmp_path):
    case = case_of(tmp_path / "run", rows())
    offered = [
        {
            "contributor": "microsoft",
            "tlp": "TLP:AMBER",
            "victims_known": 13,
            "countries": [{"country": "US", "victims": 13}],
            "losses": losses,
        }
        for losses in ([{"currency": "USD", "amount": 4000}], None)
    ]
    case = replace(case, records=replace(case.records, offered=offered))
    assert case.losses_together == ["at least USD 4,020.20"]
    assert case.countries_together == {"US": 26}
    offered[0]["losses"] = [{"currency": "CAD", "amount": 1000}]
    assert case.losses_together == [
        "at least CAD 1,000.00 (Microsoft alone)",
        "at least USD 20.20 (Amazon alone)",
    ]


@pytest.mark.parametrize(
    ("entity_id", "words"),
    [
        ("account:us:026010090:62022802552", "ABA 026010090, account 62022802552"),
        ("account:uk:601613:31926819", "sort code 601613, account 31926819"),
        ("account:ifsc:SBIN0001234:1234567890", "IFSC SBIN0001234, account 1234567890"),
        ("account:iban:GB29NWBK60161331926819", "IBAN GB29NWBK60161331926819"),
        ("account:upi:name@bank", "UPI id name@bank"),
        ("wallet:btc:1Boat", "BTC address 1Boat"),
        ("remote:anydesk:123456789", "AnyDesk id 123456789"),
        ("handle:telegram:name", "Telegram name"),
        ("phone:+18885550123#2", "+18885550123, holder 2"),
        ("url:forms.office.com/r/X", "forms.office.com/r/X"),
    ],
)
def test_an_identifier_is_said_as_its_keeper_says_it(entity_id, words):
    assert english().identifier(entity_id) == words
