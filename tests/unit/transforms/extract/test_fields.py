"""Records to mentions."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from tests.support.made_up_evidence import mentions_of
from tests.support.made_up_records import RECEIVED, calls, complaints, number
from transforms.extract import fields
from transforms.extract.evidence import call_evidence, complaint_evidence
from transforms.extract.fields import MENTION_DRAFT, call_mentions, complaint_mentions
from transforms.victims import identifier_matcher


def unread_counts(batch):
    return fields.count_unreadable_numbers(identifier_matcher.complaint_numbers(batch), len(batch))


def seen(*records: dict) -> list[tuple[str, str, str]]:
    rows = complaint_mentions(complaints(*records)).to_pylist()
    return [(r["entity_id"], r["role"], r["field"]) for r in rows]


def roles(*records: dict, named: str = "") -> list[str]:
    """The roles of an identifier, or of all."""
    return [role for entity_id, role, _ in seen(*records) if named in entity_id]


A, B, C = "888-555-0123", "888-555-0124", "415-666-7777"

ID_A, ID_B, ID_C = "phone:+18885550123", "phone:+18885550124", "phone:+14156667777"


def test_every_field_is_named_and_sliced():
    narrative = f"Ü They said call {A}. Go to hxxps://evil[.]support/x"
    record = {
        "narrative": narrative,
        "phone_numbers": [number("x"), number(f" ({B[:3]}) {B[4:]}", "callback")],
        "urls": ["evil.support", None, f"tel:{C}"],
        "emails": ["Help@Evil.support", "x@gmail.com"],
        "remote_access": [{"tool": "AnyDesk", "id": "123 456 789"}],
        "payments": [{"method": "upi", "payee": "xy@ybl", "amount": None, "currency": None}],
    }
    batch = complaints(record)
    table = complaint_mentions(batch)
    assert table.schema == MENTION_DRAFT.append(pa.field("entity_id", pa.string()))
    table.validate(full=True)
    assert seen(record) == [
        (ID_B, "callback", "phone_numbers[1]"),
        ("domain:evil.support", "lure_site", "urls[0]"),
        ("domain:evil.support", "lure_site", "narrative"),
        (ID_C, "callback", "urls[2]"),
        ("email:help@evil.support", "caller_id", "emails[0]"),
        ("email:x@gmail.com", "sender", "emails[1]"),
        ("remote:anydesk:123456789", "operator", "remote_access[0].id"),
        ("account:upi:xy@ybl", "payee", "payments[0].payee"),
        (ID_A, "callback", "narrative"),
    ]
    for row in table.to_pylist():
        if row["field"] == "narrative":
            assert narrative[row["start"] : row["end"]] == row["raw"]
    assert unread_counts(batch).to_pylist() == [1]


def test_the_victims_number_anywhere_is_the_victims_everywhere():
    called = [number(A, "callback")]
    records = [
        {"narrative": f"call {A}", "phone_numbers": [*called, number(A, "victim")]},
        {"narrative": f"call {A}", "phone_numbers": called},
        {"narrative": f"my number is {A}", "phone_numbers": called},
    ]
    assert roles(*records) == ["victim"] * 3 + ["callback"] * 2 + ["victim"] * 2


def test_what_is_named_by_the_victims_number_is_the_victims():
    digits = C.replace("-", "")
    record = {
        "phone_numbers": [number(C, "victim")],
        "emails": [f"{digits}@txt.example.com"],
        "payments": [{"method": "cashapp", "payee": f"$u{digits}"}],
    }
    assert set(roles(record)) == {"victim"}


def test_an_unread_number_of_the_victim_counts_too():
    assert seen(
        {"phone_numbers": [number("4156667", "victim")], "emails": ["4156667@x.example.com"]}
    ) == [("email:4156667@x.example.com", "victim", "emails[0]")]


def test_a_narrative_number_takes_its_fields_role():
    assert roles(
        {"narrative": f"I was told to call {A}", "phone_numbers": [number(A, "caller_id")]}
    ) == ["caller_id", "caller_id"]


@pytest.mark.parametrize(
    "words",
    [
        "They called me from {0}. They told me to call {0} back.",
        "They told me to call {0} back. They called me from {0}.",
    ],
)
def test_a_number_that_called_and_is_to_be_called_is_a_callback_in_any_order(words):
    assert seen({"narrative": words.format(A)}) == [(ID_A, "callback", "narrative")] * 2


def test_a_number_of_a_narrative_keeps_its_less_plausible_reading():
    told = {"narrative": "They told me to call 1-800-642-7676.", "victim_country": "DE"}
    (mention,) = complaint_mentions(complaints(told)).to_pylist()
    assert (mention["entity_id"], mention["role"]) == ("phone:+18006427676", "callback")
    assert mention["also_read_as"] == "+4918006427676"
    assert mention["confidence"] < 0.5


def test_a_number_said_to_be_genuine_is_no_callback():
    told = f"call {A}. Later I saw that the real Amazon number is {A}"
    assert roles({"narrative": told}) == ["mentioned", "mentioned"]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("They told me to call {}.", "callback"),
        ("I called {} back.", "callback"),
        ("The IRS called me, so I called my bank at {}.", "mentioned"),
        ("I checked with the real company at {}, there was no such order.", "mentioned"),
        ("I called {} back and an old lady answered, she had no idea.", "mentioned"),
    ],
)
def test_a_number_said_to_be_genuine_is_mentioned_although_a_field_calls_it_back(text, role):
    record = {"narrative": text.format(A), "phone_numbers": [number(A, "callback")]}
    assert set(roles(record)) == {role}


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("I was told to call {}. Rang {} and got some tradie.", "mentioned"),
        ("A text asked me to phone {} about a warrant, I've spoken to Nationwide on {}.",
         "mentioned"),
        ("To call: {}.\nMissed call {}", "mentioned"),
        ("They told me to call {} or {}.", "callback"),
        ("They told me to call {}, or later {}.", "callback"),
        ("They told me to call {}. Then they told me to call {}.", "callback"),
    ],
)  # fmt: skip
def test_words_before_another_identifier_make_no_suspects(text, second):
    read = {entity_id: role for entity_id, role, _ in seen({"narrative": text.format(A, B)})}
    assert read == {ID_A: "callback", ID_B: second}


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("They sent me to {}.", "lure_site"),
        ("The form was full of mistakes.", "lure_site"),
        ("I looked the number up on {} and others had reported it.", "mentioned"),
        ("I had ordered a toaster from {} the week before.", "mentioned"),
        ("Auf {} wird vor dieser Masche gewarnt.", "mentioned"),
        ("Había comprado en {} la semana anterior.", "mentioned"),
        ('He said "it will be taken from your card." We found {} which describes the same scam.',
         "mentioned"),
    ],
)  # fmt: skip
def test_a_site_that_the_victim_cites_is_mentioned_although_a_field_has_it(text, role):
    link = "https://harborview-gazette.com/news"
    assert set(roles({"narrative": text.format(link), "urls": [link]})) == {role}


def test_what_is_introduced_ends_with_its_quotation():
    text = f'The voicemail said: "my number is {A}, call today". My number is {C}.'
    assert [mention[:2] for mention in seen({"narrative": text})] == [
        (ID_A, "callback"),
        (ID_C, "victim"),
    ]


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("The message read: to cancel call us. My number is {}.", "mentioned"),
        ("The message read: my number is {}.", "callback"),
        ('The message read: "Hello. My number is {}."', "callback"),
        ("I wrote it down.\nAgent: Hello there. My number is {}.", "callback"),
    ],
)
def test_what_may_be_the_victims_words_again_is_mentioned(text, role):
    assert roles({"narrative": text.format(C)}, named=ID_C) == [role]
    assert roles({"narrative": text.format(A)}, named=ID_A) == ["callback"]


def test_a_name_in_a_link_says_nothing_of_its_number():
    text = "They sent me to https://refund-desk.help/pay?phone=+18885550123 and I paid."
    read = {entity_id: role for entity_id, role, _ in seen({"narrative": text})}
    assert read == {"domain:refund-desk.help": "lure_site", ID_A: "callback"}


@pytest.mark.parametrize(
    "words",
    ["The pop-up sent me to {}", "I got a text with this link {}", "The text said: pay here {}",
     "Please contact {}", "The caller told me to download it from {}", "Me mandaron a {}",
     "Sie haben mich angerufen und auf {} geschickt"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["id", "order", "phone", "utm_campaign"])
def test_words_beside_a_link_say_nothing_of_bare_digits_in_it(words, key):
    text = words.format(f"https://refund-desk.help/pay?{key}={C.replace('-', '')}")
    assert (ID_C, "mentioned", "narrative") in seen({"narrative": text})


@pytest.mark.parametrize(
    ("words", "role"),
    [
        (f"The pop-up told me to call {C}.", "callback"),
        (f"They called me from {C}.", "caller_id"),
        (f"My own number is {C}.", "victim"),
        ("It would not close.", "mentioned"),
    ],
)
def test_bare_digits_of_a_link_are_whose_the_words_say(words, role):
    link = f"https://refund-desk.help/?phone={C.replace('-', '')}"
    assert set(roles({"narrative": words, "urls": [link]}, named=ID_C)) == {role}


LOOKED_UP = f"https://who-was-that.info/n/{C}"


@pytest.mark.parametrize(
    ("record", "role"),
    [
        ({"narrative": f"I looked the number up on {LOOKED_UP} and others had too."}, "mentioned"),
        ({"narrative": f"I looked it up on {LOOKED_UP}.", "urls": [LOOKED_UP]}, "mentioned"),
        ({"narrative": f"They called me from {C}.", "urls": [LOOKED_UP]}, "caller_id"),
        ({"phone_numbers": [number(C, "caller_id")], "urls": [LOOKED_UP]}, "caller_id"),
        ({"narrative": f"They called from {C} and told me to open {LOOKED_UP}."}, "caller_id"),
        ({"phone_numbers": [number(C, "callback")], "urls": [LOOKED_UP]}, "callback"),
        ({"narrative": "The screen was locked.", "urls": [LOOKED_UP]}, "callback"),
    ],
)
def test_a_page_that_a_callers_number_was_looked_up_on_does_not_want_it_called(record, role):
    assert set(roles(record, named=ID_C)) == {role}


def test_a_toll_free_line_in_a_lures_link_is_called_though_it_also_rang():
    record = {"phone_numbers": [number(A, "caller_id")], "urls": [f"https://evil.support/?n={A}"]}
    assert roles(record, named=ID_A) == ["caller_id", "callback"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("They said I had to reply to {}.", ["sender", "sender"]),
        ("It came from {}.", ["caller_id", "caller_id"]),
        ("My own address is {}.", ["victim", "victim"]),
    ],
)
def test_an_address_to_reply_to_is_the_senders_whatever_its_from_shows(words, expected):
    address = "alerts@bankofthewest.com"
    assert roles({"narrative": words.format(address, address), "emails": [address]}) == expected


def test_several_numbers_in_one_field():
    batch = complaints({"phone_numbers": [number(f"{A} / {B}", "callback")]})
    table = complaint_mentions(batch).to_pylist()
    assert [(r["entity_id"], r["raw"], r["role"]) for r in table] == [
        (ID_A, A, "callback"),
        (ID_B, B, "callback"),
    ]
    assert unread_counts(batch).to_pylist() == [0]


def test_a_session_id_is_not_also_a_phone():
    assert seen({"narrative": "AnyDesk ID 888 555 0123"}) == [
        ("remote:anydesk:8885550123", "mentioned", "narrative")
    ]


def test_the_domain_of_an_address_is_not_also_a_site():
    assert seen({"narrative": "The e-mail came from care[at]yahoo.com."}) == [
        ("email:care@yahoo.com", "sender", "narrative")
    ]


@pytest.mark.parametrize(
    ("occurred", "observed"),
    [
        (None, RECEIVED),
        (RECEIVED - timedelta(days=2), RECEIVED - timedelta(days=2)),
        (RECEIVED + timedelta(days=2), RECEIVED),
    ],
)
def test_when_it_was_observed(occurred, observed):
    batch = complaints({"occurred_at": occurred, "phone_numbers": [number(A, "callback")]})
    assert complaint_evidence(batch)["observed_at"].to_pylist() == [observed]


def test_group_and_victim_keys():
    table = complaint_evidence(
        complaints(
            {"victim_id": "v1", "phone_numbers": [number(A)]}, {"phone_numbers": [number(A)]}
        )
    )
    assert table["group_id"].to_pylist() == ["amazon|c0", "amazon|c1"]
    assert table["victim_key"].to_pylist() == ["amazon|v1", None]
    assert mentions_of(table)["role"].to_pylist() == ["mentioned"] * 2


def test_transcripts_are_the_suspects_words():
    words = {"narrative_by": "suspect", "narrative": f"My direct phone number is {A}"}
    assert seen(words) == [(ID_A, "callback", "narrative")]
    assert seen({"narrative": words["narrative"]}) == [(ID_A, "victim", "narrative")]


def test_a_slice_gives_the_mentions_of_its_rows():
    batch = complaints(
        {"phone_numbers": [number(A)]},
        {"phone_numbers": None, "narrative": f"call {B}"},
        {"phone_numbers": [number("x"), number(C)], "urls": ["a.com"]},
    )
    whole = complaint_mentions(batch)
    part = complaint_mentions(batch.slice(1))
    assert [mention | {"row": mention["row"] + 1} for mention in part.to_pylist()] == [
        mention for mention in whole.to_pylist() if mention["row"]
    ]
    assert len(complaint_mentions(batch.slice(3))) == 0
    assert unread_counts(batch.slice(1)).to_pylist() == [0, 1]


def test_calls_by_direction():
    sides = {"calling_number": A, "called_number": C}
    batch = calls(
        {**sides, "direction": "inbound", "complaint_id": "c9"},
        {"calling_number": C, "called_number": A, "direction": "outbound"},
        sides,
        {"calling_number": A, "called_number": A, "direction": "inbound"},
    )
    rows = mentions_of(call_evidence(batch)).to_pylist()
    assert [(r["entity_id"], r["role"], r["field"], r["group_id"]) for r in rows] == [
        (ID_A, "caller_id", "calling_number", "amazon|c9"),
        (ID_C, "victim", "called_number", "amazon|c9"),
        (ID_C, "victim", "calling_number", "amazon|call|k1"),
        (ID_A, "callback", "called_number", "amazon|call|k1"),
        (ID_A, "victim", "calling_number", "amazon|call|k3"),
        (ID_A, "victim", "called_number", "amazon|call|k3"),
    ]


def test_signalling():
    batch = calls(
        {
            "direction": "inbound",
            "orig_id": "DEADBEEF-1",
            "carrier": "Foo Tel, Inc.",
            "trunk": "TG 7",
            "source_ip": "2001:DB8:0::1",
        },
        {"source_ip": "10.0.0.1", "trunk": f"sip-{C}", "called_number": C, "direction": "inbound"},
    )
    rows = call_mentions(batch).to_pylist()
    assert [(r["entity_id"], r["role"]) for r in rows] == [
        ("orig_id:deadbeef-1", "signalling"),
        ("carrier:foo-tel-inc", "signalling"),
        ("trunk:amazon:tg-7", "signalling"),
        ("ip:2001:db8::1", "signalling"),
        (ID_C, "victim"),
        (f"trunk:amazon:sip-{C}", "victim"),
    ]


@pytest.mark.parametrize("direction", ["outbound", None])
def test_signalling_of_a_call_that_the_suspect_may_not_have_made_is_the_victims(direction):
    signalling = {"orig_id": "o1", "carrier": "Home Tel", "trunk": "t1", "source_ip": "192.0.2.7"}
    batch = calls({"direction": direction, "calling_number": C, "called_number": A} | signalling)
    shown = [r["entity_id"] for r in call_mentions(batch).to_pylist() if r["role"] != "victim"]
    assert shown == ([ID_A] if direction else [])


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("I bought it with jane@gmail.com on amazon", "mentioned"),
        ("Sincerely, Jane Doe, jane@gmail.com", "victim"),
        ("Jane Doe, jane_doe at mail dot comcast dot net", "mentioned"),
        ("I got an invoice, jane@gmail.com, for 399 dollars", "mentioned"),
        ("The email was received by jane@gmail.com", "victim"),
        ("The e-mail came from jane@gmail.com", "sender"),
        ("Me escribieron desde jane@gmail.com", "sender"),
        ("Geschrieben hat mir jane@gmail.com", "sender"),
        ("Le courriel venait de jane@gmail.com", "sender"),
        ("The man gave his address, they used jane@gmail.com", "sender"),
        ("I got an invoice, billing@refund-desk.help, for 399 dollars", "mentioned"),
        ("It came from billing@refund-desk.help", "caller_id"),
        ("It came from billing@amazon-refund.help", "sender"),
        ("I had to reply to billing@refund-desk.help", "sender"),
        ("They told me to answer at jane@gmail.com", "sender"),
        (
            "The text read: call to cancel. I feel so stupid. Reply to my email jane@gmail.com",
            "victim",
        ),
    ],
)
def test_a_mailbox_that_anybody_may_have_is_a_senders_only_where_that_is_said(text, role):
    assert roles({"narrative": text}) == [role]


@pytest.mark.parametrize(
    ("method", "payee", "role"),
    [
        ("bank", "my account number 10575321529", "victim"),
        ("bank", "from mi cuenta 10575321529", "victim"),
        ("bank", "meine IBAN DE89370400440532013000", "victim"),
        ("zelle", "my phone (202) 456-2131", "victim"),
        ("bank", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "victim"),
        ("bank", "４１１１/１１１１/１１１１/１１１１", "victim"),
        ("card", "3782 8224 6310 005", "victim"),
        ("paypal", "4111.1111.1111.1111", "victim"),
        ("zelle", "+1 202-456-2131", "payee"),
        ("bank", "DNI 12345678Z", "victim"),
        ("bank", "from my account to 10575321529", "payee"),
        ("bank", "account number 10575321529", "payee"),
        ("bank", "MyBank 10575321529", "payee"),
        ("paypal", "refund.desk.2024", "payee"),
    ],
)
def test_a_payee_that_is_a_card_a_paper_or_called_ones_own_is_the_victims(method, payee, role):
    paid = {"method": method, "payee": payee}
    assert roles({"payments": [paid], "victim_country": "US"}) == [role]


@pytest.mark.parametrize(
    ("told", "role"),
    [
        ("They took it from my account 10575321529.", "victim"),
        ("Sie nahmen es von meinem Konto Nr. 1057 5321 529", "victim"),
        ("I paid from my account to 10575321529.", "payee"),
        ("I paid into 10575321529.", "payee"),
        ("My account 105753215299 is empty.", "payee"),
    ],
)
def test_a_payee_that_the_victim_calls_their_own_is_theirs(told, role):
    paid = {"method": "bank", "payee": "10575321529"}
    assert seen({"narrative": told, "payments": [paid]}) == [
        ("account:bank:10575321529", role, "payments[0].payee")
    ]
