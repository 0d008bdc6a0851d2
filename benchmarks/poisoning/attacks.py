"""The attacks that are tried: what each liar reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.poisoning.lies import DAYS, END, IN_A_MINUTE, Forgery, Tables, read_rows, some
from schemas.entity import without_epoch

ORGS = ("amazon", "microsoft")

_LOSS = {"loss_amount": "1000000.00", "loss_currency": "USD"}

_NAMES = {"domain": "website", "remote": "AnyDesk id", "wallet": "bitcoin wallet"}
"""Words for kinds of identifiers."""

INVENTED = ("phone:+18775550141", "phone:+18775550267", "phone:+18775550372")


@dataclass(frozen=True)
class Budget:
    """Liars, and the complaints that each of them files."""

    reporters: int
    each: int

    def __str__(self) -> str:
        people = "1 reporter" if self.reporters == 1 else f"{self.reporters} reporters"
        rows = "1 complaint" if self.each == 1 else f"{self.each} complaints"
        return f"{people}, {rows}" if self.reporters == 1 else f"{people}, {rows} each"

    def numbered(self) -> Iterator[tuple[int, int]]:
        """Yields each liar with each of their complaints."""
        yield from ((who, n) for n in range(self.each) for who in range(self.reporters))


BUDGETS = {
    False: tuple(
        Budget(*budget) for budget in ((1, 1), (1, 10), (2, 1), (3, 1), (3, 10), (8, 1), (12, 1))
    ),
    True: tuple(
        Budget(reporters, each) for reporters in (1, 2, 3, 4, 5, 6, 8, 10, 12) for each in (1, 10)
    ),
}
"""Attempts, in their order, by whether the table is the full one."""

BURSTS = (Budget(8, 1), Budget(12, 1), Budget(50, 1))
"""Attempts with pseudonyms of one day, from more than `cluster_facts.BURST_REPORTERS` on."""


@dataclass(frozen=True)
class Target:
    """The view of a liar: the run before, and which clusters and identifiers are attacked.

    `known` are the core members of each of the clusters, those that most people report first, and
    `doubtful` the other members of the two that are confirmed.
    """

    before: Tables
    known: tuple[tuple[str, ...], ...]
    doubtful: tuple[str, ...]
    legitimate: str
    disputed: str

    @staticmethod
    def of(run: Path) -> Target:
        """Chooses the four largest clusters with a phone number."""
        before = Tables.read(run)
        reported = {row["entity_id"]: row["complaints"] for row in read_rows(run, "entities")}
        groups = [
            tuple(sorted(ids, key=lambda entity_id: (-reported[entity_id], entity_id)))
            for ids in before.core_groups().values()
            if any(entity_id.startswith("phone:") for entity_id in ids)
        ]
        numbers = [
            next(entity_id for entity_id in ids if entity_id.startswith("phone:"))
            for ids in groups[:4]
        ]
        confirmed = {before.cluster(ids[0]) for ids in groups[:2]}
        doubtful = [
            entity_id
            for entity_id in sorted(before.members)
            if before.cluster(entity_id) in confirmed and not before.is_core(entity_id)
        ]
        return Target(before, tuple(groups[:4]), tuple(doubtful), numbers[2], numbers[3])

    @property
    def number(self) -> str:
        """The number of the largest cluster that most people report."""
        return next(entity_id for entity_id in self.known[0] if entity_id.startswith("phone:"))

    @property
    def account(self) -> str:
        """The account of the second cluster that most people report, or what else is no number."""
        others = [entity_id for entity_id in self.known[1] if not entity_id.startswith("phone:")]
        return next(
            (entity_id for entity_id in others if entity_id.startswith("account:")), others[0]
        )


Forge = Callable[[Target, Budget, Forgery], None]


def second_doubtful(target: Target, budget: Budget, made: Forgery) -> None:
    """Names what one honest person named beside two of its ring, as a second one would."""
    for who, n in budget.numbered():
        for member in target.doubtful[n :: budget.each]:
            home = target.before.cluster(member)
            ring = next(ids for ids in target.known if target.before.cluster(ids[0]) == home)
            made.complain(who, [member, *some(ring, n, 1)])


def claim_number(target: Target, budget: Budget, made: Forgery) -> None:
    """Calls the ring's number the victim's own, in a field."""
    for who, _ in budget.numbered():
        raw = target.number.removeprefix("phone:")
        made.complain(who, [], phone_numbers=[{"raw": raw, "role": "victim"}])


def claim_all(target: Target, budget: Budget, made: Forgery) -> None:
    """Calls everything of four rings the victim's own at once, in fields and in words."""
    for who, _ in budget.numbered():
        named = [each.split(":", 1) for ids in target.known for each in map(without_epoch, ids)]
        values = [value.removeprefix("iban:").removeprefix("anydesk:") for _, value in named]
        own = [{"raw": value, "role": "victim"} for kind, value in named if kind == "phone"]
        words = "".join(
            f"My own {_NAMES.get(kind, kind)} is {value}. "
            for (kind, _), value in zip(named, values, strict=True)
        )
        made.complain(who, [], narrative=words, phone_numbers=own)


def claim_in_rejects(target: Target, budget: Budget, made: Forgery) -> None:
    """Calls the ring's number the victim's own, in a row that is rejected."""
    for who, _ in budget.numbered():
        raw = target.number.removeprefix("phone:")
        own = [{"raw": raw, "role": "victim"}]
        made.complain(who, [], phone_numbers=own, received_at="yesterday")


def name_two_rings(target: Target, budget: Budget, made: Forgery) -> None:
    """Names one identifier of each of two rings in each complaint."""
    first, second = target.known[:2]
    for who, n in budget.numbered():
        made.complain(who, [first[n % len(first)], second[n % len(second)]])


def absorb(target: Target, budget: Budget, made: Forgery) -> None:
    """Ties every member of the second ring to the first, to make one cluster of both."""
    first, second = target.known[:2]
    for who, n in budget.numbered():
        these = [*some(second, 2 * n, 2), *some(first, n + who, 1)]
        made.complain(who, list(dict.fromkeys(these)))


def hang_on_invented(target: Target, budget: Budget, made: Forgery) -> None:
    """Names the second ring's account beside three numbers that nobody has: a thin join."""
    for who, _ in budget.numbered():
        made.complain(who, [target.account, *INVENTED])


def name_everywhere(target: Target, budget: Budget, made: Forgery) -> None:
    """Names the ring's number beside those of all others, so that it looks like a hub."""
    others = [member for ids in target.known[1:] for member in ids]
    made_of = made.rng.sample(others, len(others))
    for who, n in budget.numbered():
        made.complain(who, [target.number, made_of[(n + 7 * who) % len(made_of)]])


def pull_away(target: Target, budget: Budget, made: Forgery) -> None:
    """Names the members that fewest people report beside another ring's best-known ones."""
    weakest = target.known[0][::-1]
    for who, n in budget.numbered():
        made.complain(who, [weakest[n % 2], *some(target.known[1], n, 1)])


def weld(target: Target, budget: Budget, made: Forgery) -> None:
    """Names two identifiers of each of two confirmed rings in each complaint."""
    first, second = target.known[:2]
    for who, n in budget.numbered():
        made.complain(who, [*some(first, who + n, 2), *some(second, who + n, 2)])


def make_hub(target: Target, budget: Budget, made: Forgery) -> None:
    """Names the ring's own account, or what it has in its place, beside all other rings."""
    others = [member for ids in target.known[2:] for member in ids]
    for who, n in budget.numbered():
        made.complain(who, [target.account, *some(others, budget.each * who + n, 1)])


def make_hub_in_a_minute(target: Target, budget: Budget, made: Forgery) -> None:
    """Does the same in one minute, with one text."""
    others = [member for ids in target.known[2:] for member in ids]
    for who, n in budget.numbered():
        named = [target.account, *some(others, budget.each * who + n, 1)]
        made.complain(who, named, **IN_A_MINUTE)


def burst(
    name: str, fields: Callable[[Random, int], dict[str, Any]], *, calls: bool = False
) -> Forge:
    """Returns an attack in which each liar complains once about the invented numbers.

    `fields` gives the fields of a liar's complaint. With `calls`, each liar also calls a number.
    """

    def forge(_: Target, budget: Budget, made: Forgery) -> None:
        for who in range(budget.reporters):
            made.complain(who, list(INVENTED), **fields(made.rng, who))
            if calls:
                made.call(INVENTED[who % len(INVENTED)])

    forge.__name__ = name
    return forge


def _time(minutes: int) -> str:
    moment = END - timedelta(days=2) + timedelta(minutes=minutes)
    return moment.isoformat(timespec="seconds")


def backdate(target: Target, budget: Budget, made: Forgery) -> None:
    """Names numbers of the ring as seen 300 days before the first record."""
    long_ago = (END - timedelta(days=DAYS + 300)).isoformat()
    for who, n in budget.numbered():
        these = [target.number, target.disputed, *some(target.known[0], n, 1)]
        made.complain(who, list(dict.fromkeys(these)), received_at=long_ago)


def postdate(target: Target, budget: Budget, made: Forgery) -> None:
    """Files complaints that are dated next year."""
    next_year = (END + timedelta(days=365)).isoformat()
    for who, _ in budget.numbered():
        made.complain(who, [target.number], received_at=next_year)


invent_ring = burst("invent_ring", lambda *_: dict(IN_A_MINUTE))
"""Tells of three numbers that nobody has, in one minute, with one text."""

BY_BURSTS = (
    burst("burst_without_words", lambda *_: {"received_at": _time(0), "narrative": ""}),
    burst("burst_with_own_words", lambda _, who: {"received_at": _time(who)}),
    burst("burst_with_losses", lambda _, who: {"received_at": _time(who)} | _LOSS),
    burst("burst_with_calls", lambda _, who: {"received_at": _time(who)}, calls=True),
    burst("burst_of_a_day", lambda rng, _: {"received_at": _time(rng.randrange(23 * 60))}),
    burst(
        "burst_through_two", lambda _, who: {"received_at": _time(who), "source_org": ORGS[who % 2]}
    ),
)
"""Attacks with many pseudonyms at once, tried with `BURSTS`."""

MERGES = (name_two_rings, name_everywhere, absorb, pull_away, claim_number)
"""Attacks that try to merge or split what honest reporters tie."""
