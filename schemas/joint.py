"""The tables of a joint run beside those of every run: who contributed what."""

from __future__ import annotations

import pyarrow as pa

from schemas.field import TIMESTAMP, field
from schemas.tables import Table

_STRING = pa.string()

_STRINGS = pa.list_(_STRING)

CONTRIBUTOR = pa.schema(
    [
        field("entity_id", _STRING, "A member of a joint cluster.", required=True),
        field("cluster_id", _STRING, "That cluster.", required=True),
        field("contributor", _STRING, "An organisation that saw it.", required=True),
        field("part", _STRING, "The contributor's own cluster: an id, or a number in its offer."),
        field("confidence", pa.float64(), "That it belongs there, as the contributor says."),
    ]
)
"""contributors/: each member of a cluster with everybody who saw it."""

UNION_LINK = pa.schema(
    [
        field("cluster_id", _STRING, "The joint cluster.", required=True),
        field(
            "kind",
            _STRING,
            "link: no contributor has both ends in one cluster; shared: clusters of two "
            "contributors are one, since they share members and each has others.",
            required=True,
            values=("link", "shared"),
        ),
        field("entity_a", _STRING, "The smaller id of a link's ends."),
        field("entity_b", _STRING, "The larger one."),
        field("contributor_a", _STRING, "Of the two clusters that share members, whose one is."),
        field("part_a", _STRING, "That cluster, as `contributors` names it."),
        field("contributor_b", _STRING, "Whose the other one is."),
        field("part_b", _STRING, "The other cluster."),
        field("shared", _STRINGS, "Members of both, up to ten.", required=True),
        field("shared_in_all", pa.int64(), "Members of both.", required=True),
    ]
)
"""union_links/: links that only the union of the contributors' evidence reveals."""

OFFERED_CLUSTER = pa.schema(
    [
        field("contributor", _STRING, "Who offered it.", required=True),
        field("part", _STRING, "A cluster of the offer, as a number in it.", required=True),
        field("cluster_ids", _STRINGS, "Joint clusters that its members are in.", required=True),
        field("members", pa.int64(), "Its members on offer.", required=True),
        field("victims_known", pa.int64(), "Its victims, where a table of them is shown."),
        field(
            "countries",
            pa.list_(
                pa.struct(
                    [
                        field("country", _STRING, "ISO 3166-1 alpha-2."),
                        field("victims", pa.int64(), "Victims from it."),
                    ]
                )
            ),
            "Countries of at least k victims.",
        ),
        field(
            "losses",
            pa.list_(
                pa.struct(
                    [
                        field("currency", _STRING, "ISO 4217 code."),
                        field("amount", pa.int64(), "Rounded, as the offer says it."),
                    ]
                )
            ),
            "Losses of at least k victims.",
        ),
        field("tlp", _STRING, "How far it may travel.", required=True),
        field("expires_at", TIMESTAMP, "From when the offer is void.", required=True),
        field("offer", _STRING, "SHA-256 of the offer.", required=True),
    ]
)
"""offered_clusters/: the clusters of each offer, and the joint clusters of their members.

A person who reported to two organisations is in the counts of both.
"""

CONTRIBUTORS = Table("contributors", CONTRIBUTOR, ("entity_id", "contributor"))

UNION_LINKS = Table(
    "union_links", UNION_LINK, ("cluster_id", "kind", "entity_a", "entity_b", "part_a", "part_b")
)

OFFERED_CLUSTERS = Table("offered_clusters", OFFERED_CLUSTER, ("contributor", "part"))
