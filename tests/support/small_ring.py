"""A small ring that one company sees: its records, and two signed runs with a confirmed cluster."""

from __future__ import annotations

import pyarrow.compute as pc

from schemas.tables import CLUSTERS
from tests.support.make_release_fixture import OWN_WORDS
from tests.support.run_pipeline import call, complaint, execute, jsonl, read, write_decisions

RING = "phone:+18882223344"

NOW = "2024-04-01T00:00:00Z"

PART = "part-00000-of-00001.parquet"


class SmallRing:
    """A signed run with a confirmed cluster, and another one of the same organisation."""

    def __init__(self, folder):
        self.folder = folder
        ring = [{"raw": raw, "role": "callback"} for raw in (RING[6:], "+18773334455")]
        records = [
            complaint(
                n,
                victim_id=f"v{n}",
                received_at=f"2024-03-0{n}T09:30:00Z",
                narrative=words,
                phone_numbers=[*ring, {"raw": f"+1202456143{n}", "role": "victim"}],
                remote_access=[{"tool": "anydesk", "id": "123456789"}],
            )
            for n, words in enumerate(OWN_WORDS[:4], 1)
        ]
        calls = [call(1, direction="outbound", victim_id="w1", called_number=RING[6:])]
        self.complaints = jsonl(folder / "complaints.jsonl", records)
        self.calls = jsonl(folder / "calls.jsonl", calls)
        self.inbox = folder / "inbox"
        (self.inbox / "complaints").mkdir(parents=True)
        self.decisions = write_decisions(
            folder / "decisions.csv",
            f"D1,confirm,{RING},,Priya Rao,rang them,2024-03-20T00:00:00Z,",
        )
        self.inputs = ["--complaints", self.complaints, "--calls", self.calls]
        fewer = jsonl(folder / "fewer.jsonl", records[1:])
        execute("keys", "make")
        for name, rows in (("run", self.complaints), ("other", fewer)):
            words = ["batch", "--complaints", rows, "--calls", self.calls]
            more = ["--decisions", self.decisions, "--now", NOW, "--output", folder / name]
            execute(*words, *more)
        self.run, self.other = folder / "run", folder / "other"
        (cluster,) = read(self.run, CLUSTERS).filter(pc.field("status") == "confirmed").to_pylist()
        self.cluster = cluster["cluster_id"]

    def builders(self, run, out):
        """The commands that make something of a run, by name."""
        output = ["--output", out]
        live = ["--watch", self.inbox, "--stop-after-idle", "1"]
        case = ["--cluster", self.cluster, "--recipient", "in-cbi", *self.inputs]
        who = ["--author", "A", "--reason", "R", "--decisions", out]
        return {
            "--previous": ["batch", *self.inputs, "--previous", run, *output],
            "stream": ["stream", *live, "--previous", run, *output],
            "referral": ["referral", run, *case, "--decisions", self.decisions, *output],
            "offer": ["exchange", "offer", run, "--to", "microsoft", *output],
            "join": ["exchange", "join", run, "--decisions", self.decisions, *output],
            "decide": ["decide", run, "confirm", RING, *who],
            "export": ["export", run, "--all", "--format", "csv", *output],
            "report": ["report", run, "--redact", *output],
            "correct": ["correct", run, "--decisions", self.decisions, *output],
        }
