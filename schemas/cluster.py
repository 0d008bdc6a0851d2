"""Clusters, their members, the suppliers they share, their lineage, and their components."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

from schemas.enums import EntityKind, LineageEvent, Review, Role, Status, Strength, Tier
from schemas.facts import FACT_LIST
from schemas.field import AMOUNT, TIMESTAMP, field

_STRING = pa.string()

_STRINGS = pa.list_(_STRING)

_LOSSES = pa.list_(
    pa.struct(
        [
            field("currency", _STRING, "ISO 4217 code."),
            field("amount", AMOUNT, "Sum of the complaints' losses."),
            field("complaints", pa.int64(), "Complaints that state a loss in it."),
        ]
    )
)

_COUNTRIES = pa.list_(
    pa.struct(
        [
            field("country", _STRING, "ISO 3166-1 alpha-2."),
            field("complaints", pa.int64(), "Complaints from it."),
        ]
    )
)

_BRIDGES = pa.list_(
    pa.struct(
        [
            field("entity_a", _STRING, "One end of the bridge."),
            field("entity_b", _STRING, "The other end."),
            field("weight", pa.float64(), "Evidence for it, in records' worth."),
            field("smaller_side", pa.int64(), "Members that fall off when it is cut."),
        ]
    )
)

_PARTS = pa.list_(
    pa.struct(
        [
            field("part", _STRING, "What counts: victims, losses, companies, recency and so on."),
            field("value", pa.float64(), "How much of it, 0 to 1."),
            field("weight", pa.float64(), "Its weight in the weights file."),
            field("points", pa.float64(), "What it adds to the priority."),
        ]
    )
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
        field("cluster_id", _STRING, "Stable id.", required=True),
        field("name", _STRING, "A name for people, from the members.", required=True),
        field("size", pa.int64(), "Members.", required=True),
        field("complaints", pa.int64(), "Complaints that name a member.", required=True),
        field("calls", pa.int64(), "Calls that name a member.", required=True),
        field("victims", pa.int64(), "Distinct victims among them.", required=True),
        field("reporters", pa.int64(), "Distinct reporters of those records.", required=True),
        field("countries", _COUNTRIES, "Victims' countries, most complaints first."),
        field("orgs", _STRINGS, "Organisations that saw a member, sorted.", required=True),
        field("brands", _STRINGS, "Brands claimed, most often first.", required=True),
        field("losses", _LOSSES, "Loss by currency, sorted by currency."),
        field("first_seen", TIMESTAMP, "Earliest record.", required=True),
        field("last_seen", TIMESTAMP, "Latest record.", required=True),
        field("status", _STRING, "candidate, confirmed or disputed.", required=True),
        field("priority", pa.float64(), "Rank for an analyst's day, 0 to 100.", required=True),
        field("confidence", pa.float64(), "That the members belong together.", required=True),
        field("weakest_bridges", _BRIDGES, "Links whose loss would split it, weakest first."),
        field("priority_parts", _PARTS, "What the priority is made of; the points add up to it."),
        field("flags", _STRINGS, "What to know before it is used, sorted. thin: few reporters "
              "bear a join, and nothing leaves until a decision vouches for it; cut_at_least: "
              "weakest_cut is a lower bound; burst: most reporters are of one organisation within "
              "hours, each with one record, or came within a day, with a pseudonym each, and are "
              "one until reviewed; same_text: some of these tell the same, and count as "
              "one; one_source: one organisation; one_reporter: one reporter."),
        field("weakest_cut", pa.int64(), "The fewest reporters without whom it falls into two "
              "sides of three core members or more; null where no cut leaves such sides, a lower "
              "bound with the flag cut_at_least."),
        field("weakest_side", _STRINGS, "Members on the side of that cut with fewer core members, "
              "sorted."),
        field("thin_side", _STRINGS, "With the flag thin: those on that side of the thin join that "
              "no decision vouches for, sorted."),
    ]
)  # fmt: skip
"""clusters/: one row a cluster; a cluster of one is a cluster."""

CLUSTER_KEY = ("cluster_id",)

MEMBER = pa.schema(
    [
        field("entity_id", _STRING, "The member.", required=True),
        field("cluster_id", _STRING, "Its one cluster.", required=True),
        field("role", _STRING, "Its most frequent role.", required=True, values=tuple(Role)),
        field("confidence", pa.float64(), "That it belongs, 0 to 1.", required=True),
        field("bridge", pa.bool_(), "Whether the cluster falls apart without it.", required=True),
        field(
            "reporters",
            pa.int64(),
            "Distinct reporters who show a suspect using it.",
            required=True,
        ),
        field(
            "robustness",
            pa.int64(),
            "The fewest reporters without whom it is not shown, or not tied to its cluster.",
            required=True,
        ),
        field("tier", _STRING, "What it may be used for.", required=True, values=tuple(Tier)),
        field(
            "review",
            _STRING,
            "Whether a confirm or a review in force covers it.",
            required=True,
            values=tuple(Review),
        ),
        field(
            "near_miss_of",
            _STRING,
            "A member with three times the reporters, from which one digit or a swap differs.",
        ),
        field("first_used", TIMESTAMP, "Earliest record that shows a suspect using it."),
        field("last_used", TIMESTAMP, "Latest record that shows a suspect using it."),
    ]
)
"""members/: which entity is in which cluster."""

MEMBER_KEY = ("entity_id",)

SUPPLIER = pa.schema(
    [
        field("entity_id", _STRING, "The shared soft entity.", required=True),
        field("kind", _STRING, "Its namespace.", required=True, values=tuple(EntityKind)),
        field("cluster_id", _STRING, "A cluster that uses it.", required=True),
        field("records", pa.int64(), "Records of that cluster that name it.", required=True),
        field("clusters", pa.int64(), "Clusters that use it in all.", required=True),
        field("status", _STRING, "Status of the entity.", required=True, values=tuple(Status)),
        field("template", _STRING, "A script's words that many victims heard alike; … for others."),
    ]
)
"""suppliers/: a soft entity (trunk, orig_id, carrier, script, ip) and each cluster it serves."""

SUPPLIER_KEY = ("entity_id", "cluster_id")


class CampaignBasis(StrEnum):
    """The basis of a campaign's place: a probability of simulated worlds, or an order alone."""

    SIMULATED = "simulated"
    RANK = "rank"


_CAMPAIGN_MEMBERS = pa.list_(
    pa.struct(
        [
            field("cluster_id", _STRING, "A cluster, maybe of one identifier."),
            field("entity_ids", _STRINGS, "Up to 12 of its members that records name beside what "
                  "is shared, sorted."),
            field("reporters", pa.int64(), "Distinct reporters who do."),
        ]
    )
)  # fmt: skip

_SHARED_THINGS = pa.list_(
    pa.struct(
        [
            field("thing", _STRING, "Id of a script, trunk or origination id, or block: and the "
                  "number with an x for each digit that differs."),
            field("members", pa.int64(), "Members that use it."),
            field("reporters", pa.int64(), "Distinct reporters who show one doing so."),
        ]
    )
)  # fmt: skip

CAMPAIGN = pa.schema(
    [
        field("campaign_id", _STRING, "Made of what most members share and the cluster of these "
              "that was first seen beside it.", required=True),
        field("rank", pa.int64(), "Its place among the leads of this run; 1 is to be looked at "
              "first.", required=True),
        field("basis", _STRING, "simulated: all records are of a simulated world, and calls show "
              "what every member uses; rank: nothing is known but the order.",
              required=True, values=tuple(CampaignBasis)),
        field("probability", pa.float64(), "That two of its members, drawn at random, are of one "
              "operation, in such worlds; null where the basis is rank."),
        field("members", _CAMPAIGN_MEMBERS, "The clusters.", required=True),
        field("shared", _SHARED_THINGS, "What two or more of them share, most members first.",
              required=True),
        field("reporters", pa.int64(), "Distinct reporters who show that: of each member and thing "
              "32 at most are told apart, and those with one text within hours count as one.",
              required=True),
        field("other_reporters", pa.int64(), "Those of them who name another than the best "
              "attested member.", required=True),
        field("first_seen", TIMESTAMP, "Earliest record that shows it.", required=True),
        field("last_seen", TIMESTAMP, "Latest record that shows it.", required=True),
    ]
)  # fmt: skip
"""campaigns/: leads of this run, for its owner alone. No cluster, and nothing that leaves."""

CAMPAIGN_KEY = ("campaign_id",)

LINEAGE = pa.schema(
    [
        field("cluster_id", _STRING, "The cluster.", required=True),
        field("event", _STRING, "What happened.", required=True, values=tuple(LineageEvent)),
        field("from_ids", _STRINGS, "Clusters of the previous run.", required=True),
        field("to_ids", _STRINGS, "Clusters of this run.", required=True),
        field("members_new", pa.int64(), "Members that were in no cluster of the previous run."),
        field("members_gone", pa.int64(), "Members of the previous run that it holds no more."),
        field(
            "on_one_reporter",
            pa.bool_(),
            "Whether one reporter alone put a member there that was not in it before.",
            required=True,
        ),
        field(
            "rests_on",
            _STRINGS,
            "Up to ten records of that reporter, as organisation and id.",
            required=True,
        ),
    ]
)
"""lineage/: what became of each cluster since the previous run."""

LINEAGE_KEY = ("cluster_id", "event")

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

LINK = pa.schema(
    [
        field("entity_a", _STRING, "The smaller id of the two.", required=True),
        field("entity_b", _STRING, "The larger id of the two.", required=True),
        field("weight", pa.float64(), "Evidence in records' worth.", required=True),
        field(
            "complaints", pa.int64(), "Complaints that with their calls name both.", required=True
        ),
        field("calls", pa.int64(), "Calls of these, and calls that name both.", required=True),
        field("victims", pa.int64(), "Distinct victims among those records.", required=True),
        field("reporters", pa.int64(), "Distinct reporters of those records.", required=True),
        field("orgs", pa.list_(_STRING), "Organisations that saw both, sorted.", required=True),
        field("first_seen", TIMESTAMP, "Earliest record that names both.", required=True),
        field("last_seen", TIMESTAMP, "Latest record that names both.", required=True),
        field("strength", _STRING, "Hard or soft.", required=True, values=tuple(Strength)),
        field("record_ids", pa.list_(_STRING), "Up to ten of the records.", required=True),
        field("records", pa.int64(), "Reports: a complaint with its calls is one.", required=True),
        field("accepted", pa.bool_(), "Whether it holds a cluster together.", required=True),
        field("reason", _STRING, "Why it was accepted or not.", required=True),
        field("facts", FACT_LIST, "The same as codes with arguments.", required=True),
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
        field("alert_id", _STRING, "Hash of the content; equal ids are one alert.", required=True),
        field("kind", _STRING, "Kind of alert.", required=True, values=tuple(AlertKind)),
        field("entity_id", _STRING, "The identifier concerned."),
        field("cluster_id", _STRING, "The cluster concerned."),
        field("known_clusters", _STRINGS, "Clusters of the known run, sorted.", required=True),
        field("reason", _STRING, "Reason in words.", required=True),
        field("observed_at", TIMESTAMP, "Time of the record that raised it.", required=True),
        field("records", pa.int64(), "Records with it in a hard role, up to that one."),
        field("victims", pa.int64(), "Distinct victims among them."),
        field("reporters", pa.int64(), "Distinct reporters among them."),
        field("orgs", _STRINGS, "Organisations that reported it, sorted.", required=True),
        field("record_ids", _STRINGS, "Up to ten of the records, newest first.", required=True),
        field("tied_to", _STRINGS, "Up to ten members linked to it.", required=True),
        field("core", _STRINGS, "Those of them, and of itself, that are core.", required=True),
        field("reviewed", _STRINGS, "Those of the core that were reviewed.", required=True),
        field(
            "flags",
            _STRINGS,
            "What to know of its records, sorted: burst, same_text, one_source and one_reporter; "
            "alone: linked to no other.",
            required=True,
        ),
    ]
)
"""One line of JSON; never about a suppressed, uncorroborated, victim-side or contested identifier.

`entity_id` and `tied_to` alone name identifiers. To a webhook go those in `core`; `left_out` counts
the others there.
"""

ALERT_KEY = ("alert_id",)
