"""FTC Do Not Call reported calls, the daily CSV (US Government work, public domain).

https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data. The file gives
no zone for its times; they are taken as UTC.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.enums import Channel, Role
from transforms.read.adapters.base import TextRows, build, constant, numbers

NAME = "ftc-dnc"


SOURCE_ORG = "ftc"


HEADER = (
    "Company_Phone_Number",
    "Created_Date",
    "Violation_Date",
    "Consumer_City",
    "Consumer_State",
    "Consumer_Area_Code",
    "Subject",
    "Recorded_Message_Or_Robocall",
)


def utc(times: pa.Array) -> pa.Array:
    """`2019-12-13 00:00:06` as `2019-12-13T00:00:06Z`; anything else as it is."""
    shape = r"^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})$"
    return pc.replace_substring_regex(times, pattern=shape, replacement=r"\1T\2Z")


def content_ids(cells: pa.RecordBatch, prefix: str) -> pa.Array:
    """An id a row from the row's cells, so that exact copies are duplicates of each other."""
    joined = pc.binary_join_element_wise(*cells.columns, "\x1f")
    ids = [prefix + xxhash.xxh3_128_hexdigest(row.encode())[:16] for row in joined.to_pylist()]
    return pa.array(ids, pa.string())


def convert(rows: TextRows) -> pa.RecordBatch:
    """COMPLAINT_LOOSE rows. The number is the caller id that the consumer saw."""
    count = len(rows.records)
    columns = {
        "complaint_id": content_ids(rows.cells, "dnc-"),
        "source_org": constant(SOURCE_ORG, count),
        "received_at": utc(rows.column("Created_Date")),
        "occurred_at": utc(rows.column("Violation_Date")),
        "victim_country": constant("US", count),
        "victim_region": rows.column("Consumer_State"),
        "channel": constant(Channel.PHONE_INBOUND, count),
        "phone_numbers": numbers([(rows.column("Company_Phone_Number"), Role.CALLER_ID)]),
    }
    return build(rows.origin, rows.records, columns)
