"""Rejected rows keep no number that some record states as a victim's."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

from schemas.reject import REJECT, Code
from tests.unit.transforms.redact.test_redact_records import OWN, VICTIM
from transforms.read.framing import Origin, Record
from transforms.read.rejects import Reject, rejects_batch
from transforms.redact.rejects import (
    mask_rejected_text,
    mask_rejects,
    stated_victim_numbers_in_rejects,
)

NOTHING = np.empty(0, np.int64)


def rejects(*raws, kind="complaint"):
    origin = Origin("f", "jsonl", kind)
    records = [Record(n, raw.encode(), len(raw)) for n, raw in enumerate(raws, 1)]
    return rejects_batch([Reject(origin, record, Code.BROKEN_JSON, "broken") for record in records])


def masked(raw, kind="complaint", **fields):
    """The text of a rejected row as it is shown; `fields` are others of the reject."""
    row = rejects(raw, kind=kind).to_pylist()[0] | fields
    (shown,) = mask_rejects(pa.RecordBatch.from_pylist([row], REJECT), NOTHING)["raw"].to_pylist()
    assert len(shown) == len(raw)
    return shown


def test_a_number_stated_elsewhere_is_masked_at_the_same_length():
    raws = [
        '{"complaint_id": "1", "caller": "202-456-1414"',
        "plain +12024561414 text",
        "no 1 here",
    ]
    before = rejects(*raws)
    after = mask_rejects(before, OWN)
    assert after.schema == REJECT
    assert after["raw"].to_pylist() == [
        '{"complaint_id": "1", "caller": "###-###-####"',
        "plain +########### text",
        "no 1 here",
    ]
    others = [name for name in REJECT.names if name != "raw"]
    assert after.select(others) == before.select(others)


@pytest.mark.parametrize("role", ["vicitm", "own", "Victim ", ""])
@pytest.mark.parametrize(
    "number", ["202-456-1414", "20 79 46 09 58", "1414145", "020/7946.0958", "２０２４５６１４１４"]
)
def test_a_number_whose_role_says_nothing_is_masked(role, number):
    """Also without a country: it may be the victim's."""
    raw = {
        "received_at": "2024-01-05T10:00:00Z",
        "complaint_id": "C-12",
        "emails": ["jane@home.org"],
        "phone_numbers": [{"raw": number, "role": role}],
        "narrative": f"paid on 2024-01-05 {number}",
    }
    for text in (json.dumps(raw), json.dumps(raw, ensure_ascii=False), f"C-12,x,{number},{role}"):
        shown = masked(text)
        assert len(re.findall(r"\d", re.sub(r"2024-01-05(T10:00:00Z)?", "", shown))) == 2
        assert "C-12" in shown and "jane" not in shown and role in shown


def test_a_rows_own_victim_is_masked_without_any_other():
    raw = json.dumps({"phone_numbers": [{"raw": VICTIM, "role": "victim"}]})
    assert "2024561414" not in masked(raw)


@pytest.mark.parametrize("name", ["call\u0131ng_number", "call\u0130ng_number"])
def test_a_call_whose_fields_are_nobodys_side_has_no_number(name):
    """A dotless i is an i where case is ignored."""
    raw = f'{{"{name}": "{VICTIM}", "called_number": "+18885550123", "direction": "inbound"}}'
    shown = masked(raw, "call")
    assert "2024561414" not in shown and "8885550123" not in shown


@pytest.mark.parametrize(
    "raw",
    [
        "c1,jane@home.org;seller@shop.example,victim;sender,text",
        "c1,more,jane@home.org;seller@shop.example,Victim;sender,I am jane@home.org",
        "c1,jane@home.org;seller@shop.example,sender;mentioned,text",
    ],
)
def test_addresses_of_a_row_are_masked(raw):
    shown = masked(raw, format="csv:complaint_id,emails,email_roles,narrative")
    assert "jane" not in shown and shown.startswith("c1,")


def test_a_row_without_text_stays_without():
    batch = pa.RecordBatch.from_pylist([rejects("x").to_pylist()[0] | {"raw": None}], REJECT)
    assert mask_rejects(batch, OWN)["raw"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('v,x,"[{""raw"":""2024561414"",""role"":""victim""}]"',
         'v,x,"[{""raw"":""##########"",""role"":""victim""}]"'),
        ('{"phone_numbers":[{"raw":[2024561414],"role":"victim"}]}',
         '{"phone_numbers":[{"raw":[##########],"role":"victim"}]}'),
        ('{"victim_id":"jane@home.org"}', '{"victim_id":"#############"}'),
        ('{"victim_id":"(202) 456-1414","x":"202-456-1414"}',
         '{"victim_id":"(###) ###-####","x":"###-###-####"}'),
        ('{"complaint_id":"jane@home.org"}', '{"complaint_id":"#############"}'),
        ('{"victim_phone":"2024561414"}', '{"victim_phone":"##########"}'),
        ('{"Customer_Email": "jane@home.org"}', '{"Customer_Email": "#############"}'),
        ('{"victim":{"phone":"2024561414"}}', '{"victim":{"phone":"##########"}}'),
        ('{"narrative":"gift card 6011 2345 6789 0123"}',
         '{"narrative":"gift card #### #### #### ####"}'),
    ],
)  # fmt: skip
def test_fields_named_as_the_victims_are_masked(raw, shown):
    assert masked(raw) == shown


@pytest.mark.parametrize(
    "raw",
    [
        '{"victim_id":"v-77","victim_country":"US","victim_region":"Texas"}',
        '{"narrative":"the victim: he called on 2024-05-06 at 10:30 for $4,500"}',
        '{"payments":[{"method":"gift card"},{"payee":"ACME"}]}',
    ],
)
def test_other_fields_stay(raw):
    assert masked(raw) == raw


def test_an_id_that_is_a_contact_is_masked_in_a_row_of_csv():
    raw = 'c1,amazon,jane@home.org,"he called"'
    assert masked(raw, code=Code.VICTIM_ID_IS_CONTACT) == raw.replace("jane@home.org", "#" * 13)


@pytest.mark.parametrize("name", ["202-456-1414", "shop-2024561414", "two0two4561414"])
def test_an_organisation_that_is_a_number_is_masked(name):
    shown = masked(f'{{"source_org":"{name}","narrative":"hi"}}', code=Code.ID_IS_CONTACT)
    assert shown.count("#") >= 7 and "1414" not in shown
    shown = masked(f"c1,{name},text", format="csv:complaint_id,source_org,narrative")
    assert shown.count("#") >= 7 and "1414" not in shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('c1,202-456-1414,"he said ""hi"", called",Jane Doe',
         'c#,###-###-####,"he said ""hi"", called",########'),
        ('c1,"2024561414","call me at 202.456.1414",',
         'c1,"##########","call me at ###.###.####",'),
        ('c1,,he called from 888-555-0123,"Doe, Jane"',
         'c1,,he called from ###-###-####,"#########"'),
        ("jane@home.org,,text,", "#############,,text,"),
        ("c1,extra,2024561414,text,Jane", "c1,#####,##########,####,####"),
        ("2024561414,text,Jane", "##########,####,####"),
        ('c1,"never closed, 2024561414,text,Jane', '##,"##################################'),
    ],
)  # fmt: skip
def test_columns_named_as_the_victims_are_masked(raw, shown):
    assert masked(raw, format="csv:complaint_id,victim_phone,narrative,Customer_Name") == shown


@pytest.mark.parametrize(
    ("raw", "header", "shown"),
    [
        ("text,202-456-1414", "csv:narrative,source_org", "text,###-###-####"),
        ("jane@home.org,victim", "csv:emails,email_roles", "#############,victim"),
        ("text,jane@home.org", "csv:narrative,victim_id", "text,#############"),
        ("text,Jane Doe", "csv:narrative,victim", "text,########"),
    ],
)
def test_a_single_column_that_names_a_victim_is_enough(raw, header, shown):
    assert masked(raw, format=header) == shown


@pytest.mark.parametrize(
    ("raw", "header"),
    [
        ("c1,Microsoft,text", "csv:complaint_id,caller,narrative"),
        ("c1,text,Microsoft,more", "csv:complaint_id,narrative,caller"),
        ("5,Jane", "ftc_dnc"),
    ],
)
def test_cells_of_other_columns_stay(raw, header):
    assert masked(raw, format=header) == raw


def stated(raw, kind):
    return stated_victim_numbers_in_rejects(rejects(raw, raw, kind=kind))["entity_id"].to_pylist()


def test_a_rejected_row_states_the_numbers_of_its_victim():
    """They are masked in all other records, too."""
    own, suspect = {"raw": VICTIM, "role": "victim"}, {"raw": "+18885550123", "role": "callback"}
    sides = f'"calling_number":"+18885550123","called_number":"{VICTIM}"'
    numbers = [f"phone:{VICTIM}"]
    assert stated(json.dumps({"phone_numbers": [own, suspect]}), "complaint") == numbers
    assert stated(json.dumps({"phone_numbers": [suspect]}), "complaint") == []
    assert stated(f'{{{sides},"direction":"inbound"', "call") == numbers
    assert stated(f"{{{sides}", "call") == []  # either may be the suspect's


def test_names_of_columns_are_masked_where_they_may_be_contacts():
    """The first row of a file without a header is taken for one."""
    header = "csv:C-1,(202) 456-1414,jane@home.org,Amazon"
    row = rejects("C-2,x,y,Amazon").to_pylist()[0] | {"format": header}
    batch = pa.RecordBatch.from_pylist([row, row | {"raw": None, "format": "jsonl"}], REJECT)
    shown = mask_rejects(batch, NOTHING)["format"].to_pylist()
    assert shown == ["csv:C-1,(###) ###-####,####@####.###,Amazon", "jsonl"]


@pytest.mark.parametrize(
    "card", ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005"]
)
@pytest.mark.parametrize(
    "row",
    [
        '{"complaint_id":"c","payments":[{"method":"card","payee":"%s"}]}',
        '{"complaint_id":"c","payments":[{"method":"zelle","payee":"SQ *ZQ %s CA"}]}',
        '{"complaint_id":"c","payments":[{"method":"upi","payee":"%s@ybl"}],',
        "c,amazon,2026-01-01,card,%s,12.00",
    ],
)
def test_a_card_as_payee_is_masked_in_a_rejected_row(row, card):
    assert mask_rejected_text(row % card, "complaint") == row % re.sub(r"\d", "#", card)
