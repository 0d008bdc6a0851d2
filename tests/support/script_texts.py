"""Narratives for the tests: a script, told by victims who each add words of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from schemas.complaint import COMPLAINT_ACCEPTED
from transforms.extract import (
    MIN_SHARE,
    Batches,
    Pairs,
    adjacent_fingerprints,
    assemble_families,
    assemble_passages,
    co_occurring_passages,
    count_pairs,
    own_fingerprints,
    pair_count_table,
    passages_of_texts,
    shared_pairs,
)

SCRIPT = (
    "this is a call about your recent order of a phone if you did not authorize this purchase "
    "press 1 or call us back to cancel the order"
)

OTHER = (
    "your computer is sending error reports to our server please do not turn it off because a "
    "technician must clean it before your bank account is emptied"
)

DAY = datetime(2024, 3, 1, tzinfo=UTC)


def own(number: int, words: int = 8) -> str:
    """Words that nobody else uses."""
    return " ".join(f"{'abcdefgh'[place]}word{'x' * number}" for place in range(words))


def complaints(texts: Sequence[str | None], victims: Sequence[str | None] = ()) -> pa.RecordBatch:
    """COMPLAINT_ACCEPTED rows with these narratives, a day apart."""
    who = victims or [f"v{number}" for number in range(len(texts))]
    rows = [
        {
            "complaint_id": f"c{number:04}",
            "source_org": "amazon",
            "received_at": DAY + timedelta(days=number),
            "victim_id": victim,
            "victim_country": "US",
            "narrative": text,
        }
        for number, (text, victim) in enumerate(zip(texts, who, strict=True))
    ]
    return pa.RecordBatch.from_pylist(rows, COMPLAINT_ACCEPTED)


def find_families(rows: pa.RecordBatch, share: float = MIN_SHARE) -> pa.RecordBatch:
    """Runs all passes on FINGERPRINT_ROW rows in one place; FAMILY rows as `Scripts` finds them."""

    def count(pairs: Pairs) -> Batches:
        return [count_pairs(pa.Table.from_batches([shared_pairs(rows, pairs)]))]

    shared = count(own_fingerprints(rows))
    adjacent = count(adjacent_fingerprints(rows, shared, share))
    passage = assemble_passages(pair_count_table(shared), pair_count_table(adjacent), share)
    heard = count(passages_of_texts(rows, [passage]))
    both = count(co_occurring_passages(rows, [passage], heard, share))
    shares, hearers, pairs = map(pair_count_table, (shared, heard, both))
    return assemble_families(passage, shares, hearers, pairs, share)
