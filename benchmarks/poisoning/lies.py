"""Forged complaints, the worlds that they are added to, and the tables of the runs that follow."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.dataset as ds

import ringtrace
from benchmarks.measured import words_of
from pipelines import cli
from pipelines.key_store import HOME_VARIABLE, public_key
from pipelines.simulate import World, simulate
from reports import signing
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
class Tables:
    """A run: its members by id, the status of its identifiers and clusters, its alarms.

    `thin` are the clusters without an identifier that may leave; `first` is the cluster with the
    first rank. `offered` has the identifiers in an offer of the run, if made, with their clusters.
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
        members = {row["entity_id"]: row for row in read_rows(run, "members")}
        manifest = json.loads((run / "manifest.json").read_bytes())
        clusters = read_rows(run, "clusters")
        ranked = sorted(clusters, key=lambda row: (-row["priority"], row["cluster_id"]))
        return Tables(
            members,
            {row["entity_id"]: row["status"] for row in read_rows(run, "entities")},
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
        for entity_id in sorted(self.members):
            if self.is_core(entity_id):
                groups[self.members[entity_id]["cluster_id"]].append(entity_id)
        several = [(cluster_id, ids) for cluster_id, ids in groups.items() if len(ids) > 1]
        return dict(sorted(several, key=lambda pair: (-len(pair[1]), pair[0])))


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
        for entity_id in entity_ids:
            name, value = as_field(entity_id)
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
        """Writes the records; returns the files by kind, without kinds that have no records."""
        files = {}
        for kind, rows in (("complaints", self.complaints), ("calls", self.calls)):
            if rows:
                path = folder / f"{kind}.jsonl"
                path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
                files[kind] = [str(path)]
        return files


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
    command = "exchange offer {run} --from amazon --to microsoft --output {out} --now "
    ringtrace_command(home, command + NOW.isoformat(), run=run, out=out)
    offer = json.loads((out / "offer.json").read_bytes())
    return {entity["entity_id"]: entity["cluster"] for entity in offer["entities"]}


def ringtrace_command(world: Path, command: str, **places: object) -> str:
    """Runs a command with the keys of a world, as in `words_of`; returns what it prints."""
    os.environ[HOME_VARIABLE] = str(world / "keys")
    lines = io.StringIO()
    with contextlib.redirect_stdout(lines), contextlib.redirect_stderr(lines):
        status = cli.main(words_of(command, **places))
    if status:
        raise RuntimeError(lines.getvalue())
    return lines.getvalue()


def write_decisions(path: Path, moment: str, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """Writes an analyst's decisions of a moment: id, kind, entity and when it expires."""
    with path.open("w", newline="", encoding="utf-8") as out:
        decisions = csv.writer(out)
        decisions.writerow(DECISION)
        decisions.writerows(
            (number, kind, entity_id, "", "analyst", "looked at", moment, expires)
            for number, kind, entity_id, expires in rows
        )


def begin(place: Path, seed: int, complaints: int, operations: int) -> Path:
    """Makes a world and its keys; returns the first run of it."""
    world = World(seed=seed, complaints=complaints, operations=operations, days=DAYS)
    simulate(world, place / "world")
    ringtrace_command(place, "keys")
    return batch(place, "first")


def decide(place: Path, decided: Iterable[tuple[str, str, str]]) -> None:
    """Writes decisions (kind, entity, when they expire), and makes the run after them."""
    rows = ((str(number), *row) for number, row in enumerate(decided))
    write_decisions(place / "decisions.csv", END.isoformat(), rows)
    batch(place, "control", previous="first")


def trust(home: Path, issuer: Path, org: str) -> None:
    """Makes the keys of a world trust those of `org`, whose home is `issuer`."""
    pem = issuer / f"{org}.pem"
    ringtrace_command(issuer, "keys export --output {pem}", pem=pem)
    mark = signing.key_id(public_key(pem))
    ringtrace_command(home, f"keys trust {org} {{pem}} --fingerprint {mark}", pem=pem)


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


def read_rows(run: Path, name: str) -> Rows:
    """Returns the rows of a table of a run."""
    return list(ds.dataset(run / name, format="parquet").to_table().to_pylist())


read_tables = cache(Tables.read)
"""Reads a run that does not change, once in a process."""
