"""Long tokens of links that nothing reads stand as hashes; what identifies a scammer stays."""

import base64
import hashlib
import json

import pytest

from tests.support.made_up_records import read_complaints as complaints, victims
from tests.unit.transforms.redact.test_rejects import rejects
from transforms.extract import complaint_mentions
from transforms.extract.evidence import complaint_evidence
from transforms.redact.records import redact_mentions, withhold_from_complaints
from transforms.redact.rejects import mask_rejects
from transforms.victims.number_index import NO_NUMBERS

TOKEN = "aGk3bS9xWm0yQk1QeVZ4"
HASH = f"#{hashlib.sha256(TOKEN.encode()).hexdigest()[:16]}###"

HASHED = [
    "https://evil-help.com/s/{}/step",
    "https://evil-help.com/?sid={}&x=1",
    "hxxps://evil-help[.]com/#access={}",
    "evil-help.com/go?u=https%3A%2F%2Fother.example%2F{}",
    "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil-help.com&sdata={}",
    "https://accounts.google.com/signin?continue={}",
]

MASKED = [
    hashlib.md5(b"jane@home.example", usedforsecurity=False).hexdigest(),
    hashlib.sha256(b"+12024561414").hexdigest().upper(),
    base64.urlsafe_b64encode(hashlib.sha1(b"j@home.example", usedforsecurity=False).digest())[
        :27
    ].decode(),
    "20241202194100415670",
    "SmFuZSBob21lIDIwMjQ1NjE0MTQ",  # a name and a number in Base64
]
"""Tokens whose hash a guess could be tried on."""

KEPT = [
    "https://docs.google.com/forms/d/e/1FAIpQLSd8kH3jZxM0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AB/x",
    "https://chat.whatsapp.com/BxYz12AbCdEf34GhIjKl56",
    "https://blockchain.example/address/bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "https://mempool.space/tx/e9873d79c6d87dc0fb6a5778633389f4453213303da61f20bd67fc233aa33262",
    "https://evil-help.com/SupportCenterWindowsDefenderUpdate/how-to-fix-your-pc-in-2024-now",
    "https://bit.ly/3xYzAbC",
]


def shown(link):
    """The link in the fields and words of a complaint, and in the raw text of its mentions."""
    batch = complaints({"urls": [link], "narrative": f"they sent {link} to me"})
    kept = withhold_from_complaints(batch, victims([()])).to_pylist()[0]
    mentions = redact_mentions(complaint_evidence(batch), NO_NUMBERS).to_pylist()
    raw = {row["raw"] for row in mentions if row["kind"] in ("domain", "url")}
    return {*kept["urls"], kept["narrative"][len("they sent ") : -len(" to me")], *raw}


@pytest.mark.parametrize("link", HASHED)
def test_a_token_stands_as_the_same_hash_everywhere(link):
    assert shown(link.format(TOKEN)) == {link.format(HASH)}


@pytest.mark.parametrize("token", MASKED)
def test_what_can_be_guessed_has_no_hash(token):
    (link,) = shown(f"https://evil-help.com/u/{token}")
    assert link.removeprefix("https://evil-help.com/u/").strip("#") == ""


@pytest.mark.parametrize("link", KEPT)
def test_what_identifies_somebody_or_is_words_stays(link):
    assert shown(link) == {link}


def test_a_token_is_in_no_identifier():
    batch = complaints({"urls": [HASHED[0].format(TOKEN)]})
    assert [row["value"] for row in complaint_mentions(batch).to_pylist()] == ["evil-help.com"]


@pytest.mark.parametrize("kind", ["complaint", "call"])
def test_a_rejected_row_shows_no_token(kind):
    row = json.dumps({"received_at": "soon", "urls": [HASHED[1].format(TOKEN)]})
    (raw,) = mask_rejects(rejects(row, kind=kind), NO_NUMBERS)["raw"].to_pylist()
    assert raw == row.replace(TOKEN, HASH)
