"""Rejected rows keep no number that some record states as a victim's."""

import json

import numpy as np
import pyarrow as pa

from schemas.reject import REJECT, Code
from tests.transforms.privacy.test_withhold import OWN, VICTIM
from transforms.privacy.rejected import mask_rejects
from transforms.read.records import Origin, Record
from transforms.read.rejects import reject, reject_rows

NOTHING = np.empty(0, np.int64)


def rejects(*raws, kind="complaint"):
    origin = Origin("f", "jsonl", kind)
    records = [Record(n, raw.encode(), len(raw)) for n, raw in enumerate(raws, 1)]
    return reject_rows([reject(origin, one, Code.BROKEN_JSON, "broken") for one in records])


def test_a_number_stated_elsewhere_is_masked_at_the_same_length():
    raws = [
        '{"complaint_id": "1", "caller": "202-456-1414"',
        "plain +12024561414 text",
        "no 1 here",
    ]
    before = rejects(*raws)
    after = mask_rejects(before, OWN)
    assert after.schema == REJECT
    assert after["raw"].to_pylist() == [
        '{"complaint_id": "1", "caller": "###-###-####"',
        "plain +########### text",
        "no 1 here",
    ]
    others = [name for name in REJECT.names if name != "raw"]
    assert after.select(others) == before.select(others)
    assert mask_rejects(before, NOTHING)["raw"] == before["raw"]


def test_a_rows_own_victim_is_masked_without_any_other():
    raw = json.dumps({"phone_numbers": [{"raw": VICTIM, "role": "victim"}]})
    (masked,) = mask_rejects(rejects(raw), NOTHING)["raw"].to_pylist()
    assert "2024561414" not in masked
    assert len(masked) == len(raw)


def test_a_row_without_text_stays_without():
    batch = pa.RecordBatch.from_pylist([rejects("x").to_pylist()[0] | {"raw": None}], REJECT)
    assert mask_rejects(batch, OWN)["raw"].to_pylist() == [None]
