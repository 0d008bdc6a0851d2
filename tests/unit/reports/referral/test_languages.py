"""A document is in its recipient's language, throughout; a language is a folder of data."""

import csv
import io
import re
from dataclasses import replace
from decimal import Decimal
from html import unescape

import pytest

from reports.referral import reference
from reports.referral.blocking_checks import Inclusion
from reports.referral.case import Confirmation, EarlierReferral, Release, SharedVictims
from reports.referral.document import elements_matrix
from reports.referral.package import fact_differences, package_facts
from reports.referral.seal import OPENSSL_CHECK
from schemas.facts import fact
from tests.support.made_up_case import (
    IDS,
    case_of,
    package_of,
    printed,
    rows,
    write_language,
    write_recipient,
    written,
)
from tests.support.report_tables import START, link, mention, told

DICTIONARY = "data/exhibits/data-dictionary.csv"

LANGUAGES = {"de-bka": "de", "es-policia": "es", "cn-psb": "zh-Hans"}


def full_case(folder, chosen):
    """A case of two organisations with all that a document can speak of."""
    tables = rows(brands=["amazon", "paypal"], victims=4)
    tables["complaints"][0] |= {
        "channel": "phone_inbound",
        "payments": [
            {
                "method": "gift_card",
                "payee": IDS[1],
                "amount": Decimal("1234.50"),
                "currency": "EUR",
            }
        ],
    }
    tables["mentions"].append(mention(IDS[1], "A-0", role="payee", field="payments[0].payee"))
    decided = "cannot_link", "D-7", "a.roe", "read them"
    apart = {"accepted": False, "record_ids": ["amazon|A-0"]}
    tables["links"] += [
        link(IDS[0], "phone:+18885550177", **apart, **told(fact("too_little"))),
        link(IDS[1], "phone:+18885550177", **apart, **told(fact("kept_apart", *decided))),
    ]
    case = case_of(folder, tables, chosen=chosen)
    offered = {
        "contributor": "microsoft",
        "tlp": "TLP:AMBER",
        "victims_known": None,
        "countries": [{"country": "US", "victims": 13}],
        "losses": [{"currency": "USD", "amount": 4000}],
    }
    before = package_facts(case, {})
    now = before | {"victims": 9, "losses": {"EUR": "5.00"}, "members": {}, "organisations": []}
    return replace(
        case,
        records=replace(case.records, offered=[offered], union_links=[frozenset(IDS[:2])]),
        included=[Inclusion(IDS[2], "Ada Cole", "seen twice")],
        confirmations=[Confirmation("Priya Rao", START.date(), "", "C-1", IDS[0])],
        releases=[Release("microsoft", "2024-05-01", "2024-08-01", 2, b"", b"")],
        shared=[SharedVictims("microsoft", "phone", None, 5, "2024-05-01", "key", b"", b"")],
        earlier=EarlierReferral(
            "a" * 64, "2024-04-01", fact_differences(now, before, case.language)
        ),
        tied_by_left_out=1,
    )


def texts_of(files):
    """The words that people read of a package, by file, without addresses, files, identifiers."""
    pages = {
        path: unescape(
            re.sub(r"<style>.*?</style>|<[^>]+>", " ", content.decode(), flags=re.DOTALL)
        )
        for path, content in files.items()
        if path.endswith(".html")
    }
    letters = {
        path: content.decode().replace(OPENSSL_CHECK, "")
        for path, content in files.items()
        if path.startswith("data/requests/") or path == "data/README.txt"
    }
    rows = csv.DictReader(io.StringIO(files[DICTIONARY].decode("utf-8-sig")))
    letters[DICTIONARY] = "\n".join(
        f"{row['exhibit']} {row['type']} {row['meaning']}" for row in rows
    )
    parts = r"https?://\S+|[\w./-]*[./][\w./-]+|\S*@\S+|RT-\S+|\b[a-f0-9]{16,}\b|`[^`]*`|--\w+"
    parts += r"|\b(phone|account|domain|remote|email):\S*|\bGB\d\d\w+"
    return {path: re.sub(parts, " ", text) for path, text in {**pages, **letters}.items()}


NAMES = """Amazon Microsoft PayPal AnyDesk Software GmbH Google LLC Gmail NATIONAL WESTMINSTER
BANK PUBLIC LIMITED COMPANY Ada Cole Priya Rao seen twice March June and key run-made-up USD EUR
IBAN TLP AMBER SHA-256 SHA- SHA UTC ISO jsonl complaints""".split()
"""Words of names, of what people typed, and of identifiers."""


def test_no_sentence_is_in_the_code(tmp_path):
    home = write_recipient(tmp_path / "own/recipients/xx-fraud")
    text = (home / "recipient.toml").read_text()
    (home / "recipient.toml").write_text(f'language = "zz"\nnexus = "Exampland"\n{text}')
    kept = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{\w+\}|[A-Za-z]")
    change = lambda text: kept.sub(lambda match: match[0] if match[0][0] == "{" else "ж", text)  # noqa: E731
    write_language(tmp_path / "own/languages/zz", change)
    chosen = reference.load_reference("xx-fraud", str(tmp_path / "own"))
    of_recipient = " ".join(
        [*map(str, chosen.recipient.values()), str(chosen.offences), str(chosen.scale)]
    )
    months = chosen.language.form["months"]
    known = {word.lower() for word in [*NAMES, *months, *re.findall(r"\w+", of_recipient)]}
    for path, text in texts_of(package_of(full_case(tmp_path / "run", chosen))).items():
        words = re.findall(r"[A-Za-z][A-Za-z-]{2,}", text)
        assert not {word for word in words if word.lower() not in known}, path


ENGLISH = frozenset(
    """the of and is are was were which by from with that this they them not no one each who whose
    has have been be to on at as it its or than more less nor nothing here there these those all any
    both first last seen number numbers identifier identifiers complaint complaints call calls
    record records victim victims people person page evidence link links unknown none stated ask
    withheld once known""".split()
)

OWN_NAMES = (
    "Intelligence Community Directive 203, Analytic Standards",
    "Telecommunications (Interception and Access) Act 1979",
    "Investigatory Powers Act 2016",
    "Prevention of Money-laundering Act, 2002",
    "ICANN Registration Data Policy",
)
"""Names of laws and standards, which stay."""


ALSO_THEIRS = {"de": {"all", "was", "person", "link"}, "es": {"no"}}
"""Words of another language that are English ones, too."""


@pytest.mark.slow
@pytest.mark.parametrize("code", LANGUAGES)
def test_no_english_is_left_in_a_document(tmp_path, code):
    chosen = reference.load_reference(code)
    english = ENGLISH - ALSO_THEIRS.get(chosen.language.code, set())
    names = re.compile(
        "|".join([*map(re.escape, (*OWN_NAMES, "seen twice")), "[(（](complaint|call)[)）]"])
    )
    for path, text in texts_of(package_of(full_case(tmp_path / "run", chosen))).items():
        words = re.findall(r"[^\W\d_]+", names.sub("", text).lower())
        assert not english.intersection(words), path


@pytest.mark.parametrize("code", LANGUAGES.values())
def test_every_sentence_of_a_language_is_translated(code):
    recipient = next(
        recipient_code for recipient_code, language in LANGUAGES.items() if language == code
    )
    language, english = reference.load_reference(recipient).language, reference.english()
    same = [
        key
        for key, forms in language.messages.items()
        if forms[0] == english.messages[key][0]
        and re.search(r"[a-z]{3}", re.sub(r"\{\w+\}", "", forms[0]))
    ]
    assert {english.messages[message][0] for message in same} <= SAME


SAME = {"WhatsApp", "Telegram", "Zelle", "PayPal", "Wallet", "wallet", "Domain", "domain"} | {
    "Organisation", "Status", "status", "cheque", "Total", "once", "IBAN",
}  # fmt: skip
"""Messages that another language writes as English does."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("de-bka", ["Seite 1 von ", "1. März 2026", "1.234,50 EUR", "5 Kennungen", "Inhalt"]),
        ("es-policia", ["página 1 de ", "1 de marzo de 2026", "1.234,50 EUR", "5 identificadores"]),
        ("cn-psb", ["第1页，共", "2026年3月1日", "EUR1,234.50", "5个标识", "目录"]),
    ],
)
def test_days_sums_plurals_and_pages_are_of_the_language(tmp_path, code, words):
    case = full_case(tmp_path / "run", reference.load_reference(code))
    text = printed(tmp_path, package_of(case)["data/referral.pdf"])
    assert "[U+" not in text
    if code == "cn-psb":
        text = re.sub(r"\s", "", text)
    for word in words:
        assert word in text, word


def test_a_statute_says_where_its_text_was_read_if_not_at_its_source(plain_case):
    chosen = reference.load_reference("sg-spf")
    elsewhere = [offence["read_at"] for offence in chosen.offences if offence.get("read_at")]
    page = str(elements_matrix(replace(plain_case, reference=chosen)))
    assert elsewhere and all(read_at in page for read_at in elsewhere)


def own_language(folder, *changes):
    home = write_language(folder / "languages/zz")
    write_recipient(folder / "recipients/xx-fraud")
    file = folder / "recipients/xx-fraud/recipient.toml"
    file.write_text(f'language = "zz"\n{file.read_text()}')
    for name, old, new in changes:
        text = (home / name).read_text()
        assert old in text, old
        (home / name).write_text(text.replace(old, new, 1))
    return reference.load_reference("xx-fraud", str(folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("messages.toml", '"titles"."summary"', '"titles"."sumary"', "has no titles.summary"),
        ("messages.toml", "page {page} of {pages}", "page {page}", r"frame.page: has the values"),
        ("messages.toml", "page {page} of {pages}", "{page.x} {pages}", "is not the name of a"),
        ("messages.toml", '["{n} call", "{n} calls"]', '["{n} call", "{n}", "{n}"]', "3 plural"),
        ("language.toml", 'plural = "n != 1"', 'plural = "m"', "plural: .*write a C expression"),
        ("language.toml", '"January", ', "", "months: give twelve"),
        ("language.toml", "day =", "dey =", "no such field 'dey'"),
        ("texts.toml", '"no general duty to retain" =', '"other" =', "has no 'no general duty to"),
        ("request.txt", "{{ priority }}", "{{ prio }}", "'prio' is undefined; a template can name"),
        (
            "language.toml",
            'group = ","',
            'group = ","\nfont = { package = "a", file = "../x.ttf", extra = "b" }',
            "font: give the name of a package",
        ),
    ],
)
def test_a_language_that_is_incomplete_is_refused(tmp_path, name, old, new, told):
    with pytest.raises(reference.ReferenceFileError, match=told) as error:
        own_language(tmp_path, (name, old, new))
    assert "\n" not in str(error.value) and "languages/zz" in str(error.value)


def test_a_language_that_lacks_files_or_is_none_is_refused(tmp_path):
    own_language(tmp_path)
    for name in ("texts.toml", "readme.txt"):
        (tmp_path / "languages/zz" / name).unlink()
    with pytest.raises(reference.ReferenceFileError, match=r"no texts\.toml, no readme\.txt"):
        reference.load_reference("xx-fraud", str(tmp_path))
    written(tmp_path, {"recipients/xx-fraud/recipient.toml": b""})
    file = write_recipient(tmp_path / "recipients/xx-fraud") / "recipient.toml"
    file.write_text(f'language = "xx"\n{file.read_text()}')
    with pytest.raises(
        reference.ReferenceFileError, match="no such language; known are de, en, es"
    ):
        reference.load_reference("xx-fraud", str(tmp_path))
