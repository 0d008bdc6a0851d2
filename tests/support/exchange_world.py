import copy
import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import key_store
from reports import signing, tables
from schemas.entity import is_withheld
from schemas.enums import HARD_ROLES
from schemas.joint import CONTRIBUTORS
from schemas.tables import CLUSTERS, COMPLAINTS, MEMBERS, MENTIONS
from tests.support.run_pipeline import (
    column,
    confirm_all,
    execute,
    keys_in,
    ringtrace,
    table_rows,
    use_keys,
)

CLOCK = "2026-05-02T00:00:00Z"
"""The clock of the runs of the world."""

ISSUED = "2026-06-01T00:00:00Z"

NOW = "2026-06-02T00:00:00Z"


@dataclass(frozen=True)
class Company:
    org: str
    home: Path
    complaints: Path
    calls: Path
    run: Path


@dataclass(frozen=True)
class World:
    folder: Path
    amazon: Company
    microsoft: Company

    @property
    def truth(self) -> Path:
        return self.folder / "truth.csv"


def trust_key(company: Company, partner: Company) -> None:
    """Lets a company trust the key of a partner, as two people agree over the telephone."""
    with keys_in(partner.home) as patch:
        key = key_store.own_key().public_key()
        use_keys(patch, company.home)
        pem = company.home / "theirs.pem"
        company.home.mkdir(exist_ok=True)
        pem.write_bytes(signing.public_pem(key))
        mark = ["--fingerprint", signing.key_id(key)]
        execute("keys", "trust", partner.org, pem, *mark)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def reviewed_run(company: Company, folder: Path) -> Path:
    """The company's run made again, once an analyst confirmed every cluster of two or more."""
    clusters = tables.read_table(company.run, CLUSTERS, ["cluster_id"], pc.field("size") > 1)
    wanted = pc.field("cluster_id").isin(clusters["cluster_id"].combine_chunks())
    members = tables.read_table(company.run, MEMBERS, ["entity_id", "cluster_id"], wanted)
    first = {row["cluster_id"]: row["entity_id"] for row in members.to_pylist()}
    decisions = confirm_all(folder / "decisions.csv", first.values(), "2026-04-01T00:00:00Z")
    files = ["--complaints", company.complaints, "--calls", company.calls]
    seen = ["--previous", company.run, "--decisions", decisions]
    execute("batch", *files, *seen, "--output", folder / "reviewed", "--now", CLOCK)
    return folder / "reviewed"


AGREED = ["--override-by", "Ada Cole", "--override-reason", "microsoft agreed on 1 June 2026"]


class Joint:
    """A joint run of amazon with microsoft's offer, of which one joint cluster is confirmed.

    Attributes:
        home: The keys of amazon, with a record of their own of what was accepted.
    """

    def __init__(self, world, first, patch, folder):
        self.world, self.run, self.package = world, folder / "run", folder / "package"
        self.folder, self.home, self.offer = folder, folder / "home", folder / "offer"
        use_keys(patch, world.microsoft.home)
        words = ["exchange", "offer", world.microsoft.run, "--to", "amazon"]
        execute(*words, "--output", self.offer, "--now", ISSUED)
        self.home.mkdir()
        for name in ("register.key", "own.pem"):
            shutil.copy2(world.amazon.home / name, self.home)
        trust_key(dataclasses.replace(world.amazon, home=self.home), world.microsoft)
        use_keys(patch, self.home)
        who = tables.read_table(first, CONTRIBUTORS, ["entity_id", "cluster_id", "contributor"])
        by = {}
        for row in who.to_pylist():
            ids = by.setdefault(row["cluster_id"], {}).setdefault(row["contributor"], [])
            ids.append(row["entity_id"])
        both = [cluster for cluster in by.values() if set(cluster) == {"amazon", "microsoft"}]
        largest = max(both, key=lambda cluster: sum(map(len, cluster.values())))
        ids = {entity for seen in largest.values() for entity in seen}
        # The analyst saw all but the calls since the last complaint.
        newest = pc.max(tables.read_table(first, COMPLAINTS, ["received_at"])["received_at"])
        when = f"{newest.as_py():%Y-%m-%dT%H:%M:%SZ}"
        ids = [entity for entity in ids if "#" not in entity and not is_withheld(entity)]
        decisions = confirm_all(folder / "decisions.csv", ids, when, "seen by both")
        words = ["exchange", "join", world.amazon.run, self.offer, "--now", NOW]
        seen = ["--previous", first, "--decisions", decisions]
        execute(*words, *seen, "--output", self.run)
        where = pc.field("status") == "confirmed"
        confirmed = table_rows(self.run, CLUSTERS, where)
        self.cluster = max(confirmed, key=lambda row: (row["size"], row["cluster_id"]))
        assert self.referral(self.package, *AGREED) == 0

    def with_a_copy_of_its_keys(self, patch, folder):
        """The same runs, with keys and a ledger that a module may change."""
        twin = copy.copy(self)
        twin.patch, twin.home = patch, shutil.copytree(self.home, folder / "home")
        use_keys(patch, twin.home)
        return twin

    def referral(self, output, *more):
        words = ["referral", self.run, "--cluster", self.cluster["cluster_id"]]
        words += ["--complaints", self.world.amazon.complaints, "--calls", self.world.amazon.calls]
        when = [] if "--now" in more else ["--now", NOW]
        return ringtrace(*words, "--recipient", "in-cbi", "--output", output, *when, *more)


SHARED = 9

AT = ["--now", "2026-06-03T00:00:00Z"]


def victims(company, run, named):
    """Pseudonyms in the raw files of the company's records that name an identifier, hard roles."""
    where = pc.field("entity_id").isin(pa.array(sorted(named))) & (
        pc.field("source_org") == company.org
    )
    named_in = table_rows(run, MENTIONS, where)
    raw = {row["complaint_id"]: row for row in rows(company.complaints)}
    raw |= {row["call_id"]: row for row in rows(company.calls)}
    ids = {row["record_id"] for row in named_in if row["role"] in HARD_ROLES}
    return sorted({raw[record_id].get("victim_id") for record_id in ids} - {None})


def people(path, numbered):
    lines = [f"{who},(202) 555-{number:04d},US" for who, number in numbered.items()]
    path.write_text("\n".join(["victim_id,phone,country", *lines]) + "\n")
    return path


class Counted(Joint):
    """The joint run, with the victims of its cluster on both sides, of whom SHARED are shared.

    Its package is for another recipient, and holds the count.
    """

    def __init__(self, joint, patch, folder):
        vars(self).update(vars(joint.with_a_copy_of_its_keys(patch, folder)))
        self.folder, self.package, world = folder, folder / "package", joint.world
        cluster_id = self.cluster["cluster_id"]
        here = pc.field("cluster_id") == cluster_id
        members = column(self.run, MEMBERS, "entity_id", here)
        theirs = here & (pc.field("contributor") == "microsoft")
        offered = tables.read_table(self.run, CONTRIBUTORS, ["entity_id"], theirs)["entity_id"]
        self.own = victims(world.amazon, self.run, members)
        self.other = victims(world.microsoft, world.microsoft.run, offered.to_pylist())
        both = {who: n for n, who in enumerate(self.own)}
        # Everybody else of the partner's has a number of an own victim, too: none may count.
        everybody = sorted({row.get("victim_id") for row in rows(world.microsoft.complaints)})
        strangers = [
            victim_id for victim_id in everybody if victim_id and victim_id not in self.other
        ]
        numbers = {who: n for n, who in enumerate(strangers[: len(self.own)])}
        numbers |= {who: n for n, who in enumerate(self.other[:SHARED])}
        numbers |= {who: 5000 + n for n, who in enumerate(self.other[SHARED:])}
        self.files = people(folder / "a.csv", both), people(folder / "m.csv", numbers)
        about = ["--run", self.run, "--cluster", cluster_id, "--offer", self.offer]
        self.letter("request", self.files[0], "--by", "phone", "--to", "microsoft", *about, out="1")
        # The partner trusts this key for the time being.
        self.at("amazon")
        key = key_store.own_key().public_key()
        self.at("microsoft")
        key_store.trust("amazon", key)
        flags = ["--run", world.microsoft.run, "--offer", self.offer, "--ignore-cooldown"]
        self.letter("respond", self.folder / "1", self.files[1], *flags, out="2", org="microsoft")
        self.result = self.letter("compute", self.folder / "2", out="3")
        self.at("microsoft")
        key_store.distrust("amazon", signing.key_id(key))
        self.at("amazon")
        words = ["--overlap", self.result, "--recipient", "us-fbi-ic3"]
        assert self.referral(self.package, *AGREED, *words) == 0

    def at(self, org):
        home = self.home if org == "amazon" else self.world.microsoft.home
        use_keys(self.patch, home)
        return ["--from", org, *AT]

    def letter(self, move, *words, out, org="amazon", status=0):
        words = ["exchange", "overlap", move, *words, *self.at(org), "--output", self.folder / out]
        assert ringtrace(*words) == status
        return self.folder / out
