"""The tables of a joint run beside those of every run: who contributed what."""

from __future__ import annotations

from schemas.field import INTEGER, NUMBER, TEXTS, TIMESTAMP, contract, list_of, optional, required
from schemas.tables import Table

CONTRIBUTOR = contract(
    required(
        entity_id="A member of a joint cluster.",
        cluster_id="That cluster.",
        contributor="An organisation that saw it.",
    ),
    optional(part="The contributor's own cluster: an id, or a number in its offer."),
    optional(NUMBER, confidence="That it belongs there, as the contributor says."),
)
"""contributors/: each member of a cluster with everybody who saw it."""

UNION_LINK = contract(
    required(cluster_id="The joint cluster."),
    required(
        ("link", "shared"),
        kind="link: no contributor has both ends in one cluster; shared: clusters of two "
        "contributors are one, since they share members and each has others.",
    ),
    optional(
        entity_a="The smaller id of a link's ends.",
        entity_b="The larger one.",
        contributor_a="Of the two clusters that share members, whose one is.",
        part_a="That cluster, as `contributors` names it.",
        contributor_b="Whose the other one is.",
        part_b="The other cluster.",
    ),
    required(TEXTS, shared="Members of both, up to ten."),
    required(INTEGER, shared_in_all="Members of both."),
)
"""union_links/: links that only the union of the contributors' evidence reveals."""

OFFERED_CLUSTER = contract(
    required(contributor="Who offered it.", part="A cluster of the offer, as a number in it."),
    required(TEXTS, cluster_ids="Joint clusters that its members are in."),
    required(INTEGER, members="Its members on offer."),
    optional(INTEGER, victims_known="Its victims, where a table of them is shown."),
    optional(
        list_of(
            optional(country="ISO 3166-1 alpha-2."), optional(INTEGER, victims="Victims from it.")
        ),
        countries="Countries of at least k victims.",
    ),
    optional(
        list_of(
            optional(currency="ISO 4217 code."),
            optional(INTEGER, amount="Rounded, as the offer says it."),
        ),
        losses="Losses of at least k victims.",
    ),
    required(tlp="How far it may travel."),
    required(TIMESTAMP, expires_at="From when the offer is void."),
    required(offer="SHA-256 of the offer."),
)
"""offered_clusters/: the clusters of each offer, and the joint clusters of their members.

A person who reported to two organisations is in the counts of both.
"""

CONTRIBUTORS = Table("contributors", CONTRIBUTOR, ("entity_id", "contributor"))

UNION_LINKS = Table(
    "union_links", UNION_LINK, ("cluster_id", "kind", "entity_a", "entity_b", "part_a", "part_b")
)

OFFERED_CLUSTERS = Table("offered_clusters", OFFERED_CLUSTER, ("contributor", "part"))
