"""The decision of an analyst on one or two entities, which binds every later run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from schemas.field import FLAG, TEXTS, TIMESTAMP, contract, optional, required


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

CLUSTER_DECISIONS = (DecisionKind.CONFIRM, DecisionKind.DISPUTE)
"""Kinds that cover the whole cluster of their entity, as it was when they were bound."""

REVIEWING_DECISIONS = (DecisionKind.CONFIRM, DecisionKind.REVIEW)
"""Kinds after which the members that they cover count as reviewed."""

SUSPECTS_DECISIONS = (DecisionKind.CONFIRM, DecisionKind.REVIEW, DecisionKind.SUSPECT_HELD)
"""Kinds that say an identifier is a suspect's."""

OTHERS_DECISIONS = (DecisionKind.LEGITIMATE, DecisionKind.VICTIM_OWNED, DecisionKind.DISPUTE)
"""Kinds that say it is not, or not known to be."""

ACCUSING_DECISIONS = (
    DecisionKind.CONFIRM,
    DecisionKind.REVIEW,
    DecisionKind.MUST_LINK,
    DecisionKind.SUSPECT_HELD,
)
"""Kinds that say that a suspect holds something: they can name an innocent."""

PROTECTING_DECISIONS = (
    DecisionKind.LEGITIMATE,
    DecisionKind.DISPUTE,
    DecisionKind.CANNOT_LINK,
    DecisionKind.VICTIM_OWNED,
)
"""Kinds that keep something from being named; they hold for every epoch of an identifier."""

DECISION = contract(
    required(decision_id="Unique in its file."),
    required(DecisionKind, kind="What is decided."),
    required(entity_a="Entity id, E.164 number, domain or e-mail."),
    optional(entity_b="The other one, for must_link and cannot_link alone."),
    required(author="Who decided.", reason="The reason, which is shown beside each change."),
    required(TIMESTAMP, decided_at="When; not in force before."),
    optional(TIMESTAMP, expires_at="From when it is no longer in force."),
)
"""One row of a decisions file, CSV or JSON Lines."""

BINDING = contract(
    required(
        TEXTS,
        members="Entity ids that it covers, sorted: those of then, and none that came later. A "
        "victim's own is withheld.",
    ),
    required(members_digest="SHA-256 of the members, one a line, in hexadecimal."),
    optional(
        TEXTS,
        used="For each member, the first and the last day (UTC) on which records of that run show "
        "a suspect using it, such as 2024-01-05/2024-03-09; empty where none does, and for a "
        "victim's own. It tells the epochs of an identifier apart in later runs.",
    ),
    optional(run_id="The run that showed these members; null for this run."),
    optional(
        TIMESTAMP,
        bound_from="First record of that run; null where it had none.",
        bound_to="Last record of that run; null where it had none.",
    ),
)
"""The facts that a decision is bound to.

A row of a decisions file that `ringtrace decide` wrote has these columns too: `members` and `used`
are then lists in JSON, also in CSV.
"""

SEEN = contract(
    optional(
        evidence_digest="SHA-256 of the rows of members/, entities/ and links/ that its author was "
        "shown, in hexadecimal: of the cluster of its entity, and of the other one's after a "
        "blank.",
        compared_with="The digests that these tables were compared with when it was made.",
        opened="The narratives and links that its author had opened by then; none on a command "
        "line.",
    )
)
"""The evidence that stood before the author; a row of an earlier release has none of it."""

CHAIN = contract(
    optional(
        previous="SHA-256 of the signed row before it, empty for the first one.",
        key_id="Fingerprint of the key that signed the row.",
        signature="Its Ed25519 signature of all the others, in base64.",
    )
)
"""The columns by which the rows that `ringtrace decide` wrote are signed and chained.

A row that was typed has none of them. One row that was edited, removed or moved breaks the chain.
"""

BOUND_DECISION = contract(
    DECISION,
    BINDING,
    optional(
        signed_by="Fingerprint of the key that signed the row in its file; null for a row that was "
        "typed, or signed by a key that was not known or is void."
    ),
    required(
        FLAG,
        in_force="False for one that has expired, that another one sets aside, or that was made "
        "later than --as-of.",
    ),
)
"""decisions/: analysts' decisions, each bound to the facts that it was made on.

A later run with this one as --previous takes the binding over.
"""


def members_digest(members: Iterable[str]) -> str:
    """Returns the SHA-256 of the ids of a cluster's members, sorted and one a line, in hex.

    Decisions and counts of shared victims name a cluster by it: it is void once a member changed.
    """
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()
