"""Finders, masks and the search of what leaves read encoded texts alike."""

import base64
import time

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.made_up_records import read_complaints
from transforms.custody import RegisterKey
from transforms.decode import mask_spans
from transforms.decode.number_words import read_digits
from transforms.decode.readings import (
    MOST_LAYERS,
    may_hold_contact,
    open_tokens,
    opened_ids,
    plain_forms,
    whole_spans,
)
from transforms.extract.kinds import email, url
from transforms.victims import entries_of_ids, make_lookup
from transforms.victims.identifier_matcher import find_identifiers, identifier_patterns
from transforms.victims.number_index import find_victim_numbers, hash_dial_formats
from transforms.write import WithheldValues, count_in_text

NUMBER, ADDRESS = "+12024562131", "jane.doe@home.org"

KEY = RegisterKey(bytes(range(32)))

VALUES = WithheldValues(
    KEY, make_lookup([entries_of_ids([f"phone:{NUMBER}", f"email:{ADDRESS}"], KEY)])
)

OWN = hash_dial_formats(pa.RecordBatch.from_pydict({"entity_id": [f"phone:{NUMBER}"]}))


def coded(text, url=False):
    encode = base64.urlsafe_b64encode if url else base64.b64encode
    return encode(text.encode()).decode()


WRITTEN = ("2024562131", "+1 202-456-2131", "id=2024562131&x=1", '{"phone":"12024562131"}')

ENCODINGS = {
    "base64": coded,
    "url": lambda text: coded(text, url=True).rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "upper hex": lambda text: text.encode().hex().upper(),
    "twice": lambda text: coded(coded(text)),
    "escaped": lambda text: coded(text.replace("2", "%32").replace("@", "%40")),
    "behind a sign": lambda text: f"u_{coded(text)}",
    "behind letters": lambda text: f"uid{coded(text)}",
}

PLACES = (
    "https://evil.example/{}",
    "https://evil.example/a/{}/b",
    "https://evil.example/?t={}&x=1",
    "evil.example/#{}",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("written", WRITTEN)
def test_a_victims_number_in_a_token_is_masked_and_found(written, encoding, place):
    token = ENCODINGS[encoding](written)
    text = place.format(token)
    (spans,) = find_victim_numbers(pa.array([text]), OWN).values()
    assert mask_spans(text, spans).startswith(place.partition("{")[0])
    assert token[4:16] not in mask_spans(text, spans)
    spans = find_identifiers(text, identifier_patterns([NUMBER]))
    assert token[4:16] not in mask_spans(text, spans)
    assert count_in_text(text, VALUES) >= 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_victims_address_in_a_token_is_masked_and_found(encoding, place):
    token = ENCODINGS[encoding](ADDRESS)
    text = place.format(token)
    (shown,) = url.mask_link_addresses(pa.array([text])).to_pylist()
    assert token[4:16] not in shown
    spans = find_identifiers(text, identifier_patterns([f"email:{ADDRESS}"]))
    assert token[4:16] not in mask_spans(text, spans)
    assert count_in_text(text, VALUES) >= 1


BOUNCES = (
    "bounce-jane.doe=home.org@mail-host.com",
    "bounces+1234-ab12-jane.doe=home.org@em.mail-host.com",
    "jane.doe=home.org@mail-host.com",
    "bounce-jane.doe#home.org@mail-host.com",
    "bounce-jane.doe-at-home.org@mail-host.com",
    "bounce-jane.doe%home.org@mail-host.com",
    "bounce-jane.doe_home.org@mail-host.com",
)


@pytest.mark.parametrize("address", BOUNCES)
def test_the_recipient_in_a_bounce_address_is_masked_and_found(address):
    spans = find_identifiers(f"from {address}.", identifier_patterns([f"email:{ADDRESS}"]))
    assert "jane" not in mask_spans(address, [(a - 5, b - 5) for a, b in spans])
    if "#" not in address:
        assert count_in_text(f"from <{address}>.", VALUES) == 1


@pytest.mark.parametrize("address", BOUNCES[:3])
def test_a_bounce_address_is_its_recipients(address):
    (match,) = email.find(f"it came from {address} today")
    assert (match.value, str(match.role)) == (address, "victim")
    (sender,) = email.find("it came from a=b@mail-host.com")
    assert str(sender.role) == "caller_id"


SAID = (
    "two zero two four five six two one three one",
    "dos cero dos cuatro cinco seis dos uno tres uno",
    "zwei null zwei vier fünf sechs zwei eins drei eins",
    "deux zéro deux quatre cinq six deux un trois un",
    "do shunya do chaar paanch chhe do ek teen ek",
    "due zero due quattro cinque sei due uno tre uno",
    "dois zero dois quatro cinco meia dois um três um",
    "twee nul twee vier vijf zes twee een drie een",
    "duecentodue quattrocentocinquantasei ventuno trentuno",
    "duzentos e dois quatrocentos e cinquenta e seis vinte e um trinta e um",
    "tweehonderd twee vierhonderd zesenvijftig eenentwintig eenendertig",
)


@pytest.mark.parametrize("said", SAID)
def test_a_number_in_words_of_any_language_is_masked_and_found(said):
    text = f"x: {said}."
    assert any("".join(w.digits for w in words) == "2024562131" for words in read_digits(text))
    (spans,) = find_victim_numbers(pa.array([text]), OWN).values()
    assert not any(word in mask_spans(text, spans) for word in said.split())
    assert count_in_text(text, VALUES) >= 1


def test_a_pause_is_no_digit():
    (words,) = read_digits("two oh two um four five six um two one three one")
    assert "".join(word.digits for word in words) == "2024562131"


def test_look_alike_letters_are_read_as_what_they_look_like():
    assert count_in_text("write to jаne.dоe@home.org", VALUES) == 1  # Cyrillic a and o


PLAIN = (
    "https://evil.example/a-long-Name-of-a-Page/Of-Some-Sort",
    "Representative MicrosoftSupport AmazonSecurityDepartment",
    "https://evil.example/?token=c29tZXRoaW5nIGVsc2UK",
    "0123456789abcdef0123456789abcdef",
)


@pytest.mark.parametrize("text", PLAIN)
def test_a_token_without_number_and_address_stays_closed(text):
    assert open_tokens(text).text == text
    assert len(plain_forms(text)) == 1
    assert opened_ids(pa.array([text, None])).to_pylist() == [text, None]


@given(st.text(st.sampled_from("MjAyNDU2+_-=/%4026&#;x. "), max_size=80), st.integers(0, 80))
def test_readings_keep_their_places(text, start):
    opened = open_tokens(text)
    assert len(opened.text) == len(opened.places)
    assert all(a < b for a, b in zip(opened.places, opened.places[1:], strict=False))
    assert all(len(form) == len(text) for form in plain_forms(text))
    end = min(len(text), start + 3)
    if start < end:
        ((first, last),) = whole_spans(text, [(start, end)])
        assert 0 <= first <= start and end <= last <= len(text)


def test_tokens_are_opened_to_a_depth():
    token = "2024562131"
    for _ in range(MOST_LAYERS):
        token = coded(token)
    assert "2024562131" in open_tokens(token).text
    assert "2024562131" not in open_tokens(coded(token)).text


def test_opening_takes_linear_time():
    text = coded(coded("ab@" * 40_000))
    begin = time.process_time()
    open_tokens(text)
    assert time.process_time() - begin < 1


def test_an_id_that_encodes_a_contact_is_read():
    ids = pa.array([coded(NUMBER), NUMBER.encode().hex(), "case-1", None, "C%2B12024562131"])
    assert opened_ids(ids).to_pylist() == [NUMBER, NUMBER, "case-1", None, "C+12024562131"]


@pytest.mark.parametrize("name", ["twee nul twee vier vijf zes twee", coded("jane@home.org")])
def test_a_name_that_hides_a_contact_is_seen(name):
    assert may_hold_contact(name)


def test_records_with_bounce_addresses_name_no_sender():
    from transforms.extract.fields import complaint_mentions

    rows = read_complaints({"emails": [BOUNCES[0]], "narrative": f"It came from {BOUNCES[1]}"})
    mentions = complaint_mentions(rows)
    assert set(mentions["role"].to_pylist()) == {"victim"}
