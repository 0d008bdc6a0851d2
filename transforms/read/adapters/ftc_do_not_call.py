"""FTC Do Not Call reported calls, the daily CSV (US Government work, public domain).

https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data. The file gives
no zone for its times; they are taken as UTC.
"""

from __future__ import annotations

from schemas.enums import Channel, RecordKind, Role
from transforms.read.adapters import base
from transforms.read.files import ReadOptions

HEADER = tuple(
    "Company_Phone_Number Created_Date Violation_Date Consumer_City Consumer_State "
    "Consumer_Area_Code Subject Recorded_Message_Or_Robocall".split()
)


def convert(rows: base.TextRows, _: ReadOptions) -> base.Parsed:
    """Converts to COMPLAINT_LOOSE rows. The number is the caller ID that the consumer saw."""
    columns = {
        "complaint_id": base.content_ids(rows.cells, "dnc-"),
        "source_org": "ftc",
        "received_at": base.utc_timestamps(rows.column("Created_Date")),
        "occurred_at": base.utc_timestamps(rows.column("Violation_Date")),
        "victim_country": "US",
        "victim_region": rows.column("Consumer_State"),
        "channel": Channel.PHONE_INBOUND,
        "phone_numbers": base.phone_numbers_column(
            [(rows.column("Company_Phone_Number"), Role.CALLER_ID)]
        ),
    }
    return base.build_loose_batch(rows.origin, rows.records, columns), []


ADAPTER = base.Adapter(
    name="ftc-dnc",
    description="FTC Do Not Call reported calls",
    kinds=(RecordKind.COMPLAINT,),
    layout=base.Layout.CSV,
    header=HEADER,
    needed_columns=frozenset({"Company_Phone_Number", "Created_Date"}),
    convert=convert,
)
