"""Victims' own data as people write it: kinds by forms by languages by fields, each value once.

`placements` yields complaints of the input contract, each with one value that is the victim's and
must not be in anything that a run shows. All values are made up, and valid where a checksum or a
numbering plan says what is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote

import phonenumbers as pn
from stdnum import verhoeff
from stdnum.gb import nhs

from tests.support.run_pipeline import callbacks

COUNTRY = {
    "en": "US", "es": "ES", "de": "DE", "fr": "FR", "it": "IT", "pt": "BR", "nl": "NL", "hi": "IN",
}  # fmt: skip
"""The victim's country by language; "hi" is Hindi in Latin letters."""

_DIGITS = {
    "en": "zero one two three four five six seven eight nine",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "pt": "zero um dois três quatro cinco seis sete oito nove",
    "nl": "nul een twee drie vier vijf zes zeven acht negen",
    "hi": "zero ek do teen char paanch chhe saat aath nau",
}

_PHONE = {
    "en": ("My number is {}.", "You can reach me at {}.", "I told them to ring me on {}, silly me.",
           "They kept calling my cell {} all day.", "Contact: Jane Porter, {}"),
    "es": ("Mi número es {}.", "Me pueden llamar al {}.", "Les di mi móvil, el {}.",
           "Llamaron a mi teléfono {} toda la tarde.", "Mis datos: Ana Ruiz, {}"),
    "de": ("Meine Nummer ist {}.", "Sie erreichen mich unter {}.", "Ich gab ihm mein Handy an: {}.",
           "Es klingelte auf meinem Telefon {}.", "Kontakt: Jutta Kern, {}"),
    "fr": ("Mon numéro est le {}.", "Vous pouvez me joindre au {}.", "Je donnai mon portable {}.",
           "Ils appelaient sur mon fixe {}.", "Mes coordonnées : Anne Petit, {}"),
    "it": ("Il mio numero è {}.", "Mi potete chiamare al {}.", "Ho dato il mio cellulare {}.",
           "Hanno chiamato sul mio telefono {}.", "I miei dati: Anna Neri, {}"),
    "pt": ("Meu número é {}.", "Podem me ligar no {}.", "Eu passei meu celular {}.",
           "Ligaram para o meu telefone {}.", "Meus dados: Ana Lima, {}"),
    "nl": ("Mijn nummer is {}.", "U kunt mij bereiken op {}.", "Ik gaf ze mijn mobiele nummer {}.",
           "Ze belden op mijn telefoon {}.", "Mijn gegevens: Anna Smit, {}"),
    "hi": ("Mera number {} hai.", "Mujhe {} pe call karo.", "Maine unko apna mobile {} diya.",
           "Mere phone {} pe call aaya.", "Naam Asha, mobile {}"),
}  # fmt: skip

_MAIL = {
    "en": ("My email is {}.", "Please write to me at {}.", "I typed my address {} into the form."),
    "es": ("Mi correo es {}.", "Escríbanme a {}.", "Puse mi correo {} en el formulario."),
    "de": ("Meine E-Mail ist {}.", "Schreiben Sie mir an {}.", "Ich gab meine Adresse {} an."),
    "fr": ("Mon mail est {}.", "Écrivez-moi à {}.", "J'ai saisi mon adresse {} sur le site."),
    "it": ("La mia mail è {}.", "Scrivetemi a {}.", "Ho inserito il mio indirizzo {}."),
    "pt": ("Meu e-mail é {}.", "Escrevam para {}, é o meu.", "Coloquei meu e-mail {} no site."),
    "nl": ("Mijn e-mail is {}.", "Mail mij op {}.", "Ik vulde mijn adres {} in."),
    "hi": ("Mera email {} hai.", "Mujhe {} pe likho.", "Maine apna mail {} form mein dala."),
}  # fmt: skip

_PAPER = {
    "en": ("I read out my {name} {}.", "They have my {name}: {}"),
    "es": ("Les dicté mi {name} {}.", "Tienen mi {name}: {}"),
    "de": ("Ich habe meine {name} {} vorgelesen.", "Sie haben meine {name}: {}"),
    "fr": ("J'ai dicté mon {name} {}.", "Ils ont mon {name} : {}"),
    "it": ("Ho dettato il mio {name} {}.", "Hanno il mio {name}: {}"),
    "pt": ("Eu ditei meu {name} {}.", "Eles têm meu {name}: {}"),
    "nl": ("Ik las mijn {name} {} voor.", "Ze hebben mijn {name}: {}"),
    "hi": ("Maine apna {name} {} bata diya.", "Unke paas mera {name} hai: {}"),
}

_NAMES = {
    "card": ("card number", "número de tarjeta", "Kartennummer", "numéro de carte",
             "numero di carta", "número do cartão", "kaartnummer", "card number"),
    "account": ("account number", "número de cuenta", "Kontonummer", "numéro de compte",
                "numero di conto", "número da conta", "rekeningnummer", "account number"),
}  # fmt: skip

_PAPERS = {
    "ssn": ("social security number", ("en",)),
    "aadhaar": ("Aadhaar number", ("en", "hi")),
    "nhs": ("NHS number", ("en",)),
    "passport": ("passport number", ("en", "hi")),
    "code": ("one-time code", ("en", "hi")),
}
"""Numbers of papers: what they are called, and the languages in which they are told."""

_IBAN = {"es": ("ES", 20), "de": ("DE", 18), "fr": ("FR", 23), "it": ("IT", 23), "nl": ("NL", 14)}
"""Country and length of the domestic part, of letters and digits as that country has them."""


Form = Callable[[str, str], str]
"""Writes a value as people of a language do."""


@dataclass(frozen=True)
class Placement:
    """A complaint, the value in it that is the victim's, and how it came there."""

    value: str
    kind: str
    form: str
    language: str
    field: str
    row: dict[str, Any]


def luhn(digits: str) -> str:
    """Appends the check digit of ISO/IEC 7812."""
    total = sum(
        int(digit) if place % 2 else sum(divmod(2 * int(digit), 10))
        for place, digit in enumerate(reversed(digits))
    )
    return f"{digits}{-total % 10}"


def iban(country: str, domestic: str) -> str:
    """Returns the IBAN of a domestic account (ISO 13616)."""
    moved = "".join(str(int(sign, 36)) for sign in f"{domestic}{country}00")
    return f"{country}{98 - int(moved) % 97:02}{domestic}"


def phone(country: str, rng: Random) -> str:
    """Returns a mobile number of a country, national digits, that libphonenumber calls valid."""
    like = pn.example_number_for_type(country, pn.PhoneNumberType.MOBILE)
    digits = str(like.national_number)
    while True:
        tail = "".join(rng.choice("0123456789") for _ in range(6))
        number = pn.PhoneNumber(like.country_code, int(digits[:-6] + tail))
        if country == "US":
            area = rng.choice(("202", "312", "415", "617", "713", "907"))
            number = pn.PhoneNumber(1, int(f"{area}{rng.randint(2, 9)}{tail}"))
        if pn.is_valid_number(number):
            return str(number.national_number)


def own_value(kind: str, language: str, rng: Random) -> str:
    """Returns a value of a kind that nobody else has, without separators."""
    some = lambda count: "".join(rng.choice("0123456789") for _ in range(count))  # noqa: E731
    if kind == "phone":
        return phone(COUNTRY[language], rng)
    if kind == "email":
        name = "".join(rng.choice("bcdfghklmnprstvw") for _ in range(9))
        return f"{name}@{rng.choice(('gmail.com', 'yahoo.com', 'web.de', 'orange.fr'))}"
    if kind == "card":
        return luhn(f"4{some(14)}")
    if kind == "ssn":
        return f"{rng.randint(100, 665)}{rng.randint(10, 99)}{rng.randint(1000, 9999)}"
    if kind == "aadhaar":
        digits = f"{rng.randint(2, 9)}{some(10)}"
        return digits + verhoeff.calc_check_digit(digits)
    if kind == "nhs":
        digits = f"4{some(8)}"
        valid = (digit for digit in "0123456789" if nhs.is_valid(digits + digit))
        check = next(valid, None)
        return own_value(kind, language, rng) if check is None else digits + check
    if kind == "passport":
        return f"{rng.choice('ABCEKLMNPRTVXZ')}{some(8)}"
    if kind == "code":
        return some(8)
    if language in _IBAN:
        country, length = _IBAN[language]
        head = {"FR": 0, "IT": 1, "NL": 4}.get(country, 0)
        letters = "".join(rng.choice("ABKRST") for _ in range(head))
        return iban(country, letters + some(length - head))
    return some(11)


def _grouped(value: str, sign: str) -> str:
    """Writes digits in groups of three or four, as people do."""
    size = 4 if len(value) > 12 else 3
    groups = [value[start : start + size] for start in range(0, len(value), size)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = ["".join(groups[-2:])]
    return sign.join(groups)


def _spelled(value: str, language: str) -> str:
    words = _DIGITS[language].split()
    return " ".join(words[int(sign)] if sign.isdecimal() else sign for sign in value)


def _every(value: str, write: Callable[[str], str]) -> str:
    return "".join(write(sign) if sign.isdecimal() else sign for sign in value)


def _international(value: str, language: str) -> str:
    return f"+{pn.country_code_for_region(COUNTRY[language])} {_grouped(value, ' ')}"


NUMBER_FORMS: dict[str, Form] = {
    "plain": lambda v, _: v,
    "spaces": lambda v, _: _grouped(v, " "),
    "dashes": lambda v, _: _grouped(v, "-"),
    "dots": lambda v, _: _grouped(v, "."),
    "slashes": lambda v, _: _grouped(v, "/"),
    "underscores": lambda v, _: _grouped(v, "_"),
    "full width": lambda v, _: _every(v, lambda d: chr(0xFF10 + int(d))),
    "entities": lambda v, _: _every(v, lambda d: f"&#{ord(d)};"),
    "zero width": lambda v, _: "\u200b".join(_grouped(v, " ").split(" ")),
    "letters for digits": lambda v, _: _grouped(v, "-").replace("0", "O").replace("1", "l"),
    "spelled": _spelled,
    "digit by digit": lambda v, _: " ".join(v),
    "with a comma": lambda v, _: _grouped(v, ", "),
    "over lines": lambda v, _: _grouped(v, "\n"),
}

MAIL_FORMS: dict[str, Form] = {
    "plain": lambda v, _: v,
    "upper case": lambda v, _: v.upper(),
    "at and dot": lambda v, _: v.replace("@", " at ").replace(".", " dot "),
    "brackets": lambda v, _: v.replace("@", "[at]").replace(".", "[dot]"),
    "parentheses": lambda v, _: v.replace("@", " (at) "),
    "full width": lambda v, _: v.replace("@", "\uff20"),
    "entities": lambda v, _: v.replace("@", "&#64;").replace(".", "&#46;"),
    "percent": lambda v, _: v.replace("@", "%40"),
    "spaces": lambda v, _: v.replace("@", " @ "),
    "angle brackets": lambda v, _: f"<{v}>",
}

RING_NUMBERS = ("+18885550121", "+18885550199", "+18445550143")

RING_SITE = "amzn-refund-desk.com"


def _row(number: int, language: str, **fields: Any) -> dict[str, Any]:
    """Returns a complaint on the ring by somebody else than all others."""
    return {
        "complaint_id": f"p{number}",
        "source_org": "amazon",
        "received_at": f"2024-03-{1 + number % 28:02}T09:30:00Z",
        "victim_id": f"v{number}",
        "victim_country": COUNTRY[language],
        "channel": "phone_inbound",
        "claimed_brand": "Amazon",
        "phone_numbers": callbacks(RING_NUMBERS[number % 3]),
        "urls": [f"https://{RING_SITE}/"],
        "narrative": "They said that my order was on hold.",
    } | fields


def _sentences(kind: str, language: str) -> tuple[str, ...]:
    if kind == "phone":
        return _PHONE[language]
    if kind == "email":
        return _MAIL[language]
    place = list(COUNTRY).index(language)
    name = _PAPERS[kind][0] if kind in _PAPERS else _NAMES[kind][place]
    if kind == "account" and language in _IBAN:
        name = "IBAN"
    return tuple(sentence.replace("{name}", name) for sentence in _PAPER[language])


def _fields(value: str, kind: str, language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the fields in which people and forms put a value of their own."""
    call = f"Amazon. Call me, {value}" if kind == "phone" else f"Amazon, {value}"
    yield "claimed_brand", {"claimed_brand": call}
    site = f"https://{RING_SITE}/form?step=2&{kind}={quote(value)}"
    yield "urls", {"urls": [site], "narrative": f"I filled in {site}"}
    yield "unknown", {f"customer_{kind}": value}
    yield "unknown_name", {f"note {value}": "yes"}
    yield "region", {"victim_region": value}
    yield "tool", {"remote_access": [{"tool": value, "id": "912451193"}]}
    yield "channel", {"channel": value}
    yield "method", {"payments": [{"method": value, "payee": "refund@oksbi"}]}
    yield "currency", {"loss_amount": "12.00", "loss_currency": value}
    yield "organisation", {"source_org": value}
    if kind in ("phone", "email"):
        # Of digits alone case numbers are made.
        written = _international(value, language) if kind == "phone" else value
        yield "victim_id", {"victim_id": written}
        yield "complaint_id", {"complaint_id": written}
    if kind == "phone":
        for role in ("victim", "mentioned"):
            yield f"role {role}", {"phone_numbers": [{"raw": value, "role": role}]}
    if kind == "email":
        yield "role victim", {"emails": [{"address": value, "role": "victim"}]}
        yield "role mentioned", {"emails": [{"address": value, "role": "mentioned"}]}
    if kind == "card":
        yield "payee", {"payments": [{"method": "card", "payee": value}]}
    if kind == "account":
        yield (
            "payee, told as mine",
            {
                "payments": [{"method": "bank", "payee": value}],
                "narrative": f"They took it from my account {value}.",
            },
        )


def placements(seed: int = 1) -> Iterator[Placement]:
    """Yields the placements of a seed: about 2,000, no value twice."""
    rng = Random(seed)
    for number, (kind, form, language, field, write) in enumerate(_ways(), 1):
        value = own_value(kind, language, rng)
        row = _row(number, language, **write(value))
        yield Placement(value, kind, form, language, field, row)


def _ways() -> Iterator[tuple[str, str, str, str, Callable[[str], dict[str, Any]]]]:
    """Yields kind, form, language and field of each placement, and how a value is put there."""
    for kind in ("phone", "email", "card", "account"):
        forms = MAIL_FORMS if kind == "email" else NUMBER_FORMS
        if kind == "phone":
            forms = forms | {"international": _international}
        for language in COUNTRY:
            for form, write in forms.items():
                for told in _sentences(kind, language):
                    yield kind, form, language, "narrative", partial(_tell, told, write, language)
            for field in (name for name, _ in _fields("1", kind, language)):
                yield kind, "plain", language, field, partial(_fill, field, kind, language)
    for kind, (_, languages) in _PAPERS.items():
        for language in languages:
            for form, write in NUMBER_FORMS.items():
                for told in _sentences(kind, language):
                    yield kind, form, language, "narrative", partial(_tell, told, write, language)


def _tell(told: str, write: Form, language: str, value: str) -> dict[str, Any]:
    said = told.format(write(value, language))
    return {"narrative": f"They said that I had won. {said} I hung up."}


def _fill(field: str, kind: str, language: str, value: str) -> dict[str, Any]:
    return dict(_fields(value, kind, language))[field]
