"""The decision of an analyst on one or two entities, which binds every later run."""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

from schemas.field import TIMESTAMP, field

_STRING = pa.string()


class DecisionKind(StrEnum):
    """Kinds of decisions."""

    LEGITIMATE = "legitimate"
    CONFIRM = "confirm"
    MUST_LINK = "must_link"
    CANNOT_LINK = "cannot_link"
    DISPUTE = "dispute"
    REVIEW = "review"
    SUSPECT_HELD = "suspect_held"
    VICTIM_OWNED = "victim_owned"


PAIR_DECISIONS = (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK)
"""Kinds that are about two entities."""

DECISION = pa.schema(
    [
        field("decision_id", _STRING, "Unique in its file.", required=True),
        field("kind", _STRING, "What is decided.", required=True, values=tuple(DecisionKind)),
        field("entity_a", _STRING, "Entity id, E.164 number, domain or e-mail.", required=True),
        field("entity_b", _STRING, "The other one, for must_link and cannot_link alone."),
        field("author", _STRING, "Who decided.", required=True),
        field("reason", _STRING, "Why; it is shown beside what it changed.", required=True),
        field("decided_at", TIMESTAMP, "When; not in force before.", required=True),
        field("expires_at", TIMESTAMP, "From when it is no longer in force."),
    ]
)
"""One row of a decisions file, CSV or JSON Lines."""
