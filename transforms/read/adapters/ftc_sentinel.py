"""FTC Consumer Sentinel complaints as released under FOIA, CSV in Mac Roman.

Area codes and numbers are parallel lists joined by '|' ('876|' with '3866740|' is one
number), one entry a company that the consumer named. A second layout has an extension too.
"""

from __future__ import annotations

from itertools import zip_longest

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Channel, Role
from transforms.read.adapters.base import NUMBERS, TextRows, build, constant

NAME = "ftc-foia"


SOURCE_ORG = "ftc"


ENCODING = "mac_roman"


HEADER = (
    "Reference Number",
    "Created Date",
    "Consumer Address, City",
    "Consumer Address, State Code",
    "Company Name",
    "Company Phone, Area Code",
    "Company Phone, Number",
    "Complaint Info Initial Contact Method",
    "Complaint Info Product Service Code",
)


EXTENSION = "Company Phone, Extension"


HEADER_WITH_EXTENSION = (*HEADER[:7], EXTENSION, *HEADER[7:])


_CHANNELS = {
    "Phone": Channel.PHONE_INBOUND,
    "Phone Call: Landline": Channel.PHONE_INBOUND,
    "Phone Call: Mobile/Cell": Channel.PHONE_INBOUND,
    "Wireless": Channel.PHONE_INBOUND,
    "Mobile: Text/Email/IM": Channel.SMS,
    "Internet/E-mail": Channel.EMAIL,
    "Internet Web Site": Channel.WEB,
    "Unknown": None,
}


def company_numbers(area: str | None, number: str | None, extension: str | None) -> list[str]:
    """The numbers of parallel lists joined by '|', each area code, number and extension as one."""
    lists = [(text or "").split("|") for text in (area, number, extension)]
    found = []
    for one in zip_longest(*lists, fillvalue=""):
        code, local, inner = (part.strip() for part in one)
        if code or local:
            found.append(f"{code}{local} ext. {inner}" if inner else f"{code}{local}")
    return found


def _entries(joined: pa.Array) -> list[list[str]]:
    """The distinct entries of each list joined by '|', in their order."""
    return [
        list(dict.fromkeys(part.strip() for part in (text or "").split("|") if part.strip()))
        for text in joined.to_pylist()
    ]


def _dates(dates: pa.Array) -> pa.Array:
    """`05/28/2014` as `2014-05-28T00:00:00Z`; anything else as it is."""
    shape = r"^(\d{2})/(\d{2})/(\d{4})$"
    return pc.replace_substring_regex(dates, pattern=shape, replacement=r"\3-\1-\2T00:00:00Z")


def convert(rows: TextRows) -> pa.RecordBatch:
    """COMPLAINT_LOOSE rows.

    The numbers are `mentioned`: what the consumer says of a company's phone is no proof
    that the company, or the scammer, answers it.
    """
    count = len(rows.records)
    parts = (rows.column(name).to_pylist() for name in (*HEADER[5:7], EXTENSION))
    named = [company_numbers(*one) for one in zip(*parts, strict=True)]
    methods = rows.column("Complaint Info Initial Contact Method").to_pylist()
    columns = {
        "complaint_id": rows.column("Reference Number"),
        "source_org": constant(SOURCE_ORG, count),
        "received_at": _dates(rows.column("Created Date")),
        "victim_country": constant("US", count),
        "victim_region": pa.array(
            [next(iter(states), None) for states in _entries(rows.column(HEADER[3]))], pa.string()
        ),
        "channel": pa.array(
            [one and _CHANNELS.get(one, Channel.OTHER) for one in methods], pa.string()
        ),
        "claimed_brand": pa.array(
            ["; ".join(names) or None for names in _entries(rows.column("Company Name"))],
            pa.string(),
        ),
        "phone_numbers": pa.array(
            [[{"raw": raw, "role": Role.MENTIONED} for raw in raws] for raws in named], NUMBERS
        ),
    }
    return build(rows.origin, rows.records, columns)
