"""Two companies of one simulated world, each with its own run and its own keys."""

from __future__ import annotations

import pytest

from pipelines import key_store
from schemas.manifest import SIMULATED_NAME
from tests.support.exchange_world import (
    CLOCK,
    ISSUED,
    Company,
    Counted,
    Joint,
    World,
    reviewed_run,
    ringtrace,
    trust_key,
)


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    made = "--complaints 900 --operations 8 --seed 7".split()
    assert ringtrace("simulate", folder / "in", *made) == 0
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
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(key_store.HOME_VARIABLE, str(company.home))
            assert ringtrace("batch", *files, "--output", company.run, "--now", CLOCK) == 0
        companies.append(company)
    whole = World(folder / "in", *companies)
    trust_key(whole.amazon, whole.microsoft)
    trust_key(whole.microsoft, whole.amazon)
    return whole


@pytest.fixture
def at(monkeypatch):
    """Act as a company: its keys are one's own."""

    def act_as(company: Company) -> None:
        monkeypatch.setenv(key_store.HOME_VARIABLE, str(company.home))

    return act_as


@pytest.fixture
def offered(world, at, tmp_path):
    """An offer of microsoft's to amazon."""

    def make(name="offer", **changes):
        at(world.microsoft)
        flags = {"--to": "amazon", "--output": tmp_path / name, "--now": ISSUED} | changes
        words = [word for flag in flags.items() for word in flag]
        assert ringtrace("exchange", "offer", world.microsoft.run, *words) == 0
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def joined(world, tmp_path_factory):
    """Amazon's run joined with microsoft's offer of what it reviewed, each with their own keys."""
    folder = tmp_path_factory.mktemp("joined")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(key_store.HOME_VARIABLE, str(world.microsoft.home))
        made = ["--to", "amazon", "--output", folder / "offer", "--now", "2026-05-01T00:00:00Z"]
        theirs = reviewed_run(world.microsoft, folder)
        assert ringtrace("exchange", "offer", theirs, *made) == 0
        patch.setenv(key_store.HOME_VARIABLE, str(world.amazon.home))
        words = [world.amazon.run, folder / "offer", "--output", folder / "run", "--now", CLOCK]
        assert ringtrace("exchange", "join", *words) == 0
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
