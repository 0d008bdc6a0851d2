"""Law, custom and policy as data: complete, sourced, dated, and read strictly."""

import hashlib
import json
import re
import subprocess
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from pipelines import cli
from reports.referral import counsel, pdf, reference
from reports.referral.document import element_evidence
from schemas.extras import install_command
from tests.support.made_up_case import (
    IDS,
    case_of,
    package_of,
    printed,
    rows,
    write_language,
    write_recipient,
)
from tests.support.report_tables import manifest, mention

CODES = reference.recipient_codes()


def test_ten_recipients_ship_at_least():
    ten = "au-reportcyber ca-rcmp de-bka es-policia in-cbi uk-report-fraud us-fbi-ic3".split()
    ten += ["cn-psb", "interpol-igrip", "sg-spf"]
    assert set(ten) <= set(CODES) and sorted(CODES) == CODES


@pytest.mark.parametrize("code", CODES)
def test_every_row_of_a_recipient_has_a_source_a_day_and_the_digest_of_its_file(code):
    chosen = reference.load_reference(code)
    assert chosen.offences and chosen.recipient["asks"]
    assert list(chosen.certificates) == chosen.recipient["certificates"]
    rows = [chosen.recipient, *chosen.offences, *chosen.clocks, *chosen.providers, chosen.scale]
    for row in rows:
        assert re.fullmatch(r"https://\S+", row["source"])
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["date"])
    own = {f"recipients/{code}/{name}.toml" for name in ("recipient", "offences")}
    language = f"languages/{chosen.language.code}/messages.toml"
    assert {*own, language, *reference.SHARED_FILES} <= set(chosen.digests)
    home = files("reports.referral")
    for name, digest in chosen.digests.items():
        file = home / name if "/" in name else home / "data" / name
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest


def test_every_known_element_is_one_that_the_package_speaks_to(tmp_path):
    evidence = element_evidence(case_of(tmp_path / "run", rows()))
    assert tuple(evidence) == reference.ELEMENTS


@pytest.mark.parametrize(
    ("share", "word"),
    [
        (0.05, "almost no chance"),
        (0.5, "roughly even chance"),
        (0.79, "likely"),
        (1.0, "almost certain"),
    ],
)
def test_words_of_icd_203(share, word):
    chosen = reference.load_reference("us-fbi-ic3")
    assert chosen.likelihood_wording(share).startswith(f"{word} (")


@pytest.mark.parametrize(
    ("share", "word"), [(0.03, "remote chance"), (0.94, "highly likely"), (0.951, "almost certain")]
)
def test_words_of_the_phia_yardstick_and_its_gaps(share, word):
    assert reference.load_reference("uk-report-fraud").likelihood_wording(share).startswith(word)


def test_the_clock_of_a_country_goes_before_the_general_one():
    chosen = reference.load_reference("us-fbi-ic3")
    assert chosen.retention_clock("carrier", "US")["months"] == 18
    assert chosen.retention_clock("carrier", "FR")["country"] == "*"
    assert chosen.retention_clock("no such class", "US")["preserve"] == "ask at once"


POLICY = """tlp = "red"
suppress_below = 10
bridge_side = 2
small_cluster = 3
source = "https://example.org"
date = "2026-01-01"
"""


def test_ones_own_shared_file_takes_the_place_of_the_shipped(tmp_path):
    shipped = reference.load_reference("us-fbi-ic3")
    (tmp_path / "policy.toml").write_text(POLICY)
    own = reference.load_reference("us-fbi-ic3", str(tmp_path))
    assert own.policy["tlp"] == "red" and own.clocks == shipped.clocks
    assert own.offences == shipped.offences
    assert own.digests["policy.toml"] != shipped.digests["policy.toml"]


def test_ones_own_folder_takes_the_place_of_a_shipped_recipient(tmp_path):
    write_recipient(tmp_path / "recipients/in-cbi")
    own = reference.load_reference("in-cbi", str(tmp_path))
    assert own.recipient["name"] == "Fraud Office, Exampland"
    assert list(own.certificates) == ["xx-oath", "us-fre-902"]
    assert reference.load_reference("de-bka", str(tmp_path)) is not None


def test_a_certificate_that_is_shared_can_be_replaced(tmp_path):
    (tmp_path / "us-fre-902.txt").write_text("of my own, {{ code }}")
    own = reference.load_reference("in-cbi", str(tmp_path))
    assert own.certificates["us-fre-902"].render(code="c") == "of my own, c"
    assert own.digests["us-fre-902.txt"] == hashlib.sha256(b"of my own, {{ code }}").hexdigest()


def test_a_new_recipient_is_a_folder_and_yields_a_package(tmp_path):
    write_recipient(tmp_path / "own/recipients/xx-fraud")
    chosen = reference.load_reference("xx-fraud", str(tmp_path / "own"))
    case = case_of(tmp_path / "run", rows(), chosen=chosen)
    made = package_of(case)
    oath = made["data/certificates/xx-oath.txt"].decode()
    assert oath.startswith("DRAFT") and "xx-fraud/c-1/" in oath
    in_kathmandu = case.moment + timedelta(hours=5, minutes=45)
    assert f"{in_kathmandu:%d/%m/%Y %H:%M:%S}" in oath
    page = made["data/referral.html"].decode()
    assert "Fraud Office, Exampland" in page and "a trick" in page and "surely (50" in page


def replaced(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


MISTAKES = [
    ("recipient.toml", 'unit = "Cyber"', "", "recipient.toml: has no unit; it needs name, unit,"),
    ("recipient.toml", '["Open a case."]', '"Open"', "toml, asks: is a text, not a list of texts"),
    ("recipient.toml", '"xx-oath"', '"xx-oaht"', "xx-oath.txt: no such file of a recipient"),
    ("recipient.toml", "us-fre-902", "us-fre-903",
     "certificates: no such certificate 'us-fre-903'; known are us-fre-902, xx-oath"),
    ("recipient.toml", '"ours"', '"hours"', "no such scale 'hours'; known are icd203, ours"),
    ("recipient.toml", "Asia/K", "Asia/X", "time_zone: 'Asia/Xathmandu' is not in the time zone"),
    ("offences.toml", '"scheme"', '"schema"',
     "offence 1, elements 1, holds: no such name 'schema'; known are scheme, wires, loss, money"),
    ("offences.toml", "[[offence]]", "[[offense]]", "no such field 'offense'; known are offence"),
    ("scales.toml", "low = 50, ", "", "scales.toml, ours, words 1: has no low; it needs word,"),
    ("xx-oath.txt", "{{ code }}", "{{ cod }}", "'cod' is undefined; a certificate can name code,"),
    ("xx-oath.txt", "{{ code }}", "{{ code", "xx-oath.txt: "),
]  # fmt: skip


def refused(capsys, folder, recipient="xx-fraud"):
    """Returns the one line of `ringtrace referral` on wrong usage."""
    words = ["referral", str(folder / "run"), "--cluster", "c-1", "--recipient", recipient]
    words += ["--output", str(folder / "p"), "--reference", str(folder / "own")]
    assert cli.main(words) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert not (folder / "p").exists()
    return told.err


@pytest.fixture
def own(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/manifest.json").write_text(json.dumps(manifest()))
    write_recipient(tmp_path / "own/recipients/xx-fraud")
    return tmp_path / "own"


@pytest.mark.parametrize(("name", "old", "new", "told"), MISTAKES)
def test_a_mistake_in_a_recipient_is_one_line_that_names_it(own, capsys, name, old, new, told):
    replaced(own / "recipients/xx-fraud" / name, old, new)
    said = refused(capsys, own.parent)
    assert told in said and "recipients/xx-fraud/" in said


@pytest.mark.parametrize("name", ["recipient.toml", "offences.toml"])
def test_a_missing_file_is_named(own, capsys, name):
    (own / "recipients/xx-fraud" / name).unlink()
    said = refused(capsys, own.parent)
    assert f"no {name}" in said or f"{name}: is missing; a recipient needs" in said


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("recipients.toml", "is not known; a reference folder has recipients/CODE/, policy.toml"),
        ("in-cbi/recipient.toml", "in-cbi: is not known; a reference folder has"),
        ("recipients/in-cbi.toml", "is not a recipient; name its folder with"),
        ("recipients/xx-fraud/offenses.toml", "no such file of a recipient; known"),
        ("xx-oath.txt", "too; keep one of them"),
    ],
)
def test_no_file_is_left_aside(own, capsys, path, told):
    (own / path).parent.mkdir(exist_ok=True)
    (own / path).write_text("")
    assert told in refused(capsys, own.parent)


def test_a_folder_that_is_none_or_has_nothing_is_refused(tmp_path):
    with pytest.raises(reference.ReferenceFileError, match="is not a folder"):
        reference.load_reference("us-fbi-ic3", str(tmp_path / "absent"))
    with pytest.raises(reference.ReferenceFileError, match="has no reference file"):
        reference.load_reference("us-fbi-ic3", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("policy", "tlp = ", "policy.toml: not TOML"),
        ("policy", POLICY.replace("red", "pink"), "no such name 'pink'; known are clear"),
        (
            "policy",
            POLICY.replace("10", "true"),
            "suppress_below: is true or false, not a whole number",
        ),
        ("retention", "[[clock]]\nmoths = 18", "clock 1: no such field 'moths'; known are"),
        ("providers", '[[provider]]\nkind = "x"', "providers.toml, provider 1: has no match"),
    ],
)
def test_a_shared_file_that_cannot_be_used_is_named(tmp_path, name, text, told):
    (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(reference.ReferenceFileError, match=told):
        reference.load_reference("us-fbi-ic3", str(tmp_path))


CASE = """operation = "Operation Long Wait"
date = 2026-06-02
narrative = "Callers posed as support."
case_numbers = { amazon = "CCU-114", us-fbi-ic3 = "I-2026-9" }

[[organisation]]
slug = "amazon"
legal_name = "Amazon.com Services LLC"
address = "Seattle"
contact = { name = "Ada Cole", email = "ada@amazon.example" }
custodian = { name = "Jon Reyes", title = "Custodian" }
signatory = { name = "Ada Cole", title = "Counsel" }
"""


def test_a_case_file_fills_blanks_and_the_rest_is_listed(tmp_path):
    blank = case_of(tmp_path / "1", rows())
    assert "the legal name of Amazon" in blank.blanks and "case numbers" in blank.blanks
    page = package_of(blank)["data/referral.html"].decode()
    assert page.count("____________________") > 5
    file = reference.load_case_file(CASE, "case.toml", ["amazon"])
    case = case_of(tmp_path / "2", rows(), file=file)
    assert case.blanks == []
    files = package_of(case)
    page = files["data/referral.html"].decode()
    for words in ("Operation Long Wait", "Amazon.com Services LLC", "CCU-114", "2 June 2026",
                  "Internet Crime Complaint Center (IC3), United States: I-2026-9",
                  "Callers posed as support.", "Jon Reyes, Custodian",
                  "Ada Cole, Counsel"):  # fmt: skip
        assert words in page, words
    assert b"I am Jon Reyes, Custodian" in files["data/certificates/us-fre-902.txt"]


def test_another_authoritys_case_number_stays_in_the_house(tmp_path):
    file = reference.load_case_file(CASE, "case.toml", ["amazon"])
    case = case_of(tmp_path, rows(), recipient="in-cbi", file=file)
    files = package_of(case)
    assert "CCU-114" in files["data/referral.html"].decode()
    assert not [path for path, content in files.items() if b"I-2026-9" in content]
    memo = str(counsel.counsel_payload(case, files, "", {})[0])
    assert "Case numbers that stay here" in memo and "us-fbi-ic3" in memo


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("operation =", "opration =", "case.toml: no such field 'opration'; known are operation,"),
        (
            "2026-06-02",
            '"2026-06-02"',
            "date: is a text, not a day without quotes, such as 2026-06-02",
        ),
        ('slug = "amazon"', 'slug = "meta"', "slug: 'meta' is not in this case; known are amazon"),
        (
            'title = "Counsel"',
            "title = 3",
            "organisation 1, signatory, title: is a whole number, not a text",
        ),
        ("[[organisation]]", "[organisation]", "organisation: is a table, not a list of tables"),
    ],
)
def test_a_mistake_in_a_case_file_is_one_line(old, new, told):
    assert old in CASE
    with pytest.raises(reference.ReferenceFileError) as error:
        reference.load_case_file(CASE.replace(old, new), "case.toml", ["amazon"])
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_folder_is_refused_with_all_that_it_lacks(own, capsys):
    home = own / "recipients/xx-fraud"
    (home / "offences.toml").unlink()
    replaced(home / "recipient.toml", "asks =", 'annexes = ["fields", "letter"]\nasks =')
    said = refused(capsys, own.parent)
    assert "is incomplete; it has no offences.toml, no fields.toml, no letter.txt" in said
    write_recipient(home)
    replaced(home / "recipient.toml", "asks =", 'sections = ["summary", "exhibits"]\nasks =')
    said = refused(capsys, own.parent)
    assert "no the section" not in said
    assert "has no section identifiers, no section exculpatory, no section limits" in said


FIELDS = """title = "Our form"
source = "https://example.org"
date = "2026-01-01"

[[form]]
title = "Transfers"
rows = "payments"
fields = [{ label = "Sum", value = "amount" }, { label = "Payer", value = "blank" }]

[[form]]
title = "The case"
rows = "case"
fields = [{ label = "Whom they posed as", value = "brands" }, { label = "Nr.", value = "blank" }]
"""


def test_a_form_and_a_letter_are_data(tmp_path):
    home = write_recipient(tmp_path / "own/recipients/xx-fraud")
    write_language(tmp_path / "own/languages/ne")
    more = 'annexes = ["fields", "letter"]\nlanguage = "ne"\nnexus = "Exampland"\n'
    replaced(home / "recipient.toml", "asks =", f"{more}asks =")
    (home / "fields.toml").write_text(FIELDS)
    (home / "letter.txt").write_text("निवेदन\n\n{{ organisations }}, {{ phone_numbers }}\n")
    chosen = reference.load_reference("xx-fraud", str(tmp_path / "own"))
    tables = rows()
    tables["complaints"][0]["payments"] = [
        {"method": "bank", "payee": IDS[1], "amount": Decimal("5.50"), "currency": "USD"}
    ]
    tables["mentions"].append(mention(IDS[1], "A-0", role="payee", field="payments[0].payee"))
    files = package_of(case_of(tmp_path / "run", tables, chosen=chosen))
    blank = "____________________"
    assert files["data/forms/01-transfers.csv"].decode("utf-8-sig") == (
        f"Sum,Payer\r\n5.50,{blank}\r\n"
    )
    assert (
        f"Whom they posed as,Amazon\r\nNr.,{blank}" in files["data/forms/02-the-case.csv"].decode()
    )
    page = files["data/referral.html"].decode()
    assert "Our form</h2>" in page and "Nexus to Exampland</h2>" in page
    assert "the columns Payer are blank" in page
    letter = files["data/letter.html"].decode()
    assert '<html lang="ne">' in letter and "Amazon, +18885550123" in letter
    assert "data/letter.pdf" in files


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'value = "amount"',
            'value = "victim_id"',
            "form 1, fields 1, value: no such name 'victim_",
        ),
        ('value = "brands"', 'value = "amount"', "form 2, fields 1, value: no such name 'amount'"),
        (
            'rows = "case"',
            'rows = "victims"',
            "form 2, rows: no such name 'victims'; known are case",
        ),
    ],
)
def test_a_mistake_in_a_form_is_one_line_that_names_it(own, capsys, old, new, told):
    home = own / "recipients/xx-fraud"
    replaced(home / "recipient.toml", "asks =", 'annexes = ["fields"]\nasks =')
    (home / "fields.toml").write_text(FIELDS.replace(old, new))
    assert told in refused(capsys, own.parent)


@pytest.mark.slow
def test_a_letter_in_chinese_has_its_letters_in_the_pdf(tmp_path, monkeypatch):
    case = case_of(tmp_path / "run", rows(), recipient="cn-psb")
    files = package_of(case)
    assert "刑事控告书" in files["data/letter.html"].decode()
    text = printed(tmp_path, files["data/letter.pdf"])
    assert "刑事控告书" in text.replace(" ", "") and "[U+" not in text
    words = ["pdffonts", str(tmp_path / "a.pdf")]
    told = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    fonts = [line for line in told.splitlines() if "NotoSansSC" in line]
    assert fonts and all("yes yes" in line for line in fonts), "embedded, as subsets"
    assert b"NotoSansSC" in files["data/referral.pdf"], "the whole document is in its language"
    font = {"package": "no_such_package", "file": "another.ttf", "extra": "chinese"}
    monkeypatch.setitem(case.language.form, "font", font)
    with pytest.raises(pdf.MissingPdfError, match=re.escape(install_command("chinese"))):
        package_of(case)


def test_a_letter_in_a_script_that_no_font_has_is_a_page_alone(tmp_path):
    home = write_recipient(tmp_path / "own/recipients/xx-fraud")
    write_language(tmp_path / "own/languages/ja")
    replaced(home / "recipient.toml", "asks =", 'annexes = ["letter"]\nlanguage = "ja"\nasks =')
    (home / "letter.txt").write_text("ひらがな\n\nカタカナ\n")
    chosen = reference.load_reference("xx-fraud", str(tmp_path / "own"))
    files = package_of(case_of(tmp_path / "run", rows(), chosen=chosen))
    assert "ひらがな" in files["data/letter.html"].decode() and "data/letter.pdf" not in files


def test_an_unknown_recipient_names_the_known_ones(own, capsys):
    assert "use au-reportcyber, " in refused(capsys, own.parent, "nobody")
    assert "xx-fraud" in refused(capsys, own.parent, "../xx")


def test_a_recipients_code_is_plain(own, capsys):
    (own / "recipients/xx-fraud").rename(own / "recipients/XX Fraud")
    assert "lower-case letters" in refused(capsys, own.parent, "XX Fraud")
