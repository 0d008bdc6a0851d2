"""Redaction and the search of what leaves read an address whose signs are said or hidden alike."""

import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from tests.support.made_up_records import complaints
from transforms.custody import RegisterKey
from transforms.decode.addresses import ADDRESS_HINT, possible_addresses
from transforms.extract.evidence import extract_complaints
from transforms.redact.records import withhold_from_complaints
from transforms.victims import entries_of_ids, make_lookup
from transforms.victims.identifier_matcher import NO_IDENTIFIERS
from transforms.victims.number_index import hash_dial_formats
from transforms.write import WithheldValues, count_in_text

ADDRESS = "jane.doe@home.co.uk"

OWN = hash_dial_formats(pa.RecordBatch.from_pydict({"entity_id": [f"email:{ADDRESS}"]}))

KEY = RegisterKey(bytes(range(32)))

VALUES = WithheldValues(KEY, make_lookup([entries_of_ids([f"email:{ADDRESS}"], KEY)]))

NAME, HOST = ("jane", "doe"), ("home", "co", "uk")

AT = {
    "quoted-printable": "=40",
    "link": "%40",
    "link in a link": "%2540",
    "page": "&#64;",
    "page in a page": "&amp;#64;",
    "JSON": "\\u0040",
    "full width": "＠",
    "small": "﹫",
    "apart": " @ ",
    "brackets": "[@]",
    "said": " at ",
    "in capitals": " AT ",
    "said in brackets": " (at) ",
    "said in square ones": "[at]",
    "said in angle ones": " <at> ",
    "said between lines": "\nat ",
    "said between low lines": "_at_",
    "in full width": " ａｔ ",
    "in bold": " 𝐚𝐭 ",
    "in Cyrillic": " ат ",
    "with an accent": " àt ",
    "between blanks of pages": "\xa0at\u3000",
    "before an entity": " at &nbsp;",
    "before a tag": " at <b>",
    "Spanish": " arroba ",
    "French": " arobase ",
    "Indian English": " at the rate of ",
}

DOT = {
    "plain": ".",
    "quoted-printable": "=2E",
    "page": "&#46;",
    "full width": "．",
    "Chinese": "。",
    "apart": " . ",
    "brackets": "[.]",
    "said": " dot ",
    "said in brackets": " (dot) ",
    "German": " punkt ",
    "Spanish": " punto ",
    "between blanks of pages": "\u2009dot\xa0",
    "half in Cyrillic": " dоt ",
}

UNSEEN = {
    "zero width": "\u200b",
    "joiner": "\u200d",
    "mark": "\ufeff",
    "soft hyphen": "\xad",
    "variation": "\ufe0f",
    "entity": "&#8203;",
    "named entity": "&ZeroWidthSpace;",
    "quoted-printable": "=E2=80=8B",
    "end of a line": "=\r\n",
    "tag": "<wbr>",
    "comment": "<!-- x -->",
}


def written(sign="@", dot=".", of_name="."):
    return of_name.join(NAME) + sign + dot.join(HOST)


FORMS = {
    **{f"sign {name}": written(sign) for name, sign in AT.items()},
    **{f"sign and dots {name}": written(AT["said"], dot, dot) for name, dot in DOT.items()},
    **{f"dots {name}": written(dot=dot) for name, dot in DOT.items() if name != "plain"},
    **{f"{name} before the sign": written(f"{mark}@") for name, mark in UNSEEN.items()},
    **{f"{name} behind the sign": written(f"@{mark}") for name, mark in UNSEEN.items()},
    **{f"{name} in a name": written(of_name=f"{mark}.{mark}") for name, mark in UNSEEN.items()},
    "stuck": "JaneDOTDoeATHomeDOTcoDOTuk",
    "letters": "jаne.dоe@home.co.uk",
    "letters of mail": "j=61ne.doe=40home.co.u=6B",
    "wide": "ｊａｎｅ．ｄｏｅ＠ｈｏｍｅ．ｃｏ．ｕｋ",
    "parameter": "to=jane.doe@home.co.uk",
    "dot of the name said": "jane dot doe@home.co.uk",
    "header": "=?utf-8?Q?jane.doe=40home.co.uk?=",
    "recipient": "bounce-jane.doe#home.co.uk@mail-host.com",
}

PLACES = ("{}", "She wrote to {}, and then\nslept.", "Mine! {}. I slept at home. Call")


def redacted(text, own=OWN, field="narrative"):
    batch = complaints({field: [text] if field == "emails" else text})
    records = extract_complaints(batch).records
    (shown,) = withhold_from_complaints(records, NO_IDENTIFIERS, numbers=own)[field].to_pylist()
    return shown[0] if field == "emails" else shown


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", FORMS)
def test_a_victims_address_is_masked_in_another_persons_words(form, place):
    shown = redacted(place.format(FORMS[form]))
    before, _, behind = place.partition("{}")
    assert shown.startswith(before) and shown.endswith(behind)
    middle = shown[len(before) : len(shown) - len(behind)].lower()
    assert not any(part in middle for part in (*NAME, "home"))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", [form for form in FORMS if "\n" not in FORMS[form]])
def test_the_search_of_what_leaves_sees_the_same_forms(form, place):
    assert count_in_text(place.format(FORMS[form]), VALUES) >= 1


@pytest.mark.parametrize("form", FORMS)
def test_a_victims_address_is_masked_in_a_field(form):
    assert "home" not in redacted(FORMS[form], field="emails").lower()


HARMLESS = (
    "I had a look at amazon.com and was at home. Jane dot",
    "They wrote from other.doe@home.co.uk and jane.doe at gmail dot com",
    "jane.doe@home.co.ukraine",
)


@pytest.mark.parametrize("text", HARMLESS)
def test_addresses_of_nobody_known_stay(text):
    assert redacted(text) == text
    assert count_in_text(text, VALUES) == 0
    assert redacted(FORMS["sign said"], own=OWN[:0]) == FORMS["sign said"]


@pytest.mark.parametrize("form", FORMS)
def test_without_a_match_of_the_hint_nothing_is_read(form):
    assert pc.match_substring_regex(pa.array([FORMS[form]]), ADDRESS_HINT)[0].as_py()


SIGNS = st.sampled_from(
    ["=40", "@", " at ", ".", " dot ", "=2E", "\u200b", "&#64;", "<b>", "é", "a", "B", "=\n", "ﬁ"]
)


@given(st.lists(SIGNS, max_size=20).map("".join))
def test_places_are_in_the_text(text):
    for start, end, address in possible_addresses(text):
        assert 0 <= start < end <= len(text)
        assert address.count("@") == 1


@pytest.mark.parametrize(
    "piece",
    ["a at b.c ", "a.a.a.a@b.b.b.b ", "@", "<a ", " _at", "=40", "a=", "\u200b", ". ", "at "],
)
def test_reading_takes_linear_time(piece):
    text = piece * (12_000 // len(piece))
    begin = time.process_time()
    list(possible_addresses(text))
    assert time.process_time() - begin < 0.4


@pytest.mark.parametrize("piece", ["=40", "#=40", "é=40", "<%40", "a@ ", " at a.b "])
def test_the_search_of_what_leaves_takes_linear_time(piece):
    text = piece * (60_000 // len(piece))
    begin = time.process_time()
    count_in_text(text, VALUES)
    assert time.process_time() - begin < 2
