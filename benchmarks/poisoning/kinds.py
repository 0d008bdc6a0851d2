"""The cost of naming a stranger, by kind of identifier: the first table of `benchmarks.poisoning`.

The worlds have fourteen rings and 900 complaints, and an analyst confirmed the nine largest rings.
In each run liars name a stranger of every kind by a single means. Each stranger has its own liars,
who name it with members of another ring.

A cell has the fewest reporters, or people in a partner's offer, who brought the stranger into a
cluster, the core, an offer, and a package on the confirmed ring. For "called a victim's" it has the
fewest who kept a ring's own identifier from leaving, and who did so without an alarm.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.dataset as ds
from msgspec import UNSET

from benchmarks import measured
from benchmarks.poisoning.lies import (
    END,
    FIRST_SEED,
    IN_A_MINUTE,
    NOW,
    TRIES,
    Forgery,
    Tables,
    as_field,
    batch,
    begin,
    decide,
    offered,
    read_tables,
    ringtrace_command,
    some,
    trust,
)
from pipelines import key_store
from pipelines.letters.signed_files import utc_text, write_signed
from reports import signing
from reports.exchange.offer import iso_week
from schemas.offer import Offer, OfferedCluster, OfferedEntity, OfferedEvidence, Terms, Tlp
from transforms.arrow import row_tuples
from transforms.graph.refinement import BUSINESS_LINES

STRANGERS = {
    "phone, private": "phone:+12125550147",
    "phone, toll-free": "phone:+18885550147",
    "domain": "domain:maria-lee-photos.com",
    "url": "url:sites.google.com/view/marialee4471",
    "email": "email:maria.lee.4471@gmail.com",
    "remote": "remote:anydesk:907112233",
    "account": "account:iban:GB33BUKB20201555555555",
    "wallet": "wallet:btc:1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
    "handle": "handle:cashapp:$marialee4471",
}
"""A stranger's identifier by kind."""

REPORTERS = {False: (1, 2, 3, 5, 12), True: (1, 2, 3, 4, 5, 6, 8, 12, 20, 50)}
"""The numbers of liars that are tried, by whether the table is the full one."""

PARTNER = "contoso"

NAMING = ("cluster", "core", "offer", "package")
"""Places that a named stranger can reach."""

HIDING = ("stopped", "gone")
"""Ends that can come of a ring's identifier that is called a victim's."""

_CLAIMS = {
    "domain": "My own website is https://{value}, I sell pottery there.",
    "url": "My own page is https://{value}, I sell pottery there.",
    "remote": "My own AnyDesk id is {value}.",
    "account": "My own account is {value}.",
    "wallet": "My own bitcoin wallet is {value}.",
    "handle": "My own cash tag is {value}.",
}
"""Words by which a narrative calls an identifier its writer's own, where no field does."""


@dataclass(frozen=True)
class Known:
    """The view of a liar: members of nine rings, and a ring's own identifier of each kind."""

    rings: tuple[tuple[str, ...], ...]
    own: Mapping[str, str]

    @staticmethod
    def of(run: Path) -> Known:
        """Chooses the largest clusters, and of each kind the core member most people report."""
        before = Tables.read(run)
        columns = ds.dataset(run / "entities").to_table(columns=["entity_id", "line_type"])
        line = dict(row_tuples(columns))
        groups = [tuple(ids) for ids in before.core_groups().values()][: len(STRANGERS)]
        core = sorted(
            (
                entity_id
                for entity_id in before.members
                if before.is_core(entity_id) and "#" not in entity_id
            ),
            key=lambda entity_id: (-before.members[entity_id]["reporters"], entity_id),
        )
        own: dict[str, str] = {}
        for entity_id in core:
            kind = entity_id.partition(":")[0]
            free = "toll-free" if line[entity_id] in BUSINESS_LINES else "private"
            own.setdefault(f"phone, {free}" if kind == "phone" else kind, entity_id)
        return Known(tuple(groups), own)

    def beside(self, number: int, start: int) -> list[str]:
        """Returns two members of the ring that liars name with stranger `number`."""
        return some(self.rings[number % len(self.rings)], start, 2)


Cell = dict[str, int]
"""The fewest liars for each outcome in any world."""

Forge = Callable[[Known, int, Forgery], None]
"""Makes the complaints of so many liars a kind."""


def naming(
    fields: Mapping[str, str] | None = None, *, beside: bool = False, calls: bool = False
) -> Forge:
    """Returns what names each stranger, every liar on a day and in words of their own.

    Args:
        fields: of each complaint.
        beside: whether beside two identifiers of a ring.
        calls: whether only numbers are named, and each liar calls the number, too.
    """

    def forge(known: Known, count: int, made: Forgery) -> None:
        for number, (kind, stranger) in enumerate(STRANGERS.items()):
            for who in range(0 if calls and not kind.startswith("phone") else count):
                ring = known.beside(number, who) if beside else []
                made.complain(f"{kind} {who}", [stranger, *ring], **fields or {})
                if calls:
                    made.call(stranger)

    return forge


def called_a_victims(known: Known, count: int, made: Forgery) -> None:
    """Calls a ring's own identifier of each kind the reporter's."""
    for kind, entity_id in known.own.items():
        _, _, value = entity_id.partition(":")
        for who in range(count):
            fields: dict[str, Any]
            if kind.startswith("phone"):
                fields = {"phone_numbers": [{"raw": value, "role": "victim"}]}
            elif kind == "email":
                fields = {"emails": [{"address": value, "role": "victim"}]}
            else:
                shown = value if kind in ("domain", "url") else value.partition(":")[2]
                fields = {"narrative": _CLAIMS[kind].format(value=shown)}
            made.complain(f"{kind} {who}", [], **fields)


MEANS: dict[str, Forge | None] = {
    "alone": naming(),
    "alone, one minute, one text": naming(IN_A_MINUTE),
    "beside a ring": naming(beside=True),
    "beside a ring, with calls": naming(beside=True, calls=True),
    "called a victim's": called_a_victims,
    "a partner's offer, alone": None,
    "a partner's offer, beside a ring": None,
}
"""The means by which liars act, and the maker of their complaints; an offer needs no maker."""


_known = cache(Known.of)


def prepare(place: Path, seed: int) -> None:
    """Makes a world, its first run, the analyst's decisions, the run after them, and a partner."""
    rings = Known.of(begin(place, seed, complaints=900, operations=14)).rings
    ringtrace_command(place / "partner", "keys")
    trust(place, place / "partner", PARTNER)
    decide(place, [("confirm", ids[0], "") for ids in rings])


def attempt(place: Path, seed: int, means: str, count: int) -> dict[str, set[str]]:
    """Runs a world with `count` liars a kind; returns what came about, by kind."""
    home, forge = place / str(seed), MEANS[means]
    control, known = read_tables(home / "control"), _known(home / "first")
    with tempfile.TemporaryDirectory(dir=home) as name:
        folder = Path(name)
        if forge is None:
            run = _joined(home, folder, known, count, alone="alone" in means)
            after = Tables.read(run)
        else:
            made = Forgery(Random(f"{seed} {means} {count}"))
            forge(known, count, made)
            run = batch(home, f"{name}/run", previous="first", lies=made.write(folder))
            after = Tables.read(run, None if forge is called_a_victims else offered(home, run))
    if forge is called_a_victims:
        return {kind: _hidden(entity_id, control, after) for kind, entity_id in known.own.items()}
    return {
        kind: _reached(stranger, known.rings[number % len(known.rings)], after, "beside" in means)
        for number, (kind, stranger) in enumerate(STRANGERS.items())
    }


def measure(pool: Executor, place: Path, *, full: bool) -> dict[tuple[str, str], Cell]:
    """Tries each means with each number of liars; returns the cells by kind and means."""
    seeds = range(FIRST_SEED, FIRST_SEED + TRIES[full])
    list(pool.map(prepare, [place / str(seed) for seed in seeds], seeds))
    jobs = [(seed, means, count) for count in REPORTERS[full] for means in MEANS for seed in seeds]
    futures = [(job, pool.submit(attempt, place, *job)) for job in jobs]
    cells: defaultdict[tuple[str, str], Cell] = defaultdict(dict)
    for (_, means, count), future in futures:
        for kind, outcomes in future.result().items():
            for outcome in outcomes:
                cells[kind, means].setdefault(outcome, count)
    return cells


def print_cells(cells: Mapping[tuple[str, str], Cell], *, full: bool) -> None:
    """Prints the table, with a dash for an outcome that did not come about."""
    worlds = "1 world" if TRIES[full] == 1 else f"{TRIES[full]} worlds"
    print(f"Tried with {', '.join(map(str, REPORTERS[full]))} reporters, in {worlds}.\n")

    def text(kind: str, means: str) -> str:
        outcomes = HIDING if MEANS[means] is called_a_victims else NAMING
        return " · ".join(str(cells[kind, means].get(outcome, "–")) for outcome in outcomes)

    rows = ([kind, *(text(kind, means) for means in MEANS)] for kind in STRANGERS)
    measured.print_table(["kind", *MEANS], rows)


def _reached(stranger: str, ring: tuple[str, ...], after: Tables, beside_ring: bool) -> set[str]:
    """Returns what a stranger reached: beside a ring, a cluster means one with a member of it."""
    home = after.cluster(stranger)
    inside = home in map(after.cluster, ring) if beside_ring else home is not None
    reached = {
        "cluster": home is not None and inside,
        "core": after.is_core(stranger),
        "offer": stranger in after.offered,
        "package": after.may_leave(stranger),
    }
    return {name for name, came in reached.items() if came}


def _hidden(entity_id: str, control: Tables, after: Tables) -> set[str]:
    outcomes = set()
    if control.is_core(entity_id) and not after.is_core(entity_id):
        outcomes.add("stopped")
    if entity_id not in after.members and not after.alarms - control.alarms:
        outcomes.add("gone")
    return outcomes


def _joined(home: Path, folder: Path, known: Known, count: int, *, alone: bool) -> Path:
    """Returns the control run joined with a partner's offer that counts `count` people a kind."""
    # Offers are accepted in the order of their days, for good: each try has keys of its own.
    shutil.copytree(home / "keys", folder / "keys")
    named = [
        [stranger, *([] if alone else known.beside(number, 0))]
        for number, stranger in enumerate(STRANGERS.values())
    ]
    ids = sorted({entity_id for group in named for entity_id in group})
    place = {entity_id: position for position, entity_id in enumerate(ids)}
    cluster = {entity_id: number for number, group in enumerate(named, 1) for entity_id in group}
    week = iso_week(END - timedelta(days=7))
    evidence = sorted(tuple(sorted(place[entity_id] for entity_id in group)) for group in named)
    phones = tuple(
        position for position, entity_id in enumerate(ids) if entity_id.startswith("phone:")
    )
    offer = Offer(
        sender=PARTNER,
        recipient="amazon",
        issued_at=utc_text(END),
        expires_at=utc_text(END + timedelta(days=30)),
        tlp=str(Tlp.AMBER),
        terms=Terms(confidence_floor=75, k=5, least_reports=2, loss_unit=1000),
        entities=tuple(
            OfferedEntity(entity_id, as_role(entity_id), 99, cluster[entity_id])
            for entity_id in ids
        ),
        evidence=tuple(OfferedEvidence(places, "complaint", count, week) for places in evidence),
        clusters=tuple(OfferedCluster((), None, (), number) for number in range(1, len(named) + 1)),
        called=phones if count > 1 else UNSET,  # no call of one person alone is offered
    )
    os.environ[key_store.HOME_VARIABLE] = str(home / "partner" / "keys")
    key = key_store.own_key()
    write_signed(folder / "offer", "offer.json", signing.letter_bytes(offer, key), key)
    ringtrace_command(
        folder,
        "exchange join {home}/control {folder}/offer --from amazon --output {folder}/run "
        "--decisions {home}/decisions.csv --previous {home}/control --now " + NOW.isoformat(),
        home=home,
        folder=folder,
    )
    return folder / "run"


def as_role(entity_id: str) -> str:
    """Returns the hard role in which `as_field` states an identifier."""
    name, value = as_field(entity_id)
    if name == "phone_numbers":
        return str(value["role"])
    return {
        "urls": "lure_site", "emails": "sender", "remote_access": "operator", "payments": "payee"
    }[name]  # fmt: skip
