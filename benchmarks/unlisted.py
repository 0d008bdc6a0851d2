"""Hosts and organisations on no list: which are joined or named wrongly, and which stay whole.

`python -m benchmarks.unlisted [SEED ...] [--complaints N] [--operations N]`

Each world is simulated. Then the sites that its rings registered are rewritten in all records. Some
become tenants of unlisted platforms, by subdomains or by paths. Others keep their domain, with a
subdomain for each victim or for a few. Reporters also name 200 unlisted organisations as sites they
were sent to. Each has 1 to 20 reporters, who are victims of one ring or of several. The batch
pipeline runs on the world. Each line of the table has the result for a sort of site.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow.dataset as ds

from benchmarks import measured
from schemas.entity import without_epoch

TENANTS = (3, 3, 3, 3, 5, 5, 10, 10, 30, 300)
"""Tenants of each platform, as long as three in four of the sites last."""

OWN_DOMAINS = 60
"""Domains of rings that are named by subdomains."""

ORGANISATIONS, MOST_REPORTERS = 200, 20

HEADS = ("seed", "sites", "in all", "in a cluster", "core", "in their ring’s cluster", "welds")

_SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi xo zu".split()

_ENDINGS = "com net org co.uk de page link site".split()

_OWN_SITE = re.compile(r"domain:([a-z0-9-]+\.(?:co\.uk|[a-z]+))")


@dataclass
class Sites:
    """The sites of a world, and those that they become.

    Attributes:
        rng: The random numbers.
        ring: The ring of each domain that is rewritten or may be.
        tenants: The platform of each domain that becomes a tenant.
        by_path: The platforms whose tenants are paths.
        subdomains: How many subdomains name a domain, 0 for one a victim.
        organisations: The rings beside each organisation.
    """

    rng: Random
    ring: Mapping[str, str]
    tenants: dict[str, str] = field(default_factory=dict)
    by_path: set[str] = field(default_factory=set)
    subdomains: dict[str, int] = field(default_factory=dict)
    organisations: dict[str, set[str]] = field(default_factory=dict)

    def invent(self) -> str:
        """Draws a domain that no list has."""
        name = "".join(self.rng.choices(_SYLLABLES, k=4))
        return f"{name}.{self.rng.choice(_ENDINGS)}"

    def entity_id(self, site: str) -> str:
        """Returns the id that evidence of a site should have."""
        platform, tenant = self.tenants.get(site), site.partition(".")[0]
        if platform is None:
            return f"domain:{site}"
        by_path = platform in self.by_path
        return f"url:{platform}/{tenant}" if by_path else f"domain:{tenant}.{platform}"

    def write(self, site: str) -> str:
        """Returns how the next record writes a site."""
        if site not in self.subdomains:
            return self.entity_id(site).partition(":")[2]
        return f"case{self.rng.randrange(self.subdomains[site] or 10**9)}.{site}"


def plan_sites(truth: Mapping[str, str], seed: int) -> Sites:
    """Draws what becomes of the sites in the truth of a simulated world."""
    # What is rented of a known platform has two dots or more.
    own = {match[1]: ring for name, ring in truth.items() if (match := _OWN_SITE.fullmatch(name))}
    rng = Random(f"unlisted {seed}")
    sites = Sites(rng, own)
    free = sorted(own)
    rng.shuffle(free)
    for site in free[:OWN_DOMAINS]:
        sites.subdomains[site] = rng.choice((0, 0, 3, 8))
    free = free[OWN_DOMAINS:]
    free = free[len(free) // 4 :]
    for count in TENANTS:
        platform = sites.invent()
        if rng.random() < 0.5:
            sites.by_path.add(platform)
        sites.tenants |= dict.fromkeys(free[:count], platform)
        free = free[count:]
    return sites


def rewrite(world: Path, seed: int) -> Sites:
    """Rewrites the records and the truth of a simulated world; returns what its sites became."""
    truth = measured.read_pairs(world / "truth.csv")
    sites = plan_sites(truth, seed)
    written = re.compile("|".join(map(re.escape, sorted(sites.ring))))
    records: dict[Path, list[dict[str, Any]]] = {}
    of_ring: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(world.glob("complaints/*.jsonl")):
        records[path] = [orjson.loads(_rewritten(line, written, sites)) for line in path.open()]
        for record in records[path]:
            for ring in {truth[name] for name in _ids(record) if name in truth}:
                of_ring[ring].append(record)
    rings = sorted(ring for ring, about in of_ring.items() if len(about) >= MOST_REPORTERS)
    for number in range(ORGANISATIONS):
        name, people = sites.invent(), 1 + number % MOST_REPORTERS
        beside = sites.rng.sample(rings, sites.rng.choice((1, 2, 3, 4)))
        chosen = [beside[person % len(beside)] for person in range(people)]
        sites.organisations[name] = set(chosen)
        for ring in chosen:
            record = sites.rng.choice(of_ring[ring])
            record.setdefault("urls", []).append(f"https://www.{name}/")
    for path, changed in records.items():
        path.write_bytes(
            b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in changed)
        )
    rows = sorted((_changed(name, sites), ring) for name, ring in truth.items())
    with (world / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("entity_id", "operation"), *rows])
    return sites


def _rewritten(line: str, written: re.Pattern[str], sites: Sites) -> str:
    """Returns a record in which each site stands as it became, in one way throughout."""
    once: dict[str, str] = {}
    return written.sub(lambda match: once.setdefault(match[0], sites.write(match[0])), line)


def _changed(entity_id: str, sites: Sites) -> str:
    kind, _, value = entity_id.partition(":")
    return sites.entity_id(value) if kind == "domain" and value in sites.tenants else entity_id


def _ids(record: Mapping[str, Any]) -> Iterator[str]:
    """Yields ids of a simulated complaint that say which ring it is about."""
    for mail in record.get("emails", ()):
        yield f"email:{mail['address']}"
    for remote in record.get("remote_access", ()):
        yield f"remote:{remote['tool']}:{remote['id'].replace(' ', '')}"
    for payment in record.get("payments", ()):
        payee = payment["payee"].replace(" ", "")
        yield from (f"account:iban:{payee}", f"account:upi:{payee}", f"wallet:btc:{payee}")


def table(world: Path, run: Path, sites: Sites) -> Iterator[tuple[str, int, int, int, str, str]]:
    """Yields a row of `HEADS`, but for the seed, for each sort of site."""
    truth = measured.read_pairs(world / "truth.csv")
    rows = ds.dataset(run / "members").to_table(columns=["entity_id", "cluster_id", "tier"])
    cluster, core = {}, set()
    for row in rows.to_pylist():
        cluster[row["entity_id"]] = row["cluster_id"]
        if row["tier"] == "core":
            core.add(row["entity_id"])
    # Any epoch of an organisation names it.
    unlisted = {f"domain:{name}" for name in sites.organisations}
    core |= unlisted.intersection(map(without_epoch, core))
    rings: dict[str, Counter[str]] = defaultdict(Counter)
    for name, ring in truth.items():
        rings[cluster.get(name, "")][ring] += 1
    home = {
        ring: max(
            (c for c in rings if c and rings[c][ring]), key=lambda c: rings[c][ring], default=""
        )
        for ring in set(truth.values())
    }
    homes = Counter(home.values())

    def line(sort: str, names: list[str]) -> tuple[str, int, int, int, str, str]:
        held = [name for name in names if name in cluster]
        known = [name for name in names if name in truth]
        right = [name for name in known if cluster.get(name) == home[truth[name]]]
        welds = [name for name in held if homes[cluster[name]] > 1]
        return (
            sort,
            len(names),
            len(held),
            len(core.intersection(names)),
            f"{len(right)} of {len(known)}" if known else "",
            str(len(welds)),
        )

    platforms = Counter(sites.tenants.values())
    for few, most in ((1, 5), (6, 30), (31, 300)):
        names = [f"domain:{name}" for name, count in platforms.items() if few <= count <= most]
        yield line(f"platforms of {few} to {most} tenants", names)
    yield line("their tenants", [_changed(f"domain:{site}", sites) for site in sites.tenants])
    yield line("rings’ own domains, by subdomains", [f"domain:{site}" for site in sites.subdomains])
    others = [s for s in sites.ring if s not in sites.tenants and s not in sites.subdomains]
    yield line("rings’ other domains", [f"domain:{site}" for site in others])
    made = {*sites.ring, *(sites.entity_id(s).partition(":")[2] for s in sites.tenants)}
    rented = [n for n in truth if n.startswith("domain:") and n.partition(":")[2] not in made]
    yield line("rings’ pages on listed platforms", rented)
    for sort, several in (("beside one ring", False), ("beside several", True)):
        orgs = [n for n, beside in sites.organisations.items() if (len(beside) > 1) == several]
        yield line(f"organisations {sort}", [f"domain:{name}" for name in orgs])


def main(words: list[str] | None = None) -> None:
    """Prints a table of Markdown, with the sorts of site of each seed."""
    parser = measured.Parser("benchmarks.unlisted", __doc__)
    parser.add_argument("seeds", metavar="SEED", type=int, nargs="*")
    parser.add_argument("--complaints", metavar="N", type=int, default=15_000)
    parser.add_argument("--operations", metavar="N", type=int, default=120)
    parser.add_argument("--profile", choices=("chained", "pooled"), default="chained")
    arguments = parser.parse_args(words)
    size = f"--complaints {arguments.complaints} --operations {arguments.operations}"

    def rows() -> Iterator[tuple[object, ...]]:
        for seed in arguments.seeds or (1001,):
            with tempfile.TemporaryDirectory() as folder:
                world, run = Path(folder) / "world", Path(folder) / "run"
                options = f"{size} --profile {arguments.profile} --seed {seed}"
                measured.ringtrace(f"simulate {{world}} {options}", world=world)
                sites = rewrite(world, seed)
                measured.run_world(world, run)
                for row in table(world, run, sites):
                    yield seed, *row

    measured.print_table(HEADS, rows())


if __name__ == "__main__":
    main()
