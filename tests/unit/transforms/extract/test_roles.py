"""The role of an identifier by the words around it."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given, strategies as st

from schemas.enums import EntityKind, Role
from tests.support.real_data import real
from tests.support.role_words import role_in_text
from transforms.extract.narrative import last_clauses
from transforms.phone.find import find_numbers_in_text

NUMBER = "888-555-0123"


def role(text: str, identifier: str = NUMBER, kind: EntityKind = EntityKind.PHONE, **speaks: bool):
    start = text.index(identifier)
    return role_in_text(text, start, start + len(identifier), kind, **speaks)


@pytest.mark.parametrize(
    "text",
    [
        "Please call us back at {}",
        "call our toll-free number {}",
        "They told me to call {}",
        "The pop-up said to call Microsoft at {}",
        "a pop-up told me to call Microsoft support at {} immediately",
        "He said call me back at {}",
        "call 888-555-0199 or {}",
        "He gave me a call back number of {}",
        "The message said to call a number. The number is {}.",
        "They asked for my number and then told me to call {}",
        "A text on my phone told me to call {}",
        "It says we will be arrested if we do not pay, and that I must call {}",
        "He said you need to call {}",
        "Me dijeron que llamara al {}",
        "Rufen Sie uns unter {} an",
        "Appelez le {}",
        "Ein Anruf von Amazon. Ich sollte {} zurückrufen",
        'The number to call was {}. I answered "my number is 888-555-0199"',
    ],
)
def test_callback_needs_words_that_say_call_this(text):
    assert role(text.format(NUMBER)) is Role.CALLBACK


@pytest.mark.parametrize(
    "text",
    [
        "my number is {}",
        "my cell: {}",
        "they called me on my cell {}",
        "They called me on {}",
        "call me at {}",
        "Please contact me: {}",
        "I asked them to call me at {}",
        "They said they would call me at {}",
        "I can be reached at {}",
        "my husband's cell phone {}",
        "The scammer spoofed my number {}",
        "{} is my cell",
        "mi número es {}",
        "meine Handynummer {}",
        "mon numéro est le {}",
    ],
)
def test_the_victims_own(text):
    assert role(text.format(NUMBER)) is Role.VICTIM


@pytest.mark.parametrize(
    "text",
    [
        "caller id showed {}",
        "I was called from {}",
        "The call came from {}",
        "I received a call from {}",
        "{} called me three times",
        "The number on my phone was {}",
        "me llamaron desde el {}",
        "Anruf von {}",
    ],
)
def test_caller_id(text):
    assert role(text.format(NUMBER)) is Role.CALLER_ID


@pytest.mark.parametrize(
    "text",
    [
        "I called my bank at {}",
        "the real Amazon number is {}",
        "I then called the FTC at {}",
        "I looked up the real Microsoft support line {}",
        "told to call the police at {}",
        "I called Amazon at {}",
        "meine Bank unter {}",
        "I informed the bank toll free {} and blocked the card",
        "die echte Amazon-Hotline {}",
        "busqué el teléfono verdadero de Endesa, {}",
    ],
)
def test_a_number_said_to_be_genuine_is_only_mentioned(text):
    assert role(text.format(NUMBER)) is Role.MENTIONED


@pytest.mark.parametrize(
    "text",
    [
        "When I return the call to {} I get a poor guy who says he never called me",
        "I was told to call {}. I got a dentist, they had no idea",
        "call {}, a shop owner answers and swears his number is being spoofed",
        "Beim Rückruf auf {} meldet sich eine Zahnarztpraxis, die können nichts dafür",
        "al llamar al {} contesta una peluquería que dice que le han clonado el número",
        "rappeler le {}: une dame répond, elle n'y est pour rien",
    ],
)
def test_who_answers_and_knows_nothing_of_it_is_nobodys_callback(text):
    read_role = role(text.format(NUMBER))
    assert read_role is (Role.CALLBACK if ". I got" in text else Role.MENTIONED)


@pytest.mark.parametrize(
    "text",
    [
        "I was told to call {} and he said my number was spoofed",
        "call {}, I had no idea who they were",
        "I was told to call {} and they had no idea I was recording",
        "call {} at once. She never called again",
    ],
)
def test_who_answers_and_knows_of_it_is_called(text):
    assert role(text.format(NUMBER)) is Role.CALLBACK


@pytest.mark.parametrize(
    "text", ["Phone number on the account is {}", "Contact for the detective on my case is {}"]
)
def test_a_word_for_a_call_that_is_no_verb_asks_for_none(text):
    assert role(text.format(NUMBER)) is None


@pytest.mark.parametrize(
    "text",
    [
        "{} was on a paper",
        "Amazon support: {}",
        "I called {} and",
        "I tried to call {} back",
        "When I try to call {} it is disconnected",
        "if you call the number {} nobody answers",
        "I did not call back {}",
        "They call us every day {}",
        "I could call {}",
        "Norton scam. Came through as {}",
        "An Amazon scam. 1471 gave {}",
    ],
)
def test_nothing_is_stated(text):
    assert role(text.format(NUMBER)) is None


@pytest.mark.parametrize(
    "text",
    [
        "My direct phone number is {}",
        "You can reach us directly to discuss your options at {}",
        "and you can reach me at my state assigned phone number, {}",
        "Again, that's {}",
        "call me back at {}",
    ],
)
def test_in_a_transcript_the_speaker_is_the_suspect(text):
    assert role(text.format(NUMBER), suspect_speaks=True) is Role.CALLBACK
    assert role("my number is " + NUMBER) is Role.VICTIM


@pytest.mark.parametrize(
    ("text", "kind", "identifier", "expected"),
    [
        ("my email is a@b.com", EntityKind.EMAIL, "a@b.com", Role.VICTIM),
        ("they emailed me at a@b.com", EntityKind.EMAIL, "a@b.com", Role.VICTIM),
        ("I got an email from a@b.com", EntityKind.EMAIL, "a@b.com", Role.CALLER_ID),
        ("reported it to a@b.com", EntityKind.EMAIL, "a@b.com", Role.MENTIONED),
        ("my AnyDesk id 123 456 789", EntityKind.REMOTE, "123 456 789", Role.VICTIM),
        ("I gave him the AnyDesk code 123 456 789", EntityKind.REMOTE, "123 456 789", Role.VICTIM),
        ("connected to my computer from AnyDesk ID 1", EntityKind.REMOTE, "1", Role.OPERATOR),
        ("connected to my computer via AnyDesk ID 1", EntityKind.REMOTE, "1", Role.VICTIM),
        ("left on my phone. The payment went to X1", EntityKind.ACCOUNT, "X1", Role.PAYEE),
        ("took over my pc (AnyDesk 123 456 789)", EntityKind.REMOTE, "123 456 789", None),
        ("told me to connect to 123 456 789", EntityKind.REMOTE, "123 456 789", Role.OPERATOR),
        ("sent $500 to the account X1", EntityKind.ACCOUNT, "X1", Role.PAYEE),
        ("took it out of my account X1", EntityKind.ACCOUNT, "X1", Role.VICTIM),
        ("told me to go to x.com", EntityKind.DOMAIN, "x.com", Role.LURE_SITE),
        ("reported it at x.com", EntityKind.DOMAIN, "x.com", Role.MENTIONED),
        ("my son pointed me to x.com", EntityKind.DOMAIN, "x.com", Role.MENTIONED),
    ],
)
def test_other_kinds(text, kind, identifier, expected):
    assert role(text, identifier, kind) is expected


@given(st.text(max_size=300), st.data(), st.sampled_from(list(EntityKind)), st.booleans())
def test_never_raises(text, data, kind, speaks):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    read_role = role_in_text(text, start, end, kind, suspect_speaks=speaks)
    assert read_role is None or read_role in Role


@pytest.mark.real
def test_every_number_of_the_transcripts_is_a_callback():
    with real("robocall_transcripts/transcripts.csv").open(newline="", encoding="utf-8") as file:
        texts = [row["transcript"] for row in csv.DictReader(file)]
    roles = [
        role_in_text(text, *span, suspect_speaks=True)
        for text in texts
        for span, _ in find_numbers_in_text(text, "US")
    ]
    assert len(roles) > 90
    assert set(roles) == {Role.CALLBACK}


@given(st.text(st.sampled_from("ab.!? \n\r\t\u00a0,")))
def test_clauses_are_those_of_reading_forwards(text):
    parts = re.split(r"[.!?;]\s+|[\r\n]+", text)
    assert last_clauses(text) == (parts[-1], parts[-2] if len(parts) > 1 else None)
