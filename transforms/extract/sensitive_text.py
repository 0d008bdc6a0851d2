"""Finds sensitive text that is no identifier of the graph, and masks it.

This is: document and card numbers, codes, private keys, addresses in links, and contacts that
victims call their own. A document number is found by its label, its check digit (python-stdnum), or
both. A check digit alone can mislead: by chance, every number of ten digits passes some check, and
may be an operator's id.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from schemas.complaint import OPAQUE, OTHER_PRIVATE, OWN_ADDRESS, OWN_NUMBER, PAPER, PRIVATE
from transforms.arrow import Array
from transforms.decode import (
    HIDDEN_AT_WORDS,
    HIDDEN_DOT_WORDS,
    MASK,
    cut_to_search_limit,
    fill_parts,
    find_by_row,
    hash_spans,
    load_reference_data,
    mask_rows,
    mask_spans_fully,
    without_accents,
)
from transforms.decode.escapes import (
    WEB_ESCAPE,
    Span,
    compatible_in_place,
    decode_web_escapes,
    lower_in_place,
)
from transforms.decode.readings import ADDRESS_TOKEN_HINT, tokens_with_address
from transforms.extract.kinds import domain, gift_card, iban, url
from transforms.extract.narrative import REACH, REACH_AFTER, load_finders, quotes_suspect
from transforms.victims.record_texts import PLAIN, RecordTexts

Contact = tuple[int, int, str]
"""Start and end, in code points, and sort: OWN_NUMBER or OWN_ADDRESS."""

Private = tuple[int, int, str]
"""Start and end, in code points, and sort: PAPER, OTHER_PRIVATE or OPAQUE."""

Papers = Mapping[int, Sequence[Span]]
"""The places of papers' numbers, in code points, by the row of their narrative."""

_GAP = r"[ \xa0._/‐-―−\u200b-\u200d\u2060\ufeff-]"

_OF_WORDS = r"\dA-Za-z_À-ɏ"
"""Letters of scripts with spaces between words, unlike Chinese."""

_CARD = re.compile(
    r"(?<![L+.-])(?<!\d/)(?=(?P<card>\d{4}(?P<sign>\+|G{0,3})\d{4}(?P=sign)\d{4}(?P=sign)\d{4}"
    r"|3[47]\d{2}G{0,3}(?:\d{6}G{0,3}\d{5}|\d{4}G{1,3}\d{4}G{1,3}\d{3})"
    r"|\d(?P<one>[+*,:]|G{1,3})\d(?:(?P=one)\d){13,14}|\d\d(?P<two>G{1,3})\d\d(?:(?P=two)\d\d){6})"
    r"(?![L-]))".replace("G", _GAP).replace("L", _OF_WORDS)
)
"""Fifteen or sixteen digits as on cards (ISO/IEC 7812), also after other groups of digits.

They may be written one by one, in pairs, and in the path or query of a link.
"""

_ISSUED = re.compile(r"4|5[1-5]|2[2-7]|3[47]|60|62|6[45]|35|508|8[12]")
"""First digits of the numbers of Visa, Mastercard, American Express, Discover, JCB, RuPay and
UnionPay."""

_SSN = r"(?!000|666|9)\d{3}%s(?!00)\d{2}%s(?!0000)\d{4}(?![\w-])"
"""Social security numbers as the SSA issues them (20 CFR 422.103; none begin with 9)."""

_HYPHENED = re.compile(r"(?<![\w+.-])" + _SSN % ("[-‐-―−]", "[-‐-―−]"))

_LABELLED = re.compile(
    r"\b(?:ssn|my social|social (?:security|insurance)(?: number| no\.?| #)?|(?-i:SIN|NINO?)"
    r"|ni number|national insurance(?: number| no\.?)?)\b[^\d\n]{0,20}?"
    r"(?:\+?\d[\d ().-]{5,20}\d[^\d\n]{1,5}?)?"
    r"(?P<number>\d{3}G?\d{2}G?\d{4}|\d{3}G?\d{3}G?\d{3}"
    r"|\b[A-Z]{2}G?\d{2}G?\d{2}G?\d{2}G?[A-D])(?![\w-])".replace("G", _GAP),
    re.IGNORECASE,
)
"""A number with a label of the United States (SSN), Canada (SIN) or the UK (NINO)."""

_NINO = re.compile(
    r"(?<![\w@.-])(?:L{2}\d{6}[A-D]|(?-i:L{2}(?:G?\d\d){3}G?[A-D]))(?![\w@-])".replace(
        "G", _GAP
    ).replace("L", "[A-CEGHJ-PR-TW-Z]"),
    re.IGNORECASE,
)
"""The number of British national insurance, which needs no label."""

_DNI = re.compile(r"(?<![\w@./-])(?:\d{8}|[XYZ]\d{7})-?[A-Z](?![\w@-])")
"""The number of a Spanish identity card (DNI, NIE): its letter checks its digits."""

_MACHINE_READABLE = re.compile(
    r"(?<![A-Z0-9<])(?:P[A-Z<][A-Z]{3}[A-Z<]{39}"
    r"|[A-Z0-9<]{9}\d[A-Z<]{3}\d{6}\d[MFX<]\d{6}\d[A-Z0-9<]{14}[\d<]\d)(?![A-Z0-9<])"
)
"""The two lines of a passport for machines: the name, and the number (ICAO 9303-4)."""

_LICENCE = re.compile(r"\b[A-Z9]{5} ?\d[0156]\d[0-3]\d\d ?[A-Z9]{2}\d[A-Z]{2}\b")
"""The number of a British driving licence, which reveals its holder's name and day of birth."""

_PAN = re.compile(r"(?<![\w@.-])[A-Z]{3}P[A-Z]\d{4}[A-Z](?![\w@-])")
"""A person's number at India's tax office: P stands for an individual."""


_OF_IDS = ("victim_id", "language", "remote_access")


class _Paper(NamedTuple):
    """A kind of numbers of data/papers.toml, compiled.

    `label` names the number, which comes `after` it, or `before` it ("123 is my PIN"). A text must
    have one of the `words`, and the number must pass the `check`, if there is one.
    """

    sort: str
    words: list[str]
    check: str | None
    label: re.Pattern[str]
    after: re.Pattern[str]
    before: re.Pattern[str]


_PARTS = load_reference_data("papers.toml")["parts"]

_MINE = _PARTS["MINE"]

_SECRETS = load_reference_data("secrets.toml")

_NEAR, _FAR = 24, 60
"""Most characters between a label and its number, and the same for checked numbers of a dozen
digits."""

_OTHER_LABEL = re.compile(
    r"\b(?:call\w*|dial\w*|phone\w*|tel|text(?!o)\w*|any ?desk|(?:team|ultra) ?viewer|rust ?desk"
    r"|order|case|ticket|track\w*|ref\w*|invoice|ext\w*|badge|agent|account|routing|usd|eur|gbp|inr)\b|[$€£₹@]",
    re.IGNORECASE,
)
"""Words between a label and a number which say that the number is no paper's."""

_ODD = rf"{WEB_ESCAPE}|[^{PLAIN}]"

PAPER_HINTS = (
    (
        r"(?:^|[^\w+.-])[0-9](?:[\W_]{0,3}[0-9]){11}"
        r"|[0-9]{3}[-‐-―−][0-9]{2}[-‐-―−][0-9]{4}"
        r"|[A-Z]{3}P[A-Z][0-9]{4}[A-Z]|[A-Z9]{5} ?[0-9]{6}|<<"
        r"|(?:^|[^\w@./-])(?:[XYZ0-9][0-9]{7}-?[A-Z]\b|[A-Z]{2}(?:G?[0-9]{2}){3}G?[A-D]\b)"
        r"|(?i)\b[a-z]{2}[0-9]{6}[a-d]\b"
        r"|\b(?:ssn|social|sin|nino?|ni number|national insurance)\b"
        r"|(?:a?dh?aa?r|\buid|nhs|health[a-z ]* number|chi number|\bpan\b|itin|taxpayer|passe?p"
        r"|pasap|passnu|reisep|(?:driv[a-z]*['’]?s?[ _]?|my |his |her )licen|conduc|conduire"
        r"|f(?:ü|ue?)hrersch|\bdl\b|otp|one[- ]time|c(?:ode|[oó]digo)\b"
        r"|(?:tion|tor|security|log-?in|2fa|sms|pass) ?codes|\b(?:pin|nip)\b|pass?[ -]?wor"
        r"|\bpwd?\b|kennwort|contrase|clave|mot de passe|geheimz|\btan\b|cv[vc]|birth|dob\b"
        r"|d\.o\.b|born|nacid|nacim|\bnac[ií]|geb|naiss|\bnée? le|bin am|soc[a-z]+ sec|\bnas\b"
        r"|sociale|\bd\.?n\.?i|\bn\.?i\.?[fe]\b|identidad|steuer|id-?nr|identifikations|ausweis"
        r"|tfn|tax file|medicare|\bmbi\b|imei|serial|serie|série|s/n|bsb"
        rf"|transit|\b{_MINE} (?:[^ ]+ )?ip(?:v[46])?\b)[^0-9\n]*[0-9]"
        r"|(?:wor[dt]s?|pwd?|contrase[ñn]a|clave|mot de passe)\b[^0-9\n]{0,24}[:=]"
        rf"|[0-9][a-z]?,? (?:is|was|as|for|being|es|era|ist|war|est) (?:his|her|your|{_MINE}) "
    ).replace("G", r"[ \x{a0}._/‐-―−\x{200b}-\x{200d}\x{2060}\x{feff}-]")
    + f"|{_ODD}",
)
"""RE2: without a match of this, a text holds no such number."""

_SEED = re.compile("[01357]{12,}|[02367]{12,}|[04567]{12,}")
"""Signs of at least twelve words, the shortest seed phrase (BIP-39), all of one list."""

_FEWEST_DISTINCT = 9
"""Fewest distinct words of a seed phrase; spoken digits are words of a list too."""

TOKEN_HINTS = (r"(?:[^:/]/+|[?#=&%])[^\s<>\"'/]*[A-Za-z0-9_-]{20}",)
"""RE2: without a match of this, a text holds no `link_tokens`."""

_TOKEN = re.compile(
    r"(?:(?<![\w%-])|(?<=%[0-9A-Fa-f]{2}))(?!(?<=/tx/)(?:0x)?[0-9A-Za-z]{64,90}\b)[\w-]{20,}",
    re.ASCII,
)
"""A part of a link, except a transaction of a coin."""

_SWITCH = re.compile(r"[a-z](?=[A-Z0-9])|[A-Z](?=[0-9])|[0-9](?=[A-Za-z])")
"""A change between letters, capitals and digits; words have few, opaque tokens at least a fifth."""

_WORD = re.compile(r"(?:[^\W\d_]|[\u0300-\u036f])+")

_IS_ODD = re.compile(re.sub(r"\\x\{(\w+)\}", lambda code: chr(int(code[1], 16)), _ODD))

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
"""RE2: without a match of this, a text calls nothing the writer's own.

Counts of letters and optional parts are left out, which takes a twentieth of the time. A contact
follows after a sign of the last class.
"""

_LETTER = r"[^\W\d_]"

_DIGIT = r"[\d²³¹⁰⁴-⁹₀-₉①-⑨⓪⓵-⓽⓿❶-❾➀-➈➊-➒]"

_DIGIT_WORDS = load_reference_data("number_words.toml")["lists"]["own"]

_DIGIT_WORD = (
    rf"(?:{_LETTER}{{0,12}}(?:zig|ßig|zehn)|dieci\w{{4,6}}|veinti\w{{3,6}}|{'|'.join(_DIGIT_WORDS.split())})"
    r"(?![^\W_])"
)

_ONE = rf"(?:{_DIGIT}|{_DIGIT_WORD})"

_NUMBER = re.compile(rf"{_ONE}(?:[\W_]{{0,3}}{_ONE}){{5,30}}")
"""At least six digits or words for them, as a local number has."""

_SIGN = r"(?:@|＠|&#64;|&commat;|%40)"

_SPOKEN = rf"[\[(]?(?:{HIDDEN_AT_WORDS})[\])]?"

_DOT = rf"\s?[\[(]?\s?(?:\.|．|{HIDDEN_DOT_WORDS})\s?[\])]?\s?"

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
"""A site, a name with @ or $, or the letters and digits of a wallet or account."""


_DIGITS_OF_A_NUMBER = re.compile(
    r"(?<!\w)(?:\+?\(?\d(?:[\s().-]{0,3}\d){6,}|[A-Z]{2}\d\d ?[A-Z0-9](?: ?[A-Z0-9]){9,30}(?!\w))"
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")

CONTACT_HINTS = (r"[0-9](?:[\s().-]{0,3}[0-9]){6}|[A-Z]{2}[0-9]{2} ?[A-Z0-9]|@|＠|%40",)
"""RE2: without a match of this, a name holds no number and no address."""

_PLAIN_ADDRESS = re.compile(r"[\w.+-]{1,64}(?:@|＠|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")

_NUMBER_OF_FILE = re.compile(r"\d(?:[\s()._-]{0,2}\d){6,}")

_NAME_OF_MAIL = re.compile(r".*(?=\.(?:eml|emlx|mbox|msg)(?:\.(?:gz|zst))?$)", re.I | re.DOTALL)

_STAMP = re.compile(
    r"0{3}\d*|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?"
)
"""The digits of a counter, or of a day, also with a time or a short number."""

_TWO_ADDRESSES = 500
"""Characters after an address that are searched for a second address."""


def _cue(words: str) -> re.Pattern[str]:
    pattern = rf" {_KIND}(?:\pL{{1,12}} )?{words}{_IS}"
    return re.compile(pattern.replace(r"\pL", _LETTER))


_OWN = re.compile(rf"(?<![^\W\d]){_MINE}(?= )")
"""A word such as 'my'; a number, perhaps masked, may directly precede it."""

_BID = re.compile(
    r"(?:call|dial|contact|text|reach|visit|go to|log ?in to|open|mail|write to|reply to) $"
)
"""Words before 'our number' in a scammer's mouth."""

_FORMS = (
    (_cue(_NUMBERED), _NUMBER, OWN_NUMBER),
    (_cue(_ADDRESSED), _ADDRESS, OWN_ADDRESS),
    (_cue(_PLACED), _PLACE, OWN_ADDRESS),
)


def find_private(texts: RecordTexts, transcribed: Array) -> pa.ListArray:
    """Finds the private text in records, as a column of PRIVATE.

    Numbers of cards and of social security tie nobody to a scam, and readers could misuse them. A
    link can hold the address of its recipient. Other forms are no entities, but people understand
    them: numbers said in tens or in French, digits in circles, an account without its bank, an
    address without its dots. So whatever looks like a number or an address right after 'my number
    is' is found too. In transcripts, and in quotations of the caller, it is the caller's own.

    Args:
        texts: All texts of the records.
        transcribed: Whether each record's narrative is a transcript of the caller.
    """
    narratives, links = texts.of_field("narrative"), texts.of_field("urls")
    own = narratives[~transcribed[texts.rows[narratives]]]
    finders: tuple[tuple[Array, tuple[str, ...], Callable[[str], Iterator[Any]]], ...] = (
        (np.append(narratives, links), url.LINK_HINTS, url.link_address_spans),
        (np.append(narratives, links), TOKEN_HINTS, link_tokens),
        (narratives, (ADDRESS_TOKEN_HINT,), tokens_with_address),
        (narratives, gift_card.HINTS, gift_card.find_codes),
        (texts.of_field("claimed_brand"), CONTACT_HINTS, contact_spans),
        (_searched_for_papers(texts), PAPER_HINTS, paper_spans),
        *((_searched_for_papers(texts), *secret) for secret in SECRETS),
        (own, SELF_IDENTIFIED_HINTS, _own_contacts),
    )
    places = [
        (where[row], start, end, *(sort or [OTHER_PRIVATE]))
        for where, hints, find in finders
        for row, spans in find_by_row(texts.texts.take(pa.array(where)), hints, find).items()
        for start, end, *sort in spans
    ]
    columns = [[span[place] for span in places] for place in range(4)]
    spans = [pa.array(column) for column in columns[1:]]
    return texts.to_column(np.array(columns[0], np.int64), spans, PRIVATE, len(transcribed))


def papers_in_narratives(texts: RecordTexts, private: pa.ListArray) -> Papers:
    """Returns the PAPERs that `find_private` found in narratives."""
    numbers, spans = texts.of_column(private)
    narratives = frozenset(texts.of_field("narrative").tolist())
    papers: defaultdict[int, list[Span]] = defaultdict(list)
    for number, span in zip(numbers.tolist(), spans.to_pylist(), strict=True):
        if span["what"] == PAPER and number in narratives:
            papers[int(texts.rows[number])].append((span["start"], span["end"]))
    return papers


def find_papers(narratives: pa.Array) -> Papers:
    """Returns the PAPERs in narratives, which may be null."""
    return find_by_row(cut_to_search_limit(narratives), PAPER_HINTS, _paper_numbers)


def mask_papers(texts: pa.Array, searched: pa.Array) -> pa.Array:
    """Masks papers and secrets that are found in `searched`; keeps lengths and nulls of `texts`."""
    for hints, find in SECRETS:
        texts = mask_rows(texts, find_by_row(searched, hints, find))
    return mask_rows(texts, find_by_row(searched, PAPER_HINTS, paper_spans))


def hash_link_tokens(texts: pa.Array, searched: pa.Array) -> pa.Array:
    """Replaces the `link_tokens` found in `searched` by hashes; keeps lengths and nulls."""
    return mask_rows(texts, find_by_row(searched, TOKEN_HINTS, link_tokens), hash_spans)


def mask_self_identified(texts: pa.Array) -> pa.Array:
    """Masks contacts that the writers of texts call their own; texts may be null."""
    contacts = find_by_row(texts, SELF_IDENTIFIED_HINTS, self_identified)
    return mask_rows(texts, contacts, mask_spans_fully)


def mask_contacts(text: str, shown: Collection[str] = ()) -> str:
    """Masks all numbers and addresses in words that an analyst typed, except `shown` ones.

    Args:
        text: The words. Names in them stay: nothing tells which person they name.
        shown: Ids of entities that are shown anyway.
    """
    values = [entity_id.partition(":")[2].lower() for entity_id in shown]
    spans = [
        (start, end)
        for start, end in contact_spans(text)
        if not any(
            value.endswith((text[start:end].lower(), _digits(text[start:end]))) for value in values
        )
    ]
    return mask_spans_fully(text, spans)


def mask_file_name(name: str) -> str:
    """Masks numbers and addresses in the name of an input file, which can name its sender.

    Days, times and counters stay. Letters stay too, except in files of mail, which programs name
    after sender and subject.
    """
    numbers = (
        digits.span()
        for digits in _NUMBER_OF_FILE.finditer(name)
        if not _STAMP.fullmatch("".join(filter(str.isdecimal, digits[0])))
    )
    addresses = (address.span() for address in _PLAIN_ADDRESS.finditer(name))
    masked = mask_spans_fully(name, sorted((*numbers, *addresses)))
    mail = _NAME_OF_MAIL.match(name)
    end = mail.end() if mail else 0
    return re.sub(r"[^\W\d_]", "#", masked[:end]) + masked[end:]


def paper_spans(text: str) -> Iterator[Private]:
    """Yields every number of a paper or card, one-time code and day of birth of a text.

    Digits of other scripts and full width, and web escapes, are decoded first.
    """
    read, places = _as_read(text)
    for start, end, sort in _papers_as_read(read):
        last = places[end] if end < len(read) else len(text)
        yield places[start], last, sort


def _paper_numbers(text: str) -> Iterator[Span]:
    """Yields only the places of document numbers."""
    return ((start, end) for start, end, sort in paper_spans(text) if sort == PAPER)


def link_tokens(text: str) -> Iterator[Private]:
    """Yields the long opaque tokens in links that are no part of an identifier.

    Such a token can be a session, or identify the recipient of the link.
    """
    for link in url.LINK.finditer(text):
        for token in _TOKEN.finditer(text, *link.span("rest")):
            written = token[0]
            is_opaque = written.isdecimal() or len(_SWITCH.findall(written)) * 5 >= len(written)
            if is_opaque and written.lower() not in _read_in(link[0], link["rest"]):
                yield *token.span(), OPAQUE


@lru_cache(maxsize=domain.REMEMBERED)
def _read_in(link: str, rest: str) -> str:
    """Returns the values of all identifiers in a link; `rest` begins with its path."""
    site = url.classify_host(link.removesuffix(rest).lstrip("/"), rest)
    others = (finder.find(link) for finder in load_finders() if not finder.leftover)
    values = [match.value for match in chain.from_iterable(others)]
    return " ".join([*values, site.value if site else ""]).lower()


def private_keys(text: str) -> Iterator[Span]:
    """Yields the private keys of a text."""
    return (key.span("key") for form in _keys() for key in form.finditer(text))


def seed_phrases(text: str) -> Iterator[Span]:
    """Yields the seed phrases of a text, with any signs between their words."""
    if not _SEED.search(_lists_of(_WORD.findall(without_accents(text)))):
        return
    words = [*_WORD.finditer(text)]
    plain = [without_accents(word[0]) for word in words]
    for run in _SEED.finditer(_lists_of(plain)):
        if len({*plain[slice(*run.span())]}) >= _FEWEST_DISTINCT:
            yield words[run.start()].start(), words[run.end() - 1].end()


SECRETS = tuple(
    ((fill_parts(_SECRETS["hints"][name], _SECRETS["parts"]),), find)
    for name, find in (("key", private_keys), ("seed", seed_phrases))
)
"""Hints (RE2) and finders of secrets that open a wallet or a machine."""


def contact_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of all text that looks like a number or an address, except days."""
    for form in (_DIGITS_OF_A_NUMBER, _PLAIN_ADDRESS):
        for match in form.finditer(text):
            if not _DAY.match(match[0]):
                yield match.span()


def card_and_ssn_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end, in code points, of every number of a card or of social security."""
    cards = [
        card.span("card")
        for card in _CARD.finditer(text)
        if _ISSUED.match(_digits(card["card"])) and _passes("luhn", card["card"])
    ]
    # In one of ten accounts, four groups of digits pass the check of a card.
    accounts = [(account.start, account.end) for account in iban.find(text)] if cards else []
    for start, end in cards:
        if not any(first <= start and end <= last for first, last in accounts):
            yield start, end
    for number in _HYPHENED.finditer(text):
        yield number.span()
    for named in _LABELLED.finditer(text):
        yield named.span("number")


def _searched_for_papers(texts: RecordTexts) -> Array:
    """Returns the texts that may name a paper: all fields but ids of organisations or operators."""
    fields = ((name, part) for name, part, _ in texts.parts if name not in _OF_IDS)
    return np.concatenate([texts.of_field(*field) for field in fields])


def self_identified(text: str) -> Iterator[Contact]:
    """Yields text that looks like a number or an address right after 'my number is'."""
    low = lower_in_place(text)
    for own in _OWN.finditer(low):
        if own[0] == "our" and _BID.search(low, max(0, own.start() - 10), own.start()):
            continue
        for cue, form, sort in _FORMS:
            named = cue.match(low, own.end())
            value = form.match(low, named.end()) if named else None
            if value and any(map(str.isalnum, value[0])):
                yield *value.span(), sort
                if form is _ADDRESS:
                    yield from _second_address(low, *value.span())


def _own_contacts(text: str) -> Iterator[Contact]:
    """Yields the contacts of `self_identified` that are not in the suspect's words."""
    low = lower_in_place(text)
    for start, end, sort in self_identified(text):
        before, behind = low[max(0, start - REACH) : start], low[end : end + REACH_AFTER]
        if not quotes_suspect(before, behind):
            yield start, end, sort


def _second_address(low: str, start: int, end: int) -> Iterator[Contact]:
    """Yields the span of an own address and a second address that follows within a few words."""
    masked = f"{MASK * (end - start)}{low[end : end + _TWO_ADDRESSES]}"
    if more := _ADDRESS.match(masked):
        yield start, start + more.end(), OWN_ADDRESS


def _digits(written: str) -> str:
    return "".join(filter(str.isdecimal, written)) if "@" not in written else written


def _as_read(text: str) -> tuple[str, Sequence[int]]:
    """Returns a text with plain digits and signs, and the original place of each character."""
    if not _IS_ODD.search(text):
        return text, range(len(text))
    decoded, places = decode_web_escapes(text)
    return compatible_in_place(decoded), places


def _papers_as_read(text: str) -> Iterator[Private]:
    """Yields the spans of `paper_spans` for a text with plain digits; some come twice."""
    for start, end in card_and_ssn_spans(text):
        yield start, end, PAPER
    for form in (_MACHINE_READABLE, _LICENCE, _PAN, _NINO):
        for paper in form.finditer(text):
            yield *paper.span(), PAPER
    for paper in _DNI.finditer(text):
        if _passes("es.nie" if paper[0][0] in "XYZ" else "es.dni", paper[0]):
            yield *paper.span(), PAPER
    low = text.lower()
    for kind in _papers():
        if not any(word in low for word in kind.words):
            continue
        for named in kind.label.finditer(text):
            match = kind.after.match(text, named.end())
            if match is None or _OTHER_LABEL.search(match["gap"]):
                begin = max(0, named.start() - _FAR)
                match = kind.before.search(text, begin, named.start())
            if match and _passes(kind.check, match["number"]):
                yield *match.span("number"), kind.sort


@cache
def _papers() -> list[_Paper]:
    """Compiles the kinds of numbers that a label must name."""
    papers = []
    for row in load_reference_data("papers.toml")["paper"]:
        check = row.get("check")
        far = _FAR if check in ("luhn", "in_.aadhaar") else _NEAR
        label, form = (fill_parts("|".join(row[name]), _PARTS) for name in ("labels", "numbers"))
        number = rf"(?<![\w+./$€£-])(?P<number>{form})(?![\w-]|[.,:]\d)".replace("G", _GAP)
        patterns = (
            rf"(?<![^\W_])(?:{label})",
            rf"(?P<gap>[^\d\n]{{0,{far}}}?){number}",
            rf"{number},? (?:is|was|as|for|being|es|era|ist|war|est) (?:his|her|your|{_MINE}) \Z",
        )
        compiled = (re.compile(pattern, re.IGNORECASE) for pattern in patterns)
        papers.append(_Paper(row.get("what", PAPER), row["words"], check, *compiled))
    return papers


@cache
def _keys() -> list[re.Pattern[str]]:
    """Compiles the patterns of private keys."""
    return [re.compile(fill_parts(form, _SECRETS["parts"])) for form in _SECRETS["keys"]]


def _lists_of(words: Iterable[str]) -> str:
    """Returns a sign for each word: a bit mask of the lists that have it, or a blank."""
    return "".join([_signs().get(word, " ") for word in words])


@cache
def _signs() -> dict[str, str]:
    """Returns the sign of each word of the lists, and of words allowed between them."""
    signs = dict.fromkeys(_SECRETS["parts"]["BETWEEN"].split("|"), "0")
    for number, words in enumerate(_SECRETS["lists"].values()):
        for word in without_accents(words).split():
            signs[word] = str(int(signs.get(word, 0)) | 1 << number)
    return signs


def _passes(check: str | None, written: str) -> bool:
    """Tells whether a number passes a check of python-stdnum, by the name of its module."""
    if check is None:
        return True
    checker: Any = import_module(f"stdnum.{check}")  # loads 35 ms of other modules
    return bool(checker.is_valid("".join(filter(str.isalnum, written))))
