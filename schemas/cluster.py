"""Clusters, their members, the suppliers they share, their lineage, and their components."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

from schemas.enums import EntityKind, LineageEvent, Review, Role, Status, Strength, Tier
from schemas.facts import FACT_LIST
from schemas.field import (
    AMOUNT,
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    TEXTS,
    TIMESTAMP,
    list_of,
    optional,
    required,
)

_LOSSES = list_of(
    optional("currency", "ISO 4217 code."),
    optional("amount", "Sum of the complaints' losses.", AMOUNT),
    optional("complaints", "Complaints that state a loss in it.", INTEGER),
)

_COUNTRIES = list_of(
    optional("country", "ISO 3166-1 alpha-2."),
    optional("complaints", "Complaints from it.", INTEGER),
)

_BRIDGES = list_of(
    optional("entity_a", "One end of the bridge."),
    optional("entity_b", "The other end."),
    optional("weight", "Evidence for it, in records' worth.", NUMBER),
    optional("smaller_side", "Members that fall off when it is cut.", INTEGER),
)

_PARTS = list_of(
    optional("part", "What counts: victims, losses, companies, recency and so on."),
    optional("value", "How much of it, 0 to 1.", NUMBER),
    optional("weight", "Its weight in the weights file.", NUMBER),
    optional("points", "What it adds to the priority.", NUMBER),
)


class ClusterFlag(StrEnum):
    """Facts about a cluster that a person must know before it is used."""

    THIN = "thin"
    CUT_AT_LEAST = "cut_at_least"
    BURST = "burst"
    SAME_TEXT = "same_text"
    ONE_SOURCE = "one_source"
    ONE_REPORTER = "one_reporter"


CLUSTER = pa.schema(
    [
        required("cluster_id", "Stable id."),
        required("name", "A name for people, from the members."),
        required("size", "Members.", INTEGER),
        required("complaints", "Complaints that name a member.", INTEGER),
        required("calls", "Calls that name a member.", INTEGER),
        required("victims", "Distinct victims among them.", INTEGER),
        required("reporters", "Distinct reporters of those records.", INTEGER),
        optional("countries", "Victims' countries, most complaints first.", _COUNTRIES),
        required("orgs", "Organisations that saw a member, sorted.", TEXTS),
        required("brands", "Brands claimed, most often first.", TEXTS),
        optional("losses", "Loss by currency, sorted by currency.", _LOSSES),
        required("first_seen", "Earliest record.", TIMESTAMP),
        required("last_seen", "Latest record.", TIMESTAMP),
        required("status", "candidate, confirmed or disputed."),
        required("priority", "Rank for an analyst's day, 0 to 100.", NUMBER),
        required("confidence", "That the members belong together.", NUMBER),
        optional("weakest_bridges", "Links whose loss would split it, weakest first.", _BRIDGES),
        optional(
            "priority_parts", "What the priority is made of; the points add up to it.", _PARTS
        ),
        optional(
            "flags",
            "What to know before it is used, sorted. thin: few reporters "
            "bear a join, and nothing leaves until a decision vouches for it; cut_at_least: "
            "weakest_cut is a lower bound; burst: most reporters are of one organisation within "
            "hours, each with one record, or came within a day, with a pseudonym each, and are "
            "one until reviewed; same_text: some of these tell the same, and count as "
            "one; one_source: one organisation; one_reporter: one reporter.",
            TEXTS,
        ),
        optional(
            "weakest_cut",
            "The fewest reporters without whom it falls into two "
            "sides of three core members or more; null where no cut leaves such sides, a lower "
            "bound with the flag cut_at_least.",
            INTEGER,
        ),
        optional(
            "weakest_side",
            "Members on the side of that cut with fewer core members, sorted.",
            TEXTS,
        ),
        optional(
            "thin_side",
            "With the flag thin: those on that side of the thin join that "
            "no decision vouches for, sorted.",
            TEXTS,
        ),
    ]
)
"""clusters/: one row a cluster; a cluster of one is a cluster."""

CLUSTER_KEY = ("cluster_id",)

MEMBER = pa.schema(
    [
        required("entity_id", "The member."),
        required("cluster_id", "Its one cluster."),
        required("role", "Its most frequent role.", values=Role),
        required("confidence", "That it belongs, 0 to 1.", NUMBER),
        required("bridge", "Whether the cluster falls apart without it.", FLAG),
        required("reporters", "Distinct reporters who show a suspect using it.", INTEGER),
        required(
            "robustness",
            "The fewest reporters without whom it is not shown, or not tied to its cluster.",
            INTEGER,
        ),
        required("tier", "What it may be used for.", values=Tier),
        required("review", "Whether a confirm or a review in force covers it.", values=Review),
        optional(
            "near_miss_of",
            "A member with three times the reporters, from which one digit or a swap differs.",
        ),
        optional("first_used", "Earliest record that shows a suspect using it.", TIMESTAMP),
        optional("last_used", "Latest record that shows a suspect using it.", TIMESTAMP),
    ]
)
"""members/: which entity is in which cluster."""

MEMBER_KEY = ("entity_id",)

SUPPLIER = pa.schema(
    [
        required("entity_id", "The shared soft entity."),
        required("kind", "Its namespace.", values=EntityKind),
        required("cluster_id", "A cluster that uses it."),
        required("records", "Records of that cluster that name it.", INTEGER),
        required("clusters", "Clusters that use it in all.", INTEGER),
        required("status", "Status of the entity.", values=Status),
        optional("template", "A script's words that many victims heard alike; … for others."),
    ]
)
"""suppliers/: a soft entity (trunk, orig_id, carrier, script, ip) and each cluster it serves."""

SUPPLIER_KEY = ("entity_id", "cluster_id")


class CampaignBasis(StrEnum):
    """The basis of a campaign's place: a probability of simulated worlds, or an order alone."""

    SIMULATED = "simulated"
    RANK = "rank"


_CAMPAIGN_MEMBERS = list_of(
    optional("cluster_id", "A cluster, maybe of one identifier."),
    optional(
        "entity_ids",
        "Up to 12 of its members that records name beside what is shared, sorted.",
        TEXTS,
    ),
    optional("reporters", "Distinct reporters who do.", INTEGER),
)

_SHARED_THINGS = list_of(
    optional(
        "thing",
        "Id of a script, trunk or origination id, or block: and the "
        "number with an x for each digit that differs.",
    ),
    optional("members", "Members that use it.", INTEGER),
    optional("reporters", "Distinct reporters who show one doing so.", INTEGER),
)

CAMPAIGN = pa.schema(
    [
        required(
            "campaign_id",
            "Made of what most members share and the cluster of these "
            "that was first seen beside it.",
        ),
        required(
            "rank", "Its place among the leads of this run; 1 is to be looked at first.", INTEGER
        ),
        required(
            "basis",
            "simulated: all records are of a simulated world, and calls show "
            "what every member uses; rank: nothing is known but the order.",
            values=CampaignBasis,
        ),
        optional(
            "probability",
            "That two of its members, drawn at random, are of one "
            "operation, in such worlds; null where the basis is rank.",
            NUMBER,
        ),
        required("members", "The clusters.", _CAMPAIGN_MEMBERS),
        required("shared", "What two or more of them share, most members first.", _SHARED_THINGS),
        required(
            "reporters",
            "Distinct reporters who show that: of each member and thing "
            "32 at most are told apart, and those with one text within hours count as one.",
            INTEGER,
        ),
        required(
            "other_reporters",
            "Those of them who name another than the best attested member.",
            INTEGER,
        ),
        required("first_seen", "Earliest record that shows it.", TIMESTAMP),
        required("last_seen", "Latest record that shows it.", TIMESTAMP),
    ]
)
"""campaigns/: leads of this run, for its owner alone. No cluster, and nothing that leaves."""

CAMPAIGN_KEY = ("campaign_id",)

LINEAGE = pa.schema(
    [
        required("cluster_id", "The cluster."),
        required("event", "What happened.", values=LineageEvent),
        required("from_ids", "Clusters of the previous run.", TEXTS),
        required("to_ids", "Clusters of this run.", TEXTS),
        optional("members_new", "Members that were in no cluster of the previous run.", INTEGER),
        optional("members_gone", "Members of the previous run that it holds no more.", INTEGER),
        required(
            "on_one_reporter",
            "Whether one reporter alone put a member there that was not in it before.",
            FLAG,
        ),
        required("rests_on", "Up to ten records of that reporter, as organisation and id.", TEXTS),
    ]
)
"""lineage/: what became of each cluster since the previous run."""

LINEAGE_KEY = ("cluster_id", "event")

COMPONENT = pa.schema(
    [
        required(
            "fingerprint",
            "BLAKE2b (128 bits, hex) of its members' hashes, its ties and how it was searched.",
            TEXT,
        ),
        required(
            "parts",
            "Per member, by hash: the place of the first of its community.",
            pa.list_(pa.int32()),
        ),
        required("quality", "Modularity times the weight of all ties.", NUMBER),
    ]
)
"""islands/: what a later run need not search again; it adds nothing to members/."""

COMPONENT_KEY = ("fingerprint",)

LINK = pa.schema(
    [
        required("entity_a", "The smaller id of the two."),
        required("entity_b", "The larger id of the two."),
        required("weight", "Evidence in records' worth.", NUMBER),
        required("complaints", "Complaints that with their calls name both.", INTEGER),
        required("calls", "Calls of these, and calls that name both.", INTEGER),
        required("victims", "Distinct victims among those records.", INTEGER),
        required("reporters", "Distinct reporters of those records.", INTEGER),
        required("orgs", "Organisations that saw both, sorted.", TEXTS),
        required("first_seen", "Earliest record that names both.", TIMESTAMP),
        required("last_seen", "Latest record that names both.", TIMESTAMP),
        required("strength", "Hard or soft.", values=Strength),
        required("record_ids", "Up to ten of the records.", TEXTS),
        required("records", "Reports: a complaint with its calls is one.", INTEGER),
        required("accepted", "Whether it holds a cluster together.", FLAG),
        required("reason", "Why it was accepted or not."),
        required("facts", "The same as codes with arguments.", FACT_LIST),
    ]
)
"""links/: every pair of entities that some record names together."""

LINK_KEY = ("entity_a", "entity_b")


class AlertKind(StrEnum):
    """Reasons for an alert."""

    THRESHOLD = "threshold"
    SEVERAL_ORGS = "several_orgs"
    JOINED_CLUSTER = "joined_cluster"
    CLUSTERS_MERGE = "clusters_merge"
    BURST = "burst"
    REFERRED_AWAKE = "referred_awake"


ALONE = "alone"
"""Flag of an alert on an identifier that is linked to no other."""

ALERT = pa.schema(
    [
        required("alert_id", "Hash of the content; equal ids are one alert."),
        required("kind", "Kind of alert.", values=AlertKind),
        optional("entity_id", "The identifier concerned."),
        optional("cluster_id", "The cluster concerned."),
        required("known_clusters", "Clusters of the known run, sorted.", TEXTS),
        required("reason", "Reason in words."),
        required("observed_at", "Time of the record that raised it.", TIMESTAMP),
        optional("records", "Records with it in a hard role, up to that one.", INTEGER),
        optional("victims", "Distinct victims among them.", INTEGER),
        optional("reporters", "Distinct reporters among them.", INTEGER),
        required("orgs", "Organisations that reported it, sorted.", TEXTS),
        required("record_ids", "Up to ten of the records, newest first.", TEXTS),
        required("tied_to", "Up to ten members linked to it.", TEXTS),
        required("core", "Those of them, and of itself, that are core.", TEXTS),
        required("reviewed", "Those of the core that were reviewed.", TEXTS),
        required(
            "flags",
            "What to know of its records, sorted: burst, same_text, one_source and one_reporter; "
            "alone: linked to no other.",
            TEXTS,
        ),
    ]
)
"""One line of JSON; never about a suppressed, uncorroborated, victim-side or contested identifier.

`entity_id` and `tied_to` alone name identifiers. To a webhook go those in `core`; `left_out` counts
the others there.
"""

ALERT_KEY = ("alert_id",)
