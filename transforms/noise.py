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

_BARE = re.compile("|".join((_URL, _MAIL, _IBAN, _CARD, _IP, _DAY, _TIME, _MONEY, _AMAZON_ORDER)))
_WORDS = re.compile(_MIXED)
_IDS = re.compile(_LABELLED, re.IGNORECASE)


def blank(text: str) -> str:
    """The text with everything that only looks like a phone number blanked; same length."""
    text = _BARE.sub(_void, text)
    text = _WORDS.sub(_void, text)
    return _IDS.sub(_void_id, text)


def _void(match: re.Match[str]) -> str:
    return BLANK * len(match[0])


def _void_id(match: re.Match[str]) -> str:
    """Blank a labelled id, unless it is grouped as only telephone numbers are."""
    if _GROUPED.search(match["id"]):
        return match[0]
    kept = match.start("id") - match.start()
    return match[0][:kept] + BLANK * len(match["id"])
