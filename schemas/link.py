"""The link: two entities seen together, the evidence for it, and whether it is accepted."""

from __future__ import annotations

import pyarrow as pa

from schemas.enums import Strength
from schemas.field import TIMESTAMP, field

_STRING = pa.string()

LINK = pa.schema(
    [
        field("entity_a", _STRING, "The smaller id of the two.", required=True),
        field("entity_b", _STRING, "The larger id of the two.", required=True),
        field("weight", pa.float64(), "Evidence in records' worth.", required=True),
        field("complaints", pa.int64(), "Complaints that name both.", required=True),
        field("calls", pa.int64(), "Calls that name both.", required=True),
        field("victims", pa.int64(), "Distinct victims among those records.", required=True),
        field("reporters", pa.int64(), "Distinct reporters of those records.", required=True),
        field("orgs", pa.list_(_STRING), "Organisations that saw both, sorted.", required=True),
        field("first_seen", TIMESTAMP, "Earliest record that names both.", required=True),
        field("last_seen", TIMESTAMP, "Latest record that names both.", required=True),
        field("strength", _STRING, "Hard or soft.", required=True, values=tuple(Strength)),
        field("record_ids", pa.list_(_STRING), "Up to ten of the records.", required=True),
        field("records", pa.int64(), "All records that name both.", required=True),
        field("accepted", pa.bool_(), "Whether it holds a cluster together.", required=True),
        field("reason", _STRING, "Why it was accepted or not.", required=True),
    ]
)
"""links/: every pair of entities that some record names together."""

LINK_KEY = ("entity_a", "entity_b")
