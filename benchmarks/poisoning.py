"""The lies that each harm costs: `python -m benchmarks.poisoning [--full]`, in Markdown.

The first table, of `benchmarks.poisoning_kinds`, has what naming a stranger costs, by kind of
identifier. The second has all other harms, on fresh simulated worlds of twelve rings and 300
complaints. On each, an analyst confirms two clusters, declares one number legitimate and disputes
another (both for a month), from a run that the next one follows. Then liars add complaints, and
`ringtrace batch` runs again, whole, over the world with these. A liar is one reporter of one
company, with a pseudonym, days and words of their own unless the attack says otherwise, and knows
everything: the identifiers of every cluster and how many reporters show each.

Every attack is tried with more and more liars, each with one complaint and with ten; the table says
the least that did the harm in any of the tries, and in how many. Attacks are written to do harm:
where the table says that none succeeded, none of these did. One world and few numbers of liars take
under six minutes on two cores; `--full` takes three worlds and more numbers. Long, since each
attack stands beside the judge of its harm.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations, product
from math import inf
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.dataset as ds

import ringtrace
from benchmarks import measured
from pipelines import cli
from pipelines.key_store import HOME_VARIABLE
from pipelines.simulate import World, simulate
from reports.disclosure_control import is_thin
from schemas.entity import without_epoch

Rows = list[dict[str, Any]]

FIRST_SEED = 9001

TRIES = {False: 1, True: 3}
"""The worlds that are tried, by whether the table is the full one."""

DAYS = 60

END = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=DAYS)
"""The end of the world: when the analyst decides, and what the clock shows then."""

NOW = END + timedelta(days=1)

FIRM = 3
"""Robustness from which one reporter more or less must not decide."""

INVENTED = ("phone:+18775550141", "phone:+18775550267", "phone:+18775550372")

_WORDS = (
    "agent asked bank bought button called card charge check claim clerk code computer dialog "
    "evening form friend gift hour invoice laptop letter line link manager message minute money "
    "morning mother notice office order package pay phone pop-up price promised refund renew "
    "said screen search sister site spoke store stranger supervisor support switched teller ticket "
    "transfer truck virus voice waited warehouse website week window wire wrote"
).split()


IN_A_MINUTE = {
    "received_at": (END - timedelta(days=2)).isoformat(timespec="seconds"),
    "narrative": "they took all my savings and laughed when I asked them to give any of it back so "
    "everybody should report these people to the police right now before others lose money too",
}

DECISION = "decision_id kind entity_a entity_b author reason decided_at expires_at".split()


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
        Budget(*one) for one in ((1, 1), (1, 10), (2, 1), (3, 1), (3, 10), (8, 1), (12, 1))
    ),
    True: tuple(
        Budget(reporters, each) for reporters in (1, 2, 3, 4, 5, 6, 8, 10, 12) for each in (1, 10)
    ),
}
"""Attempts, in their order, by whether the table is the full one."""

BURSTS = (Budget(8, 1), Budget(12, 1), Budget(50, 1))
"""Attempts with pseudonyms of one day, from more than `cluster_facts.BURST_REPORTERS` on."""


@dataclass(frozen=True)
class Tables:
    """A run: its members by id, the status of its identifiers and clusters, its alarms.

    `thin` are the clusters of which nothing leaves, `first` the one that ranks first. `offered` has
    the identifiers that an offer of it to a partner holds, if one was made, with their clusters.
    """

    members: Mapping[str, Mapping[str, Any]]
    status: Mapping[str, str]
    alarms: frozenset[str]
    clusters: Mapping[str, str]
    offered: Mapping[str, int] = field(default_factory=dict)
    thin: frozenset[str] = frozenset()
    first: str | None = None

    @staticmethod
    def read(run: Path, offered: Mapping[str, int] | None = None) -> Tables:
        """Reads a run."""
        members = {row["entity_id"]: row for row in _rows(run, "members")}
        manifest = json.loads((run / "manifest.json").read_bytes())
        clusters = _rows(run, "clusters")
        ranked = sorted(clusters, key=lambda row: (-row["priority"], row["cluster_id"]))
        return Tables(
            members,
            {row["entity_id"]: row["status"] for row in _rows(run, "entities")},
            frozenset(alarm["code"] for alarm in manifest["alarms"]),
            {row["cluster_id"]: row["status"] for row in clusters},
            offered or {},
            frozenset(row["cluster_id"] for row in clusters if is_thin(row)),
            ranked[0]["cluster_id"] if ranked else None,
        )

    def is_core(self, entity_id: str) -> bool:
        """Returns whether it is a core member."""
        row = self.members.get(entity_id)
        return row is not None and row["tier"] == "core"

    def may_leave(self, entity_id: str) -> bool:
        """Returns whether a referral, a request, STIX or MISP may name it after a confirmation."""
        if not self.is_core(entity_id):
            return False
        row = self.members[entity_id]
        cluster = row["cluster_id"]
        stays = self.clusters[cluster] == "disputed" or cluster in self.thin
        return not stays and row["review"] == "reviewed"

    def cluster(self, entity_id: str) -> str | None:
        """Returns the cluster of a member."""
        row = self.members.get(entity_id)
        return None if row is None else str(row["cluster_id"])

    def core_groups(self) -> dict[str, list[str]]:
        """Returns the core members of each cluster that has two or more, the largest first."""
        groups: defaultdict[str, list[str]] = defaultdict(list)
        for one in sorted(self.members):
            if self.is_core(one):
                groups[self.members[one]["cluster_id"]].append(one)
        several = [(of, ids) for of, ids in groups.items() if len(ids) > 1]
        return dict(sorted(several, key=lambda pair: (-len(pair[1]), pair[0])))


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
        reported = {row["entity_id"]: row["complaints"] for row in _rows(run, "entities")}
        groups = [
            tuple(sorted(ids, key=lambda one: (-reported[one], one)))
            for ids in before.core_groups().values()
            if any(one.startswith("phone:") for one in ids)
        ]
        numbers = [next(one for one in ids if one.startswith("phone:")) for ids in groups[:4]]
        confirmed = {before.cluster(ids[0]) for ids in groups[:2]}
        doubtful = [
            one
            for one in sorted(before.members)
            if before.cluster(one) in confirmed and not before.is_core(one)
        ]
        return Target(before, tuple(groups[:4]), tuple(doubtful), numbers[2], numbers[3])

    @property
    def number(self) -> str:
        """The number of the largest cluster that most people report."""
        return next(one for one in self.known[0] if one.startswith("phone:"))

    @property
    def account(self) -> str:
        """The account of the second cluster that most people report, or what else is no number."""
        others = [one for one in self.known[1] if not one.startswith("phone:")]
        return next((one for one in others if one.startswith("account:")), others[0])


@dataclass
class Forgery:
    """The complaints and calls of liars."""

    rng: Random
    complaints: Rows = field(default_factory=list)
    calls: Rows = field(default_factory=list)

    def complain(self, who: object, entity_ids: list[str], **fields: Any) -> None:
        """Adds a complaint of liar `who` that names these as the suspect's."""
        number = len(self.complaints)
        day = END - timedelta(days=1 + number % 9, minutes=self.rng.randrange(1000))
        row: dict[str, Any] = {
            "complaint_id": f"LIE{number:05}",
            "source_org": "amazon",
            "received_at": day.isoformat(timespec="seconds"),
            "victim_id": f"liar-{who}",
            "victim_country": "US",
            "channel": "phone_inbound",
            "claimed_brand": "Amazon",
            "narrative": " ".join(self.rng.choices(_WORDS, k=40)),
        }
        for one in entity_ids:
            name, value = as_field(one)
            row.setdefault(name, []).append(value)
        self.complaints.append(row | fields)

    def call(self, entity_id: str) -> None:
        """Adds the call record of the last complaint: its liar really dials the number."""
        last = self.complaints[-1]
        self.calls.append(
            {
                "call_id": f"LIEC{len(self.calls):05}",
                "source_org": last["source_org"],
                "started_at": last["received_at"],
                "duration_seconds": 60,
                "direction": "outbound",
                "calling_number": "+12125550101",
                "called_number": entity_id.removeprefix("phone:"),
                "victim_id": last["victim_id"],
                "victim_country": "US",
                "complaint_id": last["complaint_id"],
            }
        )

    def write(self, folder: Path) -> dict[str, list[str]]:
        """Writes the records; returns the files by kind, those of none left out."""
        found = {}
        for kind, rows in (("complaints", self.complaints), ("calls", self.calls)):
            if rows:
                path = folder / f"{kind}.jsonl"
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
                found[kind] = [str(path)]
        return found


Forge = Callable[[Target, Budget, Forgery], None]


def second_doubtful(target: Target, budget: Budget, made: Forgery) -> None:
    """Names what one honest person named beside two of its ring, as a second one would."""
    for who, n in budget.numbered():
        for one in target.doubtful[n :: budget.each]:
            home = target.before.cluster(one)
            ring = next(ids for ids in target.known if target.before.cluster(ids[0]) == home)
            made.complain(who, [one, *some(ring, n, 1)])


def claim_number(target: Target, budget: Budget, made: Forgery) -> None:
    """Calls the ring's number the victim's own, in a field."""
    for who, _ in budget.numbered():
        raw = target.number.removeprefix("phone:")
        made.complain(who, [], phone_numbers=[{"raw": raw, "role": "victim"}])


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
    others = [one for ids in target.known[1:] for one in ids]
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
    others = [one for ids in target.known[2:] for one in ids]
    for who, n in budget.numbered():
        made.complain(who, [target.account, *some(others, budget.each * who + n, 1)])


def make_hub_in_a_minute(target: Target, budget: Budget, made: Forgery) -> None:
    """Does the same in one minute, with one text."""
    others = [one for ids in target.known[2:] for one in ids]
    for who, n in budget.numbered():
        named = [target.account, *some(others, budget.each * who + n, 1)]
        made.complain(who, named, **IN_A_MINUTE)


def invent_ring(_: Target, budget: Budget, made: Forgery) -> None:
    """Tells of three numbers that nobody has, in one minute, with one text."""
    for who in range(budget.reporters):
        made.complain(who, list(INVENTED), **IN_A_MINUTE)


def burst_without_words(_: Target, budget: Budget, made: Forgery) -> None:
    """Tells of these numbers in one minute, without a narrative."""
    for who in range(budget.reporters):
        made.complain(who, list(INVENTED), received_at=_time(0), narrative="")


def burst_with_own_words(_: Target, budget: Budget, made: Forgery) -> None:
    """Tells of them in one hour, each in words of their own."""
    for who in range(budget.reporters):
        made.complain(who, list(INVENTED), received_at=_time(who))


def burst_with_losses(_: Target, budget: Budget, made: Forgery) -> None:
    """Does so, and states a loss of a million each."""
    for who in range(budget.reporters):
        lost = {"loss_amount": "1000000.00", "loss_currency": "USD"}
        made.complain(who, list(INVENTED), received_at=_time(who), **lost)


def burst_with_calls(_: Target, budget: Budget, made: Forgery) -> None:
    """Does so, and calls one of the numbers each."""
    for who in range(budget.reporters):
        made.complain(who, list(INVENTED), received_at=_time(who))
        made.call(INVENTED[who % len(INVENTED)])


def burst_of_a_day(_: Target, budget: Budget, made: Forgery) -> None:
    """Tells of them at any time of 23 hours."""
    for who in range(budget.reporters):
        made.complain(who, list(INVENTED), received_at=_time(made.rng.randrange(23 * 60)))


def burst_through_two(_: Target, budget: Budget, made: Forgery) -> None:
    """Tells of them in an hour, half through either company."""
    for who in range(budget.reporters):
        org = ("amazon", "microsoft")[who % 2]
        made.complain(who, list(INVENTED), received_at=_time(who), source_org=org)


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


@dataclass(frozen=True)
class Case:
    """An attack: its aim, the run without the lies (`control`), and the one with them (`after`)."""

    target: Target
    control: Tables
    after: Tables

    def promoted(self) -> bool:
        """Returns whether a package names what it would not name without the lies."""
        return any(
            self.after.may_leave(one) and not self.control.may_leave(one)
            for one in self.target.doubtful
        )

    def erased(self) -> bool:
        """Returns whether the ring's number is gone without an alarm."""
        gone = self.target.number not in self.after.members
        return gone and not self.after.alarms - self.control.alarms

    def stopped(self) -> bool:
        """Returns whether the ring's number no longer leaves, whatever is raised."""
        return self.control.is_core(self.target.number) and not self.after.is_core(
            self.target.number
        )

    def suspended(self) -> bool:
        """Returns whether a member of the second ring no longer leaves."""
        return any(
            self.control.may_leave(one) and not self.after.may_leave(one)
            for one in self.target.known[1]
        )

    def merged(self) -> bool:
        """Returns whether members of two clusters, each tied by three reporters, are in one."""
        return any(together and not before for before, together in self._pairs(FIRM))

    def split(self) -> bool:
        """Returns whether members of one cluster, each tied by three reporters, are in two."""
        return any(before and not together for before, together in self._pairs(FIRM))

    def moved(self) -> bool:
        """Returns whether any core member is with others now, those that two reporters tie too."""
        return any(before != together for before, together in self._pairs())

    def welded(self) -> bool:
        """Returns whether core members of two confirmed rings are in one cluster."""
        return any(together and not before for before, together in self._pairs_of_two())

    def weld_in_package(self) -> bool:
        """Returns whether a package names core members of two confirmed rings as one ring's."""
        return any(
            self.after.may_leave(one)
            and self.after.may_leave(other)
            and self.after.cluster(one) == self.after.cluster(other)
            and self.control.cluster(one) != self.control.cluster(other)
            for one, other in product(*self.target.known[:2])
        )

    def weld_in_offer(self) -> bool:
        """Returns whether an offer names members of two confirmed rings as one ring's."""
        offered = self.after.offered
        return any(
            one in offered
            and offered[one] == offered.get(other)
            and self.control.cluster(one) != self.control.cluster(other)
            for one, other in product(*self.target.known[:2])
        )

    def hubbed(self) -> bool:
        """Returns whether the ring's own account is in no cluster any more."""
        account = self.target.account
        return account in self.control.members and account not in self.after.members

    def invented_first(self) -> bool:
        """Returns whether a ring that nobody but liars tells of ranks first."""
        first = self.after.first
        return first is not None and first in map(self.after.cluster, INVENTED)

    def invented_core(self) -> bool:
        """Returns whether a number of that ring is core."""
        return any(map(self.after.is_core, INVENTED))

    def renamed(self) -> bool:
        """Returns whether what was a ring's first epoch is core under a later epoch's id now.

        An epoch that liars made up beside it has fewer reporters than the ring's own.
        """
        aimed = {*self.target.known[0], self.target.disputed}
        return any(
            (first := without_epoch(one)) in aimed
            and one != first
            and self.after.is_core(one)
            and not self.control.is_core(one)
            and row.get("reporters", inf) >= self.control.members.get(first, {}).get("reporters", 0)
            for one, row in self.after.members.items()
        )

    def dispute_lapsed(self) -> bool:
        """Returns whether the disputed number, or a core epoch of it, is in no disputed cluster.

        An epoch that is not core does not leave, and lets nobody dispute another ring by it.
        """
        clusters = (
            row["cluster_id"]
            for one, row in self.after.members.items()
            if one == self.target.disputed
            or (without_epoch(one) == self.target.disputed and self.after.is_core(one))
        )
        return any(self.after.clusters[one] != "disputed" for one in clusters)

    def legitimate_lapsed(self) -> bool:
        """Returns whether a number that an analyst declared legitimate is a member again."""
        return any(without_epoch(one) == self.target.legitimate for one in self.after.members)

    def _pairs_of_two(self) -> Iterator[tuple[bool, bool]]:
        """Yields whether two are together, without and with the lies, of two confirmed rings."""
        for one, other in product(*self.target.known[:2]):
            if self.after.is_core(one) and self.after.is_core(other):
                yield (
                    self.control.cluster(one) == self.control.cluster(other),
                    self.after.cluster(one) == self.after.cluster(other),
                )

    def _pairs(self, least: int = 0) -> Iterator[tuple[bool, bool]]:
        """Yields whether two are together, without and with the lies, of all core members.

        Only those whose robustness was `least` or more count.
        """
        control, after = self.control, self.after
        core = [
            one
            for one, row in control.members.items()
            if control.is_core(one) and after.is_core(one) and row["robustness"] >= least
        ]
        for one, other in combinations(core, 2):
            yield (
                control.cluster(one) == control.cluster(other),
                after.cluster(one) == after.cluster(other),
            )


@dataclass(frozen=True)
class Harm:
    """One row of the table: the harm, how it is judged, and the attacks that are tried for it."""

    name: str
    judge: Callable[[Case], bool]
    attacks: tuple[Forge, ...]


_BURSTS = (
    burst_without_words,
    burst_with_own_words,
    burst_with_losses,
    burst_with_calls,
    burst_of_a_day,
    burst_through_two,
)

_MERGES = (name_two_rings, name_everywhere, absorb, pull_away, claim_number)

HARMS = (
    Harm("add to a package what one honest reporter names", Case.promoted, (second_doubtful,)),
    Harm("weld two confirmed rings: one cluster", Case.welded, (weld,)),
    Harm("... named as one ring in a package", Case.weld_in_package, (weld,)),
    Harm("... named as one ring in an offer", Case.weld_in_offer, (weld,)),
    Harm("merge core members that three honest reporters tie", Case.merged, _MERGES),
    Harm("split core members that three honest reporters tie", Case.split, _MERGES),
    Harm("move a core member that two honest reporters tie", Case.moved, _MERGES),
    Harm("take a ring's number out, unseen", Case.erased, (claim_number, claim_in_rejects)),
    Harm("keep a ring's number from leaving", Case.stopped, (claim_number, claim_in_rejects)),
    Harm("keep a ring from leaving by a tie to another", Case.suspended, (absorb,)),
    Harm("... to three numbers that nobody else names", Case.suspended, (hang_on_invented,)),
    Harm("make a ring's own account a hub", Case.hubbed, (make_hub,)),
    Harm("... in one minute, with one text", Case.hubbed, (make_hub_in_a_minute,)),
    Harm("rank a made-up ring first, with one text", Case.invented_first, (invent_ring,)),
    Harm("... and into the core", Case.invented_core, (invent_ring,)),
    Harm("... with most of its reporters of a day", Case.invented_first, _BURSTS),
    Harm("... and into the core, so that it leaves in an export", Case.invented_core, _BURSTS),
    Harm("rename an epoch", Case.renamed, (backdate, postdate)),
    Harm("lapse a dispute", Case.dispute_lapsed, (backdate, postdate)),
    Harm("lapse an expiring `legitimate`", Case.legitimate_lapsed, (backdate, postdate)),
)

ATTACKS = tuple(dict.fromkeys(attack for harm in HARMS for attack in harm.attacks))


@dataclass
class Outcome:
    """The least budget that did a harm in any try, the tries in which it did, and the alarms."""

    budget: Budget | None = None
    seeds: set[int] = field(default_factory=set)
    attacks: set[str] = field(default_factory=set)
    alarms: set[str] = field(default_factory=set)


def prepare(place: Path, seed: int) -> None:
    """Makes the world of a seed, its first run, the analyst's decisions, and the run after them."""
    world = World(seed=seed, complaints=300, operations=12, days=DAYS)
    simulate(world, place / "world")
    ringtrace_command(place, "keys")
    batch(place, "first")
    target = Target.of(place / "first")
    decided = [("confirm", ids[0], "") for ids in target.known[:2]]
    month = (END + timedelta(days=30)).isoformat()
    decided += [("legitimate", target.legitimate, month), ("dispute", target.disputed, month)]
    with (place / "decisions.csv").open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(DECISION)
        for number, (kind, one, expires) in enumerate(decided):
            rows.writerow([number, kind, one, "", "analyst", "seen", END.isoformat(), expires])
    batch(place, "control", previous="first")


def attempt(place: Path, seed: int, attack: str, budget: Budget) -> dict[str, list[str]]:
    """Runs the world of `seed` with the lies of one attack; returns the harms and their alarms."""
    home = place / str(seed)
    target, control = _target(home / "first"), _tables(home / "control")
    made = Forgery(Random(f"{seed} {attack} {budget}"))
    next(one for one in ATTACKS if one.__name__ == attack)(target, budget, made)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        run = batch(home, f"{folder}/run", previous="first", lies=made.write(Path(folder)))
        after = Tables.read(run, offered(home, run) if attack == weld.__name__ else None)
    case, alarms = Case(target, control, after), sorted(after.alarms - control.alarms)
    return {
        harm.name: alarms
        for harm in HARMS
        if attack in {one.__name__ for one in harm.attacks} and harm.judge(case)
    }


def tried(attack: Forge, *, full: bool) -> tuple[Budget, ...]:
    """Returns the budgets that an attack is tried with."""
    return BURSTS if attack in _BURSTS else BUDGETS[full]


def measure(pool: Executor, place: Path, *, full: bool) -> dict[str, Outcome]:
    """Tries every attack with growing budgets, each until all its harms are done."""
    seeds = range(FIRST_SEED, FIRST_SEED + TRIES[full])
    outcomes = {harm.name: Outcome() for harm in HARMS}
    budgets = dict.fromkeys((*BUDGETS[full], *BURSTS))
    list(pool.map(prepare, [place / str(seed) for seed in seeds], seeds))
    for budget in budgets:
        open_harms = [harm for harm in HARMS if outcomes[harm.name].budget is None]
        attacks = [
            attack
            for attack in ATTACKS
            if budget in tried(attack, full=full)
            and any(attack in harm.attacks for harm in open_harms)
        ]
        jobs = [(attack.__name__, seed) for attack in attacks for seed in seeds]
        futures = [(n, s, pool.submit(attempt, place, s, n, budget)) for n, s in jobs]
        for name, seed, future in futures:
            for harm, alarms in future.result().items():
                found = outcomes[harm]
                if found.budget in (None, budget):
                    found.budget = budget
                    found.seeds.add(seed)
                    found.attacks.add(name)
                    found.alarms.update(alarms)
        done = [name for name, found in outcomes.items() if found.budget == budget]
        sys.stderr.write(f"{budget}: {'; '.join(done) or 'nothing'}\n")
    return outcomes


def table_lines(outcomes: Mapping[str, Outcome], *, full: bool) -> Iterator[str]:
    """Yields the lines of the table in Markdown."""
    tries = TRIES[full]
    yield "| harm | least that did it | in worlds | by | new alarms |"
    yield "|---|---|---|---|---|"
    for harm in HARMS:
        found = outcomes[harm.name]
        if found.budget is None:
            most = tried(harm.attacks[0], full=full)[-1]
            yield f"| {harm.name} | nothing up to {most} | 0 of {tries} | | |"
            continue
        how = ", ".join(sorted(found.attacks)).replace("_", " ")
        alarms = ", ".join(sorted(found.alarms)) or "none"
        yield f"| {harm.name} | {found.budget} | {len(found.seeds)} of {tries} | {how} | {alarms} |"


def main(words: list[str] | None = None) -> None:
    """Prints both tables."""
    from benchmarks import poisoning_kinds

    parser = measured.Parser("benchmarks.poisoning", __doc__)
    parser.add_argument("--full", action="store_true", help="more worlds, and numbers of liars")
    full = parser.parse_args(words).full
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(2, get_context("spawn")) as pool,
    ):
        kinds = poisoning_kinds.measure(pool, Path(folder) / "kinds", full=full)
        print("\n".join(poisoning_kinds.table_lines(kinds, full=full)), flush=True)
        outcomes = measure(pool, Path(folder) / "harms", full=full)
    print()
    print("\n".join(table_lines(outcomes, full=full)))


@cache
def _target(run: Path) -> Target:
    return Target.of(run)


@cache
def _tables(run: Path) -> Tables:
    return Tables.read(run)


def _rows(run: Path, name: str) -> Rows:
    return list(ds.dataset(run / name, format="parquet").to_table().to_pylist())


def batch(
    home: Path, name: str, previous: str = "", lies: Mapping[str, list[str]] | None = None
) -> Path:
    """Runs the pipeline over a world; after a `previous` run the analyst's decisions are in force.

    `lies` are more files, by kind.
    """
    inputs = {
        kind: [str(home / "world" / kind), *(lies or {}).get(kind, ())]
        for kind in ("complaints", "calls")
    }
    options: dict[str, Any] = {"now": NOW}
    if previous:
        options |= {"previous": home / previous, "decisions": home / "decisions.csv"}
    run = home / name
    os.environ[HOME_VARIABLE] = str(home / "keys")
    ringtrace.run_batch(**inputs, output=run, progress=False, **options)
    return run


def offered(home: Path, run: Path) -> dict[str, int]:
    """Returns what `ringtrace exchange offer` writes about a run, with the clusters in it."""
    out = run.with_name("offer")
    words = ["exchange", "offer", run, "--from", "amazon", "--to", "microsoft", "--output", out]
    ringtrace_command(home, *words, "--now", NOW.isoformat())
    offer = json.loads((out / "offer.json").read_bytes())
    return {one["entity_id"]: one["cluster"] for one in offer["entities"]}


def ringtrace_command(home: Path, *words: object) -> str:
    """Runs a command with the keys of a world; returns what it prints."""
    os.environ[HOME_VARIABLE] = str(home / "keys")
    lines = io.StringIO()
    with contextlib.redirect_stdout(lines), contextlib.redirect_stderr(lines):
        status = cli.main([str(word) for word in words])
    if status:
        raise RuntimeError(lines.getvalue())
    return lines.getvalue()


def some(ids: Any, start: int, count: int) -> list[str]:
    """Returns `count` of the identifiers, others for another start."""
    return [ids[(start + n) % len(ids)] for n in range(min(count, len(ids)))]


def as_field(entity_id: str) -> tuple[str, Any]:
    """Returns the field and value that state an identifier as the suspect's in a complaint."""
    kind, _, value = without_epoch(entity_id).partition(":")
    if kind == "phone":
        return "phone_numbers", {"raw": value, "role": "callback"}
    if kind == "domain":
        return "urls", f"https://{value}/"
    if kind == "email":
        return "emails", value
    scheme, _, rest = value.partition(":")
    if kind == "url":
        return "urls", f"https://{value}"
    if kind == "handle":
        return "payments", {"method": scheme, "payee": rest}
    if kind == "remote":
        return "remote_access", {"tool": scheme, "id": rest}
    if kind == "wallet":
        return "payments", {"method": "crypto", "payee": rest}
    if scheme == "us":
        routing, _, account = rest.partition(":")
        return "payments", {"method": "bank", "payee": f"routing {routing} account {account}"}
    return "payments", {"method": "upi" if scheme == "upi" else "bank", "payee": rest}


if __name__ == "__main__":
    main()
