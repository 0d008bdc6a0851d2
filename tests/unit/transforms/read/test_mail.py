"""Mail: a message is one complaint or one reject, in bounded time; its recipients are victims."""

import time

import pyarrow as pa
import pytest

from schemas.complaint import COMPLAINT_LOOSE
from schemas.extras import install_command
from tests.support.mails import (
    HEAD,
    SAID,
    VICTIM,
    hostile_mails,
    invoice_pdf,
    mailbox,
    qr_png,
    report,
    scam_mail,
)
from tests.support.read_files import COMPRESS, read_file
from transforms.read import detect
from transforms.read.adapters.mail import is_mail
from transforms.read.files import InputError
from transforms.validate import validate_complaints

pytest.importorskip("pypdfium2")
pytest.importorskip("zxingcpp")
pytest.importorskip("PIL")

PAGE = """<html><head><title>No</title><style>p {}</style></head><body><p>Dear customer,</p>
<a href="https://refund-desk.example/case?id=1">Cancel</a><a href="mailto:a@b.example">x</a>
<script>var a = "+1 888 555 0000"</script></body></html>"""


def rows_of(written, data, **options):
    path = written(data if isinstance(data, bytes) else bytes(data), "a.eml")
    tables = read_file(path, **options)
    return tables["complaints"], tables["rejects"]


def row_of(written, data):
    rows, rejects = rows_of(written, data)
    assert (len(rows), rejects) == (1, [])
    return rows[0]


def test_an_invoice_with_a_pdf_and_qr_codes(written):
    mail = scam_mail(html=PAGE)
    pdf = invoice_pdf("Total 399.00 USD", "Helpline 888-555-0177", link="https://pay.example/q")
    mail.add_attachment(pdf, maintype="application", subtype="octet-stream", filename="a.pdf")
    for text in ("https://qr-desk.example/x", "Ring 888 555 0188"):
        mail.add_attachment(qr_png(text), maintype="image", subtype="png")
    row = row_of(written, mail)
    assert row["complaint_id"].startswith("mail-") and len(row["complaint_id"]) == 21
    assert (row["source_org"], row["channel"]) == ("mail", "email")
    assert row["received_at"] == "2024-11-04T10:00:00-05:00"
    assert (row["narrative_by"], row["claimed_brand"]) == ("suspect", None)
    assert row["urls"] == [
        "https://refund-desk.example/case?id=1",
        "https://pay.example/q",
        "https://qr-desk.example/x",
    ]
    roles = dict(zip(row["emails"], row["email_roles"], strict=True))
    assert roles == {
        VICTIM: "victim",
        "billing@renewal-desk.support": "sender",
        "cases@renewal-desk.support": "reply_to",
    }
    words = ("Invoice INV-1", "888) 555-0142", "Total 399.00", "888-555-0177", "888 555 0188")
    places = [row["narrative"].index(word) for word in words]
    assert places == sorted(places)
    assert "0000" not in row["narrative"]
    assert row["unknown"] is None
    accepted, _, _ = validate_complaints(pa.RecordBatch.from_pylist([row], COMPLAINT_LOOSE))
    assert accepted.num_rows == 1


def test_html_alone_is_the_text(written):
    mail = scam_mail()
    mail.set_content(PAGE, subtype="html")
    assert "Dear customer,\nCancel" in row_of(written, mail)["narrative"]


@pytest.mark.parametrize("pack", [bytes, *COMPRESS.values()])
def test_a_mailbox(written, pack):
    text = "Hello\n\nFrom here on 10:00 you pay.\n>From there"
    mails = [bytes(scam_mail(text, number=n)) for n in range(3)]
    data = mailbox(*mails)
    rows, rejects = rows_of(written, pack(data), source_org="acme")
    starts = [
        number for number, line in enumerate(data.splitlines(), 1) if line.startswith(b"From - ")
    ]
    assert [row["position"] for row in rows] == starts
    assert not rejects
    assert len({row["complaint_id"] for row in rows}) == 3
    assert {row["source_org"] for row in rows} == {"acme"}
    assert all(text in row["narrative"] for row in rows)
    alone = row_of(written, mails[0].replace(b"\n", b"\r\n"))
    assert alone["complaint_id"] == rows[0]["complaint_id"]


def test_a_message_that_says_it_is_another_is_not(written):
    mails = [bytes(scam_mail(text, Message_ID="<1@a>")) for text in ("One.", "Two.")]
    rows, _ = rows_of(written, mailbox(*mails))
    assert len({row["complaint_id"] for row in rows}) == 2


def test_a_report_with_a_mail_attached(written):
    inner = scam_mail(To="Jane <jane.second@aol.com>", Delivered_To="jane.third@aol.com")
    row = row_of(written, report(inner, "My own words, 202 555 0143"))
    roles = dict(zip(row["emails"], row["email_roles"], strict=True))
    assert {address for address, role in roles.items() if role != "victim"} == {
        "billing@renewal-desk.support",
        "cases@renewal-desk.support",
    }
    assert {VICTIM, "jane.second@aol.com", "jane.third@aol.com", "phish@acme.example"} < set(roles)
    assert row["narrative_by"] == "suspect"
    assert row["received_at"] == "2024-11-05T08:00:00+00:00"
    assert "own words" not in row["narrative"] and "888) 555-0142" in row["narrative"]


def test_of_several_attached_mails_the_others_are_counted(written):
    mail = report(scam_mail())
    mail.add_attachment(scam_mail("Another."))
    assert row_of(written, mail)["unknown"] == ["mail_attached_messages"]


QUOTES = [
    "Look:\n\n---------- Forwarded message ---------\nFrom: P <p@x.example>\nCall 888",
    "-----Ursprüngliche Nachricht-----\nRuf an",
    "Siehe unten\n\nVon: PayPal <p@x.example>\nGesendet: Montag\nAn: Jane\n\nRufen Sie an",
    "> From: PayPal\n> Date: Monday\n> Call",
    "On Mon, 2 Nov 2026, PayPal <p@x.example> wrote:\n> Call",
]


@pytest.mark.parametrize("text", QUOTES)
def test_who_forwards_a_mail_in_the_text_is_a_victim(written, text):
    html = f"<p>{text}</p><a href='https://employer.example'>My employer</a>"
    mail = scam_mail(
        text, html, From=f"Jane <{VICTIM}>", Reply_To="jane@work.example", To="d@x.org"
    )
    row = row_of(written, mail)
    assert row["narrative_by"] == "victim"
    assert set(row["email_roles"]) == {"victim"}
    assert {VICTIM, "jane@work.example"} < set(row["emails"])
    assert not row["urls"]


@pytest.mark.parametrize("subject", ["Fwd: Invoice", "TR : facture"])
def test_a_subject_can_say_so_too(written, subject):
    assert row_of(written, scam_mail(Subject=subject))["narrative_by"] == "victim"


def test_a_notice_that_a_mail_could_not_be_delivered_names_nobody(written):
    mail = report(scam_mail(From=VICTIM))
    data = bytes(mail).replace(b"multipart/mixed;", b"multipart/report; report-type=x;", 1)
    row = row_of(written, data)
    assert (row["narrative_by"], set(row["email_roles"])) == ("victim", {"victim"})


def test_a_sender_who_is_a_recipient_too_is_a_victim(written):
    mail = scam_mail(From=f'"Refunds <x@y.example>" <{VICTIM.upper()}>')
    row = row_of(written, mail)
    assert "sender" not in row["email_roles"]


@pytest.mark.parametrize(
    ("received", "date", "expected"),
    [
        ("by a; nonsense", "Mon, 2 Nov 2026 09:00:00 -0000", "2026-11-02T09:00:00+00:00"),
        ("by a", "never", None),
        ("by a; Mon, 2 Nov 99999 09:00:00 +0000", "Mon, 32 Nov 2026 09:00:00", None),
    ],
)
def test_the_time(written, received, date, expected):
    assert row_of(written, scam_mail(Received=received, Date=date))["received_at"] == expected


def test_encoded_words_are_decoded(written):
    row = row_of(written, scam_mail(Subject="=?iso-8859-1?q?Zahlung_f=FCr?= =?utf-8?b?4oKs?= 5"))
    assert row["narrative"].startswith("Zahlung für€")


HOSTILE = hostile_mails()

OVER_A_BOUND = {
    "parts": ["mail_parts"],
    "no_pdf": ["mail_pdfs"],
    "huge_image": ["mail_images"],
    "no_image": ["mail_images"],
    "lines": ["mail_text"],
    "nested": ["mail_parts"],
}
"""Parts counted as not read, by the name of the message."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "pdf_bomb"])
def test_a_hostile_message_is_read_in_time_and_what_is_over_a_bound_counted(written, name):
    data = HOSTILE[name]
    started = time.process_time()
    rows, rejects = rows_of(written, data)
    assert time.process_time() - started < 20 * max(1, len(data) >> 20)
    if name == "attached":
        assert [(reject["code"], VICTIM in reject["raw"]) for reject in rejects] == [
            ("bad_value", True)
        ]
        return
    (row,) = rows
    assert name == "nested" or SAID.decode().strip()[:20] in row["narrative"]
    assert VICTIM in row["emails"]
    assert (row["unknown"] or None, rejects) == (OVER_A_BOUND.get(name), [])


@pytest.mark.slow
def test_a_bomb_does_not_hide_the_next_attachment(written):
    bomb = HOSTILE["pdf_bomb"].removesuffix(b"--b--\n")
    mail = scam_mail()
    mail.set_content(invoice_pdf("Helpline 888-555-0177"), "application", "pdf")
    data = bomb + b"--b\n" + bytes(mail) + b"\n--b--\n"
    row = row_of(written, data)
    assert "888-555-0177" in row["narrative"]
    assert row["unknown"] == ["mail_pdfs"]


def test_rejects_hold_fields_and_not_the_message(written):
    empty = HEAD.replace(b"From: a@out.example\n", b"").replace(b"Order 7", b"") + b"\n"
    large = HEAD + b"\n" + b"x" * (5 << 20) + b"\n" + b"y" * (5 << 20)
    good = HEAD + b"\n" + SAID
    rows, rejects = rows_of(written, mailbox(good, large, empty, good))
    codes = [(row["position"], row.get("code")) for row in (*rows, *rejects)]
    assert codes == [(1, None), (26, None), (10, "row_too_large"), (20, "bad_value")]
    assert rejects[0]["raw"] == ""
    assert '"role":"victim"' in rejects[1]["raw"]


def test_a_mailbox_that_was_cut_short(written):
    packed = COMPRESS["gzip"](mailbox(*(bytes(scam_mail(number=n)) for n in range(100))))
    rows, rejects = rows_of(written, packed[:-200])
    assert 50 < len(rows) < 100
    assert [reject["code"] for reject in rejects] == ["truncated_file"]


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (HEAD, True),
        (b"From - Mon Nov  4 10:00:00 2024\n" + HEAD, True),
        (b"From: a\n\nTo: b\n", False),
        (b"from,to,subject,date\na: b,c,d,e\n", False),
        (b"Dear sir,\nFrom: a\nTo: b\n", False),
    ],
)
def test_recognized_by_its_fields(head, known):
    assert is_mail(head) is known


def test_the_extra_is_asked_for(written, monkeypatch):
    monkeypatch.setattr(detect, "find_spec", lambda name: None if name == "zxingcpp" else name)
    with pytest.raises(InputError, match="needs zxingcpp to be read") as caught:
        rows_of(written, scam_mail())
    assert install_command("mail") in str(caught.value)
