"""Shared by the tests of mail: messages of callback phishing, and hostile ones."""

from __future__ import annotations

import base64
import io
import zlib
from email.message import EmailMessage
from functools import cache

VICTIM = "jane.doe.1957@comcast.net"

RECEIVED = (
    f"from out.example (out.example [203.0.113.9]) by mx.comcast.net for <{VICTIM}>;"
    " Mon, 04 Nov 2024 10:00:00 -0500"
)


def invoice_pdf(*lines: str, link: str = "") -> bytes:
    """A PDF of text, and of a QR code."""
    from reportlab.graphics import renderPDF
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Drawing
    from reportlab.pdfgen.canvas import Canvas

    packed = io.BytesIO()
    canvas = Canvas(packed, invariant=1)
    for number, line in enumerate(lines):
        canvas.drawString(72, 750 - 20 * number, line)
    if link:
        drawing = Drawing(150, 150)
        drawing.add(QrCodeWidget(link, barWidth=150, barHeight=150))
        renderPDF.draw(drawing, canvas, 72, 300)
    canvas.save()
    return packed.getvalue()


def qr_png(text: str) -> bytes:
    import zxingcpp
    from PIL import Image

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode)
    packed = io.BytesIO()
    Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=5)).save(packed, "PNG")
    return packed.getvalue()


def scam_mail(text: str = "", html: str = "", number: int = 1, **fields: str) -> EmailMessage:
    """A mail of callback phishing; names of fields with `_` for `-`."""
    mail = EmailMessage()
    fields_of_mail = {
        "Delivered-To": VICTIM,
        "Received": RECEIVED,
        "From": '"PayPal Billing" <billing@renewal-desk.support>',
        "Reply-To": "cases@renewal-desk.support",
        "To": f"Jane Doe <{VICTIM}>",
        "Subject": "Invoice INV-{number} for your order",
        "Date": "Sun, 3 Nov 2024 00:00:00 +0000",
        "Message-ID": f"<{number}@out.example>",
    } | {name.replace("_", "-"): value for name, value in fields.items()}
    for name, value in fields_of_mail.items():
        mail[name] = value.replace("{number}", str(number))
    mail.set_content(text or f"Order {number}: you were charged $399. Call +1 (888) 555-0142.")
    if html:
        mail.add_alternative(html, subtype="html")
    return mail


def report(inner: EmailMessage, text: str = "See the attached mail.") -> EmailMessage:
    """A report to a fraud desk, which has a mail attached."""
    mail = EmailMessage()
    mail["Received"] = "from home.example by mx.acme.example; Tue, 05 Nov 2024 08:00:00 +0000"
    mail["From"] = f"Jane Doe <{VICTIM}>"
    mail["To"] = "phish@acme.example"
    mail["Subject"] = "Fwd: scam"
    mail.set_content(text)
    mail.add_attachment(inner)
    return mail


def mailbox(*mails: bytes) -> bytes:
    """An mbox as mboxrd writes it."""
    import re

    parts = []
    for mail in mails:
        escaped = re.sub(rb"^(>*From )", rb">\1", mail.rstrip(b"\n"), flags=re.MULTILINE)
        parts.append(b"From - Mon Nov  4 10:00:00 2024\n" + escaped + b"\n\n")
    return b"".join(parts)


HEAD = (
    f"Received: {RECEIVED}\nFrom: a@out.example\nTo: {VICTIM}\nSubject: Order 7\n"
    "MIME-Version: 1.0\n"
).encode()

SAID = b"Call +1 888 555 0142 now.\n"


def _parts(*parts: bytes, boundary: bytes = b"b") -> bytes:
    inside = b"".join(b"--" + boundary + b"\n" + part + b"\n" for part in parts)
    head = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\n\n'
    return head + inside + b"--" + boundary + b"--\n"


_TEXT = b"Content-Type: text/plain\n\n" + SAID


def _attached(kind: bytes, data: bytes) -> bytes:
    head = b"Content-Type: " + kind + b"\nContent-Transfer-Encoding: base64\n\n"
    return head + base64.encodebytes(data)


def _nested(depth: int) -> bytes:
    opened = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level)
        for level in range(depth)
    )
    return opened + _TEXT + b"\n" * 100_000


def _pdf_bomb() -> bytes:
    packer = zlib.compressobj(9)
    first, again = (
        packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    stream = first + again * 199 + packer.flush()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
        b"<</Filter/FlateDecode/Length %d>>stream\n" % len(stream) + stream + b"\nendstream",
    ]
    body, places = b"%PDF-1.4\n", b"xref\n0 5\n0000000000 65535 f \n"
    for number, body_of in enumerate(objects, 1):
        places += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj\n" % number + body_of + b"\nendobj\n"
    end = b"trailer\n<</Root 1 0 R/Size 5>>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + places + end


def _huge_png() -> bytes:
    head = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    chunk = (13).to_bytes(4, "big") + head + zlib.crc32(head).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk


@cache
def hostile_mails() -> dict[str, bytes]:
    """Messages by name; all have `SAID`, and show it but for those nested too deep."""
    many = [_TEXT, *[b"Content-Type: application/x\n\nx"] * 10_000]
    page = b"Content-Type: text/html\n\n"
    return {
        "parts": HEAD + _parts(*many),
        "same_boundary": HEAD + _parts(_TEXT, _parts(_TEXT)),
        "pdf_bomb": HEAD + _parts(_TEXT, _attached(b"application/pdf", _pdf_bomb())),
        "no_pdf": HEAD + _parts(_TEXT, _attached(b"application/pdf", b"%PDF-1.7\n" + b"x" * 999)),
        "huge_image": HEAD + _parts(_TEXT, _attached(b"image/png", _huge_png())),
        "no_image": HEAD + _parts(_TEXT, _attached(b"image/png", b"x" * 999)),
        "base64": HEAD + b"Content-Transfer-Encoding: base64\n\n"
        + base64.b64encode(SAID)[:-3] + b"!*\n=\n",
        "charset": HEAD + b"Content-Type: text/plain; charset=x-nothing\n\n" + SAID,
        "no_charset": HEAD + b"Content-Type: text/plain; charset=zlib\n\n" + SAID,
        "punycode": HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + SAID * 40_000,
        "nul": HEAD.replace(b"Order", b"Or\0der") + b"\n\0\0" + SAID,
        "bytes": HEAD + b"X-A: \xff\xfe\n\n\xff\xfe\x80" + SAID,
        "header": HEAD + b"X-A: " + b"a" * (1 << 20) + b"\n\n" + SAID,
        "headers": HEAD + b"X-A: =?utf-8?b?a\n" * 60_000 + b"\n" + SAID,
        "words": HEAD.replace(b"Order 7", b"=?utf-8?b?!!!?= =?x?q?=ff?=") + b"\n" + SAID,
        "parameters": HEAD + b'Content-Type: text/plain; "' + b';"' * 100_000 + b"\n\n" + SAID,
        "addresses": HEAD + b"Cc: " + b"a@b.example," * 20_000 + b"\n\n" + SAID,
        "no_end": HEAD + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n' + _TEXT,
        "no_boundary": HEAD + b"Content-Type: multipart/mixed\n\n" + SAID,
        "comments": HEAD + page + SAID + b"<!--" * 120_000,
        "tags": HEAD + page + SAID + b"<a " * 160_000,
        "ends": HEAD + page + SAID + b"</" * 250_000,
        "marked": HEAD + page + SAID + b"<![x[" * 80_000,
        "marked_once": HEAD + page + b"<![x[ >" + SAID,
        "long_number": HEAD + page + b"&#" + b"9" * 5_000 + b";" + SAID,
        "signs": HEAD + page + SAID + b"&" * 500_000,
        "spaces": HEAD + page + SAID + b"<a b" + b" " * 500_000,
        "blanks": HEAD + page + SAID + b" " * 500_000 + b"x",
        "lines": HEAD + b"\n" + SAID + b"> from: a\n" * 200_000,
        "dashes": HEAD + b"\n" + SAID + b"-" * 500_000 + b"\n" * 500_000,
        "nested": HEAD + _nested(3_000),
        "attached": HEAD + b"Content-Type: message/rfc822\n\n" * 5_000 + _TEXT,
    }  # fmt: skip
