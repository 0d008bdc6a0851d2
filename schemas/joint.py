"""The tables of a joint run beside those of every run: who contributed what."""

from __future__ import annotations

import pyarrow as pa

from schemas.field import INTEGER, NUMBER, TEXTS, TIMESTAMP, list_of, optional, required
from schemas.tables import Table

CONTRIBUTOR = pa.schema(
    [
        required("entity_id", "A member of a joint cluster."),
        required("cluster_id", "That cluster."),
        required("contributor", "An organisation that saw it."),
        optional("part", "The contributor's own cluster: an id, or a number in its offer."),
        optional("confidence", "That it belongs there, as the contributor says.", NUMBER),
    ]
)
"""contributors/: each member of a cluster with everybody who saw it."""

UNION_LINK = pa.schema(
    [
        required("cluster_id", "The joint cluster."),
        required(
            "kind",
            "link: no contributor has both ends in one cluster; shared: clusters of two "
            "contributors are one, since they share members and each has others.",
            values=("link", "shared"),
        ),
        optional("entity_a", "The smaller id of a link's ends."),
        optional("entity_b", "The larger one."),
        optional("contributor_a", "Of the two clusters that share members, whose one is."),
        optional("part_a", "That cluster, as `contributors` names it."),
        optional("contributor_b", "Whose the other one is."),
        optional("part_b", "The other cluster."),
        required("shared", "Members of both, up to ten.", TEXTS),
        required("shared_in_all", "Members of both.", INTEGER),
    ]
)
"""union_links/: links that only the union of the contributors' evidence reveals."""

OFFERED_CLUSTER = pa.schema(
    [
        required("contributor", "Who offered it."),
        required("part", "A cluster of the offer, as a number in it."),
        required("cluster_ids", "Joint clusters that its members are in.", TEXTS),
        required("members", "Its members on offer.", INTEGER),
        optional("victims_known", "Its victims, where a table of them is shown.", INTEGER),
        optional(
            "countries",
            "Countries of at least k victims.",
            list_of(
                optional("country", "ISO 3166-1 alpha-2."),
                optional("victims", "Victims from it.", INTEGER),
            ),
        ),
        optional(
            "losses",
            "Losses of at least k victims.",
            list_of(
                optional("currency", "ISO 4217 code."),
                optional("amount", "Rounded, as the offer says it.", INTEGER),
            ),
        ),
        required("tlp", "How far it may travel."),
        required("expires_at", "From when the offer is void.", TIMESTAMP),
        required("offer", "SHA-256 of the offer."),
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
