"""Where the money went: accounts, wallets and handles of a payee.

Accounts, wallets and handles of payees in free text; see `payees` for fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from schemas.enums import EntityKind, Role
from transforms.extract.kinds import crypto_wallet, email
from transforms.extract.mention import Found
from transforms.phone import normalize

MAX_LENGTH = 500
"""Characters of a payee that are read."""


GIFT_CARD = re.compile(r"gift|voucher|prepaid|steam|itunes|google ?play|vanilla", re.IGNORECASE)
"""Methods whose payee is a card's code: it is money, names nobody, and is never kept."""


_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}"
    r"(?:[ -]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)


_UPI = re.compile(
    r"(?<![\w.@-])(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{1,63})"
    r"@(?P<bank>[A-Za-z][A-Za-z0-9]{1,63})(?![\w@]|\.\w|-)"
)


UPI_BANKS = frozenset(
    """
    okhdfcbank okicici oksbi okaxis ybl ibl axl paytm ptsbi ptyes ptaxis pthdfc upi apl rapl yapl
    axisbank hdfcbank icici sbi kotak yesbank yesbankltd idfcbank idfcfirst indus federal barodampay
    pnb boi cnrb unionbank uboi rbl aubank dbs hsbc citi freecharge ikwik jupiteraxis fam fbl airtel
    postbank jio sliceaxis wahdfcbank waicici waaxis wasbi myicici
    """.split()
)
"""Handles of banks and payment apps on UPI (NPCI's published list of third-party apps)."""


_US = re.compile(
    r"(?:routing|aba|rtn)\D{0,12}(?P<bank>\d{9})\b\D{0,30}?(?P<account>\d{4,17})\b"
    r"|^\s*(?P<bank2>\d{9})\s*[:/,; -]\s*(?P<account2>\d{4,17})\s*$",
    re.IGNORECASE,
)


_UK = re.compile(
    r"(?<!\d)(?P<sort>\d{2}[- ]?\d{2}[- ]?\d{2})\W{1,4}(?:\D{0,20}?)(?P<account>\d{8})(?!\d)"
)


_IFSC = re.compile(r"(?<![A-Za-z0-9])(?P<ifsc>[A-Z]{4}0[A-Z0-9]{6})(?![A-Za-z0-9])", re.IGNORECASE)


_INDIAN_ACCOUNT = re.compile(r"(?<!\d)\d{9,18}(?!\d)")


WHATSAPP_GROUP = re.compile(r"chat\.whatsapp\.com/(?:invite/)?(?P<code>[A-Za-z0-9]{20,24})\b")
"""An invitation to a group; a person's handle on WhatsApp is a phone number."""


_TELEGRAM = re.compile(
    r"(?:https?://)?t(?:elegram)?\.me/(?P<name>\w{4,32})/?|@?(?P<bare>[A-Za-z]\w{3,31})"
)


_CASHTAG = re.compile(r"(?:https?://)?(?:cash\.app/)?\$(?P<tag>[A-Za-z][A-Za-z0-9_-]{0,19})")


_CONTACT_METHODS = frozenset("zelle paypal venmo wise interac".split())


_DIGITS = re.compile(r"\D")


def from_field(method: str | None, payee: str | None, region: str | None) -> Found | None:
    """The entity of one payment, or None where the payee names none.

    `region` is the victim's country, under which a payee's phone number is read.
    """
    if not payee or GIFT_CARD.search((method or "")[:MAX_LENGTH]):
        return None
    text = payee[:MAX_LENGTH].strip()
    how = re.sub(r"[\W_]", "", (method or "")[:MAX_LENGTH].lower())
    found = iban(text) or _wallet(text) or _by_method(how, text, region)
    if found is None:
        return None
    kind, value = found
    return Found(0, len(payee), kind, value, Role.PAYEE)


def iban(text: str) -> tuple[EntityKind, str] | None:
    """An IBAN whose country, length, structure and check digits hold (ISO 13616)."""
    compact = re.sub(r"^IBAN[\s:]*|[\s-]", "", text, flags=re.IGNORECASE).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return None
    try:
        return EntityKind.ACCOUNT, f"iban:{IBAN(compact).compact}"
    except SchwiftyException:
        return None


def _wallet(text: str) -> tuple[EntityKind, str] | None:
    bare = re.sub(
        r"^(?:bitcoin|ethereum|litecoin|tron|ripple|solana|btc|eth|ltc|trx|xrp|sol|usdt):\s*",
        "",
        text,
        flags=re.IGNORECASE,
    )
    value = crypto_wallet.canonical(bare.partition("?")[0])
    return (EntityKind.WALLET, value) if value else None


def _by_method(how: str, text: str, region: str | None) -> tuple[EntityKind, str] | None:
    """The payee as the method of payment writes it."""
    if contact := _contact(how, text, region):
        return contact
    if how == "upi" or _UPI.fullmatch(text):
        return (EntityKind.ACCOUNT, f"upi:{text.lower()}") if _UPI.fullmatch(text) else None
    if "whatsapp" in how and (match := WHATSAPP_GROUP.search(text)):
        return EntityKind.HANDLE, f"whatsapp:{match['code']}"
    if "telegram" in how and (match := _TELEGRAM.fullmatch(text)):
        return EntityKind.HANDLE, f"telegram:{(match['name'] or match['bare']).lower()}"
    if "cashapp" in how and (match := _CASHTAG.fullmatch(text)):
        return EntityKind.HANDLE, f"cashapp:${match['tag'].lower()}"
    if how in _CONTACT_METHODS:
        handle = re.sub(r"\s+", " ", text.lower()).removeprefix("@")
        tagged = how in ("venmo", "paypal") and re.fullmatch(r"[\w.-]{3,64}", handle)
        return (EntityKind.HANDLE, f"{how}:{handle}") if tagged else None
    if how in ("solana", "sol") and crypto_wallet.is_solana(text):
        return EntityKind.WALLET, f"sol:{text}"
    if how in ("crypto", "bitcoin", "giftcard", "cash"):
        return None
    return _bank(text)


def _contact(how: str, text: str, region: str | None) -> tuple[EntityKind, str] | None:
    """A payee who is named by e-mail address or, where the method does that, by phone number."""
    mail = next(email.in_text(text), None)
    if mail and (mail.start, mail.end) == (0, len(text)):
        return EntityKind.EMAIL, mail.value
    if how in _CONTACT_METHODS or "whatsapp" in how or "cashapp" in how:
        reading = normalize.read_one(text, region)
        if reading.e164:
            return EntityKind.PHONE, reading.e164
    return None


def _bank(text: str) -> tuple[EntityKind, str] | None:
    """An account in its country's own form; else the text itself where it holds digits enough."""
    if match := _US.search(text):
        bank, account = match["bank"] or match["bank2"], match["account"] or match["account2"]
        if is_routing(bank):
            return EntityKind.ACCOUNT, f"us:{bank}:{account}"
    if match := _IFSC.search(text):
        rest = text[: match.start()] + " " + text[match.end() :]
        accounts = _INDIAN_ACCOUNT.findall(rest)
        if len(accounts) == 1:
            return EntityKind.ACCOUNT, f"ifsc:{match['ifsc'].upper()}:{accounts[0]}"
    if match := _UK.search(text):
        return EntityKind.ACCOUNT, f"uk:{_DIGITS.sub('', match['sort'])}:{match['account']}"
    if _IBAN.fullmatch(text) or sum(map(str.isdigit, text)) < 6:
        return None
    words = re.sub(r"[^\w]+", "-", text.lower()).strip("-")[:100]
    return EntityKind.ACCOUNT, f"bank:{words}"


def is_routing(text: str) -> bool:
    """The check digit of an ABA routing number (ANSI X9.100)."""
    weights = (3, 7, 1) * 3
    return (
        len(text) == 9
        and text != "0" * 9
        and sum(int(d) * w for d, w in zip(text, weights, strict=True)) % 10 == 0
    )


_ACCOUNT_WORD = r"(?:account|acct|a/c|acc|ac|konto|cuenta|compte)"


_US_IN_TEXT = re.compile(
    rf"\b(?:routing|aba|rtn)\b[^\d\n]{{0,24}}(?P<bank>\d{{9}})\b[^\d\n]{{0,20}}\b{_ACCOUNT_WORD}\b"
    r"[^\d\n]{0,16}(?P<account>\d{4,17})\b",
    re.IGNORECASE,
)


_US_WORDS = ("routing", "aba", "rtn")


_UK_IN_TEXT = re.compile(
    rf"\bsort ?code\b[^\d\n]{{0,12}}(?P<sort>\d{{2}}[- ]?\d{{2}}[- ]?\d{{2}})(?!\d)[^\d\n]{{0,20}}"
    rf"\b{_ACCOUNT_WORD}\b[^\d\n]{{0,16}}(?P<account>\d{{8}})(?!\d)",
    re.IGNORECASE,
)


_IFSC_IN_TEXT = re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}0[A-Z0-9]{6}(?![A-Za-z0-9])", re.IGNORECASE)


_INDIAN_ACCOUNT_IN_TEXT = re.compile(
    rf"\b{_ACCOUNT_WORD}\b[^\d\n]{{0,20}}(?<!\d)(?P<account>\d{{9,18}})(?!\d)", re.IGNORECASE
)


_IFSC_REACH = 80
"""Characters between an IFSC and the account that it belongs to."""


_CASHTAG_IN_TEXT = re.compile(r"(?<![\w$])\$[A-Za-z][A-Za-z0-9_-]{1,19}\b")


_CASH_APP = re.compile(r"\bcash ?app\b", re.IGNORECASE)


_TELEGRAM_LINK = re.compile(
    r"(?<![\w.])(?:https?://)?(?:t|telegram)\.me/(?P<name>[A-Za-z]\w{3,31})\b(?!/)", re.IGNORECASE
)


_TELEGRAM_NAME = re.compile(
    r"\btelegram\b[^@\n]{0,40}(?<![\w.])@(?P<name>[A-Za-z]\w{4,31})\b(?![.@]\w)", re.IGNORECASE
)


_NOT_NAMES = frozenset({"joinchat", "share", "addstickers", "proxy"})


def in_text(text: str) -> Iterator[Found]:
    """IBANs, national accounts, UPI addresses, wallets, tags and handles in a text.

    The role is only `mentioned` until context says that money went there.
    """
    for _, finder in FINDERS:
        yield from finder(text)


def _ibans(text: str) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        for written in _cuts(match[0]):
            if found := iban(written):
                end = match.start() + len(written)
                yield Found(match.start(), end, *found, Role.MENTIONED)
                break


def _upi(text: str) -> Iterator[Found]:
    for match in _UPI.finditer(text):
        if match["bank"].lower() in UPI_BANKS:
            yield _account(match.start(), match.end(), f"upi:{match[0].lower()}")


def _wallets(text: str) -> Iterator[Found]:
    for start, end, wallet in crypto_wallet.in_text(text):
        yield Found(start, end, EntityKind.WALLET, wallet, Role.MENTIONED)


def _account(start: int, end: int, value: str) -> Found:
    return Found(start, end, EntityKind.ACCOUNT, value, Role.MENTIONED)


def _cuts(text: str) -> Iterator[str]:
    """The text, and what is left of it without its last groups, which may be words of the text."""
    yield text
    for i in range(len(text) - 1, 0, -1):
        if text[i] in " -":
            yield text[:i]


def _national(text: str) -> Iterator[Found]:
    """Accounts that a bank's code stands beside: United States, United Kingdom, India."""
    low = text.lower()
    for match in _US_IN_TEXT.finditer(text) if any(word in low for word in _US_WORDS) else ():
        if is_routing(match["bank"]):
            value = f"us:{match['bank']}:{match['account']}"
            yield _account(match.start("bank"), match.end("account"), value)
    for match in _UK_IN_TEXT.finditer(text) if "sort" in low else ():
        sort = re.sub(r"\D", "", match["sort"])
        value = f"uk:{sort}:{match['account']}"
        yield _account(match.start("sort"), match.end("account"), value)
    for match in _IFSC_IN_TEXT.finditer(text):
        reach = max(0, match.start() - _IFSC_REACH), match.end() + _IFSC_REACH
        accounts = list(_INDIAN_ACCOUNT_IN_TEXT.finditer(text, *reach))
        if len({one["account"] for one in accounts}) == 1:
            value = f"ifsc:{match[0].upper()}:{accounts[0]['account']}"
            ends = match.span(), accounts[0].span("account")
            yield _account(min(ends)[0], max(ends)[1], value)


def _handles(text: str) -> Iterator[Found]:
    """Cash tags, Telegram names, and invitations to WhatsApp groups."""
    if "$" in text and _CASH_APP.search(text):
        for match in _CASHTAG_IN_TEXT.finditer(text):
            yield _handle(*match.span(), f"cashapp:{match[0].lower()}")
    low = text.lower()
    if "telegram" in low or ".me/" in low:
        for pattern in (_TELEGRAM_LINK, _TELEGRAM_NAME):
            for match in pattern.finditer(text):
                if match["name"].lower() not in _NOT_NAMES:
                    yield _handle(*match.span("name"), f"telegram:{match['name'].lower()}")
    for match in WHATSAPP_GROUP.finditer(text) if "chat.whatsapp" in low else ():
        yield _handle(*match.span("code"), f"whatsapp:{match['code']}")


def _handle(start: int, end: int, value: str) -> Found:
    return Found(start, end, EntityKind.HANDLE, value, Role.MENTIONED)


HANDLE_HINT = r"\$[A-Za-z]|(?i:telegram|t\.me/|chat\.whatsapp)"


FINDERS: tuple[tuple[str, Callable[[str], Iterator[Found]]], ...] = (
    (r"[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]{4}", _ibans),
    (r"[A-Za-z0-9._-]@[A-Za-z][A-Za-z0-9]+(?:[^A-Za-z0-9_.@-]|\.(?:[^A-Za-z0-9_]|$)|$)", _upi),
    (r"(?i)routing|\baba\b|\brtn\b|sort ?code|[a-z]{4}0[a-z0-9]{6}", _national),
    (crypto_wallet.HINT, _wallets),
    (HANDLE_HINT, _handles),
)
"""Finders, and RE2: without a match of it, a text holds nothing for a finder."""
