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
    SMALL_INTEGER,
    TEXT,
    TEXTS,
    TIMESTAMP,
    contract,
    list_of,
    optional,
    required,
)

_LOSSES = list_of(
    optional(currency="ISO 4217 code."),
    optional(AMOUNT, amount="Sum of the complaints' losses."),
    optional(INTEGER, complaints="Complaints that state a loss in it."),
)

_COUNTRIES = list_of(
    optional(country="ISO 3166-1 alpha-2."), optional(INTEGER, complaints="Complaints from it.")
)

_BRIDGES = list_of(
    optional(entity_a="One end of the bridge.", entity_b="The other end."),
    optional(NUMBER, weight="Evidence for it, in records' worth."),
    optional(INTEGER, smaller_side="Members that fall off when it is cut."),
)

_PARTS = list_of(
    optional(part="What counts: victims, losses, companies, recency and so on."),
    optional(
        NUMBER,
        value="How much of it, 0 to 1.",
        weight="Its weight in the weights file.",
        points="What it adds to the priority.",
    ),
)


CANDIDATE, CONFIRMED, DISPUTED = "candidate", "confirmed", "disputed"
"""Status of a cluster: what analysts' decisions say of its members; a dispute comes first."""


class ClusterFlag(StrEnum):
    """Facts about a cluster that a person must know before it is used."""

    THIN = "thin"
    CUT_AT_LEAST = "cut_at_least"
    BURST = "burst"
    SAME_TEXT = "same_text"
    ONE_SOURCE = "one_source"
    ONE_REPORTER = "one_reporter"


CLUSTER = contract(
    required(cluster_id="Stable id.", name="A name for people, from the members."),
    required(
        INTEGER,
        size="Members.",
        complaints="Complaints that name a member.",
        calls="Calls that name a member.",
        victims="Distinct victims among them.",
        reporters="Distinct reporters of those records.",
    ),
    optional(_COUNTRIES, countries="Victims' countries, most complaints first."),
    required(
        TEXTS,
        orgs="Organisations that saw a member, sorted.",
        brands="Brands claimed, most often first; last `other`, for all that no list has.",
    ),
    optional(_LOSSES, losses="Loss by currency, sorted by currency."),
    required(TIMESTAMP, first_seen="Earliest record.", last_seen="Latest record."),
    required(status="candidate, confirmed or disputed."),
    required(
        NUMBER,
        priority="Rank for an analyst's day, 0 to 100.",
        confidence="That the members belong together.",
    ),
    optional(_BRIDGES, weakest_bridges="Links whose loss would split it, weakest first."),
    optional(_PARTS, priority_parts="What the priority is made of; the points add up to it."),
    optional(
        TEXTS,
        flags="Cautions, sorted. thin: few reporters tie two sides, and referrals, STIX and "
        "MISP leave it out until a decision confirms the join. cut_at_least: weakest_cut is a "
        "lower bound. burst: most reporters filed once, with one organisation within hours, or "
        "filed within a day, each with a pseudonym; they count as one until reviewed. same_text: "
        "some records tell the same, and count as one. one_source: all records are of one "
        "organisation. one_reporter: all records are of one reporter.",
    ),
    optional(
        INTEGER,
        weakest_cut="The fewest reporters without whom it falls into two "
        "sides of three core members or more; null where no cut leaves such sides, a lower "
        "bound with the flag cut_at_least.",
    ),
    optional(
        TEXTS,
        weakest_side="Members on the side of that cut with fewer core members, sorted.",
        thin_side="With the flag thin: those on that side of the thin join that "
        "no decision vouches for, sorted.",
    ),
)
"""clusters/: one row a cluster; a cluster of one is a cluster."""

MEMBER = contract(
    required(entity_id="The member.", cluster_id="Its one cluster."),
    required(Role, role="Its most frequent role."),
    required(NUMBER, confidence="That it belongs, 0 to 1."),
    required(FLAG, bridge="Whether the cluster falls apart without it."),
    required(
        INTEGER,
        reporters="Distinct reporters who show a suspect using it.",
        robustness="The fewest reporters without whom it is not shown, or not tied to its cluster.",
    ),
    required(Tier, tier="What it may be used for."),
    required(Review, review="Whether a confirm or a review in force covers it."),
    optional(
        near_miss_of="A member with three times the reporters, from which one digit or a swap "
        "differs."
    ),
    optional(
        TIMESTAMP,
        first_used="Earliest record that shows a suspect using it.",
        last_used="Latest record that shows a suspect using it.",
    ),
)
"""members/: which entity is in which cluster."""

SUPPLIER = contract(
    required(entity_id="The shared soft entity."),
    required(EntityKind, kind="Its namespace."),
    required(cluster_id="A cluster that uses it."),
    required(
        INTEGER,
        records="Records of that cluster that name it.",
        clusters="Clusters that use it in all.",
    ),
    required(Status, status="Status of the entity."),
    optional(template="A script's words that many victims heard alike; … for others."),
)
"""suppliers/: a soft entity (trunk, orig_id, carrier, script, ip) and each cluster it serves."""


class CampaignBasis(StrEnum):
    """The basis of a campaign's place: a probability of simulated worlds, or an order alone."""

    SIMULATED = "simulated"
    RANK = "rank"


_CAMPAIGN_MEMBERS = list_of(
    optional(cluster_id="A cluster, maybe of one identifier."),
    optional(
        TEXTS, entity_ids="Up to 12 of its members that records name beside what is shared, sorted."
    ),
    optional(INTEGER, reporters="Distinct reporters who do."),
)

_SHARED_THINGS = list_of(
    optional(
        thing="Id of a script, trunk or origination id, or block: and the "
        "number with an x for each digit that differs."
    ),
    optional(
        INTEGER,
        members="Members that use it.",
        reporters="Distinct reporters who show one doing so.",
    ),
)

CAMPAIGN = contract(
    required(
        campaign_id="Made of what most members share and the cluster of these "
        "that was first seen beside it."
    ),
    required(INTEGER, rank="Its place among the leads of this run; 1 is to be looked at first."),
    required(
        CampaignBasis,
        basis="simulated: all records are of a simulated world, and calls show "
        "what every member uses; rank: nothing is known but the order.",
    ),
    optional(
        NUMBER,
        probability="That two of its members, drawn at random, are of one "
        "operation, in such worlds; null where the basis is rank.",
    ),
    required(_CAMPAIGN_MEMBERS, members="The clusters."),
    required(_SHARED_THINGS, shared="What two or more of them share, most members first."),
    required(
        INTEGER,
        reporters="Distinct reporters who show that: of each member and thing "
        "32 at most are told apart, and those with one text within hours count as one.",
        other_reporters="Those of them who name another than the best attested member.",
    ),
    required(
        TIMESTAMP,
        first_seen="Earliest record that shows it.",
        last_seen="Latest record that shows it.",
    ),
)
"""campaigns/: leads of this run, for its owner alone. No cluster, and nothing that leaves."""

LINEAGE = contract(
    required(cluster_id="The cluster."),
    required(LineageEvent, event="What happened."),
    required(TEXTS, from_ids="Clusters of the previous run.", to_ids="Clusters of this run."),
    optional(
        INTEGER,
        members_new="Members that were in no cluster of the previous run.",
        members_gone="Members of the previous run that it holds no more.",
    ),
    required(
        FLAG,
        on_one_reporter="Whether one reporter alone put a member there that was not in it before.",
    ),
    required(TEXTS, rests_on="Up to ten records of that reporter, as organisation and id."),
)
"""lineage/: what became of each cluster since the previous run."""

COMPONENT = contract(
    required(
        TEXT,
        fingerprint="BLAKE2b (128 bits, hex) of its members' hashes, its ties and how it was "
        "searched.",
    ),
    required(
        pa.list_(SMALL_INTEGER),
        parts="Per member, by hash: the place of the first of its community.",
    ),
    required(NUMBER, quality="Modularity times the weight of all ties."),
)
"""islands/: what a later run need not search again; it adds nothing to members/."""

LINK = contract(
    required(entity_a="The smaller id of the two.", entity_b="The larger id of the two."),
    required(NUMBER, weight="Evidence in records' worth."),
    required(
        INTEGER,
        complaints="Complaints that with their calls name both.",
        calls="Calls of these, and calls that name both.",
        victims="Distinct victims among those records.",
        reporters="Distinct reporters of those records.",
    ),
    required(TEXTS, orgs="Organisations that saw both, sorted."),
    required(
        TIMESTAMP,
        first_seen="Earliest record that names both.",
        last_seen="Latest record that names both.",
    ),
    required(Strength, strength="Hard or soft."),
    required(TEXTS, record_ids="Up to ten of the records."),
    required(INTEGER, records="Reports: a complaint with its calls is one."),
    required(FLAG, accepted="Whether it holds a cluster together."),
    required(reason="Why it was accepted or not."),
    required(FACT_LIST, facts="The same as codes with arguments."),
)
"""links/: every pair of entities that some record names together."""


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

ALERT = contract(
    required(alert_id="Hash of the content; equal ids are one alert."),
    required(AlertKind, kind="Kind of alert."),
    optional(entity_id="The identifier concerned.", cluster_id="The cluster concerned."),
    required(TEXTS, known_clusters="Clusters of the known run, sorted."),
    required(reason="Reason in words."),
    required(TIMESTAMP, observed_at="Time of the record that raised it."),
    optional(
        INTEGER,
        records="Records with it in a hard role, up to that one.",
        victims="Distinct victims among them.",
        reporters="Distinct reporters among them.",
    ),
    required(
        TEXTS,
        orgs="Organisations that reported it, sorted.",
        record_ids="Up to ten of the records, newest first.",
        tied_to="Up to ten members linked to it.",
        core="Those of them, and of itself, that are core.",
        reviewed="Those of the core that were reviewed.",
        flags="What to know of its records, sorted: burst, same_text, one_source and one_reporter; "
        "alone: linked to no other.",
    ),
)
"""One line of JSON; never about a suppressed, uncorroborated, victim-side or contested identifier.

`entity_id` and `tied_to` alone name identifiers. To a webhook go those in `core`; `left_out` counts
the others there.
"""

ALERT_KEY = ("alert_id",)
