"""The people who judge, and the conditions for a second person's judgement.

The second person must not see the first verdict (`is_blind`). Cohen's kappa measures agreement
(J. Cohen, "A coefficient of agreement for nominal scales", 1960).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

from schemas.decision import ACCUSING_DECISIONS, CLUSTER_DECISIONS, REVIEWING_DECISIONS
from schemas.records import Record, one_of
from schemas.signed_fields import Digest
from transforms.decode import without_formula

if TYPE_CHECKING:
    from transforms.decisions.in_force import Decision

ROLES = ("reader", "analyst", "reviewer", "runner", "owner")
"""Every role reads runs without narratives. An owner also sees who read narratives."""

JUDGING_ROLES = frozenset({"analyst", "reviewer"})

MOST_NAME = 80

WAITS = "waits for the decision of a second person"

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Characters that Unicode calls printable, but that are invisible."""


def person_name(text: str) -> str:
    """Returns a name in NFC with single blanks.

    Returns an empty text if it is too long, is not visible text, or begins as a formula does.
    """
    name = " ".join(filter(None, unicodedata.normalize("NFC", text).split(" ")))
    is_seen = name.isprintable() and not _UNSEEN.search(name) and any(map(str.isalnum, name))
    is_name = is_seen and len(name) <= MOST_NAME and without_formula(name) == name
    return name if is_name else ""


def compared_name(text: str) -> str:
    """Returns a name for comparison: without case, width and repeated blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


class Person(Record):
    """Somebody who works with runs.

    Attributes:
        id: The author in decisions; it never changes.
        name: The name to show; if empty, the id is shown.
        names: Further names, from a proxy or in old decisions.
        roles: Some of `ROLES`.
        key: Fingerprint of the key that signs their decisions, if they have one.
    """

    id: str
    name: str = ""
    names: tuple[str, ...] = ()
    roles: frozenset[Annotated[str, one_of(ROLES)]] = frozenset()
    key: Digest | None = None

    @property
    def may_judge(self) -> bool:
        """True if one of their roles may decide."""
        return not self.roles.isdisjoint(JUDGING_ROLES)

    def all_names(self) -> list[str]:
        """Returns the id and all names."""
        return [self.id, self.name or self.id, *self.names]


People = Mapping[str, Person]
"""People by each of their names (`compared_name`), and by the fingerprints of their keys."""

NOBODY: People = {}


def may_sign(key: str | None, author: str, people: People) -> bool:
    """Tells whether a key signs for an author: their own key, or a server's if they have none."""
    person = people.get(compared_name(author))
    owner = people.get(key or "", person)
    return owner is person and (person is None or person.key in (None, key))


def signed_by_their_authors(decisions: Iterable[Decision], people: People) -> tuple[Decision, ...]:
    """Makes accusing decisions void unless the key of their author signed them."""
    return tuple(
        replace(decision, void="is not signed by the key of its author")
        if decision.void is None
        and decision.kind in ACCUSING_DECISIONS
        and not may_sign(decision.signed_by, decision.author, people)
        else decision
        for decision in decisions
    )


def await_second_person(
    decisions: Iterable[Decision],
    kinds: Container[str],
    people: People = NOBODY,
    as_of: datetime | None = None,
) -> tuple[Decision, ...]:
    """Makes decisions of some kinds void unless a second person made the same decision.

    The second decision has the same kind, entities and members, and lasts at least as long. Each
    key is one person, except that a server may sign for listed people without keys. If people are
    listed, both must be listed, both may judge, and one must be a reviewer. Decisions after
    `as_of` do not count.
    """
    every = tuple(decisions)
    same: dict[object, list[Decision]] = defaultdict(list)
    for decision in every:
        if as_of is None or decision.decided_at <= as_of:
            same[_judged(decision)].append(decision)
    return tuple(
        replace(decision, void=WAITS)
        if decision.kind in kinds
        and decision.void is None
        and not any(_seconds(decision, second, people) for second in same[_judged(decision)])
        else decision
        for decision in every
    )


def _judged(decision: Decision) -> object:
    return decision.kind, frozenset(decision.entities), decision.digest


def _seconds(decision: Decision, second: Decision, people: People) -> bool:
    """Returns True if another person made `second`; both decisions are about the same subject."""
    keys = {decision.signed_by, second.signed_by}
    names = {compared_name(decision.author), compared_name(second.author)}
    known = [people[name] for name in names if name in people]
    if second.void is not None or None in keys:
        return False
    if people:
        if len(known) < len(names) or len({person.id for person in known}) < 2:
            return False
        has_reviewer = any("reviewer" in person.roles for person in known)
        if not has_reviewer or not all(person.may_judge for person in known):
            return False
    is_served = bool(people) and all(person.key is None for person in known)
    ends = second.expires_at
    return (
        len(names) == 2
        and (len(keys) == 2 or is_served)
        and (ends is None or (decision.expires_at is not None and decision.expires_at <= ends))
    )


def is_blind(recorded: Iterable[Decision], people: People) -> Callable[[Decision], bool]:
    """Returns a test for verdicts that only their author may see yet.

    Two people judge the same evidence, each without seeing the verdict of the other.

    Args:
        recorded: Recorded decisions after `await_second_person`, without any that can be undone.
        people: The people, if they are known.
    """
    judges: dict[object, set[str]] = defaultdict(set)
    for decision in recorded:
        if decision.evidence_digest:
            judges[_subject(decision)].add(_author_id(decision, people))

    def is_hidden(decision: Decision) -> bool:
        reviews = decision.kind in REVIEWING_DECISIONS
        counts = reviews and decision.signed_by and decision.void is None
        return (
            (reviews or decision.kind in CLUSTER_DECISIONS)
            and not counts
            and len(judges.get(_subject(decision), ())) < 2
        )

    return is_hidden


def judged_by_two(
    decisions: Iterable[Decision], people: People = NOBODY
) -> list[tuple[Decision, Decision]]:
    """Returns the first decisions of the first two people who judged the same evidence."""
    firsts: dict[object, dict[str, Decision]] = defaultdict(dict)
    for decision in sorted(decisions, key=attrgetter("decided_at", "decision_id")):
        if decision.evidence_digest:
            firsts[_subject(decision)].setdefault(_author_id(decision, people), decision)
    pairs = (tuple(judged.values()) for judged in firsts.values())
    return [(pair[0], pair[1]) for pair in pairs if len(pair) > 1]


def cohens_kappa(verdicts: Iterable[tuple[object, ...]]) -> float | None:
    """Returns the agreement of first and second verdicts beyond chance; 1 is perfect.

    None if chance explains all agreement: no verdicts, or all verdicts equal.
    """
    pairs = list(verdicts)
    if not pairs:
        return None
    count = len(pairs)
    firsts, seconds = (Counter(side) for side in zip(*pairs, strict=True))
    observed = sum(first == second for first, second in pairs) / count
    by_chance = sum(firsts[each] * seconds[each] for each in firsts) / count**2
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def _subject(decision: Decision) -> object:
    """Returns the evidence that a decision judges: of a cluster, or of identifiers in it."""
    of_cluster = decision.kind in CLUSTER_DECISIONS
    return decision.evidence_digest, () if of_cluster else tuple(sorted(decision.entities))


def _author_id(decision: Decision, people: People) -> str:
    name = compared_name(decision.author)
    return people[name].id if name in people else name
