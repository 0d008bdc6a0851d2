"""Asterisk call detail records as cdr_csv writes them, no header.

https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/. Each row is one
leg; the legs of one call share its uniqueid, and are made one call at a later step. Times
are taken as UTC (`usegmtime=yes` in cdr.conf makes them so).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import RecordKind
from transforms.read.adapters import base
from transforms.read.files import ReadOptions

HEADER = tuple(
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end "
    "duration billsec disposition amaflags uniqueid userfield".split()
)

FEWEST_COLUMNS = 16
"""uniqueid and userfield are options of cdr.conf."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")

_TRUNK = r"^(?:SIP|PJSIP|IAX2|DAHDI|OOH323)/(?P<trunk>[^@]{1,64})-[0-9a-f]{1,16}$"


def is_call_record(cells: Sequence[str]) -> bool:
    """Returns whether the cells of a row are in the places of a call record."""
    if not FEWEST_COLUMNS <= len(cells) <= len(HEADER):
        return False
    started, duration, billed = cells[9], cells[12], cells[13]
    return bool(_TIME.fullmatch(started)) and duration.isdecimal() and billed.isdecimal()


def _trunk(channel: pa.Array) -> pa.Array:
    """Returns the peer in `SIP/peer-0000001f`, but no local extension (digits alone)."""
    peer = pc.struct_field(pc.extract_regex(channel, pattern=_TRUNK), "trunk")
    return pc.if_else(pc.match_substring_regex(peer, r"^\d{1,6}$"), None, peer)


def convert(rows: base.TextRows, options: ReadOptions) -> base.Parsed:
    """Converts to CALL_LOOSE rows; the duration is the time talked (billsec), without ringing.

    A call record does not say which side is the suspect's: that is `options.calls_direction`.
    """
    columns = {
        "call_id": pc.coalesce(rows.column("uniqueid"), base.content_ids(rows.cells, "cdr-")),
        "source_org": options.source_org or "asterisk",
        "started_at": base.utc_timestamps(rows.column("start")),
        "duration_seconds": rows.column("billsec"),
        "direction": options.calls_direction,
        "calling_number": rows.column("src"),
        "called_number": rows.column("dst"),
        "trunk": _trunk(rows.column("channel")),
    }
    return base.build_loose_batch(rows.origin, rows.records, columns), []


ADAPTER = base.Adapter(
    name="asterisk",
    description="Asterisk call detail records",
    kinds=(RecordKind.CALL,),
    layout=base.Layout.CSV,
    header=HEADER,
    needed_columns=frozenset({"src", "dst", "start", "billsec"}),
    convert=convert,
    detect_cells=is_call_record,
)
