"""A victim's number that a row states is withheld everywhere, in any other identifier too.

A refused row masks its victim's number only in rejects: other rows may still name the number.
"""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from schemas.enums import Status
from schemas.tables import CONTESTED, ENTITIES
from tests.support.run_pipeline import (
    by_key,
    call,
    complaint,
    inbox,
    jsonl,
    run,
    table_rows,
    watch_once,
)

REPLACED, REFUSED, CALLED, INSIDE = "2024561411", "2024561412", "2024561413", "2024561416"

SUSPECT = "+18882223344"

READABLE = {".json", ".jsonl", ".html"}


def phone_number(number, role="callback"):
    return {"phone_numbers": [{"raw": f"+1{number}", "role": role}]}


def reports():
    """Complaints that state victims' numbers in rows that count for nothing else, and name them."""
    return [
        complaint(1, **phone_number(REPLACED, "victim")),
        complaint(1, received_at="2024-03-02T09:30:00Z", **phone_number(SUSPECT[2:])),
        complaint(2, received_at="never", **phone_number(REFUSED, "victim")),
        complaint(3, **phone_number(INSIDE, "victim")),
        *(complaint(4 + n, **phone_number(REPLACED)) for n in range(3)),
        *(complaint(8 + n, **phone_number(REFUSED)) for n in range(3)),
        *(complaint(12 + n, **phone_number(CALLED)) for n in range(3)),
        *(
            complaint(20 + n, emails=[{"address": f"{name}@evil.support", "role": "reply_to"}
                              for name in (f"jo.{INSIDE}", f"{INSIDE[3:]}x")],
                      urls=[f"https://{INSIDE}.evil-help.com/a", f"http://a{INSIDE}.com"],
                      payments=[{"method": "upi", "payee": f"{INSIDE}@ybl"}],
                      **phone_number(SUSPECT[2:]))
            for n in range(3)
        ),
    ]  # fmt: skip


def calls():
    """A call that states a victim's number, and the later version that replaces it."""
    return [
        call(1, direction="inbound", calling_number=SUSPECT, called_number=CALLED),
        call(1, started_at="2024-03-02T09:30:00Z", direction="inbound", calling_number=SUSPECT),
    ]


def text_below(folder):
    """Returns the contents of all readable files below a folder as one text."""
    every = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [path for path in every if CONTESTED.name not in str(path)]
    tables = [path for path in files if path.suffix == ".parquet"]
    texts = (path.read_text(encoding="utf-8") for path in files if path.suffix in READABLE)
    return "\n".join([*(repr(pq.read_table(path).to_pylist()) for path in tables), *texts])


def assert_withheld(output):
    """Asserts that files contain the suspects' numbers and no victim's."""
    text = "".join(c for c in text_below(output) if c.isdigit())
    for number in (REPLACED, CALLED, INSIDE):
        assert number not in text, number
    entities = by_key(output, ENTITIES)
    for number in (SUSPECT, f"+1{REFUSED}"):
        assert entities[f"phone:{number}"]["status"] == Status.INFRASTRUCTURE
    assert "domain:evil-help.com" in entities
    hidden = [row["kind"] for row in entities.values() if row["status"] == Status.VICTIM_SIDE]
    assert hidden == ["phone"]  # INSIDE, which nobody was told to call
    # Rows without a pseudonym are not one person's: others were told to use these.
    contested = {
        entity_id: row for entity_id, row in entities.items() if row["status"] == Status.CONTESTED
    }
    kinds = sorted(row["kind"] for row in contested.values())
    assert kinds == ["account", "domain", "email", "phone", "phone"]
    private = table_rows(output, CONTESTED)
    assert {row["entity_id"] for row in private} == contested.keys()
    phones = {row["value"] for row in private if row["kind"] == "phone"}
    assert phones == {f"+1{CALLED}", f"+1{REPLACED}"}


def test_numbers_of_replaced_and_refused_rows_are_withheld(tmp_path):
    output = tmp_path / "run"
    run(
        output,
        *("--complaints", jsonl(tmp_path / "reports.jsonl", reports())),
        *("--calls", jsonl(tmp_path / "calls.jsonl", calls())),
    )
    assert_withheld(output)


@pytest.mark.parametrize("first", ["stated", "named"])
def test_a_stream_withholds_them_in_any_order(first, tmp_path):
    watched, output = inbox(tmp_path / "in"), tmp_path / "out"
    stated, named = reports()[:4], reports()[4:]
    parts = [stated, named] if first == "stated" else [named, stated]
    jsonl(watched / "complaints" / "0.jsonl", parts[0])
    if first == "stated":
        jsonl(watched / "calls" / "0.jsonl", calls())
    watch_once(watched, output)
    jsonl(watched / "complaints" / "1.jsonl", parts[1])
    if first == "named":
        jsonl(watched / "calls" / "0.jsonl", calls())
    last = watch_once(watched, output)
    assert_withheld(last)
    for folder in ("alerts", "rejects"):
        text = text_below(output / folder)
        assert not [number for number in (REPLACED, REFUSED, CALLED) if number in text], folder
