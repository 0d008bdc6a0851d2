"""Kept records contain no victim's number, whichever record states it."""

import numpy as np
import pyarrow as pa
import pytest

from schemas.call import CALL
from schemas.complaint import COMPLAINT
from tests.support.made_up_records import number, read_calls as calls, read_complaints as complaints
from transforms.graph.entities import WITHHELD
from transforms.redact.records import redact_calls, redact_complaints
from transforms.victims.number_index import hash_dial_formats

VICTIM, SUSPECT = "+12024561414", "+18882223344"

NOTHING = np.empty(0, np.int64)


def withheld(*records):
    rows = [
        {
            "source_org": "amazon",
            "record_kind": "call" if record.startswith("k") else "complaint",
            "record_id": record,
            "entity_id": f"phone:{VICTIM}",
        }
        for record in records
    ]
    return pa.Table.from_pylist(rows, WITHHELD)


OWN = hash_dial_formats(withheld("c0").to_batches()[0])


def kept(batch, hidden, own=NOTHING):
    keep = redact_calls if "call_id" in batch.schema.names else redact_complaints
    (table,) = keep(pa.Table.from_batches([batch]), hidden, own)
    assert table.schema.equals(CALL if keep is redact_calls else COMPLAINT)
    return table.to_pylist()


def digits_of(rows):
    return "".join(c for c in repr(rows) if c.isdigit())


def test_withheld_identifiers_are_masked():
    batch = complaints(
        {"phone_numbers": [number("202-456-1414", "caller_id"), number(SUSPECT, "callback")]},
        {"narrative": "I saw 202.456.1414 and 888-222-3344"},
    )
    first, second = kept(batch, withheld("c0", "c1"))
    assert [phone_number["raw"] for phone_number in first["phone_numbers"]] == [SUSPECT]
    assert first["numbers_withheld"] == 1
    assert second["narrative"] == "I saw ###.###.#### and 888-222-3344"


FIELDS = [
    {"victim_region": "202 456 1414"},
    {"language": VICTIM},
    {"victim_id": "2024561414"},
    {"narrative": "call 001 202 456-1414 or"},
    {"urls": ["https://evil.example/12024561414"]},
    {"emails": ["2024561414@sms.example"]},
    {"remote_access": [{"tool": "anydesk", "id": "2024561414"}]},
    {"payments": [{"method": "zelle", "payee": "(202) 456-1414"}]},
    {"phone_numbers": [number("tel:2024561414,,9", "mentioned")]},
]


@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: next(iter(fields)))
def test_another_records_victim_is_masked_in_every_field(fields):
    rows = kept(complaints(fields), withheld(), OWN)
    assert "2024561414" not in digits_of(rows)
    assert "2024561414" in digits_of(kept(complaints(fields), withheld(), NOTHING))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Amazon. Call me, (202) 456-1414", "Amazon. Call me, (###) ###-####"),
        ("Amazon jane@home.org", "Amazon ####@####.###"),
        ("Amazon 365 on 2024-03-01", "Amazon 365 on 2024-03-01"),
    ],
)
def test_a_brand_holds_no_number_and_no_address(said, shown):
    (row,) = kept(complaints({"claimed_brand": said}), withheld())
    assert row["claimed_brand"] == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("jane@home.org", "####@####.###"),
        ("jane@home", "####@####"),
        ("jane at home,org", "#### ## ####,###"),
        ("j\u00fcrgen@home.org", "######@####.###"),
        ("Jane Roe <jane@home.org>", "#### ### <####@####.###>"),
    ],
)
def test_an_address_that_is_stated_as_the_victims_is_masked_whether_read_or_not(written, shown):
    emails = ["refund@evil.example", written, None, "billing@evil.example"]
    roles = ["sender", "victim", "victim", None]
    first, second = kept(
        complaints({"emails": emails, "email_roles": roles}, {"emails": emails}), withheld()
    )
    assert first["emails"] == [emails[0], shown, None, emails[3]]
    assert second["emails"] == emails


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ("jane.roe@gmail.con", "jane.roe@gmail.con"),
        ("janeroe@home", "JaneRoe @ home"),
        ("janeroe@home.local", "janeroe(at)home.local"),
        ("j\u00fcrgen@home.org", "j\u00fcrgen@home.org"),
        ("Jane Roe <janeroe@home.local>", "janeroe@home.local"),
        ("mailto:janeroe@home.local", "janeroe%40home.local"),
    ],
)
def test_a_stated_address_that_nothing_reads_is_masked_wherever_it_stands(stated, written):
    row = {
        "emails": [stated],
        "email_roles": ["victim"],
        "narrative": f"They wrote to {written} and left",
        "phone_numbers": [number(written, "mentioned")],
        "payments": [{"method": "paypal", "payee": written}],
    }
    stranger = row | {"emails": ["refund@home.org"], "email_roles": ["victim"]}
    first, second = kept(complaints(row, stranger), withheld())
    letters = "".join(c for c in written.lower() if c.isalpha())
    assert letters[:4] not in repr(first).lower()
    assert first["narrative"].startswith("They wrote to ")
    assert first["narrative"].endswith(" and left")
    assert second["narrative"] == row["narrative"]


@pytest.mark.parametrize("payee", ["²¹²³¹²²⁵⁴⁸", "①②③④⑤⑥⑦⑧⑨", "𝟐𝟏𝟐𝟑𝟏𝟐𝟐𝟓𝟒𝟖"])
def test_an_account_of_digits_of_another_kind_is_masked(payee):
    """A superscript is a digit and no decimal: one such account ended the run."""
    hidden = withheld("c0").set_column(
        WITHHELD.get_field_index("entity_id"), "entity_id", pa.array([f"account:paypal:{payee}"])
    )
    batch = complaints({"narrative": f"sent to {payee} twice"})
    (row,) = kept(batch, hidden.cast(WITHHELD))
    assert row["narrative"] == f"sent to {'#' * len(payee)} twice"


def test_a_spoofed_victims_number_is_no_suspect():
    batch = calls({"direction": "inbound", "calling_number": VICTIM, "called_number": SUSPECT})
    (row,) = kept(batch, withheld("k0"))
    assert (row["suspect_number"], row["suspect_role"]) == (None, "caller_id")
    assert "8882223344" not in digits_of([row])


@pytest.mark.parametrize("name", ["trunk", "carrier", "orig_id", "victim_id", "complaint_id"])
def test_victims_are_masked_in_signalling_fields(name):
    batch = calls({"direction": "inbound", "calling_number": SUSPECT, name: f"x-{VICTIM[1:]}-y"})
    (row,) = kept(batch, withheld(), OWN)
    assert "2024561414" not in digits_of([row])
    assert row["suspect_number"] == SUSPECT


@pytest.mark.parametrize("direction", ["inbound", "outbound", None])
def test_signalling_is_kept_where_the_suspect_called(direction):
    """The address and the carrier of who called are the victim's where the victim did."""
    signalling = {"orig_id": "o1", "carrier": "Home Tel", "trunk": "t1", "source_ip": "192.0.2.7"}
    (row,) = kept(calls({"direction": direction} | signalling), withheld())
    shown = {name: row[name] for name in signalling}
    assert shown == (signalling if direction == "inbound" else dict.fromkeys(signalling))


def test_records_of_the_other_kind_with_the_same_id_are_not_confused():
    batch = complaints({"complaint_id": "k0", "phone_numbers": [number(VICTIM, "caller_id")]})
    (row,) = kept(batch, withheld("k0"))
    assert [each["raw"] for each in row["phone_numbers"]] == [VICTIM]


def test_a_record_that_is_there_twice_hides_it_both_times():
    batch = complaints(*[{"complaint_id": "c0", "urls": [f"https://x.example/{VICTIM}"]}] * 2)
    for row in kept(batch, withheld("c1", "c0")):
        assert "2024561414" not in digits_of([row])


def test_nothing_in_nothing_out():
    assert list(redact_complaints(complaints().schema.empty_table(), withheld(), NOTHING)) == []
