"""Any input, up to a megabyte: nothing raises, and nothing takes over 50 ms.

What is bounded: a number field is read up to 250 code points, a web address up to 2,048, a payee
or a session up to 500, a text up to `numbers_in_text.MAX_SCAN` (12,000) and 500 candidates;
the digits behind that are masked in what is kept (`masking`).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.made_up_records import complaints, number
from transforms.identify import (
    agents,
    emails,
    impersonation,
    narratives,
    numbers_in_text,
    payees,
    payees_in_text,
    phones,
    remote_access,
    spoken,
    urls,
)
from transforms.privacy.masking import withhold

MEGABYTE = 1 << 20
LIMIT = 0.050 * float(os.environ.get("RINGTRACE_SLOW_MACHINE", "1"))
"""Seconds of CPU; the variable is for machines that are slower than a laptop."""


def narrative(text: str) -> object:
    return list(narratives.find(pa.array([text]), pa.array(["US"]), pa.array(["amazon"])))


def number_field(text: str) -> object:
    return phones.normalise(pa.array([text]), pa.array(["US"]))


def lures(text: str) -> object:
    return impersonation.reasons(pa.array([text]), pa.array([text]))


READERS: tuple[Callable[[str], object], ...] = (
    number_field,
    narrative,
    lures,
    lambda text: list(urls.from_field(text)),
    lambda text: remote_access.from_field("anydesk", text),
    lambda text: payees.from_field("bank", text, "US"),
)
PIECES = (
    "1", "1 ", "1-", "+1 ", "(", "a.", "a@", "@", "order 1", "one ", "double ", "0x", "GB29 ", "$a",
    "http://a.", "www.", "[.]", "anydesk ", "anydesk 1", "bc1q", "888-555-0123 ", "my name is Al ",
    "badge 12 ", "routing 1 account ", "sort code ", "1/", "1,", "é", "😀", "\n", "\x00", "٣", "Ａ",
    "your account ", "order has been ", "telegram @", "t.me/", "solana ", "area code 315, ",
    "I repeat ",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
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


def seconds(read: Callable[[str], object], text: str) -> float:
    """CPU seconds of the fastest of three calls: the machine may be busy."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        read(text)
        best = min(best, time.process_time() - started)
        if best < LIMIT:
            break
    return best


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=400))
def test_no_text_raises(text):
    for read in READERS:
        read(text)
    for find in (urls, emails, remote_access, payees_in_text, agents):
        for found in find.in_text(text):
            assert 0 <= found.start < found.end <= len(text)
    for run in spoken.runs(text):
        assert len(run.plain) == len(run.starts) == len(run.ends)
        assert run.ends[-1] <= len(text)


def test_digits_behind_what_is_searched_are_masked():
    text = "x" * numbers_in_text.MAX_SCAN + " my number is 415-666-7777"
    kept = withhold(complaints({"narrative": text}, {"phone_numbers": [number("x")]}), [(), ()])
    assert kept["narrative"][0].as_py().endswith("my number is ###-###-####")
