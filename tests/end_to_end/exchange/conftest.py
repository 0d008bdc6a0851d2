"""Two companies of one simulated world, each with its own run and its own keys."""

from __future__ import annotations

import pytest

from schemas.manifest import SIMULATED_NAME
from tests.support.exchange_world import (
    CLOCK,
    ISSUED,
    Company,
    Counted,
    Joint,
    World,
    reviewed_run,
    trust_key,
)
from tests.support.run_pipeline import execute, keys_in, use_keys


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    made = "--complaints 900 --operations 8 --seed 7".split()
    execute("simulate", folder / "in", *made)
    (folder / "in" / SIMULATED_NAME).unlink()  # a join does not know that a world is simulated
    companies = []
    for org in ("amazon", "microsoft"):
        company = Company(
            org=org,
            home=folder / f"home-{org}",
            complaints=folder / "in" / "complaints" / f"{org}.jsonl",
            calls=folder / "in" / "calls" / f"{org}.jsonl",
            run=folder / org,
        )
        files = ["--complaints", company.complaints, "--calls", company.calls]
        with keys_in(company.home):
            execute("batch", *files, "--output", company.run, "--now", CLOCK)
        companies.append(company)
    whole = World(folder / "in", *companies)
    trust_key(whole.amazon, whole.microsoft)
    trust_key(whole.microsoft, whole.amazon)
    return whole


@pytest.fixture
def act_as(monkeypatch):
    """Act as a company: its keys are one's own."""

    def become(company: Company) -> None:
        use_keys(monkeypatch, company.home)

    return become


@pytest.fixture
def offered(world, act_as, tmp_path):
    """An offer of microsoft's to amazon."""

    def make(name="offer", **changes):
        act_as(world.microsoft)
        flags = {"--to": "amazon", "--output": tmp_path / name, "--now": ISSUED} | changes
        words = [word for flag in flags.items() for word in flag]
        execute("exchange", "offer", world.microsoft.run, *words)
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def joined(world, tmp_path_factory):
    """Amazon's run joined with microsoft's offer of what it reviewed, each with their own keys."""
    folder = tmp_path_factory.mktemp("joined")
    with keys_in(world.microsoft.home) as patch:
        made = ["--to", "amazon", "--output", folder / "offer", "--now", "2026-05-01T00:00:00Z"]
        theirs = reviewed_run(world.microsoft, folder)
        execute("exchange", "offer", theirs, *made)
        use_keys(patch, world.amazon.home)
        words = [world.amazon.run, folder / "offer", "--output", folder / "run", "--now", CLOCK]
        execute("exchange", "join", *words)
    return folder


@pytest.fixture(scope="session")
def whole_joint(world, joined, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return Joint(world, joined / "run", patch, tmp_path_factory.mktemp("joint"))


@pytest.fixture(scope="session")
def whole_counted(whole_joint, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return Counted(whole_joint, patch, tmp_path_factory.mktemp("counted"))


@pytest.fixture(scope="module")
def joint(whole_joint, tmp_path_factory):
    """A joint run and a package of it, with keys and a ledger of the module."""
    with pytest.MonkeyPatch.context() as patch:
        yield whole_joint.with_a_copy_of_its_keys(patch, tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def counted(whole_counted, tmp_path_factory):
    """The joint run with a count of shared victims, with keys and a ledger of the module."""
    with pytest.MonkeyPatch.context() as patch:
        yield whole_counted.with_a_copy_of_its_keys(patch, tmp_path_factory.mktemp("keys"))
