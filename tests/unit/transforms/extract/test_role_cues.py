"""The rules of data/cues.toml are whole, and read as an analyst reads them."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from schemas.enums import EntityKind, Role
from tests.support.role_words import role_in_text
from transforms.decode import load_reference_data
from transforms.extract import narrative


def role_of(text, kind=EntityKind.PHONE, identifier="x1"):
    """The role of an identifier in a text, at the place of `{}`."""
    start = text.index("{}")
    return role_in_text(text.format(identifier), start, start + len(identifier), kind)


SECTIONS = ("addressed", "caller_transcript", "after", "whole", "speech", "quoted_speech")


def test_every_rule_has_its_place():
    rules = load_reference_data("cues.toml")
    assert set(rules) == {"parts", "before", *SECTIONS}
    kinds = [kind for rule in rules["before"] for kind in rule["kinds"]]
    assert {EntityKind(kind) for kind in kinds} == set(narrative.leading_cues())
    used = {
        part
        for name in ("before", *SECTIONS)
        for rule in rules[name]
        for phrase in rule["phrases"]
        for part in re.findall("<([A-Z]+)>", phrase)
    }
    used |= {
        part for pattern in rules["parts"].values() for part in re.findall("<([A-Z]+)>", pattern)
    }
    assert used == set(rules["parts"])


def test_rules_are_in_lower_case():
    """They are matched with text in lower case: a capital would never match."""
    before = [rule for rules in narrative.leading_cues().values() for rule in rules]
    tables = [(table, kind) for table in ("after", "whole") for kind in EntityKind]
    fixed = [rule for place in tables for rule in narrative.fixed_cues(*place)]
    spoken = [rule for kind in narrative.leading_cues() for rule in narrative.suspect_cues(kind)]
    speech = [(kind, narrative.speech_cues(kind)) for kind in ("introduced", "narrator", "own")]
    quoted = narrative.quoted_speech_cues().items()
    for rule in (*before, *fixed, *spoken, *speech, *quoted):
        letters = re.sub(r"\\[A-Za-z]", "", rule[1].pattern)
        assert letters == letters.lower()


def test_an_amount_is_read_as_any_other():
    """Rules for the words before an identifier name no digits but those of ic3 and 911."""
    for kind in narrative.leading_cues():
        for rule in (*narrative.leading_cues()[kind], *narrative.suspect_cues(kind)):
            named = re.sub(r"\{\d+(?:,\d+)?\}|ic3|911", "", rule.pattern.pattern)
            assert not re.search(r"(?<!\\)\d", named)
    for amount in ("1234.56", "911.30", "0,99"):
        text = f"they wanted {amount} usd and told me to call 888-555-0123"
        assert role_in_text(text, len(text) - 12, len(text)) == Role.CALLBACK
    text = "later i called 911,50 888-555-0123"
    assert role_in_text(text, len(text) - 12, len(text)) == Role.MENTIONED


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("PLEASE CALL 888-555-0123", Role.CALLBACK),
        ("llame al 888-555-0123", Role.CALLBACK),
        ("después llamé yo a Apple al 888-555-0123", None),
        ("mi número es 888-555-0123", Role.VICTIM),
        ("MEINE NUMMER IST 888-555-0123", Role.VICTIM),
        ("İ my number is 888-555-0123", Role.VICTIM),
    ],
)
def test_accents_and_capitals(text, role):
    start = text.index("888")
    assert role_in_text(text, start, start + 12) == role


SAID = [
    "the voicemail said that: ",
    "voice mail: ",
    "hi mum ",
    "er sagte, auf dem Anrufbeantworter hieß es: ",
    "\n agent smith: ",
    "word for word\n",
    "\n> ",
    "usne bola ki mera ",
]


@pytest.mark.parametrize("words", SAID)
def test_what_introduces_speech_is_found_in_many_texts_as_in_one(words):
    """Before many texts are read, those without such words are left out."""
    rule, hint = narrative.speech_cues("introduced"), narrative.introduction_hint()
    assert rule.search(words.lower())
    texts = [f"\u00e9{'x' * size} {words.lower()}" for size in range(3)]
    assert pc.all(pc.match_substring_regex(pa.array(texts), hint)).as_py()


OWN = {
    EntityKind.EMAIL: [
        "My PayPal email {} was charged",
        "You may contact my daughter Mary {}",
        "Please write to my son's email {}",
        "or contact my wife at {}",
        "my zelle is {}",
        "My Apple ID {} was locked",
        "please email me: {}",
        "Sie schrieben an meine Adresse {}",
        "entraron en mi cuenta de correo {}",
    ],
    EntityKind.PHONE: [
        "I am at {}",
        "mon tél. est {}",
        "mi bizum es {}",
        "my Zelle number is {}",
        "my WhatsApp: {}",
        "my whatsapp is https://wa.me/{}",
    ],
    EntityKind.ACCOUNT: ["meine IBAN ist {}", "mi IBAN es {}", "mon IBAN: {}", "mera UPI {}"],
    EntityKind.HANDLE: [
        "my cashapp is {}",
        "My Cash App tag {}",
        "my Telegram handle @{}",
        "they wrote to my telegram t.me/{}",
    ],
    EntityKind.DOMAIN: [
        "my blog is at {}",
        "our online store, {}",
        "my website's address is {}",
        "I own {}",
        "they said {} which I own expires",
        "that {} belongs to me",
        "mi página web es {}",
        "meine Webseite ist {}",
        "mon site web est {}",
        "my facebook is {}",
    ],
}
"""Words of people before or after what is their own, by its kind."""


@pytest.mark.parametrize(
    ("kind", "text"), [(k, text) for k, texts in OWN.items() for text in texts]
)
def test_what_people_call_their_own_is_the_victims(kind, text):
    assert role_of(text, kind) is Role.VICTIM


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (EntityKind.EMAIL, "my PayPal was charged, they wrote from {}"),
        (EntityKind.EMAIL, "to email us at {}"),
        (EntityKind.EMAIL, "their email {}"),
        (EntityKind.EMAIL, "my mother got one from {}"),
        (EntityKind.EMAIL, "my mother received {}"),
        (EntityKind.PHONE, "on my WhatsApp from {}"),
        (EntityKind.PHONE, "falls es abbricht, solle ich mich unter {} melden"),
        (EntityKind.PHONE, "I am on the Do Not Call list. {} called"),
        (EntityKind.ACCOUNT, "I paid by my Zelle to {}"),
        (EntityKind.ACCOUNT, "mein Konto ist leer, überwiesen an {}"),
        (EntityKind.HANDLE, "on my telegram he wrote as {}"),
        (EntityKind.DOMAIN, "I run the file from the site {}"),
        (EntityKind.DOMAIN, "he opened my website and then {}"),
    ],
)
def test_what_stands_near_ones_own_is_not(kind, text):
    assert role_of(text, kind) is not Role.VICTIM


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Ich habe die Hotline meiner Sparkasse unter {} angerufen", Role.MENTIONED),
        ("Ich rief dann meinen Bankberater unter {} an", Role.MENTIONED),
        ("Bei unserer Bank, Telefon {}, war sofort jemand dran", Role.MENTIONED),
        ("Die angebliche Hotline der Sparkasse, ich soll {} anrufen", Role.CALLBACK),
        ("Phir maine apne bank ke number {} par call kiya", Role.MENTIONED),
        ("Maine mere bank ki branch {} par call karke card block karwaya", Role.MENTIONED),
        ("Maine cyber cell ko {} par phone kiya", Role.MENTIONED),
        ("Usne bola cyber cell se hoon, {} par call karo", Role.CALLBACK),
        ("Rappelez-moi au 06 98 76 54 32 ou au bureau: {}", Role.VICTIM),
        ("Le message dit de rappeler au bureau: {}", Role.CALLBACK),
    ],
)
def test_a_bank_the_police_and_the_writers_office_are_nobodys_callback(text, role):
    assert role_of(text) is role


@pytest.mark.parametrize(
    ("kind", "text", "role"),
    [
        (EntityKind.PHONE, "The pop-up said call our number {}", Role.CALLBACK),
        (EntityKind.PHONE, "please contact our office number {}", Role.CALLBACK),
        (EntityKind.EMAIL, "it said: write to our email {}", Role.SENDER),
        (EntityKind.DOMAIN, "The pop-up said to visit our website {}", Role.LURE_SITE),
        (EntityKind.DOMAIN, "they told me to log in to our site {}", Role.LURE_SITE),
        (EntityKind.PHONE, "scammers call our number {}", Role.VICTIM),
        (EntityKind.PHONE, "they kept trying to call our home phone {}", Role.VICTIM),
        (EntityKind.EMAIL, "they write to our email {}", Role.VICTIM),
        (EntityKind.DOMAIN, "customers who visit our website {}", Role.VICTIM),
    ],
)
def test_our_own_is_the_scammers_where_they_bid_to_use_it(kind, text, role):
    assert role_of(text, kind) is role


OWN = [
    "best callback number for me",
    "best callback number:",
    "callback # for me is",
    "callback number (victim):",
    "preferred call back number is",
    "the number to call me back on is",
    "customer requests a callback at",
    "mi numero para devolver la llamada es",
    "mi número de teléfono para que me llamen es",
    "rückrufnummer von mir",
    "mein rückruf:",
    "my signature says call",
    "my own company, call",
    "my voicemail greeting says call",
]


@pytest.mark.parametrize("words", OWN)
def test_a_number_at_which_the_victim_wants_to_be_called_back_is_their_own(words):
    text = f"i was scammed. {words} {{}}. then i hung up"
    assert role_of(text, identifier="415-672-0123") == Role.VICTIM


@pytest.mark.parametrize("mark", ["(you)", "(me)", "(victim)"])
def test_a_number_that_a_screen_marks_as_the_victims_is_their_own(mark):
    text = f"whatsapp: call {{}} {mark}: ok"
    assert role_of(text, identifier="415-672-0123") == Role.VICTIM


@pytest.mark.parametrize(
    "words",
    [
        "he said his best callback number is",
        "the scammer's best callback number",
        "the pop up had a callback number",
        "they left a number to call them back at",
    ],
)
def test_a_callback_number_of_the_callers_is_theirs(words):
    text = f"i was scammed. {words} {{}}. then i hung up"
    assert role_of(text, identifier="415-672-0123") == Role.CALLBACK
