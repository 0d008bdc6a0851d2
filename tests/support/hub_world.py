"""Three organisations and the host of a hub, each with keys of its own and a reviewed run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from pipelines import key_store
from reports import signing
from tests.support.run_pipeline import Printed, confirm_all, execute, json_of

ORGS = ("amazon", "google", "microsoft")

HOST = "isac"


@dataclass
class HubWorld:
    folder: Path

    @property
    def hub(self) -> Path:
        return self.folder / "hub"

    def home(self, org: str) -> Path:
        return self.folder / f"home-{org}"

    def run(self, org: str) -> Path:
        return self.folder / f"run-{org}"

    def at(self, org: str, *words: object, status: int | None = 0) -> Printed:
        """Runs a command with the keys of an organisation."""
        with mock.patch.dict(os.environ, {key_store.HOME_VARIABLE: str(self.home(org))}):
            return execute(*words, status=status)

    def do(
        self,
        org: str,
        word: str,
        *words: object,
        day: int = 1,
        month: int = 6,
        status: int | None = 0,
    ) -> Printed:
        """Runs a command of the hub on a day of 2026, or today, which is day 0."""
        when = ["--now", f"2026-{month:02}-{day:02}T10:00:00Z"] if day else []
        target = [self.run(org), self.hub] if word == "publish" else [self.hub]
        return self.at(org, "exchange", "hub", word, *target, *words, *when, status=status)

    def pem(self, org: str) -> Path:
        return self.folder / f"{org}.pem"

    def record(self, org: str) -> dict:
        return json_of(self.home(org) / "hubs" / "acx.json")

    def copy(self, folder: Path) -> HubWorld:
        """Copies keys and hub to another folder, and names the same runs."""
        for path in (*(self.home(org) for org in (*ORGS, HOST)), self.hub):
            shutil.copytree(path, folder / path.name, copy_function=shutil.copy2)
        for org in ORGS:
            (folder / f"run-{org}").symlink_to(self.run(org))
        for org in (*ORGS, HOST):
            shutil.copy2(self.pem(org), folder)
        return HubWorld(folder)


def make_hub(world: HubWorld, day: int = 1, *charter: object) -> None:
    """Makes the keys, and the hub of three members on 1 June 2026, or today, which is day 0."""
    for org in (*ORGS, HOST):
        world.at(org, "keys", "export", "--output", world.pem(org))
    host = signing.key_id(signing.read_public_key(world.pem(HOST).read_bytes(), "host"))
    for org in ORGS:
        words = ["keys", "trust", HOST, world.pem(HOST), "--fingerprint", host]
        world.at(org, *words)
    world.do(HOST, "init", "--name", "acx", "--from", HOST, *charter, day=day)
    add = ["--add", "amazon", "--pem", world.pem("amazon")]
    world.do(HOST, "members", *add, day=day)
    add = ["--add", "google", "--pem", world.pem("google")]
    world.do("amazon", "members", *add, day=day)
    agree(world, HOST, day)
    add = ["--add", "microsoft", "--pem", world.pem("microsoft")]
    world.do("amazon", "members", *add, day=day)
    agree(world, "google", day)


def newest_list(world: HubWorld) -> str:
    """The digest of the last list of members."""
    return max((world.hub / "members").glob("*.json")).name.partition("-")[2][:16]


def agree(world: HubWorld, org: str, day: int = 1) -> None:
    world.do(org, "members", "--sign", newest_list(world), day=day)


def make_world(folder: Path) -> HubWorld:
    """Simulates one world, of which each organisation has a third of the complaints."""
    world = HubWorld(folder)
    made = "--complaints 700 --operations 6 --seed 7".split()
    execute("simulate", folder / "in", *made)
    moved = set()
    for kind in ("complaints", "calls"):
        rows = {org: [] for org in ORGS}
        for org in ("amazon", "microsoft"):
            for number, line in enumerate((folder / "in" / kind / f"{org}.jsonl").open()):
                row = json.loads(line)
                complaint = row.get("complaint_id")
                if complaint in moved or (
                    number % 3 == 0 and (kind == "complaints" or not complaint)
                ):
                    moved.add(complaint)
                    row["source_org"] = "google"
                rows[row["source_org"]].append(json.dumps(row))
        for org in ORGS:
            path = folder / "records" / kind / f"{org}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(rows[org]) + "\n")
        moved.discard(None)
    truth = (folder / "in" / "truth.csv").read_text().splitlines()[1:]
    ids = sorted({row.partition(",")[0] for row in truth if "#" not in row})
    decisions = confirm_all(folder / "decisions.csv", ids, "2026-05-20T00:00:00Z")
    for org in ORGS:
        files = ["--complaints", folder / "records" / "complaints" / f"{org}.jsonl"]
        files += ["--calls", folder / "records" / "calls" / f"{org}.jsonl"]
        words = ["batch", *files, "--decisions", decisions, "--output", world.run(org)]
        world.at(org, *words)
    make_hub(world)
    return world
