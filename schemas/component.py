"""The connected component, and the communities found in it."""

from __future__ import annotations

import pyarrow as pa

from schemas.field import field

COMPONENT = pa.schema(
    [
        field(
            "fingerprint",
            pa.string(),
            "BLAKE2b (128 bits, hex) of its members' hashes, its ties and how it was searched.",
            required=True,
        ),
        field(
            "parts",
            pa.list_(pa.int32()),
            "Per member, by hash: the place of the first of its community.",
            required=True,
        ),
        field("quality", pa.float64(), "Modularity times the weight of all ties.", required=True),
    ]
)
"""islands/: what a later run need not search again; it adds nothing to members/."""

COMPONENT_KEY = ("fingerprint",)
