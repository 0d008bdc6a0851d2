"""The recipient's sections say true things, and name no more than what is established."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from math import hypot

import pytest
from hypothesis import given, strategies as st

from reports.referral import counsel, package, pdf
from reports.referral.blocks import Mark
from reports.referral.case import Confirmation, SharedVictims, dominant_country
from reports.referral.case_records import keep_case_members
from reports.referral.charts import TIMELINE_ROWS, timeline_chart
from reports.referral.document import referral_document, render_html
from reports.referral.exhibits import make_exhibits
from reports.referral.reference import CaseFile, english
from reports.victim_counts import disclose_counts
from tests.support.examples import LONG, some
from tests.support.made_up_case import IDS, SEALER, case_of, package_of, rows
from tests.support.parsed_page import Page
from tests.support.report_tables import START, complaint, entity, link, member, mention, supplier
from transforms.extract.kinds.registry import BY_KIND

SCRIPT = "script:07b54ae1ee3a4a22"

WORDS = "this is the billing department your order of # is ready press one now"


def page_of(case):
    return Page(render_html(referral_document(case, make_exhibits(case))).decode()).text


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
        mention(SCRIPT, record_id, role="signalling", field="narrative", raw=WORDS)
        for record_id in ids
    ]
    return tables


@pytest.mark.parametrize(("people", "quoted"), [(4, False), (5, True)])
def test_a_text_is_quoted_once_enough_people_report_it(tmp_path, people, quoted):
    page = page_of(case_of(tmp_path / "run", with_script(people), quote_scripts=True))
    assert ("your order of # is ready" in page) == quoted


def test_no_text_is_quoted_that_nobody_read(tmp_path):
    """Five pseudonyms can paste the name of somebody whom they accuse."""
    case = case_of(tmp_path / "run", with_script(5))
    files = package_of(case)
    assert not [path for path, content in files.items() if b"order of # is ready" in content]
    memo = package.counsel_files(case, {}, SEALER, files)
    assert b"What callers read out: 1 text is not quoted" in memo["data/memo.html"]
    assert not [path for path, content in memo.items() if b"order of # is ready" in content]


SILENT_DAYS = [(48, False), (49, True), (400, True)]


@pytest.mark.parametrize(("days", "said"), SILENT_DAYS if LONG else SILENT_DAYS[:2])
def test_a_number_that_fell_silent_may_be_anothers_by_now(plain_case, days, said):
    """Whoever reads a referral of last year's number must not take its holder of today."""
    day = (START + timedelta(days=days)).date()
    case = replace(plain_case, file=CaseFile({"date": day}))
    page = page_of(case)
    now = f"since its last one (No. {case.number[IDS[0]]}): whoever holds it by now may be another"
    assert (now in page) == said
    assert "No number here was silent for that long between two records." in page


def test_the_clock_of_the_run_tells_what_fell_silent(plain_case):
    case = plain_case
    later = {"clock": (START + timedelta(days=400)).isoformat()}
    records = replace(case.records, manifest=case.manifest | later)
    assert replace(case, records=records).silent_since == [IDS[0]]


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


def test_what_was_confirmed_later_has_less_time_left_to_be_asked_for(tmp_path, plain_case):
    early, late = plain_case, START + timedelta(days=900)
    by = [Confirmation("Ada Cole", late.date(), "", "C-1", IDS[0])]
    case = case_of(tmp_path / "2", rows(), confirmations=by)
    assert early.clock == early.moment < case.clock == late.replace(hour=0, minute=0)
    assert "may be gone already" in page_of(case)
    assert f"as of {english().day(late)}" in page_of(case)


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
    pairs = [(middle, neighbour) for neighbour in others] + [
        (others[0], others[1]),
        (others[2], others[3]),
    ]
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
    assert "More victims than complaints are counted: 1 of them by a call record" in page


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
    assert case.losses_together == [
        "at least USD 4,020.20 (Amazon and Microsoft; a loss that was stated to more than one is "
        "in it more than once)"
    ]
    assert case.countries_together == {"US": 26}
    offered[0]["losses"] = [{"currency": "CAD", "amount": 1000}]
    assert case.losses_together == [
        "at least CAD 1,000.00 (Microsoft alone)",
        "at least USD 20.20 (Amazon alone)",
    ]


def joint_case(folder, **options):
    """A case of Amazon's with an offer of Microsoft's, whose evidence counts seven people."""
    tables = rows()
    for row in (tables["members"][0], tables["entities"][0]):
        row["orgs"] = ["amazon", "microsoft"]
    evidence = {"field": "offer", "record_id": "offer-ab-2-1..7", "source_org": "microsoft"}
    tables["mentions"].append(mention(IDS[0], "", observed_at=START + timedelta(days=3)) | evidence)
    case = case_of(folder, tables)
    offered = {"contributor": "microsoft", "tlp": "TLP:AMBER", "losses": None, "victims_known": 5}
    offered["countries"] = [{"country": "US", "victims": 5}]
    offered["cluster_ids"] = ["c-1"]
    records = replace(case.records, offered=[offered])
    row = case.row | {"victims": 10}
    records = replace(records, facts=replace(case.facts, row=row))
    return replace(case, records=records, cluster_victims=10, **options)


def test_the_table_of_organisations_adds_up_and_agrees_with_the_summary(tmp_path):
    shared = [SharedVictims("microsoft", "phone", 2, 1, "2024-05-01", "key", b"", b"")]
    case = joint_case(tmp_path / "run", shared=shared)
    page = page_of(case)
    assert "At most 8 distinct victims: 3 in" in page
    together = page.partition("All organisations")[2].partition("Figures of")[0]
    assert "Microsoft5 to 7" in together and "Togetherat most 8" in together
    assert "At most 10 victims: 3 in" in page_of(replace(case, shared=[]))
    # Whoever is shared is in both counts of the country.
    assert replace(case, shared=[]).countries_together == {"US": 5}
    assert "ore victims than complaints" not in page


def test_dates_of_an_offer_are_said_to_be_of_the_week(tmp_path):
    files = package_of(joint_case(tmp_path / "run"))
    page = Page(files["data/referral.html"].decode()).text
    # By the dates of identifiers, by the chronology, and among the limits.
    assert page.count("Records of Microsoft are dated to the week alone") == 3
    letters = [text.decode() for path, text in files.items() if path.startswith("data/requests/")]
    # An institution learns it of what it keeps, and not whose records those are.
    by_week = [letter for letter in letters if "can stand for its whole week" in letter]
    assert len(by_week) == 1 and "+18885550123" in by_week[0]
    assert not [
        letter for letter in letters if "Microsoft" in letter or "dated to the week" in letter
    ]
    alone = package_of(case_of(tmp_path / "alone", rows()))
    assert not [path for path, text in alone.items() if b"dated to the week" in text]


def test_losses_are_not_put_elsewhere_where_no_country_is_shown(tmp_path):
    page = page_of(case_of(tmp_path / "run", rows()))
    losses = page.partition("Losses by jurisdiction")[2].partition("Not converted")[0]
    assert "Total, 2 complaintsUSD20.20" in losses and "Elsewhere" not in losses


def test_a_cluster_larger_than_the_timeline_can_be_referred(tmp_path):
    ids = [f"phone:+1888555{n:04}" for n in range(TIMELINE_ROWS + 2)]
    case = case_of(tmp_path / "run", rows(ids, ["callback"] * len(ids)))
    assert "2 more are in Exhibit 9" in timeline_chart(case).caption


def test_a_senders_address_is_no_caller_id(tmp_path):
    tables = rows()
    tables["mentions"] += [
        mention(entity_id, "A-0", role="caller_id", field="emails[0]")
        for entity_id in (IDS[0], IDS[4])
    ]
    case = case_of(tmp_path / "run", tables)
    page = page_of(case)
    assert f"1 number was seen as a caller id too (No. {case.number[IDS[0]]})" in page


def test_brands_and_links_of_what_is_not_named_are_left_out(tmp_path):
    tables = rows()
    tables["clusters"][0]["brands"] = ["Amazon", "Norton"]
    tables["complaints"].append(
        complaint(
            "A-9", impersonation=[{"what": "brand", "name": "Norton", "field": "claimed_brand"}]
        )
    )
    tables["members"].append(member(LEAF, "c-1", tier="verify", reporters=1, review="unreviewed"))
    tables["entities"].append(entity(LEAF))
    tables["mentions"].append(mention(LEAF, "A-9"))
    case = case_of(tmp_path / "run", tables)
    assert "Norton" not in page_of(case)
    union = [frozenset(IDS[:2]), frozenset((IDS[0], LEAF))]
    whole = replace(case.records, union_links=union)
    assert keep_case_members(whole, IDS).union_links == union[:1]


def test_a_shared_service_points_to_a_record_that_names_it(tmp_path):
    tables = rows()
    tables["mentions"] += [mention("trunk:acme-4", f"A-{n}", role="signalling") for n in (1, 2)]
    files = package_of(case_of(tmp_path / "run", tables))
    (row,) = csv.DictReader(
        io.StringIO(files["data/exhibits/08-suppliers.csv"].decode("utf-8-sig"))
    )
    records = list(
        csv.DictReader(io.StringIO(files["data/exhibits/01-records.csv"].decode("utf-8-sig")))
    )
    assert records[int(row["record"]) - 1]["record_id"] == "A-1"


def test_a_handover_says_both_days_and_how_near_they_are(tmp_path):
    tables = rows()
    after = "phone:+18885550188"
    tables["members"].append(member(after, "c-1", role="callback", review="reviewed"))
    tables["entities"].append(entity(after))
    tables["links"].append(link(IDS[0], after))
    tables["mentions"] += [
        mention(after, f"A-{n}", observed_at=START + timedelta(days=n)) for n in (1, 2)
    ]
    for entity_id, first, last in ((IDS[0], 0, 1), (after, 1, 2)):
        for name in ("members", "entities"):
            for row in tables[name]:
                if row["entity_id"] == entity_id:
                    row["first_seen"] = START + timedelta(days=first)
                    row["last_seen"] = START + timedelta(days=last, hours=3)
    case = case_of(tmp_path / "run", tables)
    page = page_of(case)
    assert "(7 before it to 21 after)" in page and "falls silent" not in page
    shown = page.partition("Handovers: ")[2].partition("Exhibit 9")[0]
    days = [f"{START + timedelta(days=1):%Y-%m-%d}"] * 2
    assert f"+18885550123{days[0]}{case.number[after]}+18885550188{days[1]}" in shown


def test_counsel_is_told_which_exhibits_and_whose_decisions(plain_case):
    package_files = {f"data/exhibits/{n:02d}-x.csv": b"" for n in range(1, 12)}
    memo = str(counsel.counsel_payload(plain_case, package_files, "", {})[0])
    assert "with exhibits 1 to 11." in memo
    assert "the file was not given with --decisions" in memo
    assert "Decisions that confirm the cluster" not in memo


@pytest.mark.slow
@pytest.mark.parametrize("code", some(["cn-psb", "de-bka", "es-policia", "us-fbi-ic3"]))
def test_nothing_leaves_the_page_and_no_number_or_day_is_broken(tmp_path, code):
    pdfium = pytest.importorskip("pypdfium2")
    long = "remote:teamviewer:1015052373"
    ids = [*IDS, "url:forms.office.com/r/X", "wallet:btc:1Boat", "handle:telegram:name", long]
    roles = ["callback", "payee", "lure_site", "operator", "sender", *["mentioned"] * 3, "operator"]
    case = case_of(tmp_path / "run", rows(ids, roles), code)
    pages = pdfium.PdfDocument(package_of(case)["data/referral.pdf"])
    text = ""
    for page in pages:
        words = page.get_textpage()
        right = max(words.get_rect(number)[2] for number in range(words.count_rects()))
        assert right <= page.get_width() - pdf.MARGIN + 8
        text += words.get_text_range()
        words.close()
    pages.close()
    table = text.partition(long.rpartition(":")[2])[2][:2_000]
    assert case.number_of(long) in table
    member = next(row for row in case.facts.members if row["entity_id"] == long)
    assert f"{member['first_seen']:%Y-%m-%d}" in table


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


def test_nobody_is_said_to_pose_as_anybody_where_no_record_says_so(tmp_path):
    tables = rows()
    for row in tables["complaints"]:
        row["impersonation"] = None
    page = page_of(case_of(tmp_path / "run", tables))
    assert "No record names a brand that callers posed as" in page
    assert "Impersonation" not in page and "Pretext" not in page
    assert "0 call records to" not in page


def test_the_bundle_counts_as_the_document_does(tmp_path):
    tables = rows(complaints=4)
    tables["complaints"].append(complaint("A-9"))
    tables["members"].append(member(LEAF, "c-1", tier="verify", reporters=1, review="unreviewed"))
    tables["entities"].append(entity(LEAF))
    tables["mentions"].append(mention(LEAF, "A-9"))
    bundle = json.loads(package_of(case_of(tmp_path / "run", tables))["data/cluster.stix.json"])
    (about,) = [
        stix_object for stix_object in bundle["objects"] if stix_object["type"] == "infrastructure"
    ]
    # The fourth complaint names the one that is left out alone.
    assert "3 complaints and 0 calls report" in about["description"]
    assert f"named here: {len(IDS)}." in about["description"]


def test_a_kind_has_the_shape_of_its_registry_in_figures():
    corners = {"ellipse": 0, "triangle": 3, "rectangle": 4, "diamond": 4, "pentagon": 5}
    for kind, row in BY_KIND.items():
        drawn = Mark(0, 0, 10, str(kind)).corners
        assert len(drawn) == (corners | {"hexagon": 6})[row.shape]
        assert all(10 < hypot(x, y) < 16 for x, y in drawn)
    assert not Mark(0, 0, 10, "link").corners
