"""Evidence for a guess: the patterns and shares by which texts, and columns of them, are known.

A text is read by transforms/values, or not at all; here is told what it looks like. The words that
say so, by language, are in columns.toml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone, tzinfo
from functools import cache, cached_property
from pathlib import Path

import phonenumbers

from schemas.enums import CURRENCIES
from schemas.mapping import TimeForm
from transforms.values import casts, is_phone_number, plain_words, times, word_lists

SURE, MOST = 0.95, 0.8
"""Shares of the values of a column that must be of one sort."""

MOST_NUMBERS = 1_000
"""Numbers of a column that are looked at, and of all columns to tell their country."""

is_email = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}\.[A-Za-z]{2,24}").fullmatch

is_formatted = re.compile(r"[+() .-]").search
"""Recognizes a telephone number that is more than digits."""

is_iban = re.compile(r"(?:[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){10,30}) ?").fullmatch

is_url = re.compile(r"(?:h..ps?://|www\.)\S{4,2000}", re.IGNORECASE).match

is_site = re.compile(r"(?:h..ps?://|(?:[\w-]{1,63}(?:\.|\[\.\]|\(\.\)))+[a-z]{2})", re.I).match
"""Recognizes what begins as a link or as the name of a host."""

is_rounded = re.compile(r"\d[.,]?\d*E\+\d{1,2}", re.IGNORECASE).fullmatch
"""Recognizes a long number as a spreadsheet shows it: 1.88856E+10."""

is_ip_address = re.compile(r"(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})").fullmatch
"""Recognizes an IPv4 address, which is written as some telephone numbers are."""

is_language = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}").fullmatch
"""Recognizes what is written as a tag of BCP 47."""

is_sql_types = re.compile(
    r"(?:(?:INTEGER|BIGINT|UNIQUEIDENTIFIER|(?:VAR|N)?CHAR\(\d+\)|[A-Z]{4,20})\s?)+"
).fullmatch
"""Recognizes a row of the types of SQL, as some exports have below the header."""

is_datum = re.compile(r"[\d\s().+/:,-]*\d[\d\s().+/:,-]*|[^\s@]+@[^\s@]+\.[a-z]{2,24}").fullmatch
"""Recognizes a cell that no header row has: a number, a time, an e-mail address."""

is_time_of_day = re.compile(
    r"(?:[01]?\d|2[0-3])(?::[0-5]\d){1,2}(?:\.\d+)?(?:\s?[ap](?:\.?m\.?)?)?|(?:[01]\d|2[0-3])(?:[0-5]\d){2}",
    re.IGNORECASE,
).fullmatch
"""Recognizes a time of day alone: 9:05, 09:05:30 PM or 210530."""

names_time_of_day = re.compile(r"\d:\d\d|(?:\d{8}|[T ])\d{6}$").search
"""Recognizes a time that says more than its date."""

ends_with_zone_name = re.compile(r"\d ?(?:[AP]M )?(?!UTC?$|GMT$|Z$|[AP]M$)[A-Z]{2,5}$").search
"""Recognizes a time that ends with the name of a zone that may be another one elsewhere."""

_ABROAD = ("+", "00", "sip:+", "tel:+")
"""Beginnings of a number that names its country."""

_is_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/#@-]{0,127}").fullmatch

_SIDES = ("suspect", "victim", "line", "callback", "caller_id", "mentioned")
"""Words by which a column has numbers of somebody in the matter."""

_DIGITS = re.compile(r"(?<![\w-])\+?\(?\d(?:[\s().-]{0,3}\d){6,14}(?![\w-])")

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""A letter of a script without blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Han."""

_DECIMAL_COMMA = re.compile(r"\d,\d{1,2}\D{0,4}$|\.\d{3},")

_DECIMAL_POINT = re.compile(r"\d\.\d{1,2}\D{0,4}$|,\d{3}\.")

_POINT_OF_THOUSANDS = re.compile(r"\D{0,4}[1-9]\d{0,2}(?:\.\d{3})+\D{0,4}")


def holds_phone(text: str) -> bool:
    """Returns whether a text is a telephone number, or has the digits of one among few words."""
    return casts.is_phone_shaped(text) or (len(text) <= 60 and _DIGITS.search(text) is not None)


def lacks_country(text: str) -> bool:
    """Returns whether a text is written as a telephone number that names no country."""
    return casts.is_phone_shaped(text) and not text.startswith(_ABROAD)


def regions_of(columns: Sequence[Column]) -> list[str]:
    """Returns the regions of which most numbers of columns may be that name no country."""
    texts = [text for column in columns for text in column.texts[:200]]
    shaped = [text for text in texts if casts.is_phone_shaped(text)]
    return number_regions(shaped[:: 1 + len(shaped) // MOST_NUMBERS])


def number_regions(numbers: Collection[str]) -> list[str]:
    """Returns the regions of which most numbers may be that name no country, best first.

    Those of one country code are one. Numbers that do name theirs decide between several.
    """
    named = [number for number in numbers if number.startswith(_ABROAD)]
    texts = [number for number in numbers if not number.startswith(_ABROAD)]
    if not texts:
        return []
    regions = word_lists()["countries"]["tried"].split()
    counts = {region: sum(_is_national(text, region) for text in texts) for region in regions}
    best = max(counts.values())
    if best < MOST * len(texts):
        return []
    if counts["US"] >= SURE * len(texts):
        return ["US"]  # of three numbers of ten digits at random, one is valid there
    fit = [region for region in regions if counts[region] >= MOST * best]
    fit.sort(key=lambda region: -counts[region])
    first = {_country_code(region): region for region in reversed(fit)}
    fit = [region for region in fit if region in first.values()]
    abroad = [re.sub(r"\D", "", number).removeprefix("00") for number in named]
    own = [
        region
        for region in fit
        if named and sum(n.startswith(_country_code(region)) for n in abroad) >= MOST * len(named)
    ]
    return own or fit


def _is_national(text: str, region: str) -> bool:
    """Returns whether a number that names no country is one of a region, as it is written there."""
    digits = re.sub(r"\D", "", text)
    unprefixed = word_lists()["countries"]["unprefixed"]
    begins = ("0", *unprefixed.get(region, ""), *[_country_code(region)] * (len(digits) > 10))
    as_written = region not in unprefixed or digits.startswith(begins)
    return as_written and is_phone_number(text, region)


def _country_code(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region))


def is_currency(text: str) -> bool:
    """Returns whether a text is a code of ISO 4217."""
    return text.strip().upper() in CURRENCIES


def is_duration(text: str) -> bool:
    """Returns whether a text is a length of which the seconds are clear."""
    return bool(re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", casts.plain_duration(text, ".")))


def is_prose(text: str) -> bool:
    """Returns whether a text has eight words or more, or as many letters as these would have."""
    return len(text.split()) >= 8 or len(_UNSPACED.findall(text)) >= 20


def organisation_of(path: str) -> tuple[str, bool]:
    """Returns a slug by the name of a file, and whether that says anything."""
    words = re.findall(r"[a-z]+", plain_words(Path(path).name.split(".")[0]))
    common = word_lists()["marks"]["file_words"]
    named = [word for word in words if word not in common and len(word) > 2]
    return (named[0][:64], True) if named else ("my-organisation", False)


def count_decimal_signs(texts: Collection[str]) -> tuple[int, int, int]:
    """Counts the amounts with a decimal comma, a decimal point, and points as in 1.500."""
    signs = (_DECIMAL_COMMA.search, _DECIMAL_POINT.search, _POINT_OF_THOUSANDS.fullmatch)
    commas, points, thousands = (sum(map(bool, map(sign, texts))) for sign in signs)
    return commas, points, thousands


def time_share(texts: Sequence[str], form: TimeForm) -> float:
    """Returns the share of texts that are possible times of a form, be they unclear or not set."""
    read = 0
    for time in (times.time_or_error(text, form, UTC) for text in texts):
        if isinstance(time, times.TimeFormError):
            read += time.unclear
        else:
            read += time is None or casts.EARLIEST_DATE <= time < casts.LATEST_DATE
    return read / len(texts)


def assumes_zone(text: str, form: TimeForm) -> bool:
    """Returns whether a time names no zone, so that its instant is another in another one."""
    zones = (UTC, timezone(timedelta(hours=1)))
    first, later = (times.time_or_error(text, form, zone) for zone in zones)
    return first != later and not isinstance(first, times.TimeFormError)


def has_unclear_zone(text: str, form: TimeForm, zone: tzinfo, country: str | None) -> bool:
    """Returns whether a time names a zone that neither a zone nor a country makes clear."""
    time = times.time_or_error(text, form, zone, country)
    return isinstance(time, times.TimeFormError) and time.unclear and form is not TimeForm.UNDECIDED


def years_may_be_first(texts: Collection[str]) -> bool:
    """Returns whether dates with years of two digits may be written as 26/11/15, year first.

    Years are few, and days many: what has more values is taken as the day, where it is the first.
    """
    dates = [*filter(None, (times.YEAR_LAST.fullmatch(text.strip()) for text in {*texts}))]
    if not dates or not all(map(times.may_begin_with_year, dates)):
        return False
    return len({date["first"] for date in dates}) <= len({date["year"] for date in dates})


def counts_rows(ids: Sequence[str]) -> bool:
    """Returns whether ids are 1, 2, 3 and so on, as of the rows of one file."""
    return (
        len(ids) > 1
        and all(text.isdecimal() for text in ids)
        and {*map(int, ids)} in ({*range(len(ids))}, {*range(1, len(ids) + 1)})
    )


@dataclass(eq=False)
class Column:
    """A column of a sample: its name in plain words, the texts in it, and what it is guessed as.

    With `is_doubled` another column has the same name: one of them may be the victim's.
    """

    name: str
    words: str
    texts: Sequence[str]
    rows: int
    is_doubled: bool
    targets: tuple[str, ...] = ()
    note: str = ""

    def share(self, fits: Callable[[str], object]) -> float:
        """Returns the share of the texts that fit."""
        return sum(map(bool, map(fits, self.texts))) / max(1, len(self.texts))

    def named(self, table: str, *keys: str) -> int:
        """Returns how well a phrase of columns.toml at any of some keys fits the name.

        That is its number of words, and more where it is the whole name.
        """
        return max(
            (f" {phrase} " in f" {self.words} ") * len(phrase.split()) + 10 * (phrase == self.words)
            for key in keys
            for phrase in map(_without_articles, word_lists()[table][key])
        )

    def sided(self, *sides: str) -> int:
        """Returns how well a phrase that says whose something is fits the name."""
        return self.named("sides", *(sides or _SIDES))

    @cached_property
    def time_forms(self) -> tuple[TimeForm, ...]:
        """The forms by which nearly all texts are times."""
        texts = self.texts[:100]
        return tuple(form for form in TimeForm if texts and time_share(texts, form) >= MOST)

    @property
    def is_calendar(self) -> bool:
        """True for times that are no mere numbers."""
        return any(not form.startswith(("epoch", "excel")) for form in self.time_forms)

    @property
    def is_long_epoch(self) -> bool:
        """True for times that have too many digits for a telephone number."""
        return any(form in ("epoch-milliseconds", "epoch-microseconds") for form in self.time_forms)

    @property
    def is_nameless(self) -> bool:
        """True for a column of a table without a header row."""
        return self.name.startswith("column ") and self.name[7:].isdecimal()

    @cached_property
    def looks_dialed(self) -> bool:
        """True for what is written as telephone numbers are, and is no date."""
        fits = (is_formatted, casts.is_phone_shaped)
        shaped = all(self.share(fit) >= MOST for fit in fits)
        return shaped and not self.time_forms and self.share(is_ip_address) < 0.5

    @cached_property
    def is_prose(self) -> bool:
        """True for words of people, which numbers and links may be among."""
        return self.share(is_prose) >= 0.3

    @cached_property
    def is_id(self) -> bool:
        """True where each row has a short text of its own."""
        return (
            len(set(self.texts)) == len(self.texts) >= self.rows * SURE
            and self.share(_is_id) >= SURE
            and self.share(is_email) < 0.05
        )

    @property
    def is_pseudonym(self) -> bool:
        """True for what may be the pseudonym of a person: short, and no way to reach one."""
        short = self.share(lambda text: len(text) <= 64 and _is_id(text))
        return short >= SURE and not any(text[0] == "+" or is_email(text) for text in self.texts)

    @property
    def is_person(self) -> bool:
        """True for a name that says who or where somebody is, where nothing says it better."""
        never, last = self.named("never", "person", "place"), self.words.rpartition(" ")[2]
        return never > 10 or bool(never and last in ("name", "address", "nombre"))

    @property
    def is_side(self) -> bool:
        """True for a name that says of somebody in the matter that the column has theirs."""
        calls = self.named("call", "calling_number", "called_number")
        return calls > 10 or self.sided() > 0

    @property
    def is_victims(self) -> bool:
        """True for a name that says that the victim's own is in the column."""
        of_person = self.sided("suspect") and not self.sided("event")
        return bool(self.sided("victim") or (self.sided("line") and not of_person))

    @property
    def is_suspects(self) -> bool:
        """True for a name that says that the suspect's own is in the column.

        Not those whom the suspect reached, nor the desk that works on it.
        """
        reached = self.sided("reached") and not self.sided("told")
        others = self.is_doubled or reached or self.is_victims or self.sided("own")
        return bool(self.sided("suspect")) and not others


def columns_of(
    names: Sequence[str], rows: Sequence[Mapping[str, Sequence[str]]]
) -> Iterator[Column]:
    """Yields the columns of the rows of a sample; what says that nothing is known is no text."""
    distinct = [*{repr(sorted(row.items())): row for row in rows}.values()]
    for name in dict.fromkeys(names):
        texts = [
            part
            for row in distinct
            for cell in row.get(name, ())
            if not casts.says_unknown(cell)
            for part in casts.phone_parts(cell)
        ]
        words = _without_articles(plain_words(name))
        yield Column(name, words, texts, len(distinct), names.count(name) > 1)


@cache
def _without_articles(words: str) -> str:
    articles = word_lists()["marks"]["articles"]
    return " ".join(part for part in words.split() if part not in articles) or words
