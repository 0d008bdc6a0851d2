"""Any input up to a megabyte: no reader raises or takes over 50 ms.

Readers stop after 250 code points of a number field, 2,048 of a web address, 500 of a payee or a
session, `text_util.SEARCH_LIMIT` (12,000) of a text, and 500 candidates. The rest is not kept, and
the text says so.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from schemas.complaint import COMPLAINT_TEXTS
from schemas.reject import RAW_LIMIT
from tests.support.examples import LONG, draws, some
from tests.support.made_up_records import (
    complaints,
    number,
    read_complaints,
    victims,
    withheld_from,
)
from tests.support.role_words import in_narrative
from transforms.decode import SEARCH_LIMIT, cut_to_search_limit
from transforms.extract import impersonation
from transforms.extract.evidence import complaint_evidence
from transforms.extract.kinds import payment_account, remote_access, url
from transforms.extract.narrative import load_finders
from transforms.extract.sensitive_text import find_private
from transforms.graph.entities import WITHHELD
from transforms.phone import find, normalize, spoken
from transforms.redact.records import redact_complaints, withhold_from_complaints
from transforms.redact.rejects import mask_rejected_text
from transforms.victims.number_index import find_victim_digits, hash_dial_formats
from transforms.victims.record_texts import find_digits, record_texts

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20

LIMIT = 0.100 * float(os.environ.get("RINGTRACE_SLOW_MACHINE", "1"))
"""Seconds of CPU; the variable is for machines that are slower than a laptop."""

IDLE = 0.0014
"""CPU seconds of `reference` on an idle machine."""


def narrative(text: str) -> object:
    return in_narrative(text)


def number_field(text: str) -> object:
    return normalize.normalize_numbers(pa.array([text]), pa.array(["US"]))


def lures(text: str) -> object:
    return impersonation.find_impersonation(pa.array([text]), pa.array([text]))


READERS: tuple[Callable[[str], object], ...] = (
    number_field,
    narrative,
    lures,
    lambda text: list(url.from_field(text)),
    lambda text: remote_access.from_field("anydesk", text),
    lambda text: payment_account.from_field("bank", text, "US"),
)

PIECES = (
    "1", "1 ", "1-", "+1 ", "(", "a.", "a@", "@", "order 1", "one ", "double ", "0x", "GB29 ", "$a",
    "http://a.", "www.", "[.]", "anydesk ", "anydesk 1", "bc1q", "888-555-0123 ", "my name is Al ",
    "badge 12 ", "routing 1 account ", "sort code ", "1/", "1,", "é", "😀", "\n", "\x00", "٣", "Ａ",
    "your account ", "order has been ", "telegram @", "t.me/", "solana ", "area code 315, ",
    "I repeat ", "a dot ", "visit a dash ", " dot b at ", "1-800-A", "800-AMAZO", "a.web.app ",
    "SQ *A ", "signal ", "signal.me/#eu/", "signal: a_b.01 ",
    "wa.me/", "tel:", "cash.app/$", "4O8 ",
    "chat.whatsapp.com/", "jane@okaxis ", "1BoatSLRHtKNngkdXEeobR76b5 ",
)  # fmt: skip

TAILS = ("a", "1", "a.", "a_", "a1.", "-", " ", "a@", "1 ", "é", "/a", "=a&", "a_b.1 ")
"""Pieces of long runs after the text that a hint matches."""


@pytest.mark.parametrize("piece", some(PIECES))
def test_a_megabyte_of_one_piece(piece):
    text = piece * (MEGABYTE // len(piece))
    for read in READERS:
        read(piece)
        assert seconds(read, text) < LIMIT, read


def test_a_megabyte_of_mixed_pieces():
    rng = random.Random(1)
    for _ in range(4):
        some = rng.sample(PIECES, 4)
        text = "".join(rng.choices(some, k=MEGABYTE // 6))[:MEGABYTE]
        for read in READERS:
            assert seconds(read, text) < LIMIT, (some, read)


@pytest.mark.parametrize(
    "finder", load_finders(), ids=lambda finder: finder.find.__module__.rpartition(".")[2]
)
def test_long_nonsense_behind_what_a_hint_matches(finder):
    hinted = pc.match_substring_regex(pa.array([piece * 3 for piece in PIECES]), finder.hint)
    pieces = list(itertools.compress(PIECES, hinted.to_pylist()))
    assert pieces, "no piece holds a match of its HINT: add one to PIECES"
    for piece, tail in itertools.product(pieces[:8], TAILS):
        text = f"{piece}{tail * SEARCH_LIMIT}"[: SEARCH_LIMIT - 1] + "!"
        assert seconds(lambda text: list(finder.find(text)), text) < LIMIT, (piece, tail)


def seconds(read: Callable[[str], object], text: str) -> float:
    """CPU seconds of the fastest of some calls, as an idle machine would take them."""
    best = float("inf")
    for _ in range(8):
        slowness = reference()
        started = time.process_time()
        read(text)
        best = min(best, (time.process_time() - started) / max(1.0, slowness, reference()))
        if best < LIMIT:
            break
    return best


def reference() -> float:
    """Measure how much slower than idle a machine is: a busy one gives a process less of a core."""
    started = time.process_time()
    length = 0
    for counted in range(20_000):
        length += len(str(counted))
    assert length
    return (time.process_time() - started) / IDLE


@draws(40)
@given(st.text(max_size=400))
def test_no_text_raises(text):
    for read in READERS:
        read(text)
    for finder in load_finders():
        for match in finder.find(text):
            assert 0 <= match.start < match.end <= len(text)
    for start, end, plain in spoken.find_spoken_numbers(text):
        assert plain
        assert 0 <= start < end <= len(text)


VALUES = (
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "ltc1qr07zu594qf63xm7l7x6pu3a2v39m2z6hh5pp4t", "rMQ98K56yXJbDGv49ZSmW51sLn94Xe1mu1",
    "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
    "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", "4" + "A" * 94, "8" + "1" * 105,
    "GB29 NWBK 6016 1331 9268 19", "name@okhdfcbank", "t.me/a_name", "$cashtag", "$a-b",
    "+1 (888) 555-0123",
    "routing 026009593 account 1234567890", "HDFC0000001 account 12345678901",
    "sort code 20-00-00 account 12345678", "chat.whatsapp.com/AbCdEfGhIjKlMnOpQrStUv",
    "https://a.example.com/b?c=d", "a.b@example.com", "123 456 789",
)  # fmt: skip

ODD = "\x00\x80\u0130\u00df\u0663\u2126\ud7ff\U0001f600 1lO0."

METHODS = ("bank", "upi", "crypto", "solana", "zelle", "paypal", "cashapp", "telegram", "whatsapp")


@draws(400)
@given(st.sampled_from(VALUES), st.data())
def test_no_identifier_with_an_odd_letter_raises(value, data):
    """Identifiers also have the lengths at which a kind is decoded."""
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(value) - 1))
        odd = data.draw(st.sampled_from(ODD))
        value = value[:position] + odd + value[position + data.draw(st.integers(0, 1)) :]
    for method in METHODS:
        payment_account.from_field(method, value, "US")
    for tool in ("anydesk", "teamviewer", "other"):
        remote_access.from_field(tool, value)
    list(url.from_field(value))
    for finder in load_finders():
        list(finder.find(value))


@pytest.mark.parametrize("before", [0, 5, 20, 5000])
def test_text_beyond_the_search_limit_is_cut_off(before):
    """Nor a number that begins where the search ends."""
    text = ("x " * SEARCH_LIMIT)[: SEARCH_LIMIT - before] + "415-666-7777" + " y" * SEARCH_LIMIT
    kept = withheld_from(
        {"narrative": text, "urls": [text], "claimed_brand": text}, own=[("+14156667777",)]
    ).to_pylist()[0]
    for shown in (kept["narrative"], kept["urls"][0], kept["claimed_brand"]):
        assert "415" not in shown and "777" not in shown
        assert len(shown) < SEARCH_LIMIT
        assert shown.endswith(f" [{len(text) - SEARCH_LIMIT + 200} more characters, not read]")


def test_a_text_of_the_search_limit_is_kept():
    text = "x" * SEARCH_LIMIT
    assert withheld_from({"narrative": text})["narrative"][0].as_py() == text


def masking(text: str) -> object:
    return withhold_from_complaints(READ[text], victims([("+14156667777",)]))


def keeping(text: str) -> object:
    nobody = pa.table({name: pa.array([], pa.string()) for name in WITHHELD.names})
    return list(redact_complaints(pa.Table.from_batches([READ[text]]), nobody, OWN))


def private(text: str) -> object:
    texts = record_texts(complaints({"narrative": text, "urls": [text]}), COMPLAINT_TEXTS)
    texts = texts._replace(texts=cut_to_search_limit(texts.texts))
    return find_private(texts, np.zeros(1, bool)), find_digits(texts.texts)


class Records(dict[str, pa.RecordBatch]):
    """The records of the last texts, a piece and a megabyte of it; reading is another step."""

    def __missing__(self, text: str) -> pa.RecordBatch:
        if len(self) > 1:
            self.clear()
        row = {"narrative": text, "urls": [text], "emails": [text]}
        return self.setdefault(text, read_complaints(row))


READ = Records()


def evidence(text: str) -> object:
    row = {"narrative": text, "phone_numbers": [number(text[:500])]}
    return complaint_evidence(complaints(row))


def refused(text: str) -> object:
    """A refused row, as much of it as is kept."""
    raw = text.encode()[:RAW_LIMIT].decode(errors="ignore")
    return find_victim_digits(pa.array([raw]), OWN)


def refused_complaint(text: str) -> object:
    return mask_rejected_text(text.encode()[:RAW_LIMIT].decode(errors="ignore"), "complaint")


def refused_call(text: str) -> object:
    return mask_rejected_text(text.encode()[:RAW_LIMIT].decode(errors="ignore"), "call")


def among_others(text: str) -> object:
    """A text in a column, which the numbers of the others are found in without it."""
    others = [f"call me at 866-212-{i}" for i in range(7000, 7030)]
    return list(find.find_numbers(pa.array([text, *others]), pa.array(["US"] * 31)))


OWN = hash_dial_formats(pa.RecordBatch.from_pydict({"entity_id": ["phone:+14156667777"]}))

STEPS: tuple[Callable[[str], object], ...] = (
    private,
    masking,
    keeping,
    evidence,
    refused,
    refused_complaint,
    refused_call,
    among_others,
)

MORE = (
    *PIECES, "eight ", "1.", "(1)", "[1]", "7 ", "a1", "-1-", "９", "1é", "deadbeef", "4156667777 ",
    "my number is 4156667777 ", "4156667", "111111a", "gift card ", "Amazon ", "a.b/1?",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq ", "DE89370400440532013000 ", "(1-", "1111111 ",
    "a.b/c-at-", "a.b/c-at-d.", "four hundred ", "four", "double ", "four-",
    "quatre-vingt-dix ", "seven and ", "七", "sevenx", "1l1l",
    "<b>1", "=31", "&#0", "&amp;", "&#49",
    'role":"victim","raw":"4156667777"}', 'calling_number":"4156667777",', "eyJ", "eyJkZXN0Ijp7",
)  # fmt: skip


@pytest.mark.parametrize("piece", MORE if LONG else MORE[::6])
def test_a_megabyte_through_the_steps_that_keep_it(piece):
    text = piece * (MEGABYTE // len(piece.encode()))
    for step in STEPS:
        step(piece)
        assert READ[text]
        assert seconds(step, text) < LIMIT, step


def test_a_megabyte_of_mixed_pieces_through_the_steps_that_keep_it():
    rng = random.Random(2)
    for pieces in (["(", "1-"], ["calling_number:", "1", "2 ", "3"], rng.sample(MORE, 4)):
        text = "".join(rng.choices(pieces, k=MEGABYTE // 6))[:MEGABYTE]
        for step in STEPS:
            assert READ[text]
            assert seconds(step, text) < LIMIT, (pieces, step)
