"""Made-up identifiers with the records in which a scammer uses them."""

from datetime import UTC, datetime, timedelta

import numpy as np

from transforms.alerts.rules import IdentifierHistory

START = datetime(2026, 3, 1, 12, tzinfo=UTC)

KNOWN = "c-00000000000000aa"

OTHER = "c-00000000000000bb"


def at(*hours: float) -> list[datetime]:
    """Moments so many hours after the start."""
    return [START + timedelta(hours=hour) for hour in hours]


def history(*hours: float, orgs=None, **more) -> IdentifierHistory:
    """An identifier with a record at each of the hours, each of a victim of its own."""
    count = len(hours)
    fields = {
        "entity_id": "phone:+18885550123",
        "cluster_id": KNOWN,
        "known_cluster": None,
        "joins": False,
        "ties": (),
        "times": np.array([moment.timestamp() * 1e6 for moment in at(*hours)], np.int64),
        "record_ids": [f"amazon|c{n}" for n in range(count)],
        "orgs": list(orgs or ["amazon"] * count),
        "victims": [f"v{n}" for n in range(count)],
        "reporters": [f"amazon|v{n}" for n in range(count)],
        "core": frozenset(["phone:+18885550123"]),
    }
    if "copied" in more:
        more.setdefault("copied_at", fields["times"].tolist())
    return IdentifierHistory(**fields | more)
