"""Hosts and organisations that no list has: who is welded, who is named, what stays whole.

`python -m benchmarks.unlisted [SEED ...] [--complaints N] [--operations N]`

Each world is simulated; then sites that rings registered are rewritten in all records. Some become
tenants of platforms that are on no list, by subdomains or by paths; others keep their domain and
get a subdomain for each victim, or a few. Organisations that are on no list are named as lure sites
beside one ring, or beside several. The batch pipeline runs on it, and each line says what it made
of a sort of site.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow.dataset as ds

from benchmarks import measured
from transforms.extract.kinds.domain import public_suffix

TENANTS = (3, 3, 3, 3, 5, 5, 10, 10, 30, 100, 300)
"""Tenants of each platform, as long as there are sites."""

ORGANISATIONS = 200

MOST_REPORTERS = 20
"""Reporters of an organisation, from 1 on."""

OWN_DOMAINS = 60
"""Domains that a ring registered and uses by subdomains of its own."""

_SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi xo zu".split()

_ENDINGS = "com net org co.uk de page link site".split()


@dataclass
class Plan:
    """The sites of a world that are rewritten, by domain; and the truth of what they become.

    `tenants` has the platform of each tenant's domain; `paths` the platforms whose tenants are
    paths; `subdomains` how many subdomains a ring's own domain has, 0 for one a victim.
    `organisations` has the number of rings beside each.
    """

    rng: Random
    ring: dict[str, str]
    tenants: dict[str, str] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    subdomains: dict[str, int] = field(default_factory=dict)
    organisations: dict[str, int] = field(default_factory=dict)

    def name(self) -> str:
        """Draws a domain that no list has."""
        word = "".join(self.rng.choices(_SYLLABLES, k=4))
        return f"{word}.{self.rng.choice(_ENDINGS)}"

    def entity_id(self, site: str) -> str:
        """Returns the id that evidence of a site should have."""
        platform = self.tenants.get(site)
        if platform is None:
            return f"domain:{site}"
        tenant = site.partition(".")[0]
        host = f"{platform}/{tenant}" if platform in self.paths else f"{tenant}.{platform}"
        return f"{'url' if platform in self.paths else 'domain'}:{host}"

    def written(self, site: str) -> str:
        """Returns how the next record writes a site."""
        if site in self.subdomains:
            most = self.subdomains[site] or 10**9
            return f"case{self.rng.randrange(most)}.{site}"
        return self.entity_id(site).partition(":")[2]


def plan_sites(world: Path, seed: int) -> Plan:
    """Draws what becomes of the sites that rings of a simulated world registered."""
    truth = measured.read_pairs(world / "truth.csv")
    own = re.compile(
        r"domain:([a-z0-9-]+\.(?:com|net|support|online|site|info|co\.uk|[a-z]{2}|xyz|live|help))"
    )
    sites = {match[1]: ring for name, ring in truth.items() if (match := own.fullmatch(name))}
    rng = Random(f"unlisted {seed}")
    plan = Plan(rng, sites)
    free = sorted(sites)
    rng.shuffle(free)
    for site in free[:OWN_DOMAINS]:
        plan.subdomains[site] = rng.choice((0, 0, 3, 8))
    del free[:OWN_DOMAINS]
    for count in TENANTS:
        platform = plan.name()
        if rng.random() < 0.5:
            plan.paths.add(platform)
        plan.tenants |= dict.fromkeys(free[:count], platform)
        del free[:count]
        if len(free) < 10:
            break
    return plan


def rewrite(world: Path, plan: Plan) -> None:
    """Rewrites the records and the truth of a world as planned, and adds the organisations."""
    sites = re.compile("|".join(map(re.escape, sorted(plan.ring, key=len, reverse=True))))
    paths = sorted(world.glob("complaints/*.jsonl"))
    records = [(path, orjson.loads(line)) for path in paths for line in path.open("rb")]
    by_ring: dict[str, list[dict[str, Any]]] = defaultdict(list)
    texts: list[tuple[Path, dict[str, Any]]] = []
    for path, record in records:
        text = orjson.dumps(record).decode()
        found = sites.search(text)
        once: dict[str, str] = {}
        text = sites.sub(lambda m: once.setdefault(m[0], plan.written(m[0])), text)
        changed = orjson.loads(text)
        texts.append((path, changed))
        if found:
            by_ring[plan.ring[found[0]]].append(changed)
    rings = sorted(ring for ring, named in by_ring.items() if len(named) >= 20)
    for n in range(ORGANISATIONS):
        name, people = plan.name(), 1 + n % MOST_REPORTERS
        beside = plan.rng.sample(rings, 1 if n % 2 else plan.rng.randint(2, 5))
        chosen = [plan.rng.choice(by_ring[beside[k % len(beside)]]) for k in range(people)]
        used = set()
        for k, record in enumerate(chosen):
            record.setdefault("urls", []).append(f"https://www.{name}/")
            used.add(beside[k % len(beside)])
        plan.organisations[name] = len(used)
    for path in paths:
        with path.open("wb") as out:
            for where, record in texts:
                if where == path:
                    out.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    rows = [
        (
            plan.entity_id(name.partition(":")[2])
            if name.partition(":")[2] in plan.tenants
            else name,
            ring,
        )
        for name, ring in measured.read_pairs(world / "truth.csv").items()
    ]
    with (world / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("entity_id", "operation"))
        writer.writerows(sorted(rows))


def lines(world: Path, run: Path, plan: Plan) -> Iterator[tuple[str, str]]:
    """Yields what a run made of each sort of site."""
    truth = measured.read_pairs(world / "truth.csv")
    members = (
        ds.dataset(run / "members")
        .to_table(columns=["entity_id", "cluster_id", "tier"])
        .to_pylist()
    )
    status = {
        row["entity_id"]: row["status"]
        for row in ds.dataset(run / "entities")
        .to_table(columns=["entity_id", "status"])
        .to_pylist()
    }
    cluster = {row["entity_id"]: row["cluster_id"] for row in members}
    core = {row["entity_id"] for row in members if row["tier"] == "core"}
    rings: dict[str, Counter[str]] = defaultdict(Counter)
    for name, ring in truth.items():
        if name in cluster:
            rings[cluster[name]][ring] += 1
    platforms = Counter(plan.tenants.values())
    held = [p for p in platforms if f"domain:{p}" in cluster]
    # A platform as a member that has identifiers of two rings beside it.
    welds = [p for p in held if len(rings[cluster[f"domain:{p}"]]) > 1]
    yield "platforms", str(len(platforms))
    yield "platforms in a cluster, by tenants", str(sorted(platforms[p] for p in held))
    yield "platforms that weld, by tenants", str(sorted(platforms[p] for p in welds))
    yield (
        "platforms in the core, by tenants",
        str(sorted(platforms[p] for p in held if f"domain:{p}" in core)),
    )
    ids = {plan.entity_id(site): site for site in plan.tenants}
    named = [i for i in ids if i in truth]
    right = [
        i for i in named if i in cluster and rings[cluster[i]].most_common(1)[0][0] == truth[i]
    ]
    yield "tenants in the cluster of their ring", f"{len(right)}/{len(named)}"
    main: dict[str, str] = {}
    for c, count in rings.items():
        for ring, n in count.items():
            if n > rings.get(main.get(ring, ""), Counter())[ring]:
                main[ring] = c
    own = [s for s in plan.subdomains if f"domain:{s}" in truth]
    whole = [
        s
        for s in own
        if cluster.get(f"domain:{s}") and cluster[f"domain:{s}"] == main[truth[f"domain:{s}"]]
    ]
    present = [s for s in own if f"domain:{s}" in cluster]
    yield (
        "rings' own domains whole and in their cluster",
        f"{len(whole)}/{len(own)} (in any: {len(present)})",
    )
    for several in (False, True):
        orgs = [o for o, n in plan.organisations.items() if (n > 1) == several]
        sort = "beside several rings" if several else "beside one ring"
        yield (
            f"organisations {sort}: in a cluster, core",
            (
                f"{len(orgs)}: {sum(f'domain:{o}' in cluster for o in orgs)}, {sum(f'domain:{o}' in core for o in orgs)}"
            ),
        )
    lures = [f"domain:{s}" for s in plan.ring if s not in plan.tenants and f"domain:{s}" in truth]
    yield "rings' domains: all, core", f"{len(lures)}, {sum(x in core for x in lures)}"
    _ = status


def main(words: list[str] | None = None) -> None:
    parser = measured.Parser("benchmarks.unlisted", __doc__)
    parser.add_argument("seeds", metavar="SEED", type=int, nargs="*")
    parser.add_argument("--complaints", metavar="N", type=int, default=15_000)
    parser.add_argument("--operations", metavar="N", type=int, default=120)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args(words)
    for seed in arguments.seeds or (1001,):
        with tempfile.TemporaryDirectory() as folder:
            root = arguments.keep or Path(folder)
            world, run = root / "world", root / "run"
            if not (world / "plan.done").exists():
                measured.ringtrace(
                    f"simulate {{world}} --complaints {arguments.complaints} "
                    f"--operations {arguments.operations} --seed {seed}",
                    world=world,
                )
            plan = plan_sites(world, seed)
            rewrite(world, plan)
            measured.ringtrace(
                "batch --complaints {world}/complaints --calls {world}/calls --output {run} --overwrite --no-register --no-wait",
                world=world,
                run=run,
            )
            for name, text in lines(world, run, plan):
                print(f"{seed} | {name} | {text}", flush=True)


if __name__ == "__main__":
    main()
