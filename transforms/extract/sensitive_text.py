"""Finds sensitive text that is no identifier of the graph, and masks it.

Numbers of payment cards and of social security, codes of gift cards, addresses in links, and
contacts that victims call their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.complaint import OTHER_PRIVATE, OWN_ADDRESS, OWN_NUMBER, PRIVATE
from transforms.arrow_util import Array
from transforms.extract.kinds import email, gift_card
from transforms.extract.narrative import REACH, REACH_AFTER, quotes_suspect
from transforms.text_masking import MASK, find_by_row, mask_rows, mask_spans_fully
from transforms.text_util import lower_in_place
from transforms.victims.record_texts import RecordTexts

Contact = tuple[int, int, str]
"""Start and end, code points, of an OWN_NUMBER or an OWN_ADDRESS."""

CARD_OR_SSN_HINTS = (
    r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}|3[47][0-9]{2}[ -]?[0-9]{6}|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|(?i)\b(?:ssn|social|sin|nino?|ni number|national insurance)\b",
)
"""RE2: without a match of this, a text holds no such number."""

_CARD = re.compile(
    r"(?<![\w+.-])(?=(?P<card>\d{4}(?P<sign>[ -]?)\d{4}(?P=sign)\d{4}(?P=sign)\d{4}"
    r"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w-]))"
)
"""Fifteen or sixteen digits as cards print them (ISO/IEC 7812), also behind other such groups."""

_ISSUED = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6011|6[45]|35")
"""First digits of card numbers: Visa, Mastercard, American Express, Discover, JCB."""

_SSN = r"(?!000|666|9)\d{3}%s(?!00)\d{2}%s(?!0000)\d{4}(?![\w-])"
"""Social security numbers as the SSA issues them (20 CFR 422.103; none begin with 9)."""

_HYPHENED = re.compile(r"(?<![\w+.-])" + _SSN % ("-", "-"))

_LABELLED = re.compile(
    r"\b(?:ssn|my social|social (?:security|insurance)(?: number| no\.?| #)?|(?-i:SIN|NINO?)"
    r"|ni number|national insurance(?: number| no\.?)?)\b[^\d\n]{0,20}?"
    r"(?:\+?\d[\d ().-]{5,20}\d[^\d\n]{1,5}?)?"
    r"(?P<number>\d{3}[ -]?\d{2}[ -]?\d{4}|\d{3}[ -]?\d{3}[ -]?\d{3}"
    r"|\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D])(?![\w-])",
    re.IGNORECASE,
)
"""A number that is named as that of the United States, of Canada (SIN) or the UK (NINO)."""

_MINE = r"(?:my|our|mis?|mein(?:e[rnm]?)?|unsere?|mon|ma|notre)"

_KIND = (
    r"(?:(?:own|home|house|cell|cellular|mobile|work|office|business|personal|private|direct|phone"
    r"|telephone|whats ?app|social|security|bank|checking|savings|credit|debit|card|account) ){0,4}"
)

_NUMBER_WORDS = (
    r"(?:number|no|phone|cell|mobile|telephone|whats ?app|ssn|social security|account|acct|card"
    r"|n[uú]mero|tel[eé]fono|m[oó]vil|celular|cuenta|tarjeta|\pL{0,16}nummer|handy|telefon|konto"
    r"|karte|num[ée]ro|portable|t[ée]l[ée]phone|t[ée]l|fixe|compte|carte)"
)

_NUMBERED = _NUMBER_WORDS + r"(?: (?:de|d['’]) ?\pL{1,12})?"

_ADDRESS_WORDS = r"(?:e-?mail|mail|gmail|correo(?: electr[oó]nico)?|adresse|courriel|m[ée]l)"

_ADDRESSED = _ADDRESS_WORDS + r"(?:[ -](?:address|adresse|id))?"

_PLACE_WORDS = (
    r"(?:web ?site|site(?: web| internet)?|domain|web ?page|homepage|blog|shop|p[aá]gina(?: web)?"
    r"|sitio(?: web)?|dominio|tienda|web ?seite|internetseite|domaine|facebook|instagram|linkedin"
    r"|twitter|tiktok|snapchat|telegram|venmo|paypal|cash ?app|wallet|monedero|ethereum|bitcoin|upi"
    r"|iban)"
)

_PLACED = (
    _PLACE_WORDS + r"(?: (?:name|handle|tag|account|user ?name|page|profile|link|address|id))?"
)

_IS = r"(?:(?: (?:number|no|is|was|es|era|ist|war|lautet|est|était)){1,2},?)?[\s:=#(\"'“<-]{1,4}"

SELF_IDENTIFIED_HINTS = (
    (
        rf"(?i)(?:\b|[0-9]){_MINE} {_KIND}(?:[^ ]+ )?"
        rf"(?:{_NUMBER_WORDS}|{_ADDRESS_WORDS}|{_PLACE_WORDS})"
        r"[\s:=#(\"'“<-]"
    )
    .replace("{0,4}", "*")
    .replace(r"\pL{0,16}", "[^ ]*"),
)
"""RE2: without a match of this, a text calls nothing one's own.

What counts letters or may be missing is left out, which takes a twentieth of the time; what follows
begins with a sign of the last class.
"""

_LETTER = r"[^\W\d_]"

_DIGIT = r"[\d²³¹⁰⁴-⁹₀-₉①-⑨⓪❶-❾➀-➈➊-➒]"

_DIGIT_WORDS = (
    "zero oh o one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty"
    " ninety hundred double triple and cero uno un dos tres cuatro cinco seis siete ocho nueve diez"
    " once doce trece catorce quince veinte treinta cuarenta cincuenta sesenta setenta ochenta"
    " noventa cien y null eins zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf zéro"
    " deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt"
    " vingts trente quarante cinquante soixante et"
)

_DIGIT_WORD = (
    rf"(?:{_LETTER}{{0,12}}(?:zig|ßig|zehn)|dieci\w{{4,6}}|veinti\w{{3,6}}|{'|'.join(_DIGIT_WORDS.split())})"
    r"(?![^\W_])"
)

_ONE = rf"(?:{_DIGIT}|{_DIGIT_WORD})"

_NUMBER = re.compile(rf"{_ONE}(?:[\W_]{{0,3}}{_ONE}){{5,30}}")
"""At least six digits or words for them, as a local number has."""

_SIGN = r"(?:@|＠|&#64;|&commat;|%40)"

_SPOKEN = r"[\[(]?(?:at|arroba|arobase)[\])]?"

_DOT = r"\s?[\[(]?\s?(?:\.|．|dot|punto|punkt|point)\s?[\])]?\s?"

_PROVIDER = (
    r"(?:gmail|yahoo|hotmail|outlook|aol|icloud|live|msn|gmx|web|orange|wanadoo|free|proton)"
)

_END = rf"(?:(?:{_DOT}|\s)(?:com|net|org|edu|gov)|{_DOT}[a-z]{{2}})(?!\w)"

_ADDRESS = re.compile(
    rf"(?:[^\s@]{{1,64}}\s){{0,2}}[^\s@]{{0,64}}?\s?{_SIGN}\s?[^\s@,;]{{2,64}}(?:{_END})?"
    rf"|(?:[^\s@]{{1,64}}\s){{1,3}}{_SPOKEN}\s(?:{_PROVIDER}(?:{_END})?"
    rf"|[\w-]{{1,64}}{_END})"
)

_PLACE = re.compile(
    r"(?:https?://)?[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}(?:/[^\s\"'<>]{0,200})?|[@$][\w.-]{2,64}"
    r"|(?=[a-z]{0,40}\d)[a-z0-9]{20,64}"
)
"""A site, a name with its sign, or the letters and digits of a wallet or account."""


_DIGITS_OF_A_NUMBER = re.compile(r"(?<!\w)\+?\(?\d(?:[\s().-]{0,3}\d){6,}")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")

_PLAIN_ADDRESS = re.compile(r"[\w.+-]{1,64}(?:@|＠|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")

_TWO_ADDRESSES = 500
"""Characters within which a second address ends."""


def _cue(what: str) -> re.Pattern[str]:
    pattern = rf" {_KIND}(?:\pL{{1,12}} )?{what}{_IS}"
    return re.compile(pattern.replace(r"\pL", _LETTER))


_OWN = re.compile(rf"(?<![^\W\d]){_MINE}(?= )")
"""It may be stuck to a number, which may be masked."""

_BID = re.compile(
    r"(?:call|dial|contact|text|reach|visit|go to|log ?in to|open|mail|write to|reply to) $"
)
"""Words of a scammer before 'our number'."""

_FORMS = (
    (_cue(_NUMBERED), _NUMBER, OWN_NUMBER),
    (_cue(_ADDRESSED), _ADDRESS, OWN_ADDRESS),
    (_cue(_PLACED), _PLACE, OWN_ADDRESS),
)


def find_private(texts: RecordTexts, transcribed: Array) -> pa.ListArray:
    """Finds what nobody may see in the narratives and links of records, as a column of PRIVATE.

    Numbers of cards and of social security tie nobody to a scam, and whoever reads them can use
    them; what a link holds is whom it was sent to. Numbers said in tens or in French, digits in
    circles, an account without its bank, an address without its dots: they name no entity either,
    but whoever sees them knows. So whatever looks like a number or an address right after 'my
    number is' is found, but in transcripts and where the victim quotes the caller: there it is the
    caller's.

    Args:
        texts: All texts of the records.
        transcribed: Whether each record's narrative is a transcript of the caller.
    """
    narratives, links = texts.of_field("narrative"), texts.of_field("urls")
    own = narratives[~transcribed[texts.rows[narratives]]]
    finders: tuple[tuple[Array, tuple[str, ...], Callable[[str], Iterator[Any]]], ...] = (
        (np.append(narratives, links), email.LINK_HINTS, email.link_address_spans),
        (narratives, gift_card.HINTS, gift_card.find_codes),
        (narratives, CARD_OR_SSN_HINTS, card_and_ssn_spans),
        (own, SELF_IDENTIFIED_HINTS, _own_contacts),
    )
    found = [
        (where[row], start, end, *(what or [OTHER_PRIVATE]))
        for where, hints, find in finders
        for row, spans in find_by_row(texts.texts.take(pa.array(where)), hints, find).items()
        for start, end, *what in spans
    ]
    columns = [[one[place] for one in found] for place in range(4)]
    spans = [pa.array(column) for column in columns[1:]]
    return texts.to_column(np.array(columns[0], np.int64), spans, PRIVATE, len(transcribed))


def mask_self_identified(texts: pa.Array) -> pa.Array:
    """Masks, in strings or null, contacts that their writers call their own."""
    found = find_by_row(texts, SELF_IDENTIFIED_HINTS, self_identified)
    spans = {row: [(start, end) for start, end, _ in those] for row, those in found.items()}
    return mask_rows(texts, spans, mask_spans_fully)


def mask_contacts(text: str, shown: Collection[str] = ()) -> str:
    """Masks all numbers and addresses in words that an analyst typed, but for those `shown`.

    Args:
        text: The words. A name in them stays: nothing tells whose it is.
        shown: Ids of entities that are shown anyway.
    """
    values = [one.partition(":")[2].lower() for one in shown]
    spans = [
        match.span()
        for form in (_DIGITS_OF_A_NUMBER, _PLAIN_ADDRESS)
        for match in form.finditer(text)
        if not _DAY.match(match[0])
        and not any(one.endswith((match[0].lower(), _digits(match[0]))) for one in values)
    ]
    return mask_rows(pa.array([text]), {0: spans}, mask_spans_fully)[0].as_py() if spans else text


def card_and_ssn_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end, code points, of every number of a card or of social security."""
    for card in _CARD.finditer(text):
        if _ISSUED.match(card["card"]) and _passes_luhn(card["card"]):
            yield card.span("card")
    for number in _HYPHENED.finditer(text):
        yield number.span()
    for named in _LABELLED.finditer(text):
        yield named.span("number")


def self_identified(text: str) -> Iterator[Contact]:
    """Yields what looks like a number or an address right after 'my number is'."""
    low = lower_in_place(text)
    for own in _OWN.finditer(low):
        if own[0] == "our" and _BID.search(low, max(0, own.start() - 10), own.start()):
            continue
        for cue, form, what in _FORMS:
            named = cue.match(low, own.end())
            value = form.match(low, named.end()) if named else None
            if value and any(map(str.isalnum, value[0])):
                yield *value.span(), what
                if form is _ADDRESS:
                    yield from _second_address(low, *value.span())


def _own_contacts(text: str) -> Iterator[Contact]:
    """Yields what `self_identified` does, without what is in words of the suspect's."""
    low = lower_in_place(text)
    for start, end, what in self_identified(text):
        before, behind = low[max(0, start - REACH) : start], low[end : end + REACH_AFTER]
        if not quotes_suspect(before, behind):
            yield start, end, what


def _second_address(low: str, start: int, end: int) -> Iterator[Contact]:
    """Yields one's own address with another that follows it within a few words."""
    masked = f"{MASK * (end - start)}{low[end : end + _TWO_ADDRESSES]}"
    if more := _ADDRESS.match(masked):
        yield start, start + more.end(), OWN_ADDRESS


def _digits(written: str) -> str:
    return "".join(filter(str.isdecimal, written)) if "@" not in written else written


def _passes_luhn(written: str) -> bool:
    """Tells whether the check digit is right (ISO/IEC 7812-1 annex B)."""
    digits = [int(one) for one in reversed(written) if one.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
