"""FTC Consumer Sentinel complaints as released under FOIA, CSV in Mac Roman.

Area codes and numbers are parallel lists joined by '|' ('876|' with '3866740|' is one
number), one entry a company that the consumer named. A second layout has an extension too.
"""

from __future__ import annotations

from itertools import zip_longest

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import Channel, RecordKind, Role
from schemas.field import TEXT
from transforms.read.adapters import base
from transforms.read.files import ReadOptions

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
    """Joins the entries of parallel '|' lists: an area code, a number, an extension."""
    lists = [(text or "").split("|") for text in (area, number, extension)]
    numbers = []
    for parts in zip_longest(*lists, fillvalue=""):
        code, local, inner = (part.strip() for part in parts)
        if code or local:
            numbers.append(f"{code}{local} ext. {inner}" if inner else f"{code}{local}")
    return numbers


def _entries(joined: pa.Array) -> list[list[str]]:
    """Returns the distinct entries of each list joined by '|', in their order."""
    return [
        list(dict.fromkeys(part.strip() for part in (text or "").split("|") if part.strip()))
        for text in joined.to_pylist()
    ]


def _dates(dates: pa.Array) -> pa.Array:
    """Rewrites `05/28/2014` as `2014-05-28T00:00:00Z`, and leaves anything else as it is."""
    shape = r"^(\d{2})/(\d{2})/(\d{4})$"
    return pc.replace_substring_regex(dates, pattern=shape, replacement=r"\3-\1-\2T00:00:00Z")


def _column_name(name: str) -> str:
    return EXTENSION if "extension" in name.casefold() else name


def convert(rows: base.TextRows, _: ReadOptions) -> base.Parsed:
    """Converts to COMPLAINT_LOOSE rows.

    The numbers are the caller's, as in the FTC's other data: what the consumer says of a company's
    phone is no proof that the company, or the scammer, answers it.
    """
    parts = (rows.column(name).to_pylist() for name in (*HEADER[5:7], EXTENSION))
    named = [company_numbers(*entries) for entries in zip(*parts, strict=True)]
    methods = rows.column("Complaint Info Initial Contact Method").to_pylist()
    columns = {
        "complaint_id": rows.column("Reference Number"),
        "source_org": "ftc",
        "received_at": _dates(rows.column("Created Date")),
        "victim_country": "US",
        "victim_region": pa.array(
            [next(iter(states), None) for states in _entries(rows.column(HEADER[3]))], TEXT
        ),
        "channel": pa.array(
            [method and _CHANNELS.get(method, Channel.OTHER) for method in methods], TEXT
        ),
        "claimed_brand": pa.array(
            ["; ".join(names) or None for names in _entries(rows.column("Company Name"))], TEXT
        ),
        "phone_numbers": pa.array(
            [[{"raw": raw, "role": Role.CALLER_ID} for raw in raws] for raws in named],
            base.PHONE_NUMBERS_TYPE,
        ),
    }
    return base.build_loose_batch(rows.origin, rows.records, columns), []


ADAPTER = base.Adapter(
    name="ftc-foia",
    description="FTC Sentinel complaints (FOIA)",
    kinds=(RecordKind.COMPLAINT,),
    layout=base.Layout.CSV,
    header=HEADER,
    needed_columns=frozenset({"Reference Number", *HEADER[5:7]}),
    rename_column=_column_name,
    encoding="mac_roman",
    convert=convert,
)
