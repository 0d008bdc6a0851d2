"""A victim's number that any row states is withheld everywhere, in whatever it stands."""

from __future__ import annotations

from schemas.kinds import Status
from schemas.tables import ENTITIES
from tests.pipelines.running import call, complaint, jsonl, read, run
from tests.pipelines.test_batch import text_of

REPLACED, REFUSED, CALLED, INSIDE = "2024561411", "2024561412", "2024561413", "2024561416"
SUSPECT = "+18882223344"


def test_no_row_is_too_unimportant_to_be_heard(tmp_path):
    def told(number, role="callback"):
        return {"phone_numbers": [{"raw": f"+1{number}", "role": role}]}

    rows = [
        complaint(1, **told(REPLACED, "victim")),
        complaint(1, received_at="2024-03-02T09:30:00Z", **told(SUSPECT[2:])),
        complaint(2, received_at="never", **told(REFUSED, "victim")),
        complaint(3, **told(INSIDE, "victim")),
        *(complaint(4 + n, **told(REPLACED)) for n in range(3)),
        *(complaint(8 + n, **told(REFUSED)) for n in range(3)),
        *(complaint(12 + n, **told(CALLED)) for n in range(3)),
        *(
            complaint(20 + n, emails=[f"jo.{INSIDE}@evil.support", f"{INSIDE[3:]}x@evil.support"],
                      urls=[f"https://{INSIDE}.evil-help.com/a", f"http://a{INSIDE}.com"],
                      payments=[{"method": "upi", "payee": f"{INSIDE}@ybl"}],
                      **told(SUSPECT[2:]))
            for n in range(3)
        ),
    ]  # fmt: skip
    calls = [
        call(1, direction="inbound", calling_number=SUSPECT, called_number=CALLED),
        call(1, started_at="2024-03-02T09:30:00Z", direction="inbound", calling_number=SUSPECT),
    ]
    output = tmp_path / "run"
    run(
        output,
        *("--complaints", jsonl(tmp_path / "reports.jsonl", rows)),
        *("--calls", jsonl(tmp_path / "calls.jsonl", calls)),
    )
    said = "".join(c for c in text_of(output) if c.isdigit())
    for number in (REPLACED, REFUSED, CALLED, INSIDE):
        assert number not in said, number
    entities = {row["entity_id"]: row for row in read(output, ENTITIES).to_pylist()}
    assert entities[f"phone:{SUSPECT}"]["status"] == Status.INFRASTRUCTURE
    assert "domain:evil-help.com" in entities
    hidden = [row["kind"] for row in entities.values() if row["status"] == Status.VICTIM_SIDE]
    assert sorted(hidden) == ["account", "domain", "email", *["phone"] * 4]
