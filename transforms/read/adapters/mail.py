"""Mail: messages (.eml, RFC 5322 and MIME) and mailboxes (.mbox, RFC 4155) of callback phishing.

A message is taken for the scam's own, as it came to the victim: its words are the suspect's, and
its recipients are victims. One that forwards another as an attachment is a victim's, and the
attached one is read; one that quotes another in its text is a victim's as a whole, and nobody is
named as its sender. Only the head of a message is parsed by the email package, whose parser of
parts takes time with their nesting; PDFs and images are read in a process of its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from itertools import pairwise

import orjson

from schemas.enums import Channel, RecordKind, Speaker
from schemas.reject import Code
from transforms.decode import load_reference_data
from transforms.read.adapters import base
from transforms.read.adapters.input_contract import read_records
from transforms.read.bounded_process import run_bounded
from transforms.read.files import ReadOptions
from transforms.read.framing import MAX_ROW_BYTES, Origin, Record, physical_lines
from transforms.read.rejects import Reject
from transforms.values import MAIL_ID

MAX_NESTING = 10
"""Levels of parts inside parts; senders need four."""

MAX_PARTS = 200
"""Parts of a message that are looked at."""

MAX_HEAD_BYTES = 256 * 1024
"""Bytes of the header of a message or a part."""

MAX_FIELD = 4_096
"""Characters of one field of a header that are decoded; lists of recipients are read whole."""

MAX_ADDRESSES = 1_000
"""Recipients of a message, and links of one."""

MAX_TEXT = 1024 * 1024
"""Characters of the text of a message."""

MAX_HTML = 512 * 1024
"""Characters of HTML that are parsed."""

MAX_PDFS, MAX_PAGES, MAX_PDF_TEXT = 5, 20, 200_000
"""PDFs of a message; pages of each, and characters of its text."""

MAX_IMAGES, MAX_PIXELS = 10, 16_000_000
"""Images of a message, and the pixels of each by its header, before it is decoded."""

ATTACHMENT_MEMORY, ATTACHMENT_SECONDS = 1 << 30, 20
"""Address space, and seconds, for the attachments of one message."""

_PROGRAM = """
import io, json
import pypdfium2, zxingcpp
from PIL import Image
pages, chars, pixels = map(int, arguments)
Image.MAX_IMAGE_PIXELS = pixels
def codes(image):
    found = zxingcpp.read_barcodes(image.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
    return [one.text for one in found][:20]
def pdf(data):
    book, texts, found, left = pypdfium2.PdfDocument(data), [], [], chars
    for number in range(min(len(book), pages)):
        page = book[number]
        text = page.get_textpage()
        if left and text.count_chars():
            texts.append(text.get_text_range(0, min(left, text.count_chars())))
            left -= len(texts[-1])
        width, height = page.get_size()
        scale = min(2, (pixels / 4 / max(1, width * height)) ** 0.5)
        if 1 <= width * scale and 1 <= height * scale:
            found += codes(page.render(scale=scale, grayscale=True).to_pil())
    return "\\n".join(texts)[:chars], found, len(book) > pages or not left
def image(data):
    opened = Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "GIF", "BMP", "WEBP"])
    if opened.width * opened.height > pixels:
        return "", [], True
    return "", codes(opened), False
stream = io.BytesIO(data)
while head := stream.readline():
    kind, size = head.split()
    try:
        made = (pdf if kind == b"pdf" else image)(stream.read(int(size)))
    except Exception:
        made = "", [], True
    print(json.dumps(made), flush=True)
"""

_LEFT_OUT = "mail_parts"
"""The field outside the contract that counts parts which are too many, or too deep inside."""

_FROM_LINE = re.compile(rb"From \S+ .{0,100}\d:\d\d")
"""The line before each message of a mailbox: an address, or `-`, and a time."""

_QUOTED_FROM = re.compile(rb">+From ")

_HEADER_LINE = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")

_KNOWN = {
    b"received", b"return-path", b"from", b"to", b"subject", b"date", b"message-id",
    b"mime-version", b"delivered-to",
}  # fmt: skip
"""Fields by which a message is recognized: it needs two."""

_RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "Resent-To", "To", "Cc", "Bcc")
"""First those that the victim's own server writes."""

_RECEIVED_FOR = re.compile(r"\bfor\s{1,20}<?([^\s<>;@]{1,64}@[^\s<>;@]{1,255})")

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'@]{1,64}@[^\s<>()\[\],;:\"'@]{1,255}")

_PARAMETER = re.compile(r';\s{0,20}([\w-]{1,40})\*?\s{0,5}=\s{0,5}(?:"([^"]{0,500})"|([^\s;"]+))')

_SLOW_CHARSETS = {"idna", "punycode"}

_LINK = re.compile(r"(?:https?|hxxps?)://\S", re.IGNORECASE)

_LONG_NUMBER = re.compile(r"&#\d{8,}")

_FORWARD_SUBJECT = re.compile(r"\s{0,5}(?:fwd?|wg|tr|rv|enc|i)\s?:", re.IGNORECASE)

_QUOTES_ANOTHER = re.compile(
    load_reference_data("mail.toml")["quotes_another"], re.IGNORECASE | re.MULTILINE | re.VERBOSE
)
"""Lines with which programs begin another's message in the text of one's own."""


@dataclass
class _Mail:
    """Contents of one message, without those of messages attached to it.

    `left_out` counts what was over a bound, and `attached` holds messages inside.
    """

    head: Message
    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    attached: list[bytes] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    is_notice: bool = False


def mail_records(blocks: Iterable[bytes]) -> Iterator[Record]:
    """Cuts a mailbox into its messages, each at its first line; any other file is one message.

    Lines end in LF alone, and `>From ` is unescaped. A message longer than `MAX_ROW_BYTES` comes
    without its bytes, ROW_TOO_LARGE, and so does the one in which a damaged stream ends.
    """
    kept: list[bytes] = []
    first = size = 0
    is_mailbox = is_new = False
    for line in physical_lines(blocks):
        if line.fault not in (None, Code.ROW_TOO_LARGE):
            yield Record(first or line.position, b"", size + line.size, line.fault)
            return
        if not first:
            if not line.data.strip():
                continue
            first, is_new = line.position, True
            is_mailbox = _FROM_LINE.match(line.data) is not None
        if is_mailbox and is_new and _FROM_LINE.match(line.data):
            if size:
                yield _message(first, kept, size)
            kept, first, size = [], line.position, 0
        is_new = not line.data
        size += line.size + 1
        if size <= MAX_ROW_BYTES:
            escaped = is_mailbox and _QUOTED_FROM.match(line.data)
            kept.append(line.data[1:] if escaped else line.data)
        else:
            kept = []
    if size:
        yield _message(first, kept, size)


def _message(first: int, lines: list[bytes], size: int) -> Record:
    if size > MAX_ROW_BYTES:
        return Record(first, b"", size, Code.ROW_TOO_LARGE)
    data = b"\n".join(lines)
    return Record(first, data, len(data))


def read_mail(origin: Origin, records: Sequence[Record], options: ReadOptions) -> base.Parsed:
    """Reads messages as COMPLAINT_LOOSE rows, by way of the JSON objects of the input contract.

    Rejects hold these objects, which name the victim's addresses as such, and not the message.
    """
    rows: list[Record] = []
    rejects = []
    for record in records:
        if record.data.startswith(b"{"):  # of a reject; no message begins so
            rows.append(record)
            continue
        row = _complaint(record.data, options)
        data = orjson.dumps(row)
        complaint = Record(record.position, data, len(data))
        roles = {email["role"] for email in row["emails"]}
        if row["narrative"] or row["urls"] or "sender" in roles:
            rows.append(complaint)
        else:
            message = "a message without text, link and sender, as far as it is read"
            rejects.append(Reject(origin, complaint, Code.BAD_VALUE, message))
    batch, refused = read_records(origin, rows, options)
    return batch, rejects + refused


def _complaint(data: bytes, options: ReadOptions) -> dict:
    """Returns the fields of the complaint that one message is."""
    if data.startswith(b"From "):
        data = data.partition(b"\n")[2]
    mail = _parse(data)
    outer, left_out = mail.head, mail.left_out
    victims = _recipients(outer)
    for _ in range(MAX_NESTING):
        if not mail.attached:
            break
        left_out["mail_attached_messages"] += len(mail.attached) - 1
        victims |= _senders(mail.head)
        mail = _parse(mail.attached[0])
        victims |= _recipients(mail.head)
        left_out += mail.left_out
    left_out[_LEFT_OUT] += len(mail.attached)
    subject = _decoded(mail.head.get("Subject"))
    body, links = _body(mail, left_out)
    quotes = (
        mail.is_notice
        or _FORWARD_SUBJECT.match(subject) is not None
        or _QUOTES_ANOTHER.search(body) is not None
    )
    texts, codes = _read_files(mail.files, left_out)
    urls = [code for code in codes if _LINK.match(code)]
    parts = [subject, body, *texts, *(code for code in codes if code not in urls)]
    narrative = "\n\n".join(part.strip() for part in parts if part.strip())
    if quotes:
        victims |= _senders(mail.head)
        links = []
    emails = [{"address": address, "role": "victim"} for address in [*victims][:MAX_ADDRESSES]]
    for name, role in (("From", "sender"), ("Reply-To", "reply_to")):
        address = _last_address(mail.head.get(name))
        if address and address not in victims:
            emails.append({"address": address, "role": role})
    return {
        "complaint_id": MAIL_ID + hashlib.sha256(data.strip(b"\n")).hexdigest()[:16],
        "source_org": options.source_org or "mail",
        "received_at": _received_at(outer),
        "victim_country": options.victim_country,
        "channel": Channel.EMAIL,
        "emails": emails,
        "urls": list(dict.fromkeys([*links, *urls])),
        "narrative_by": Speaker.VICTIM if quotes else Speaker.SUSPECT,
        "narrative": _characters(narrative),
        **{name: str(count) for name, count in sorted(left_out.items()) if count > 0},
    }


def _parse(data: bytes) -> _Mail:
    head, body = _split(data)
    mail = _Mail(head)
    pending = [(head, body, 1)]
    parts = 0
    while pending:
        head, body, depth = pending.pop()
        parts += 1
        if parts > MAX_PARTS:
            mail.left_out[_LEFT_OUT] += 1 + len(pending)
            break
        kind, parameters = _content_type(head)
        boundary = parameters.get("boundary") if kind.startswith("multipart/") else None
        inner = _inner_parts(body, boundary) if boundary else []
        if inner:
            report = parameters.get("report-type", "").lower()
            mail.is_notice |= kind == "multipart/report" and report != "feedback-report"
            if depth > MAX_NESTING:
                mail.left_out[_LEFT_OUT] += 1
                continue
            pending += [(*_split(part), depth + 1) for part in reversed(inner[: MAX_PARTS + 1])]
        elif kind == "message/rfc822" and not mail.is_notice:
            mail.attached.append(_payload(head, body).lstrip(b"\n"))
        else:
            _take_leaf(mail, kind, parameters, _payload(head, body))
    return mail


def _take_leaf(mail: _Mail, kind: str, parameters: dict[str, str], payload: bytes) -> None:
    """Adds a part that has none inside to what its message holds; a broken multipart is text."""
    if kind in ("text/plain", "text/html") or kind.startswith("multipart/"):
        text = _as_text(payload[: 4 * MAX_TEXT], parameters.get("charset", "utf-8"))
        (mail.html if kind == "text/html" else mail.plain).append(text)
        return
    is_pdf = b"%PDF" in payload[:1024]
    if not is_pdf and not kind.startswith("image/"):
        return
    name, most = ("pdf", MAX_PDFS) if is_pdf else ("image", MAX_IMAGES)
    if sum(kind_ == name for kind_, _ in mail.files) < most:
        mail.files.append((name, payload))
    else:
        mail.left_out[f"mail_{name}s"] += 1


def _split(data: bytes) -> tuple[Message, bytes]:
    """Returns the header and the body of a message or a part."""
    if data.startswith(b"\n"):
        head, body = b"", data[1:]
    else:
        head, _, body = data.partition(b"\n\n")
    if len(head) > MAX_HEAD_BYTES:
        head = head[:MAX_HEAD_BYTES].rpartition(b"\n")[0]
    return HeaderParser(policy=compat32).parsestr(_as_text(head, "utf-8") + "\n\n"), body


def _inner_parts(body: bytes, boundary: str) -> list[bytes]:
    """Cuts the body of a multipart at its boundaries; one that never ends goes to its end."""
    mark = b"--" + boundary.encode("utf-8", "replace")
    line = re.compile(rb"^" + re.escape(mark) + rb"(--)?[ \t]*$\n?", re.MULTILINE)
    starts: list[tuple[int, int]] = []
    for boundary_line in line.finditer(body):
        starts.append((boundary_line.start(), boundary_line.end()))
        if boundary_line[1] or len(starts) > MAX_PARTS + 2:
            break
    else:
        starts.append((len(body), len(body)))
    return [
        body[end:following].removesuffix(b"\n") for (_, end), (following, _) in pairwise(starts)
    ]


def _content_type(head: Message) -> tuple[str, dict[str, str]]:
    value = _unfolded(head.get("Content-Type"))
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        parameters.setdefault(name.lower(), quoted or bare)
    return value.partition(";")[0].strip().lower() or "text/plain", parameters


def _payload(head: Message, body: bytes) -> bytes:
    """Returns the bytes of a part; broken Base64 as far as it can be decoded."""
    coded = _unfolded(head.get("Content-Transfer-Encoding")).strip().lower()
    if coded == "base64":
        digits = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
        whole = len(digits) // 4 * 4 if len(digits) % 4 == 1 else len(digits)
        return base64.b64decode(digits[:whole] + b"=" * (-whole % 4))
    if coded in ("quoted-printable", "x-uuencode", "uuencode", "uue", "x-uue"):
        part = Message()
        part["Content-Transfer-Encoding"] = coded
        part.set_payload(body.decode("ascii", "surrogateescape"))
        decoded = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else body
    return body


def _as_text(data: bytes, charset: str) -> str:
    if charset.lower() not in _SLOW_CHARSETS:
        try:
            return _characters(data.decode(charset, "replace"))
        except (LookupError, ValueError):
            pass  # unknown, or no encoding of text
    return data.decode("utf-8", "replace").replace("\0", "")


def _characters(text: str) -> str:
    """Returns a text without NULs and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _unfolded(value: object, most: int = MAX_FIELD) -> str:
    return re.sub(r"[\r\n]+", "", str(value or "")[:most])


def _decoded(value: object) -> str:
    """Returns a field of a header with its encoded words decoded."""
    text = _unfolded(value)
    try:
        words = decode_header(text)
    except (HeaderParseError, ValueError):
        return text
    return "".join(
        text if isinstance(text, str) else _as_text(text, charset or "utf-8")
        for text, charset in words
    )


def _last_address(value: object) -> str:
    """Returns the address of a sender; one in the name before it does not count."""
    return (_ADDRESS.findall(_unfolded(value)) or [""])[-1].lower()


def _senders(head: Message) -> dict[str, None]:
    values = [*head.get_all("From", []), *head.get_all("Reply-To", []), head.get("Sender")]
    return _addresses(values)


def _recipients(head: Message) -> dict[str, None]:
    received = [_unfolded(value) for value in head.get_all("Received", [])]
    own = [address for value in received for address in _RECEIVED_FOR.findall(value)]
    return _addresses(own + [value for name in _RECIPIENTS for value in head.get_all(name, [])])


def _addresses(values: Iterable[object]) -> dict[str, None]:
    texts = (_unfolded(value, MAX_HEAD_BYTES) for value in values)
    return dict.fromkeys(address.lower() for text in texts for address in _ADDRESS.findall(text))


def _received_at(head: Message) -> str | None:
    """Returns the time that the victim's server wrote: of the topmost `Received` with one."""
    stamps = [_unfolded(value).rpartition(";")[2] for value in head.get_all("Received", [])]
    for written in [*stamps[:MAX_PARTS], _unfolded(head.get("Date"))]:
        try:
            moment = parsedate_to_datetime(written.strip())
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return None


class _Page(HTMLParser):
    """Text and links of HTML, as far as it is whole; `close` would take quadratic time."""

    _UNSEEN = frozenset({"script", "style", "head", "template"})
    _APART = frozenset({"br", "p", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self._unseen = ""

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Reads `<![` as browsers do; the parser raises an error for what is no CDATA."""
        del report
        return self.parse_bogus_comment(i)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._UNSEEN and not self._unseen:
            self._unseen = tag
        if tag in self._APART or tag in ("td", "th"):
            self.texts.append("\n" if tag in self._APART else " ")
        for name, value in attrs:
            if name == "href" and tag in ("a", "area") and value and _LINK.match(value.strip()):
                self.links.append(_characters(value.strip()[:MAX_FIELD]))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""
        if tag in self._APART:
            self.texts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.texts.append(data)


def _body(mail: _Mail, left_out: Counter[str]) -> tuple[str, list[str]]:
    """Returns the text of a message, and the links of its HTML.

    The text is of the plain parts; that of HTML is added where it is over twice as long.
    """
    source = "\n".join(mail.html)
    page = _Page()
    try:
        page.feed(_LONG_NUMBER.sub("", source[:MAX_HTML]) + "\n")
    except (AssertionError, ValueError, RecursionError):
        left_out["mail_html"] += 1
    left_out["mail_html"] += len(source) > MAX_HTML
    plain = "\n".join(mail.plain)
    lines = (part.strip() for part in "".join(page.texts).split("\n"))
    seen = "\n".join(line for line in lines if line)
    text = f"{plain}\n{seen}" if len(plain.strip()) * 2 < len(seen) else plain
    left_out["mail_text"] += len(text) > MAX_TEXT
    left_out["mail_links"] += max(0, len(page.links) - MAX_ADDRESSES)
    return text[:MAX_TEXT], page.links[:MAX_ADDRESSES]


def _read_files(
    files: Sequence[tuple[str, bytes]], left_out: Counter[str]
) -> tuple[list[str], list[str]]:
    """Returns the texts of PDFs, and of QR codes in these and in images.

    A file that ends the process in which it is read is passed over.
    """
    texts: list[str] = []
    codes: list[str] = []
    started = time.monotonic()
    pending = list(files)
    while pending and (left := ATTACHMENT_SECONDS - int(time.monotonic() - started)) > 0:
        data = b"".join(b"%s %d\n%s" % (kind.encode(), len(data), data) for kind, data in pending)
        bounds = map(str, (MAX_PAGES, MAX_PDF_TEXT, MAX_PIXELS))
        with run_bounded(_PROGRAM, data, ATTACHMENT_MEMORY, left, *bounds) as made:
            lines = list(made)
        for (kind, _), line in zip(pending, lines, strict=False):
            text, texts_of_codes, cut = orjson.loads(line)
            texts.append(text)
            codes += texts_of_codes
            left_out[f"mail_{kind}s"] += bool(cut)
        pending = pending[len(lines) :]
        if pending:
            left_out[f"mail_{pending.pop(0)[0]}s"] += 1
    left_out.update(f"mail_{kind}s" for kind, _ in pending)
    return texts, codes


def is_mail(head: bytes) -> bool:
    """Recognizes a message or a mailbox by the fields at the start of a file."""
    lines = head.split(b"\n", 60)[:60]
    if _FROM_LINE.match(lines[0]):
        lines.pop(0)
    names: set[bytes] = set()
    for line in lines:
        if not line.strip():
            break
        if line[:1] in b" \t" and names:
            continue
        field_line = _HEADER_LINE.match(line)
        if not field_line:
            return False
        names.add(field_line[1].lower())
    return len(names & _KNOWN) >= 2


ADAPTER = base.Adapter(
    name="mail",
    description="messages or mailboxes",
    kinds=(RecordKind.COMPLAINT,),
    layout=base.Layout.MAIL,
    encoding="binary",
    read=read_mail,
    detect_head=is_mail,
    needed_modules=("pypdfium2", "zxingcpp", "PIL"),
)
