"""Numbers of papers are masked in every text, and what only looks like one stays."""

import csv
import random
import re

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.made_up_records import read_complaints as complaints, withheld_from
from tests.support.real_data import real
from transforms.decode import find_by_row
from transforms.extract import complaint_mentions, sensitive_text
from transforms.extract.sensitive_text import paper_spans
from transforms.redact.records import redact_mentions
from transforms.victims.number_index import NO_NUMBERS

CARD, AADHAAR, NHS, SSN = "4111 1111 1111 1111", "2341 2341 2346", "943 476 5919", "536-90-4399"

PAPERS = [
    ("card ", CARD, ""),
    ("", "４１１１ １１１１ １１１１ １１１１", " was my card"),
    ("card ", "4111\xa01111\xa01111\xa01111", ", they"),
    ("card ", "4111 - 1111 - 1111 - 1111", "."),
    ("card ", "4111–1111–1111–1111", "."),
    ("card ", "4111.1111.1111.1111", ""),
    ("card ", "&#52;&#49;&#49;1%201111%201111%201111", ""),
    ("my card number, he kept me talking, is ", "4222 2222 2222 2", ""),
    ("rupay ", "6521 1111 1111 1110", ""),
    ("he has my social security number ", "536 90 4399", ""),
    ("", "536904399", " is my SSN"),
    ("", "５３６–９０–４３９９", ""),
    ("Aadhaar number: ", AADHAAR, " and"),
    ("my adhaar card for the refund, as he asked, ", "234123412346", ""),
    ("", AADHAAR, " is my Aadhaar"),
    ("PAN: ", "abcde1234f", ""),
    ("he wrote ", "ABCPE1234F", " down"),
    ("NHS no. ", NHS, ""),
    ("my health insurance number ", "9434765919", ""),
    ("passport number is ", "X1234567", ""),
    ("Reisepassnummer ", "C01X00T47", ""),
    ("pasaporte: ", "123456789", ""),
    ("", "P<GBRSMITH<<JANE<<<<<<<<<<<<<<<<<<<<<<<<<<<<", ""),
    ("", "5334755143GBR8812049F2509286<<<<<<<<<<<<<<04", ""),
    ("driver's license ", "D1234567", ", my"),
    ("driving licence ", "MH12 20110012345", ""),
    ("I sent ", "MORGA657054SM9IJ", ""),
    ("the OTP was ", "482913", ""),
    ("one-time code ", "482 913", " to him"),
    ("código de seguridad ", "48291", ""),
    ("CVV ", "123", ""),
    ("my pin is ", "4821", ""),
    ("passcode ", "482-913-07", ""),
    ("DOB: ", "03/04/1950", ""),
    ("I was born on ", "March 3, 1950", ""),
    ("Fecha de nacimiento ", "3 de marzo de 1950", ""),
    ("geboren am ", "3. März 1950", ""),
    ("ich bin am ", "03.04.1950", " geboren"),
    ("nací el ", "3/4/1950", ""),
    ("my dob ", "03041950", ""),
    ("card ", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", ""),
    ("", "41 11 11 11 11 11 11 11", ""),
    ("", "4111\u200b1111\u200b1111\u200b1111", ""),
    ("amex ", "3782 8224 6310 005", ""),
    ("my card is ", "(4111) 1111,\n1111 * 1111", ""),
    ("https://evil-help.com/pay/", "4111.1111.1111.1111", "/x"),
    ("https://evil-help.com/?c=", "4111+1111+1111+1111", "&x"),
    ("my socail securty number is ", "536 90 4399", ""),
    ("my sin is ", "130 692 544", ""),
    ("mon NAS est le ", "130-692-544", ""),
    ("numéro d'assurance sociale ", "130692544", ""),
    ("ni number ", "AB-12-34-56-C", ""),
    ("I read out ", "ab123456c", ""),
    ("Mi DNI es ", "12.345.678-Z", ""),
    ("les dicté ", "12345678Z", ""),
    ("mi nie ", "x1234567l", ""),
    ("Meine Steuer-ID ist ", "36 574 261 809", ""),
    ("Steuernummer ", "181/815/08155", ""),
    ("Personalausweis Nr. ", "L01X00T47", ""),
    ("my tax file number ", "123 456 782", ""),
    ("my TFN ", "123 456 782", ""),
    ("Medicare number ", "2123 45670 1", ""),
    ("my medicare is ", "1eg4-te5-mk73", ""),
    ("my IMEI: ", "49 015420 323751 8", ""),
    ("passport ", "X12 345 678", ""),
    ("mon passeport est ", "12AB34567", ""),
    ("my license is ", "D1234567", ""),
    ("carnet de conducir ", "12345678Z", ""),
    ("I read him the code ", "482913", ""),
    ("le di el código que llegó, ", "482 913", ""),
    ("NIP est ", "4829", ""),
    ("Geheimzahl: ", "4829", ""),
    ("my password is ", "Buster1950!", ""),
    ("password: ", "sunflower", " he said"),
    ("mein Kennwort lautet ", "Kater99", ""),
    ("laptop serial number ", "5CD-1234XYZ", ""),
    ("Seriennummer ", "5CD1234XYZ", ""),
    ("he saw my IP address ", "86.12.3.44", ""),
    ("meine IP-Adresse ist ", "2a02:8108:0:1::5", ""),
    ("my BSB is 062-000 and account ", "12345678", ""),
]
"""Text before, the number, and text after."""

OTHERS = [
    "AnyDesk 943 476 5919",
    "AnyDesk ID 1234 567 897",
    "he asked for my passport and opened AnyDesk 123 456 789",
    "after the NHS text he said AnyDesk 943 476 5919",
    "social security, he said, call 9434765919",
    "order 112-3456789-1234567",
    "order number 234123412346",
    "case 9434765919",
    "tracking 9400 1000 0000 0000 0000 00",
    "tracking number 1Z999AA10123456784",
    "FedEx 123456789012",
    "call 943-476-5919 or +1 943 476 5919",
    "to ES90 2414 4758 9947 2906 8253",
    "bank account 234123412346, IFSC HDFC0001234",
    "wallet bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "upi abcpe1234f@ybl",
    "on 03/04/2024 they called",
    "pan 12345, health plans from 943-476-5919",
    "use code 482 at checkout",
    "zip code 90210, area code 2124, error code 80041",
    "the AnyDesk code 123 456 789",
    "SMS code: 943 476 5919",
    "access code and call 943-476-5919",
    "Medicare called from 415-555-0123, then 4155550123",
    "no es nadie y sin 130 692 544",
    "niemand rief 0151 23456789 an, Steuerberater 089 36574261809",
    "their IP address 86.12.3.44, my vip 86.12.3.44",
    "order 12345678A",
    "TFN 900 006 340, then evil.example/?tfn=123-456-782",
    "to BSB 062-000 and account 12345678",
    "my password was stolen, call 943-476-5919",
    "passport control 943 476 5919",
    "passport services 1-800-555-0199",
]


def shown(*texts, field="narrative"):
    kept = withheld_from(*({field: text} for text in texts))
    return kept[field].to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize(("before", "paper", "behind"), PAPERS)
def test_a_paper_is_masked_at_its_length(before, paper, behind):
    (kept,) = shown(before + paper + behind)
    assert kept.startswith(before) and kept.endswith(behind)
    masked = kept[len(before) : len(kept) - len(behind)]
    assert len(masked) == len(paper) and not any(map(str.isalnum, masked))


@pytest.mark.slow
@pytest.mark.parametrize("text", OTHERS)
def test_what_only_looks_like_a_paper_stays(text):
    assert shown(text) == [text]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("claimed_brand", f"Amazon {CARD}"),
        ("victim_region", f"SSN {SSN}"),
        ("urls", [f"https://evil-help.com/?c={CARD.replace(' ', '')}"]),
        ("payments", [{"method": "bank", "payee": f"card {CARD}"}]),
        ("phone_numbers", [{"raw": SSN, "role": "mentioned"}]),
    ],
)
def test_papers_are_masked_in_every_text(field, value):
    (kept,) = shown(value, field=field)
    assert not re.search("4111|536", str(kept)), kept


def test_a_paper_is_no_mention_and_in_none():
    text = (
        f"my NHS number is {NHS} and my Aadhaar 9198 7654 3219; he has AnyDesk 123 456 789, "
        "https://evil-help.com/pay?card=4111111111111111"
    )
    batch = complaints({"narrative": text, "victim_country": "US"})
    mentions = complaint_mentions(batch).to_pylist()
    assert {mention["kind"] for mention in mentions} == {"remote", "domain"}
    from transforms.extract.evidence import complaint_evidence

    raw = redact_mentions(complaint_evidence(batch), NO_NUMBERS)["raw"].to_pylist()
    assert not [written for written in raw if "4111" in written]


NUMBERS = st.lists(st.sampled_from("0123456789 -.９&#52;%20").map(str), max_size=24).map("".join)

WORDS = st.sampled_from(
    "my card Aadhaar NHS number passport no. SSN social OTP is PAN DOB: born on driving licence"
    " code pin verification ABCPE1234F March 3, 1950 né le is my sin NAS DNI nie 12345678Z"
    " Steuer-ID ausweis L01X00T47 tax file medicare 1EG4TE5MK73 imei reisepass passeport password:"
    " serial IP BSB account transit Geheimzahl clave es código AB123456C X1234567L soc security"
    " bin am geb 41 , *".split()
)


@given(st.lists(st.one_of(NUMBERS, WORDS, st.sampled_from([CARD, AADHAAR, NHS])), max_size=9))
def test_the_hint_matches_every_text_with_a_paper(words):
    text = " ".join(words)
    spans = list(sensitive_text.paper_spans(text))
    assert all(0 <= start < end <= len(text) for start, end, _ in spans)
    hinted = find_by_row(pa.array([text]), sensitive_text.PAPER_HINTS, lambda _: [1])
    assert hinted or not spans


LUCKY = [
    "Any Desk ID {:09d}",
    "AnyDesk {:010d}",
    "TeamViewer session {:09d}",
    "order 112-{:07d}-1234567",
    "order number {:012d}",
    "case {:010d}",
    "tracking {:012d}",
    "call 1-800-{:07d}",
    "account {:012d}",
]


@pytest.mark.parametrize("form", LUCKY)
def test_no_number_of_others_is_lost_to_luck(form):
    drawn = random.Random(7)
    size = int(re.search(r"0(\d+)d", form)[1])
    texts = [
        f"He said {form.format(drawn.randrange(10 ** (size - 1), 10**size))} to me"
        for _ in range(500)
    ]
    assert shown(*texts) == texts


@pytest.mark.real
def test_no_transcript_of_the_ftc_has_a_paper():
    path = real("robocall_transcripts/transcripts.csv")
    with path.open(encoding="utf-8") as file:
        texts = [text for row in csv.DictReader(file) for text in row.values() if text]
    assert not find_by_row(pa.array(texts), sensitive_text.PAPER_HINTS, sensitive_text.paper_spans)


def test_a_number_in_the_path_of_a_link_is_no_paper():
    text = "They sold me a gift card and I opened https://form.jotform.com/243067027834874 then"
    assert [*paper_spans(text)] == []


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("jane.roe@gmail.com.eml", "####.###@#####.###.###"),
        ("Roe +1 (212) 555-0147.pdf", "Roe +# (###) ###-####.pdf"),
        ("scan_2125550147_4111111111111111.csv", "scan_##########_################.csv"),
        ("complaints-2024-03-01.jsonl.gz", None),
        ("calls_20240301T101500Z.csv", None),
        ("export 2024-03-01 10-15-00 part-00012.parquet", None),
        ("part-0000000012.csv", None),
        ("Fraud report of Jane Roe (2024-03-01).eml", "##### ###### ## #### ### (2024-03-01).eml"),
        ("jane.roe.mbox.gz", "####.###.mbox.gz"),
        ("Zoë Müller.EML", "### ######.EML"),
    ],
)
def test_numbers_and_addresses_in_names_of_files_are_masked(name, masked):
    shown_as = sensitive_text.mask_file_name(name)
    assert re.sub(r"\W", "", shown_as) == re.sub(r"\W", "", masked or name)
    assert len(shown_as) == len(name)
