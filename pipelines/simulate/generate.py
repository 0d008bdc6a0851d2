"""Writes a simulated world day by day; the rings are in memory, the records are not."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import accumulate, cycle, islice
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import orjson

from pipelines.options import Json
from pipelines.simulate import complaints, identifiers, narratives
from pipelines.simulate.complaints import BANK_LINES, BRAND_LINES, Scene, Victim
from pipelines.simulate.identifiers import COUNTRIES, SITES, Identifier
from pipelines.simulate.world import (
    RATES,
    START,
    Ring,
    Ties,
    World,
    country_weights,
    plan_rings,
    rings_served,
)
from schemas.enums import Role
from schemas.manifest import SIMULATED_NAME

VICTIMS, NEAR_MISSES, ATTACKERS = "victims.csv", "near_misses.csv", "attackers.csv"

NAME, HIDE, WELD = "name", "hide", "weld"
"""Aims of an attacker: an identifier is named as a ring's, is gone, or is joined with another."""

Aim = tuple[str, str, str, str]
"""A row of attackers.csv."""


@dataclass
class _Writer:
    """The open files of a world, with the number of records in each."""

    files: dict[tuple[str, str], BinaryIO]
    victims: Any
    near_misses: Any
    count: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def next_id(self, kind: str, org: str) -> str:
        """Returns an id unique within `org`; other organisations use the same ids."""
        self.count[kind, org] += 1
        return f"{kind[:2].upper()}{self.count[kind, org]:09}"

    def write(self, kind: str, record: Json) -> None:
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self.files[kind, record["source_org"]].write(line)


@dataclass(frozen=True)
class _Report:
    """A victim who reports a ring to an organisation on `day`; without a ring, telemarketing."""

    day: int
    ring: Ring | None
    victim: Victim
    org: str


def simulate(world: World, folder: Path) -> None:
    """Writes `world` below `folder` in the input contract.

    - complaints/ORG.jsonl and calls/ORG.jsonl: the records.
    - truth.csv (`entity_id,operation`): see `Ties`.
    - legitimate.csv, victims.csv and innocents.csv (`entity_id,reason`): identifiers that no
      cluster may have. They are real lines, sites and senders; the victims' own identifiers; and
      businesses that only malice names, unlisted lines, and platforms where rings rent names.
    - near_misses.csv (`entity_id,near_miss_of`): a ring's numbers with a wrong digit.
    - hubs.csv (`entity_id,holders`): identifiers that serve several rings.
    - attackers.csv (`entity_id,attacker,aim,other`), if there are liars: their aims.
    - simulated.sha256: digests of the records, by which a run knows that they are simulated.

    Equal worlds give equal bytes. Raises OSError if `folder` cannot be written.
    """
    rng = Random(world.seed)
    the_plan = plan_rings(rng, world, narratives.SCRIPTS)
    scene = Scene(rng, world, the_plan, complaints.bystanders(rng, the_plan))
    ties = Ties(the_plan)
    with ExitStack() as stack:
        files: dict[tuple[str, str], BinaryIO] = {}
        for kind in ("complaints", "calls"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for org in world.organisations:
                path = folder / kind / f"{org}.jsonl"
                files[kind, org] = stack.enter_context(path.open("wb"))
        victims = stack.enter_context(_csv_rows(folder / VICTIMS, "reason"))
        near_misses = stack.enter_context(_csv_rows(folder / NEAR_MISSES, "near_miss_of"))
        writer = _Writer(files, victims, near_misses)
        _write_days(scene, ties, writer)
        liars = _Liars(replace(scene, rng=Random(f"{world.seed} liars")), writer)
        aims = [*liars.write(round(world.liars * world.complaints))]
    if world.liars:
        with _csv_rows(folder / ATTACKERS, "attacker", "aim", "other") as rows:
            rows.writerows(aims)
    unlisted = [f"phone:{number}" for number in scene.people.unlisted]
    innocent = {f"phone:{number}": "named by malice" for number in scene.people.businesses}
    innocent |= dict.fromkeys(unlisted, "an unlisted line")
    platforms = (f"domain:{domain}" for domain in SITES["hosts"]["platforms"])
    innocent |= dict.fromkeys(platforms, "a platform that many rent under")
    hubs = rings_served(the_plan) | dict.fromkeys(unlisted, len(the_plan.rings))
    tables: dict[str, tuple[str, Iterable[tuple[object, ...]]]] = {
        "truth": ("operation", ties.rows()),
        "legitimate": ("reason", sorted(_legitimate())),
        "innocents": ("reason", sorted(innocent.items())),
        "hubs": ("holders", sorted(hubs.items())),
    }
    for name, (column, table) in tables.items():
        with _csv_rows(folder / f"{name}.csv", column) as rows:
            rows.writerows(table)
    (folder / SIMULATED_NAME).write_text("".join(_digest_lines(folder)), encoding="utf-8")


def _digest_lines(folder: Path) -> Iterator[str]:
    """Yields a line of `SIMULATED_NAME` for each file of records."""
    for path in sorted(folder.glob("*/*.jsonl")):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield f"{digest}  {path.relative_to(folder).as_posix()}\n"


@dataclass(frozen=True)
class _Liars:
    """Malicious reporters, who know every ring. The truth has none of their claims."""

    scene: Scene
    writer: _Writer

    def write(self, most: int) -> Iterator[Aim]:
        """Writes about `most` complaints; yields their aims."""
        attacks = (self._complainant, self._friends, self._pseudonyms, self._ring, self._welders)
        before = self._filed()
        for attack in cycle(attacks):
            if self._filed() - before >= most:
                return
            yield from attack()

    def _complainant(self) -> Iterator[Aim]:
        """One person names a stranger's line beside a ring's identifiers, five times."""
        stranger, ring, person = self._stranger(), self._any_ring(), self._person()
        for _ in range(5):
            self._file(person, [stranger, *self._some(ring)])
        yield stranger.entity_id, "complainant", NAME, ""

    def _friends(self) -> Iterator[Aim]:
        """Three people each name a stranger's line beside a ring's identifiers, once."""
        stranger, ring = self._stranger(), self._any_ring()
        for _ in range(3):
            self._file(self._person(), [stranger, *self._some(ring)])
        yield stranger.entity_id, "friends", NAME, ""

    def _pseudonyms(self) -> Iterator[Aim]:
        """Eight pseudonyms name a stranger's line in one minute, with one text."""
        stranger = self._stranger()
        record = self._file(self._person(), [stranger])
        for _ in range(7):
            mine = {"complaint_id": self.writer.next_id("complaints", record["source_org"])}
            mine["victim_id"] = _pseudonym(self.scene.rng)
            self.writer.write("complaints", record | mine)
        yield stranger.entity_id, "pseudonyms", NAME, ""

    def _ring(self) -> Iterator[Aim]:
        """Somebody of a ring calls its number their own."""
        identifier = self._any_ring().slots[Role.CALLBACK][0].identifiers[0]
        self._file(replace(self._person(), number=identifier.value), [])
        yield identifier.entity_id, "ring", HIDE, ""

    def _welders(self) -> Iterator[Aim]:
        """Four people name identifiers of two rings together."""
        left, right = (self._some(self._any_ring()) for _ in range(2))
        for _ in range(4):
            self._file(self._person(), [*left, *right])
        yield left[0].entity_id, "welders", WELD, right[0].entity_id

    def _file(self, victim: Victim, named: list[Identifier]) -> Json:
        """Writes a complaint that names identifiers; without any, it states the victim's own."""
        rng = self.scene.rng
        org = rng.choice(self.scene.world.organisations)
        draft = complaints.Draft(self.scene, victim, org.title())
        draft.begin(0)
        for identifier in named:
            draft.state(identifier)
        if not named:
            draft.add_number(victim.number, Role.VICTIM)
        draft.loss = None
        draft.say("ending")
        received_at = START + timedelta(seconds=rng.randrange(self.scene.world.days * 86_400))
        record = draft.finish(self.writer.next_id("complaints", org), org, received_at)
        self.writer.write("complaints", record)
        return record

    def _filed(self) -> int:
        orgs = self.scene.world.organisations
        return sum(self.writer.count["complaints", org] for org in orgs)

    def _any_ring(self) -> Ring:
        return self.scene.rng.choice(self.scene.plan.rings)

    def _stranger(self) -> Identifier:
        return identifiers.callback(self.scene.plan.stranger(self.scene.rng, "US"))

    def _person(self) -> Victim:
        number = self.scene.plan.stranger(self.scene.rng, "US")
        return Victim(_pseudonym(self.scene.rng), "US", number, "en")

    def _some(self, ring: Ring) -> list[Identifier]:
        """Returns a number and a payee that a ring uses on one day."""
        rng = self.scene.rng
        day = rng.uniform(ring.start, ring.end)
        picked = (ring.pick(rng, role, day) for role in (Role.CALLBACK, Role.PAYEE))
        return [identifier for identifier in picked if identifier is not None]


def _legitimate() -> Iterator[tuple[str, str]]:
    """Yields legitimate identifiers that occur in records, each with the reason."""
    for who, number in {**BRAND_LINES, **BANK_LINES}.items():
        yield f"phone:{number}", f"line of {who}"
    for domain in SITES["hosts"]["brands"]:
        yield f"domain:{domain}", "the brand's own site"
    for site in sorted({site for texts in narratives.PHRASES.values() for site in texts["sites"]}):
        yield f"domain:{site}", "a site that victims cite"
        yield f"email:alerts@{site}", "a sender that is forged"


@contextmanager
def _csv_rows(path: Path, *columns: str) -> Iterator[Any]:
    """Yields the writer of a CSV file with `entity_id` and these columns."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("entity_id", *columns))
        yield rows


def _write_days(scene: Scene, ties: Ties, writer: _Writer) -> None:
    world = scene.world
    later: list[_Report] = []
    for day in range(world.days):
        quota = world.complaints * (day + 1) // world.days - world.complaints * day // world.days
        due = [report for report in later if report.day <= day]
        later = [report for report in later if report.day > day]
        resent = []
        for report in islice(_reports(scene, day, due), quota):
            record = _write_report(scene, ties, writer, day, report)
            if scene.happens(RATES.duplicate):
                resent.append(record)
            if scene.happens(RATES.copycat):
                resent.append(_copycat(scene, writer, record))
            if report.ring is not None and scene.happens(RATES.second_report):
                later.append(_second_report(scene, day, report))
        for record in resent:
            writer.write("complaints", record)


def _copycat(scene: Scene, writer: _Writer, record: Json) -> Json:
    """Returns a copy of a complaint that another person sends as their own, perhaps elsewhere."""
    org = scene.rng.choice(scene.world.organisations)
    complaint_id = writer.next_id("complaints", org)
    mine = {"source_org": org, "complaint_id": complaint_id, "victim_id": _pseudonym(scene.rng)}
    return record | mine


def _reports(scene: Scene, day: int, due: list[_Report]) -> Iterator[_Report]:
    """Yields reports of a day without end: first by returning victims, then by new victims."""
    yield from due
    rng, plan, world = scene.rng, scene.plan, scene.world
    shares = dict(zip((ring.name for ring in plan.rings), plan.shares, strict=True))
    rings = scene.rings_on(day)
    weights = list(accumulate(shares[ring.name] / (ring.end - ring.start) for ring in rings))
    while True:
        org = rng.choice(world.organisations)
        ring = None
        if rings and not scene.happens(RATES.telemarketing):
            ring = rng.choices(rings, cum_weights=weights)[0]
            country = rng.choice(ring.countries)
        else:
            country = rng.choices([*COUNTRIES], country_weights())[0]
        number = plan.stranger(rng, country)
        victim = Victim(_pseudonym(rng), country, number, narratives.language(rng, country))
        yield _Report(day, ring, victim, org)


def _pseudonym(rng: Random) -> str:
    return f"v{rng.getrandbits(64):016x}"


def _second_report(scene: Scene, day: int, report: _Report) -> _Report:
    """Returns a later report of the same person, perhaps to a company with another pseudonym."""
    rng = scene.rng
    org = rng.choice(scene.world.organisations)
    same = org == report.org
    victim = report.victim if same else replace(report.victim, victim_id=_pseudonym(rng))
    return _Report(day + rng.randint(1, 5), report.ring, victim, org)


def _write_report(scene: Scene, ties: Ties, writer: _Writer, day: int, report: _Report) -> Json:
    """Writes one complaint and its calls; returns the complaint as written."""
    rng, ring, victim, org = scene.rng, report.ring, report.victim, report.org
    moment = day + rng.random()
    received_at = START + timedelta(seconds=int(moment * 86_400))
    if ring is None:
        draft = complaints.nuisance_complaint(scene, victim)
    else:
        # A ring stops within the day; its last victims still name its last identifiers.
        draft = complaints.scam_complaint(scene, ring, victim, org, min(moment, ring.end))
        draft.add_misleading()
    complaint_id = writer.next_id("complaints", org)
    record = draft.finish(complaint_id, org, received_at)
    writer.write("complaints", record)
    tied = list(draft.named)
    for call, named, linked in complaints.calls_about(draft, ring, moment):
        owner = complaint_id if linked else None
        started_at = received_at - timedelta(seconds=rng.randrange(600, 90_000))
        call_id = writer.next_id("calls", org)
        writer.write("calls", complaints.finish_call(call, call_id, org, started_at, owner))
        draft.plant(f"phone:{victim.number}", "number")
        if linked:
            tied.append(named)
        else:
            ties.add([named])
    ties.add(tied)
    writer.victims.writerows(draft.planted.items())
    # A wrong digit can make another number of a ring, which is then no stranger's.
    owners = scene.plan.owners
    writer.near_misses.writerows(pair for pair in draft.mistyped.items() if pair[0] not in owners)
    return record
