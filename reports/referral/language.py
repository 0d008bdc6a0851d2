"""The language of a document: its sentences, plurals, dates and figures, all of them data.

A language is a folder, `languages/CODE`:

    language.toml    how it writes days, figures and lists, its plural, and a font for its script
    messages.toml    each sentence by its name, with the names of values in braces; a list of plural
                     forms if a count, `n`, chooses between them
    texts.toml       translations of texts of shared files, such as retention rules; `en` has none
    request.txt, ad_request.txt, readme.txt    templates (Jinja) of letters, and of the README

A language that lacks a message of `en`, or a value in a message, is refused. Names of kinds of
identifiers, and facts, come from their registries in English.
"""

from __future__ import annotations

import gettext
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from reports.referral.case_records import format_amount
from reports.text import plain
from schemas.entity import without_epoch
from schemas.facts import FACTS, Fact
from transforms.extract.kinds.registry import BY_KIND

ENGLISH = "en"

AS_WRITTEN = "_as_written"
"""Suffix of the names of a row's untranslated texts."""

LANGUAGE_FILES = ("language.toml", "messages.toml", "texts.toml")

TEMPLATES = ("request.txt", "ad_request.txt", "readme.txt")


def text_fields(names: str) -> dict[str, Any]:
    """Returns the schema of fields that are texts."""
    return dict.fromkeys(names.split(), str)


LANGUAGE_SCHEMA: Mapping[str, Any] = {
    **text_fields("plural day span time comma last decimal group"),
    "months": [str],
    "font?": text_fields("package file extra") | {"breaks_anywhere?": bool},
}
"""Fields of language.toml. `plural` is a C expression of `n`, as gettext's Plural-Forms has one;
`font` names a package of PyPI, a file in it, the extra of ringtrace that installs it, and whether
the script's lines break between any two letters."""

_PATTERNS = {"day": {"day", "month", "year"}, "span": {"first", "last"}, "time": {"day", "time"}}
"""Patterns of language.toml, and the values of each."""

MONTHS = 12

_BANK_CODES = ("us", "uk", "ifsc")

SHORT_NAME = 3
"""Most letters of a word in a name that is taken as an abbreviation."""

_SMALL_WORDS = ("and", "for", "of", "the")

_SERVICES = {"att": "AT&T"} | {
    name.lower(): name
    for name in (
        *"AnyDesk TeamViewer UltraViewer ScreenConnect WhatsApp PayPal".split(),
        *"BBVA eBay FedEx HMRC HSBC McAfee USPS".split(),
    )
}
"""Names with a spelling of their own, by their words in identifiers and slugs."""

_TEMPLATES = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)

LETTERS = _TEMPLATES.overlay(lstrip_blocks=True, trim_blocks=True)


def blank_values(names: str) -> dict[str, Any]:
    """Returns names with empty texts, for a trial of a template."""
    return dict.fromkeys(names.split(), "")


_REQUEST = blank_values("code number tlp") | {"recipient": blank_values("name unit country")}

TEMPLATE_VALUES: Mapping[str, Mapping[str, Any]] = {
    "request.txt": {
        **_REQUEST,
        "provider": blank_values("name found_by"),
        "priority": "",
        "clock": blank_values("rule preserve source date"),
        "wanted": [""],
        "members": [
            blank_values(
                "words number evidence_number role people records paid first last first_until "
                "last_until"
            )
        ],
        "weeks": "",
    },
    "ad_request.txt": {
        **_REQUEST,
        "platform": "",
        "clicks": [blank_values("click words number evidence_number record seen")],
    },
    "readme.txt": blank_values("code tlp parts check"),
}
"""Names that each template of a language can use."""

_PLURAL_TRIALS = 1_000
"""Counts to try on a plural expression, to learn how many forms it chooses between."""


class ReferenceFileError(ValueError):
    """A reference file that cannot be used; the message is one line for its author."""


class LanguageError(ReferenceFileError):
    """A language folder that cannot be used; the message is one line for its author."""


@dataclass(frozen=True)
class Language:
    """A language: `form` is its language.toml, `messages` have a text, or plural forms.

    `texts` are translations by English text, `templates` the `TEMPLATES` by name.
    """

    code: str
    form: Mapping[str, Any]
    messages: Mapping[str, Sequence[str]] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)
    templates: Mapping[str, Template] = field(repr=False)
    plural: Callable[[int], int]

    def say(self, key: str, /, **values: object) -> str:
        """Returns a message with its values; whole numbers are grouped, `n` chooses the plural."""
        forms, n = self.messages[key], values.get("n")
        form = forms[min(self.plural(n), len(forms) - 1) if isinstance(n, int) else 0]
        return form.format_map(
            {
                name: self.number(value) if isinstance(value, int) else value
                for name, value in values.items()
            }
        )

    def word(self, table: str, name: str, default: str | None = None) -> str:
        """Returns the word for a name of a table of messages; else the default, or the name."""
        forms = self.messages.get(f"{table}.{name}")
        return forms[0] if forms else name if default is None else default

    def points(self, table: str) -> list[str]:
        """Returns the messages of a table, in the order of their names."""
        names = sorted(message for message in self.messages if message.startswith(f"{table}."))
        return [self.messages[name][0] for name in names]

    def count(self, noun: str, n: int) -> str:
        """Returns a number with its noun, such as 1 call, 3,120 complaints."""
        return self.say(f"counts.{noun}", n=n)

    def records(self, row: Mapping[str, Any], call: str = "call_record") -> str:
        """Returns how many complaints and calls a row counts; a zero is left out."""
        counts = (("complaint", row["complaints"]), (call, row["calls"]))
        return self.join([self.count(noun, n) for noun, n in counts if n])

    def translate(self, text: str) -> str:
        """Returns a text of a shared file in this language; in English without a translation."""
        return self.texts.get(text, text)

    def reason(self, facts: Iterable[Fact]) -> str:
        """Returns facts in words, without the facts that analysts wrote."""
        said = (self.word("facts", fact.code, Fact(fact.code).sentence()) for fact in facts)
        return "; ".join(dict.fromkeys(said))

    def translated(self, row: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """Returns a row of a shared file with its texts translated, and also as written."""
        written = {f"{name}{AS_WRITTEN}": row[name] for name in names}
        return {**row, **written, **{name: self.translate(row[name]) for name in names}}

    def join(self, words: Sequence[str]) -> str:
        """Joins words as a list."""
        comma, last = self.form["comma"], self.form["last"]
        return str(last.join(filter(None, [comma.join(words[:-1]), *words[-1:]])))

    def number(self, value: int) -> str:
        """Writes a whole number, digits in groups of three."""
        return f"{value:,}".replace(",", self.form["group"])

    def money(self, amount: Decimal) -> str:
        """Writes an amount, exact."""
        whole, _, cents = format_amount(amount).partition(".")
        return f"{self.number(int(whole))}{self.form['decimal']}{cents}"

    def sum_of(self, currency: str, amount: Decimal) -> str:
        """Writes an amount, exact, with its currency."""
        return self.say("general.money", currency=currency, sum=self.money(amount))

    def day(self, moment: date) -> str:
        """Writes a day in words, such as 9 June 2025."""
        month = self.form["months"][moment.month - 1]
        return str(self.form["day"].format(day=moment.day, month=month, year=moment.year))

    def days(self, first: datetime, last: datetime) -> str:
        """Writes a span of days, both ends included."""
        start, end = self.day(first), self.day(last)
        return start if start == end else self.span(start, end)

    def span(self, first: object, last: object) -> str:
        """Joins two ends of a span."""
        return str(self.form["span"].format(first=first, last=last))

    def iso_days(self, first: datetime, last: datetime) -> str:
        """Writes a span of days for a table, as ISO 8601 writes days."""
        return self.span(f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")

    def time(self, moment: datetime) -> str:
        """Writes a time in words, to the minute, UTC."""
        return str(self.form["time"].format(day=self.day(moment), time=f"{moment:%H:%M}"))

    def organisations(self, slugs: Sequence[str]) -> str:
        """Joins the names of organisations."""
        return self.join([organisation_name(slug) for slug in slugs])

    def identifier(self, entity_id: str) -> str:
        """Returns an identifier in the words of the provider that keeps its records.

        Such as "ABA 026010090, account 62022802552" for `account:us:026010090:62022802552`.
        """
        bare = without_epoch(entity_id)
        kind, _, value = bare.partition(":")
        scheme, _, rest = value.partition(":")
        service = _SERVICES.get(scheme, scheme.capitalize())
        match kind:
            case "account" if scheme in _BANK_CODES and ":" in rest:
                code, _, account = rest.partition(":")
                words = self.say(f"identifiers.{scheme}", code=code, account=account)
            case "account" if scheme == "iban":
                words = f"IBAN {rest}"
            case "account" if scheme == "upi":
                words = self.say("identifiers.upi", id=rest)
            case "wallet" if rest:
                words = self.say("identifiers.wallet", chain=scheme.upper(), id=rest)
            case "remote" if rest:
                words = self.say("identifiers.remote", service=service, id=rest)
            case "account" | "handle" if rest:
                words = f"{service} {rest}"
            case _:
                words = value or bare
        holder = entity_id[len(bare) :].removeprefix("#")
        return self.say("identifiers.holder", words=words, holder=holder) if holder else words


def make_language(
    code: str,
    form: Mapping[str, Any],
    messages: Mapping[str, Any],
    texts: Mapping[str, str],
    templates: Mapping[str, Template],
    measure: Language | None = None,
) -> Language:
    """Makes a language of its files; it must have all messages of `measure`.

    Raises:
        LanguageError: naming all messages that are missing, unknown, or have other values.
    """
    plural, count = _plural(form["plural"])
    if len(form["months"]) != MONTHS:
        raise LanguageError("language.toml, months: give twelve")
    for name, wanted in _PATTERNS.items():
        _check_values(f"language.toml, {name}", [form[name]], wanted)
    flat = dict(_flattened(messages))
    if code == ENGLISH:
        kinds = {f"kinds.{kind}": [row.noun] for kind, row in BY_KIND.items()}
        cautions = {
            f"cautions.{kind}": [row.caution] for kind, row in BY_KIND.items() if row.caution
        }
        facts = {
            f"facts.{fact}": [Fact(fact).sentence()]
            for fact, known in FACTS.items()
            if known.in_letters
        }
        flat = kinds | cautions | facts | flat
    known = measure.messages if measure is not None else flat
    if missing := [key for key in known if key not in flat]:
        raise LanguageError(f"messages.toml: is incomplete; it has no {', no '.join(missing)}")
    if unknown := [key for key in flat if key not in known]:
        raise LanguageError(f"messages.toml: no such messages {', '.join(unknown)}")
    for key, forms in flat.items():
        place = f"messages.toml, {key}"
        _check_values(place, forms, _values_of(place, known[key]))
        if len(forms) not in (1, count):
            raise LanguageError(
                f"{place}: has {len(forms)} plural forms; the plural of language.toml chooses "
                f"between {count}"
            )
    return Language(code, form, flat, texts, templates, plural)


def _plural(expression: str) -> tuple[Callable[[int], int], int]:
    """Returns a plural, and the number of its forms."""
    try:
        plural = gettext.c2py(expression)
        return plural, max(int(plural(n)) for n in range(_PLURAL_TRIALS)) + 1
    except (ValueError, ArithmeticError) as error:
        raise LanguageError(
            f"language.toml, plural: {error}; write a C expression of n, such as n != 1"
        ) from None


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yields the messages of nested tables by their names, joined with dots."""
    for name, node in tree.items():
        key = f"{prefix}{name}"
        if isinstance(node, dict):
            yield from _flattened(node, f"{key}.")
            continue
        forms = node if isinstance(node, list) else [node]
        if not forms or not all(isinstance(form, str) for form in forms):
            raise LanguageError(f"messages.toml, {key}: is neither a text nor a list of texts")
        yield key, forms


def _check_values(place: str, forms: Iterable[str], wanted: set[str]) -> None:
    """Raises LanguageError unless the forms of a message have the wanted values together."""
    if (present := _values_of(place, forms)) != wanted:
        raise LanguageError(
            f"{place}: has the values {_braces(present)} and needs {_braces(wanted)}"
        )


def _braces(names: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "none"


def _values_of(place: str, forms: Iterable[str]) -> set[str]:
    """Returns the names of values in a message; only plain names are allowed."""
    names = set()
    for text in forms:
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise LanguageError(f"{place}: {error}") from None
        for _, name, spec, conversion in parts:
            if name is not None:
                if not name.isidentifier() or spec or conversion:
                    raise LanguageError(f"{place}: {{{name}}} is not the name of a value")
                names.add(name)
    return names


def format_utc(moment: datetime) -> str:
    """Formats a time in UTC, ISO 8601, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def check_font(file: Traversable, font: Mapping[str, Any] | None) -> None:
    """Raises ReferenceFileError unless a font is a file within a package."""
    if font is None:
        return
    parts = PurePosixPath(font["file"]).parts
    if not font["package"].isidentifier() or ".." in parts or font["file"].startswith("/"):
        raise ReferenceFileError(
            f"{file}, font: give the name of a package, and the path of a file within it"
        )


def checked_template(
    file: Traversable,
    text: str,
    values: Mapping[str, Any],
    kind: str,
    environment: SandboxedEnvironment = _TEMPLATES,
) -> Template:
    """Returns a template, after a trial with all the names that it can use.

    Raises:
        ReferenceFileError: if it uses others; it lists the names.
    """
    try:
        template = environment.from_string(text)
        template.render(values)
    except (TemplateError, TypeError) as error:
        why = " ".join(str(error).split())
        raise ReferenceFileError(f"{file}: {why}; a {kind} can name {', '.join(values)}") from None
    return template


def organisation_name(slug: str) -> str:
    """Returns an organisation's slug as its name; up to three letters are an abbreviation."""
    words = plain(slug, 60).replace("_", " ").replace("-", " ").split()
    return " ".join(map(_name_word, words))


def _name_word(word: str) -> str:
    if word in _SMALL_WORDS:
        return word
    plain_name = word.upper() if len(word) <= SHORT_NAME else word[:1].upper() + word[1:]
    return _SERVICES.get(word, plain_name)
