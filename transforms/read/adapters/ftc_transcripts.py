"""Transcripts of robocalls from the FTC's Project Point of No Entry, CSV.

Prasad and Reaves, "Robocall Audio from the FTC's Project Point of No Entry", North Carolina
State University, TR-2023-1, November 2023 (https://github.com/wspr-ncsu/robocall-audio-dataset);
the data is in the public domain.
"""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import Channel
from transforms.read.adapters.base import TextRows, build, constant

NAME = "transcripts"


SOURCE_ORG = "ftc-pone"


HEADER = ("file", "language", "campaign_id", "transcript")


PUBLISHED = "2023-11-01T00:00:00Z"
"""The recordings have no dates: each counts as received in the month that the report came out."""


def convert(rows: TextRows) -> pa.RecordBatch:
    """COMPLAINT_LOOSE rows, the transcript as narrative.

    A campaign is one recording, not one operator: it is counted as an unknown field, and
    kept out of the graph.
    """
    count = len(rows.records)
    campaigns = rows.column("campaign_id").to_pylist()
    columns = {
        "complaint_id": rows.column("file"),
        "source_org": constant(SOURCE_ORG, count),
        "received_at": constant(PUBLISHED, count),
        "victim_country": constant("US", count),
        "language": rows.column("language"),
        "channel": constant(Channel.PHONE_INBOUND, count),
        "narrative": rows.column("transcript"),
        "unknown": pa.array(
            [["campaign_id"] if one is not None else None for one in campaigns],
            pa.list_(pa.string()),
        ),
    }
    return build(rows.origin, rows.records, columns)
