"""The alert: what an analyst should know of at once, each raised once."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

from schemas.field import TIMESTAMP, field

_STRING = pa.string()

_STRINGS = pa.list_(_STRING)


class AlertKind(StrEnum):
    """Reasons for an alert."""

    THRESHOLD = "threshold"
    SEVERAL_ORGS = "several_orgs"
    JOINED_CLUSTER = "joined_cluster"
    CLUSTERS_MERGE = "clusters_merge"
    BURST = "burst"
    REFERRED_AWAKE = "referred_awake"


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
    ]
)
"""One line of JSON; never about a suppressed, uncorroborated, victim-side or contested identifier.

`entity_id` and `tied_to` alone name identifiers. To a webhook go those in `core`; `left_out` counts
the others there.
"""

ALERT_KEY = ("alert_id",)
