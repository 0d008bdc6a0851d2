"""No spelling of a victim's number survives."""

from __future__ import annotations

import html
import unicodedata
from urllib.parse import unquote

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.call import CALL
from schemas.complaint import COMPLAINT
from tests.support.made_up_records import (
    number,
    read_calls as calls,
    read_complaints as complaints,
    victims,
    withheld_from,
)
from tests.unit.transforms.phone.test_normalize import EXAMPLES, FORMATS
from tests.unit.transforms.redact.test_rejects import masked
from transforms.decode import mask_spans
from transforms.redact.records import withhold_from_calls, withhold_from_complaints
from transforms.redact.rejects import mask_rejected_text
from transforms.victims.number_index import hash_dial_formats
from transforms.victims.record_texts import candidate_digits, find_digits

VICTIM, SUSPECT = "+14156667777", "+18885550123"


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(-5, 70), st.integers(-5, 70))))
def test_mask_keeps_the_length_and_all_outside(text, spans):
    masked = mask_spans(text, spans)
    assert len(masked) == len(text)
    inside = {i for start, end in spans for i in range(start, end)}
    for i, (old, new) in enumerate(zip(text, masked, strict=True)):
        assert new == ("#" if i in inside and old.isalnum() else old)


WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


@given(
    st.sampled_from(EXAMPLES),
    st.sampled_from(FORMATS),
    st.sampled_from(["", " ", "-", ".", " - ", " dash ", "\n", "\u200b", "_"]),
    st.booleans(),
)
def test_no_spelling_survives_in_a_narrative(example, form, joint, wide):
    region, number_ = example
    e164 = pn.format_number(number_, pn.PhoneNumberFormat.E164)
    national = pn.national_significant_number(number_)
    if len(national) < 6:
        return
    spellings = [pn.format_number(number_, form), joint.join(national)]
    text = " and ".join(spellings)
    text = text.translate(WIDE) if wide else text
    kept = withheld_from({"narrative": text, "victim_country": region}, own=[{e164}])
    masked = kept["narrative"].to_pylist()[0]
    assert len(masked) == len(text)
    assert national not in digits(masked)
    shown = digits(pn.format_number(number_, pn.PhoneNumberFormat.NATIONAL)).lstrip("0")
    assert shown not in digits(masked)
    assert kept["numbers_withheld"].to_pylist() == [1]


def test_every_field_is_masked_and_nothing_else():
    payment = {"method": "zelle", "payee": "415.6667777", "amount": None, "currency": None}
    kept = withheld_from(
        {"complaint_id": "other", "narrative": "call 415-666-7777"},
        {
            "claimed_brand": "amazon 4156667777",
            "narrative": "666-7777, call 888-666-7777 or 888-555-0123",
            "phone_numbers": [
                number("(415) 666-7777", "caller_id"),
                number("+1 888 555 0123", "callback"),
                number("55-51", "victim"),
                number("nothing"),
            ],
            "urls": ["tel:4156667777", "https://evil.com/415-666-7777", None],
            "emails": ["4156667777@x.com"],
            "remote_access": [{"tool": "anydesk", "id": "415 666 7777"}, None],
            "payments": [payment],
        },
        own=[set(), {VICTIM}],
    )
    assert kept.schema == COMPLAINT
    kept.validate(full=True)
    first, second = kept.to_pylist()
    assert first["narrative"] == "call 415-666-7777"
    assert first["phone_numbers"] is None
    assert second["claimed_brand"] == "amazon ##########"
    assert second["narrative"] == "###-####, call 888-666-7777 or 888-555-0123"
    assert second["phone_numbers"] == [number("+1 888 555 0123", "callback"), number("nothing")]
    assert second["urls"] == ["tel:##########", "https://evil.com/###-###-####", None]
    assert second["emails"] == ["##########@x.com"]
    assert second["remote_access"] == [
        {"tool": "anydesk", "id": "### ### ####"},
        {"tool": None, "id": None},
    ]
    assert second["payments"] == [payment | {"payee": "###.#######"}]
    assert (second["numbers_withheld"], second["numbers_unread"]) == (2, 2)


def test_numbers_with_the_role_victim_are_masked():
    kept = withheld_from(
        {
            "narrative": "0171 2345678 or +49 171 2345678 or 555 01 23",
            "victim_country": "DE",
            "phone_numbers": [number("0171/2345678", "victim"), number("5550123", "victim")],
        }
    ).to_pylist()[0]
    assert kept["narrative"] == "0### ####### or +49 ### ####### or ### ## ##"
    assert kept["phone_numbers"] == []


IBAN = "#### #### #### #### #### ##"


@pytest.mark.parametrize(
    ("entity", "text", "expected"),
    [
        ("email:me@home.org", "write Me@Home.org", "write ##@####.###"),
        ("remote:anydesk:123456789", "id 123 456 789", "id ### ### ###"),
        ("account:iban:GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19", IBAN),
        ("phone:+14156667777", "415 666 7777", "### ### ####"),
    ],
)  # fmt: skip
def test_other_identifiers_of_the_victim(entity, text, expected):
    kept = withheld_from({"narrative": text}, own=[{entity}])
    assert kept["narrative"].to_pylist() == [expected]


AT_AND_DOT = "at the dot " * 200
"""Words of addresses, which make a narrative long."""


def shown_narratives(begin, spellings, withheld=(), **options):
    """Yields the rest of each spelling in a narrative, and the spelling; text around it stays."""
    end = " you know"
    kept = withheld_from(
        *({"narrative": f"{begin}{written}{end}"} for written in spellings),
        own=[withheld] * len(spellings),
        **options,
    )
    for text, written in zip(kept["narrative"].to_pylist(), spellings, strict=True):
        assert text.startswith(begin) and text.endswith(end), written
        yield text[len(begin) : -len(end)], written


ENCODED_ADDRESSES = [
    "jane%40home.org",
    "jane%2540home.org",
    "jane&#64;home.org",
    "j%61ne&commat;home&#x2e;org",
    "%6aane@home%2Eorg",
]


def test_an_address_is_found_as_the_web_encodes_it():
    address = {"email:jane@home.org"}
    for padding in ("", AT_AND_DOT):
        for shown, written in shown_narratives(f"{padding}I am ", ENCODED_ADDRESSES, address):
            assert not [part for part in ("ne", "home", "org") if part in shown], written


ENCODED_NUMBERS = [
    "+1%20415%20666%207777",
    "%28415%29+666-7777",
    "415&#45;666&#45;7777",
    "4%315-666-7777",
    "%2B1%2520415%2520666%25207777",
    "415%252D666%252D7777",
    "4-1-5-6-6-6-7-7-7-7",
    "④①⑤⑥⑥⑥⑦⑦⑦⑦",
    "❹❶❺❻❻❻❼❼❼❼",
    "%2534%2531%2535%25366%2536777%2537",
    "415%25252D666%25252D7777",
    "&#0052;&#0049;5&#00054;66777&#00055;",
    "&#52&#49&#53&#54&#54&#54&#55&#55&#55&#55",
    "&amp;#52;15&amp;#x36;6677&amp;#55;7",
    "=34=31=35=36=36=36=37=37=37=37",
    "415=2D666=2D7777",
    "<b>415</b>-<i>666</i><br/>7777",
    "<i>4</i><i>1</i><i>5</i>6667777",
]


def test_a_number_is_found_as_the_web_encodes_it():
    links = [f"https://evil.example/?t={written}" for written in ENCODED_NUMBERS]
    kept = withheld_from(
        *({"urls": [link]} for link in links for _ in range(2)),
        own=[{f"phone:{VICTIM}"}, ()] * len(links),
    )
    urls = [row["urls"][0] for row in kept.to_pylist()]
    for hidden in urls[::2]:
        decoded = html.unescape(unquote(unquote(hidden.replace("=3", "%3"))))
        assert not set("4567⑤⑥⑦❼") & set(decoded)
    assert urls[1::2] == links


SPOKEN_NUMBERS = [
    "four fifteen, triple six, double seven double seven",
    "FOUR one five 6-6-6, 7777",
    "4 1 five 666 seven 777",
    "fourfifteen sixsixty-six seventyseven 77",
    "four hundred fifteen six sixty-six seventy seven seventy-seven",
    "four hundred fifteen, six hundred and sixty six, 7777",
    "415 then 666 and 7777",
    "415 dash 666 dash 7777",
    "so eight, no: |four one five six six six seven seven seven seven| one day",
    "f\u200bour one five six\u00adty-six six 7777",
    "ｆｏｕｒ ｏｎｅ ｆｉｖｅ 666 7777",
    "cuatrocientos quince, seiscientos sesenta y seis, setenta y siete setenta y siete",
    "cuatro uno cinco triple seis siete siete siete siete",
    "vierhundertfünfzehn, sechshundertsechsundsechzig, siebenundsiebzig siebenundsiebzig",
    "vier fu\u0308nfzehn, dreimal die sechs, doppel sieben doppel sieben",
    "quatre cent quinze, six cent soixante-six, soixante-dix-sept soixante-dix-sept",
    "quarante et un, cinquante-six, soixante-six, soixante-dix-sept, 77",
    "chaar sau pandrah chhiyasath sadsath satattar 77",
    "chaar ek paanch chhe chhe chhe saat saat saat saat",
    "vierhundert fünfzehn, sechs um sechs uh sechs siebensiebensiebensieben",
    "two one, no: |four hundred fifteen, six hundred sixty-six, seven seven 77|",
    "4l5 666 7777",
    "四一五六六六七七七七",
    "给我|four one five six six six 7777|然后",
    "肆壹伍-666-柒七七7",
]


@pytest.mark.parametrize("padding", ["", "one of six and the " * 60], ids=["short", "long"])
def test_a_number_is_found_as_people_say_it(padding):
    """In a narrative and in a link; what is beside it, and another number, are not masked."""
    link = "https://evil.example/?t={}"
    rows, masked = [], []
    for written in SPOKEN_NUMBERS:
        before, spoken, after = written.split("|") if "|" in written else ("", written, "")
        parts = f"{padding}ring me, {before}", spoken, f"{after}, before 9"
        in_link = spoken.replace(" ", "%20")
        rows.append({"narrative": "".join(parts), "urls": [link.format(in_link)]})
        narrative = "#".join(parts).replace(spoken, "#" * (len(spoken) - 2))
        masked.append({"narrative": narrative, "urls": [link.format("#" * len(in_link))]})
    own, unrelated = {f"phone:{VICTIM}"}, {"phone:+14156667778"}
    kept = withheld_from(*rows, *rows, own=[own] * len(rows) + [unrelated] * len(rows))
    assert kept.select(["narrative", "urls"]).to_pylist() == masked + rows


STATED_NUMBERS = [
    "415     666     7777",
    "415 . . 666 . . 7777",
    "**415**-**666**-**7777**",
    "④⓵⓹⑥⓺⑥⑦❼⑦⓻",
    "four fifteen, triple six, 7777",
    "415<br>666<br>7777",
    r"\u0034\u00315666\u00377\u00377",
    r"\x34\x315666\x37\x37\x37\x37",
    "4I5 666 7777",
]


def test_a_number_that_another_record_states_is_found():
    own = hash_dial_formats(pa.RecordBatch.from_pydict({"entity_id": [f"phone:{VICTIM}"]}))
    for shown, written in shown_narratives("ring me, ", STATED_NUMBERS, numbers=own):
        hidden = unicodedata.normalize("NFKC", shown.replace("<br>", ""))
        assert not any(map(str.isalnum, hidden)), written


def test_the_name_of_a_victims_account_is_masked_alone():
    """The name of an address is masked if it has letters and digits, as no word has."""
    row = {
        "narrative": "Ask for jane77doe, jane77doe+x@home.org, jane77doe@NOSPAM.home.org or jane"
    }
    kept = withheld_from(row, own=[{"email:jane77doe@home.org", "email:jane@home.org"}])
    (shown,) = kept["narrative"].to_pylist()
    assert "jane77doe" not in shown and shown.endswith(" or jane")


@pytest.mark.parametrize(
    "again",
    [
        "4539-6886-5204-5190",
        "4539, 6886, 5204, 5190",
        "给4539688652045190了",
        "4539\n6886\n5204\n5190",
    ],
)
def test_a_card_is_masked_wherever_its_record_has_it(again):
    row = {
        "narrative": f"My card is 4539 6886 5204 5190. He read {again} back.",
        "urls": [f"https://e.example/p/{again}"],
    }
    kept = withheld_from(row).to_pylist()[0]
    for shown in (kept["narrative"], kept["urls"][0]):
        assert not set(digits(shown))


def test_many_words_for_digits_have_few_candidates():
    text = "four hundred and fifteen six " * 400
    rows, _ = candidate_digits(find_digits(pa.array([text])))
    assert 0 < len(rows) < len(text)


SPELLED_ADDRESSES = [
    "jane at home dot org",
    "Jane [at] home [dot] org",
    "jane(at)home.org",
    "jane arroba home punto org",
    "jane underscore at home . org",
    "jane arobase home point org",
    "Jane Klammeraffe home Punkt org",
    "jane (ät) home.org",
    "jané@home.org",
    "ｊａｎｅ＠ｈｏｍｅ．ｏｒｇ",
    "𝐣𝐚𝐧𝐞@𝐡𝐨𝐦𝐞.𝐨𝐫𝐠",
    "ⓙⓐⓝⓔ@ⓗⓞⓜⓔ.ⓞⓡⓖ",
    "j\u0430ne@home.org",
    "J\u0410NE@H\u041eM\u0395.\u039fRG",
    "jane@h\u03bfme.\u043erg",
    "janeAThomeDOTorg",
    "jane@homeDOTorg",
    "janearrobahomepuntoorg",
    "jane chez home point org",
    "jane at the rate home dot org",
    "jane at sign home full stop org",
    "jane艾特home点org",
    "jane圈a home点org",
    "jane signo arroba home punto org",
    "jane a commercial home point org",
    "jane at home period org",
    "jane<span>@</span>home.org",
    "jane<!--no-->@<!-- spam -->home.org",
    "jane=40home=2Eorg",
    r"jane\u0040home.org",
    "jane&#064;home&#0046;org",
]


def test_a_spelled_out_address_is_found():
    address = {"email:jane@home.org"}
    for padding in ("", AT_AND_DOT):
        for shown, written in shown_narratives(f"{padding}I am ", SPELLED_ADDRESSES, address):
            assert not any(map(str.isalnum, unicodedata.normalize("NFKC", shown))), written


def test_spans_of_the_narrative_are_masked_whole():
    text = "my number is two one two, five five five and my mail"
    kept = withheld_from({"narrative": text}, {}, narrative_spans={0: [(13, 40)]})
    assert kept["narrative"].to_pylist()[0] == f"my number is {'#' * 27} and my mail"
    assert kept["numbers_withheld"].to_pylist() == [1, 0]


def test_each_row_keeps_its_own_text():
    own, theirs = "my number is 202_456_2131 ok", "they called 202-456-1414"
    kept = withheld_from(
        {"narrative": own},
        {"narrative": "nothing"},
        {"narrative": theirs},
        narrative_spans={2: [(12, 24)]},
    )
    assert kept["narrative"].to_pylist() == [
        "my number is ###_###_#### ok", "nothing", "they called ###-###-####",
    ]  # fmt: skip
    assert kept["numbers_withheld"].to_pylist() == [1, 0, 1]


def test_what_is_called_ones_own_ends_where_a_withheld_identifier_begins():
    text = "my number is 202-456-1414, 888-222-3344 called"
    both, first_alone = (
        "my number is ###-###-####, ###-###-#### called",
        f"my number is ###-###-####{text[25:]}",
    )
    for spans, shown in (({}, both), ({0: [(13, 25)]}, first_alone)):
        kept = withheld_from({"narrative": text}, narrative_spans=spans)
        assert kept["narrative"].to_pylist() == [shown]


def test_a_number_around_what_is_called_ones_own_is_masked():
    """Its digits stand together where the others are masked."""
    for numbers, shown in (((VICTIM,), "### ########## #######"), ((), "415 ########## 6667777")):
        kept = withheld_from(
            {"narrative": "415 8885550123 6667777"}, own=[numbers], narrative_spans={0: [(4, 14)]}
        )
        assert kept["narrative"].to_pylist() == [shown]


@pytest.mark.parametrize("second", ["jane at gmail com", "jo@home.org"])
def test_a_second_address_of_ones_own_is_masked_with_the_first(second):
    text = f"my email is jane@home.org or {second}"
    kept = withheld_from({"narrative": text}, narrative_spans={0: [(12, 25)]})
    assert kept["narrative"].to_pylist() == [f"my email is {'#' * (len(text) - 12)}"]


def test_a_number_is_taken_out_as_its_field_spells_it():
    (row,) = withheld_from(
        {"narrative": "mine: 800flowers1", "phone_numbers": [number("800-FLOWERS1", "victim")]}
    ).to_pylist()
    assert row["narrative"] == "mine: ###########"


def test_a_slice_is_withheld_alike():
    batch = complaints(
        {"phone_numbers": [number("x")]},
        {"phone_numbers": [number(VICTIM, "victim"), number(SUSPECT)], "urls": ["a.com"]},
    )
    whole = withhold_from_complaints(batch, victims([set(), {VICTIM}]))
    assert withhold_from_complaints(batch.slice(1), victims([{VICTIM}])).equals(whole.slice(1))
    assert len(withhold_from_complaints(batch.slice(2), victims([]))) == 0


def test_calls_lose_the_victims_side():
    batch = calls(
        {"direction": "inbound", "calling_number": "8885550123", "called_number": "4156667777",
         "trunk": "t4156667777", "carrier": "c"},
        {"direction": "outbound", "calling_number": "4156667777", "called_number": "888 555 0123"},
        {"direction": None, "calling_number": "8885550123", "called_number": "4156667777"},
        {"direction": "inbound", "calling_number": "4156667777", "called_number": "415 666 7777"},
        {"direction": "inbound", "calling_number": "Anonymous", "called_number": None},
        {"direction": "outbound", "calling_number": None, "called_number": None},
    )  # fmt: skip
    kept = withhold_from_calls(batch)
    assert kept.schema == CALL
    kept.validate(full=True)
    assert kept["suspect_number"].to_pylist() == [SUSPECT, SUSPECT, None, None, "Anonymous", None]
    assert kept["suspect_role"].to_pylist() == [
        "caller_id", "callback", None, "caller_id", "caller_id", "callback",
    ]  # fmt: skip
    assert kept["trunk"].to_pylist()[0] == "t##########"
    assert kept["carrier"].to_pylist()[0] == "c"


@pytest.mark.parametrize(
    ("direction", "victim_id", "complaint_id"),
    [
        ("inbound", "v-8885550123", "c-##########"),
        ("outbound", "v-##########", "c-4156667777"),
        (None, "v-##########", "c-##########"),
    ],
)
def test_what_may_be_the_victims_side_of_a_call_is_in_none_of_its_ids(
    direction, victim_id, complaint_id
):
    sides = {"calling_number": "8885550123", "called_number": "4156667777"}
    ids = {"victim_id": "v-8885550123", "complaint_id": "c-4156667777"}
    (row,) = withhold_from_calls(calls({"direction": direction} | sides | ids)).to_pylist()
    assert (row["victim_id"], row["complaint_id"]) == (victim_id, complaint_id)


REJECTS = [
    (
        '{"phone_numbers":[{"raw":"(415) 666-7777","role":"victim"},{"raw":"888-555-0123"}],'
        '"n":"+1 415.666.7777"',
        '{"phone_numbers":[{"raw":"(###) ###-####","role":"victim"},{"raw":"###-###-####"}],'
        '"n":"+# ###.###.####"',
        "complaint",
    ),
    (
        '"role" : "victim", "raw" : 4156667777, x',
        '"role" : "victim", "raw" : ##########, x',
        "complaint",
    ),
    (
        '{"narrative":"called me on 415-666-7777, call 888-555-0123"',
        '{"narrative":"called me on ###-###-####, call ###-###-####"',
        "complaint",
    ),
    (
        '{"direction":"inbound","calling_number":"8885550123","called_number":"4156667777"',
        '{"direction":"inbound","calling_number":"##########","called_number":"##########"',
        "call",
    ),
    (
        '{"calling_number":"8885550123","called_number":"4156667777","started_at":"2024-01-01T00"',
        '{"calling_number":"##########","called_number":"##########","started_at":"2024-01-01T00"',
        "call",
    ),
    (
        "1,amazon,2024-01-01T00:00:00Z,+1 888 555 0123,4156667777,203.0.113.9",
        "1,amazon,2024-01-01T00:00:00Z,+# ### ### ####,##########,###.#.###.#",
        "call",
    ),
]


@pytest.mark.parametrize(("raw", "expected", "kind"), REJECTS)
def test_rejected_text(raw, expected, kind):
    assert masked(raw, kind) == expected


@given(st.text(max_size=200), st.sampled_from(["complaint", "call"]))
def test_rejected_text_of_any_kind_keeps_its_length(text, kind):
    assert len(mask_rejected_text(text, kind)) == len(text)
