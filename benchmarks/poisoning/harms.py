"""The harms that lies can do, the judge of each, and the fewest liars that did it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import combinations, product
from math import inf
from pathlib import Path
from random import Random

from benchmarks.poisoning.attacks import (
    BUDGETS,
    BURSTS,
    BY_BURSTS,
    INVENTED,
    MERGES,
    Budget,
    Forge,
    Target,
    absorb,
    backdate,
    claim_all,
    claim_in_rejects,
    claim_number,
    hang_on_invented,
    invent_ring,
    make_hub,
    make_hub_in_a_minute,
    postdate,
    second_doubtful,
    weld,
)
from benchmarks.poisoning.lies import (
    END,
    FIRST_SEED,
    TRIES,
    Forgery,
    Tables,
    batch,
    begin,
    decide,
    offered,
    read_tables,
)
from schemas.entity import without_epoch

FIRM = 3
"""Robustness from which one reporter more or less must not decide."""


@dataclass(frozen=True)
class Case:
    """An attack: its aim, the run without the lies (`control`), and the one with them (`after`)."""

    target: Target
    control: Tables
    after: Tables

    def promoted(self) -> bool:
        """Returns whether a package names what it would not name without the lies."""
        return any(
            self.after.may_leave(member) and not self.control.may_leave(member)
            for member in self.target.doubtful
        )

    def erased(self) -> bool:
        """Returns whether the ring's number is gone without an alarm."""
        gone = self.target.number not in self.after.members
        return gone and not self.after.alarms - self.control.alarms

    def fewer(self) -> bool:
        """Returns whether any identifier is in no cluster any more, under whatever id."""
        return len(self.after.members) < len(self.control.members)

    def half_stopped(self) -> bool:
        """Returns whether half of the core of the four rings no longer leaves."""
        core = [
            member for ids in self.target.known for member in ids if self.control.is_core(member)
        ]
        return 2 * sum(map(self.after.is_core, core)) <= len(core)

    def stopped(self) -> bool:
        """Returns whether the ring's number no longer leaves, whatever is raised."""
        return self.control.is_core(self.target.number) and not self.after.is_core(
            self.target.number
        )

    def suspended(self) -> bool:
        """Returns whether a member of the second ring no longer leaves."""
        return any(
            self.control.may_leave(member) and not self.after.may_leave(member)
            for member in self.target.known[1]
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
        return self._welds(self.after.is_core, self.after.cluster)

    def weld_in_package(self) -> bool:
        """Returns whether a package names core members of two confirmed rings as one ring's."""
        return self._welds(self.after.may_leave, self.after.cluster)

    def weld_in_offer(self) -> bool:
        """Returns whether an offer names members of two confirmed rings as one ring's."""
        return self._welds(self.after.offered.__contains__, self.after.offered.get)

    def _welds(self, counts: Callable[[str], bool], home: Callable[[str], object]) -> bool:
        """Returns whether two members that count have one home, and are of two confirmed rings."""
        return any(
            counts(near)
            and counts(far)
            and home(near) == home(far)
            and self.control.cluster(near) != self.control.cluster(far)
            for near, far in product(*self.target.known[:2])
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
            (first := without_epoch(member)) in aimed
            and member != first
            and self.after.is_core(member)
            and not self.control.is_core(member)
            and row.get("reporters", inf) >= self.control.members.get(first, {}).get("reporters", 0)
            for member, row in self.after.members.items()
        )

    def dispute_lapsed(self) -> bool:
        """Returns whether the disputed number, or a core epoch of it, is in no disputed cluster.

        An epoch that is not core does not leave, and lets nobody dispute another ring by it.
        """
        clusters = (
            row["cluster_id"]
            for member, row in self.after.members.items()
            if member == self.target.disputed
            or (without_epoch(member) == self.target.disputed and self.after.is_core(member))
        )
        return any(self.after.clusters[cluster] != "disputed" for cluster in clusters)

    def legitimate_lapsed(self) -> bool:
        """Returns whether a number that an analyst declared legitimate is a member again."""
        return any(without_epoch(member) == self.target.legitimate for member in self.after.members)

    def _pairs(self, least: int = 0) -> Iterator[tuple[bool, bool]]:
        """Yields whether two are together, without and with the lies, of all core members.

        Only those whose robustness was `least` or more count.
        """
        control, after = self.control, self.after
        core = [
            near
            for near, row in control.members.items()
            if control.is_core(near) and after.is_core(near) and row["robustness"] >= least
        ]
        for near, far in combinations(core, 2):
            yield (
                control.cluster(near) == control.cluster(far),
                after.cluster(near) == after.cluster(far),
            )


@dataclass(frozen=True)
class Harm:
    """One row of the table: the harm, how it is judged, and the attacks that are tried for it."""

    name: str
    judge: Callable[[Case], bool]
    attacks: tuple[Forge, ...]


HARMS = (
    Harm("add to a package what one honest reporter names", Case.promoted, (second_doubtful,)),
    Harm("weld two confirmed rings: one cluster", Case.welded, (weld,)),
    Harm("... named as one ring in a package", Case.weld_in_package, (weld,)),
    Harm("... named as one ring in an offer", Case.weld_in_offer, (weld,)),
    Harm("merge core members that three honest reporters tie", Case.merged, MERGES),
    Harm("split core members that three honest reporters tie", Case.split, MERGES),
    Harm("move a core member that two honest reporters tie", Case.moved, MERGES),
    Harm("take a ring's number out, unseen", Case.erased, (claim_number, claim_in_rejects)),
    Harm("keep a ring's number from leaving", Case.stopped, (claim_number, claim_in_rejects)),
    Harm("take an identifier of four rings out of the clusters", Case.fewer, (claim_all,)),
    Harm("keep half of their core from leaving", Case.half_stopped, (claim_all,)),
    Harm("keep a ring from leaving by a tie to another", Case.suspended, (absorb,)),
    Harm("... to three numbers that nobody else names", Case.suspended, (hang_on_invented,)),
    Harm("make a ring's own account a hub", Case.hubbed, (make_hub,)),
    Harm("... in one minute, with one text", Case.hubbed, (make_hub_in_a_minute,)),
    Harm("rank a made-up ring first, with one text", Case.invented_first, (invent_ring,)),
    Harm("... and into the core", Case.invented_core, (invent_ring,)),
    Harm("... with most of its reporters of a day", Case.invented_first, BY_BURSTS),
    Harm("... and into the core, so that it leaves in an export", Case.invented_core, BY_BURSTS),
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


_target = cache(Target.of)


def prepare(place: Path, seed: int) -> None:
    """Makes the world of a seed, its first run, the analyst's decisions, and the run after them."""
    target = Target.of(begin(place, seed, complaints=300, operations=12))
    decided = [("confirm", ids[0], "") for ids in target.known[:2]]
    month = (END + timedelta(days=30)).isoformat()
    decide(
        place,
        [*decided, ("legitimate", target.legitimate, month), ("dispute", target.disputed, month)],
    )


def attempt(place: Path, seed: int, attack: str, budget: Budget) -> dict[str, list[str]]:
    """Runs the world of `seed` with the lies of one attack; returns the harms and their alarms."""
    home = place / str(seed)
    target, control = _target(home / "first"), read_tables(home / "control")
    made = Forgery(Random(f"{seed} {attack} {budget}"))
    next(forge for forge in ATTACKS if forge.__name__ == attack)(target, budget, made)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        run = batch(home, f"{folder}/run", previous="first", lies=made.write(Path(folder)))
        after = Tables.read(run, offered(home, run) if attack == weld.__name__ else None)
    case, alarms = Case(target, control, after), sorted(after.alarms - control.alarms)
    return {
        harm.name: alarms
        for harm in HARMS
        if attack in {forge.__name__ for forge in harm.attacks} and harm.judge(case)
    }


def tried(attack: Forge, *, full: bool) -> tuple[Budget, ...]:
    """Returns the budgets that an attack is tried with."""
    return BURSTS if attack in BY_BURSTS else BUDGETS[full]


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
                outcome = outcomes[harm]
                if outcome.budget in (None, budget):
                    outcome.budget = budget
                    outcome.seeds.add(seed)
                    outcome.attacks.add(name)
                    outcome.alarms.update(alarms)
        done = [name for name, outcome in outcomes.items() if outcome.budget == budget]
        sys.stderr.write(f"{budget}: {'; '.join(done) or 'nothing'}\n")
    return outcomes


def table_lines(outcomes: Mapping[str, Outcome], *, full: bool) -> Iterator[str]:
    """Yields the lines of the table in Markdown."""
    tries = TRIES[full]
    yield "| harm | least that did it | in worlds | by | new alarms |"
    yield "|---|---|---|---|---|"
    for harm in HARMS:
        outcome = outcomes[harm.name]
        if outcome.budget is None:
            most = tried(harm.attacks[0], full=full)[-1]
            yield f"| {harm.name} | nothing up to {most} | 0 of {tries} | | |"
            continue
        how = ", ".join(sorted(outcome.attacks)).replace("_", " ")
        alarms = ", ".join(sorted(outcome.alarms)) or "none"
        worlds = f"{len(outcome.seeds)} of {tries}"
        yield f"| {harm.name} | {outcome.budget} | {worlds} | {how} | {alarms} |"
