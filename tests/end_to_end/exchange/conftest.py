"""Two companies of one simulated world, each with its own run and its own keys."""

from __future__ import annotations

import pytest

from pipelines import key_store
from reports import signing
from schemas.manifest import SIMULATED_NAME
from tests.support.exchange_world import ISSUED, Company, Counted, World, ringtrace, trust_key


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    made = "--complaints 900 --operations 8 --seed 7".split()
    assert ringtrace("simulate", folder / "in", *made) == 0
    (folder / "in" / SIMULATED_NAME).unlink()  # a join does not know that a world is simulated
    companies = []
    for org in ("amazon", "microsoft"):
        one = Company(
            org=org,
            home=folder / f"home-{org}",
            complaints=folder / "in" / "complaints" / f"{org}.jsonl",
            calls=folder / "in" / "calls" / f"{org}.jsonl",
            run=folder / org,
        )
        files = ["--complaints", one.complaints, "--calls", one.calls]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(key_store.HOME_VARIABLE, str(one.home))
            assert ringtrace("batch", *files, "--output", one.run) == 0
        companies.append(one)
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


@pytest.fixture(scope="module")
def counted(world, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        made = Counted(world, patch, tmp_path_factory.mktemp("counted"))
        # The partner trusts this key for the time being.
        made.at("amazon")
        key = key_store.own_key().public_key()
        made.at("microsoft")
        key_store.trust("amazon", key)
        flags = ["--run", world.microsoft.run, "--offer", made.offer, "--ignore-cooldown"]
        made.letter("respond", made.folder / "1", made.files[1], *flags, out="2", org="microsoft")
        made.letter("compute", made.folder / "2", out="3")
        made.at("microsoft")
        key_store.distrust("amazon", signing.key_id(key))
        made.at("amazon")
        made.result = made.folder / "3"
        yield made
