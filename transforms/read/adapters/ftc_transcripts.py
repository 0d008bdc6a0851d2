"""Transcripts of robocalls from the FTC's Project Point of No Entry, CSV.

Prasad and Reaves, "Robocall Audio from the FTC's Project Point of No Entry", North Carolina
State University, TR-2023-1, November 2023 (https://github.com/wspr-ncsu/robocall-audio-dataset);
the data is in the public domain.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import Channel, RecordKind, Speaker
from schemas.field import TEXTS
from transforms.read.adapters import base
from transforms.read.files import ReadOptions

HEADER = ("file", "language", "campaign_id", "transcript")

PUBLISHED = "2023-11-01T00:00:00Z"
"""The recordings have no dates: each counts as received in the month that the report came out."""


def convert(rows: base.TextRows, _: ReadOptions) -> base.Parsed:
    """Converts to COMPLAINT_LOOSE rows, the transcript as narrative.

    A campaign is one recording, not one operator: it is counted as an unknown field, and
    kept out of the graph.
    """
    campaigns = rows.column("campaign_id").to_pylist()
    columns = {
        "complaint_id": rows.column("file"),
        "source_org": "ftc-pone",
        "received_at": PUBLISHED,
        "victim_country": "US",
        "language": rows.column("language"),
        "channel": Channel.PHONE_INBOUND,
        "narrative": rows.column("transcript"),
        "narrative_by": Speaker.SUSPECT,
        "unknown": pa.array(
            [["campaign_id"] if campaign is not None else None for campaign in campaigns], TEXTS
        ),
    }
    return base.build_loose_batch(rows.origin, rows.records, columns), []


ADAPTER = base.Adapter(
    name="transcripts",
    description="FTC Point of No Entry transcripts",
    kinds=(RecordKind.COMPLAINT,),
    layout=base.Layout.CSV,
    header=HEADER,
    needed_columns=frozenset({"file", "transcript"}),
    convert=convert,
)
