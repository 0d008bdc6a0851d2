"""Digits in text that are not phone numbers: addresses, ids, dates, money, cards, references.

They are blanked before numbers are looked for, at the same length, so that offsets stay true.
"""

from __future__ import annotations

import re

BLANK = "\x00"
"""Stands for a blanked character: neither a digit, a letter nor punctuation of numbers."""

_URL = r"\b(?:h(?:tt|xx)ps?|ftp)(?:\[?:\]?|：)//[^\s<>\"']{1,2000}|\bwww\.[^\s<>\"']{1,2000}"
_MAIL = r"[\w.+%-]{1,64}(?:@|\[at\]|\(at\))[\w.\[\]-]{1,255}"
_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"
_CARD = r"(?<![\d+-])\d{4}([ -]?)\d{4}(?:\1\d{4}){2}(?![\d-])"
_IP = r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"
_DAY = (
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\2(?:(?:19|20)\d\d|\d\d)|(?:19|20)\d\d([./-])\d\d\3\d\d)"
    r"(?![./-]?\d)"
)
_TIME = r"(?<![\d:])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])"
_MONEY = (
    r"[$€£¥₹]\s?\d[\d.,]{0,20}|(?<![\d.,])\d{1,3}(?:,\d{2,3}){1,5}(?:\.\d{1,2})?(?![\d,])"
    r"|(?<![\d.,-])\d{1,12}(?:[.,]\d{1,2})?\s?"
    r"(?:[$€£¥₹%]|(?:USD|EUR|GBP|INR|AUD|CAD|dollars?|euros?|pounds?|rupees?)\b)"
)
_MIXED = (
    r"\b(?=[A-Za-z-]{0,20}\d)(?=\d{0,20}[A-Za-z])(?:[A-Za-z]{1,6}\d|\d{1,20}[A-Za-z])"
    r"[A-Za-z0-9]{4,40}\b"
)
_AMAZON_ORDER = r"(?<![\d-])\d{3}-\d{7}-\d{7}(?![\d-])"

_LABEL = (
    r"\b(?:order|invoice|case|ticket|ref(?:erence|\.)?|confirmation|tracking|transaction|account"
    r"|acct|acc|a/c|routing|aba|policy|claim|badge|member(?:ship)?|employee|licen[sc]e|serial|ssn"
    r"|social security|card|pin|code|zip|isbn|imei|sort code|utr|txn|product key|id"
    r"|pedido|factura|caso|cuenta|referencia|expediente|bestell(?:ung|nummer)?"
    r"|rechnung(?:snummer)?|kunden(?:nummer)?|konto(?:nummer)?|vorgang(?:snummer)?|aktenzeichen"
    r"|commande|facture|dossier|compte|r[ée]f[ée]rence)"
)
_LABELLED = (
    _LABEL + r"[\s#:.=-]{0,4}(?:(?:number|num|nummer|n[úu]mero|no|nr|n°|id|code|is|was|es|ist|est)"
    r"[\s#:.=-]{1,4}){0,3}(?P<id>\d[\d -]{3,30})(?![\d(])"
)
_GROUPED = re.compile(
    r"(?:1[-. ])?\d{3}[-. ]\d{3}[-. ]\d{4}|0\d{1,5}[-. ]\d{2,4}(?:[-. ]\d{2,4}){1,4}"
)

_ADDRESS = re.compile(f"{_URL}|{_MAIL}", re.IGNORECASE)
_INTERNATIONAL = r"[+＋]\d[\d .()/-]{6,20}"
_BARE = re.compile(
    "|".join((_INTERNATIONAL, _IBAN, _CARD, _IP, _DAY, _TIME, _MONEY, _AMAZON_ORDER))
)
_WORDS = re.compile(_MIXED)
_IDS = re.compile(_LABELLED, re.IGNORECASE)
_STRETCH = re.compile(r"\d(?:\D{0,48}\d)*")
"""Digits that stand near each other: with the words around them, all that need be looked at."""
_WORDS_BEFORE, _WORDS_AFTER = 48, 16
_SIGNS = ("@", "//", "www", "[at]", "(at)")


def blank(text: str) -> str:
    """The text with everything that only looks like a phone number blanked; same length."""
    if any(sign in text for sign in _SIGNS):
        text = _ADDRESS.sub(_void, text)
    pieces: list[str] = []
    done = 0
    for match in _STRETCH.finditer(text):
        start = max(done, match.start() - _WORDS_BEFORE)
        end = min(len(text), match.end() + _WORDS_AFTER)
        pieces += (text[done:start], _blank_stretch(text[start:end]))
        done = end
    return "".join((*pieces, text[done:]))


def _blank_stretch(stretch: str) -> str:
    return _IDS.sub(_void_id, _WORDS.sub(_void, _BARE.sub(_void, stretch)))


def _void(match: re.Match[str]) -> str:
    """Blank it, unless it is a number in its international form, whose groups can look alike."""
    return match[0] if match[0][0] in "+＋" else BLANK * len(match[0])


def _void_id(match: re.Match[str]) -> str:
    """Blank a labelled id, unless it is grouped as only telephone numbers are."""
    if _GROUPED.search(match["id"]):
        return match[0]
    kept = match.start("id") - match.start()
    return match[0][:kept] + BLANK * len(match["id"])
