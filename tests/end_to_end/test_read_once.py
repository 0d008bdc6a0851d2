"""No step after `Extract` normalizes a number or searches a narrative."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from types import FrameType

import pyarrow as pa
import pyarrow.compute as pc

from tests.support.run_pipeline import call, complaint, jsonl, run
from transforms.decode import addresses, masks
from transforms.extract import (
    allowlist,
    evidence,
    fingerprints,
    impersonation,
    narrative,
    sensitive_text,
)
from transforms.extract.kinds import gift_card, url
from transforms.extract.narrative import load_finders
from transforms.graph import replaced
from transforms.phone import find, normalize, plain_number
from transforms.victims import identifier_matcher, record_texts, stated_numbers

MARK = "zyzzyva"
"""A word of every narrative."""

NORMALIZERS = (
    normalize.normalize_number,
    normalize.normalize_numbers,
    plain_number.read_plain,
    identifier_matcher.complaint_numbers,
    identifier_matcher.call_readings,
)

FINDERS = (
    *(finder.find for finder in load_finders()),
    narrative.find_in_narratives,
    find.find_numbers,
    find.find_numbers_in_text,
    impersonation.find_impersonation,
    sensitive_text.mask_self_identified,
    sensitive_text.self_identified,
    sensitive_text.card_and_ssn_spans,
    gift_card.mask_gift_card_codes,
    gift_card.find_codes,
    url.mask_link_addresses,
    url.link_address_spans,
    masks.find_by_row,
    fingerprints.tokenize,
    identifier_matcher.find_identifiers,
    record_texts.find_digits,
    record_texts.find_addresses,
    addresses.possible_addresses,
)

READING = (
    evidence.extract_complaints,
    evidence.extract_calls,
    stated_numbers.stated_victim_numbers,
    replaced.gone_from_versions,
    allowlist.parse_allowlist,
)
"""Extraction, what replaced versions state and named, and the list of the known-legitimate."""


class Watch:
    """Counts calls of normalizers, and of finders that are given a narrative, outside `READING`."""

    def __init__(self) -> None:
        self.normalizers = {function.__code__: function.__qualname__ for function in NORMALIZERS}
        self.finders = {function.__code__: function.__qualname__ for function in FINDERS}
        self.reading = {function.__code__ for function in READING}
        self.after: Counter[str] = Counter()
        self.within: Counter[str] = Counter()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not (name := self.name_of(frame)):
            return
        above: FrameType | None = frame
        while above is not None and above.f_code not in self.reading:
            above = above.f_back
        (self.after if above is None else self.within)[name] += 1

    def name_of(self, frame: FrameType) -> str | None:
        if name := self.normalizers.get(frame.f_code):
            return name
        name = self.finders.get(frame.f_code)
        return name if name and any(map(has_mark, frame.f_locals.values())) else None

    def __enter__(self) -> Watch:
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def has_mark(value: object) -> bool:
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, pa.Array) and pa.types.is_string(value.type):
        return bool(pc.any(pc.match_substring(value, MARK)).as_py())
    return False


SCRIPT = (
    "this is amazon about your recent order of a phone if you did not authorize this purchase "
    "press one or call us back to cancel the order"
)


def rows() -> list[dict[str, object]]:
    """Complaints with all that redaction takes out of narratives, and a call script."""
    return [
        complaint(
            number,
            victim_id=f"v{number}",
            narrative=f"{MARK} {SCRIPT} at 888-222-33{number % 3}4, my number is 202-456-14{number}"
            f", my mail jo at gmail com, card 4111 1111 1111 1111, gift card A{number}D-EFGH-2345, "
            f"https://evil-help.com/?to=jo{number}@home.org and 2024561{number}55",
            phone_numbers=[{"raw": f"20245614{number}", "role": "victim"}],
            urls=["https://evil-help.com/a"],
        )
        for number in range(10, 40)
    ]


def test_after_extraction_no_number_is_normalized_and_no_narrative_searched(tmp_path):
    calls = [
        call(1, direction="inbound", calling_number="+18882223304", called_number="2024561055"),
        call(2, direction="outbound", calling_number="2024561155", called_number="8882223314"),
    ]
    complaints = [*rows(), {**rows()[0], "received_at": "2024-03-02T09:30:00Z"}]
    files = jsonl(tmp_path / "complaints.jsonl", complaints), jsonl(tmp_path / "calls.jsonl", calls)
    inputs = ("--complaints", files[0], "--calls", files[1], "--direct_num_workers", "1")
    with Watch() as watch:
        run(tmp_path / "run", *inputs)
    assert not watch.after
    read = {"normalize_numbers", "find_in_narratives", "self_identified", "tokenize", "find_digits"}
    assert read <= watch.within.keys()
