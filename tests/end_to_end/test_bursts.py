"""Fifty pseudonyms with one text in one minute: what they add is one person's."""

import pyarrow.compute as pc
import pytest

from pipelines import key_store
from reports import tables
from schemas.tables import CLUSTERS, MEMBERS
from tests.end_to_end.test_thin_joins import NOW, numbers, told, words
from tests.support.exchange_world import ringtrace
from tests.support.run_pipeline import complaint, jsonl, run

BURST = [f"+1877555{number:04d}" for number in (141, 267, 372)]

TEXT = (
    "the rival call centre took all my savings and laughed at me when I asked them to give "
    "anything back so everybody should report these numbers to the police right now please"
)


def honest():
    """Twelve people who tell of one ring, each on a day and in words of their own."""
    return [told(20 + number, numbers(0)[number % 2 :][:3], f"v{number}") for number in range(12)]


def burst(count=50, named=BURST, **changes):
    return [
        complaint(
            100 + number,
            received_at=f"2026-04-21T10:30:{number % 60:02d}Z",
            victim_id=f"fake-{number}",
            narrative=TEXT,
            phone_numbers=[{"raw": one, "role": "callback"} for one in named],
            claimed_brand="Amazon",
        )
        | changes
        for number in range(count)
    ]


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv(key_store.HOME_VARIABLE, str(tmp_path / "home"))

    def make(rows, name="run", *flags):
        path = jsonl(tmp_path / f"{name}.jsonl", rows)
        run(tmp_path / name, "--complaints", path, "--now", "2026-04-22T00:00:00Z", *flags)
        return tmp_path / name

    return make


def cluster_of(run_folder, number):
    members = tables.read_table(run_folder, MEMBERS).to_pylist()
    of = {one["entity_id"]: one for one in members}
    member = of[f"phone:{number}"]
    where = pc.field("cluster_id") == member["cluster_id"]
    (row,) = tables.read_table(run_folder, CLUSTERS, where=where).to_pylist()
    return row, member


def test_a_burst_with_one_text_neither_ranks_first_nor_leaves(made, tmp_path):
    found = made([*honest(), *burst()])
    fake, member = cluster_of(found, BURST[0])
    ring, own = cluster_of(found, numbers(0)[1])
    assert {"burst", "same_text"} <= set(fake["flags"])
    assert not {"burst", "same_text"} & set(ring["flags"])
    assert fake["reporters"] == 50  # the count itself stays
    assert fake["priority"] < ring["priority"]
    assert fake["confidence"] <= 0.5 < ring["confidence"]
    assert (member["tier"], member["robustness"], own["tier"]) == ("verify", 1, "core")
    out = tmp_path / "all.csv"
    assert ringtrace("export", found, "--all", "--format", "csv", "--output", out) == 0
    assert not any(one in out.read_text(encoding="utf-8-sig") for one in BURST)
    words = ["exchange", "offer", found, "--from", "amazon", "--to", "microsoft"]
    ringtrace(*words, "--output", tmp_path / "offer", *NOW)
    offer = tmp_path / "offer" / "offer.json"
    assert not offer.exists() or not any(one in offer.read_text() for one in BURST)


def test_a_burst_beside_a_ring_adds_no_core_member_and_takes_none_away(made):
    before = made(honest(), "before")
    after = made([*honest(), *burst(named=[numbers(0)[1], *BURST[:1]])], "after")
    _, member = cluster_of(after, BURST[0])
    assert member["tier"] == "verify"
    core = pc.field("tier") == "core"
    assert tables.read_table(after, MEMBERS, where=core)["entity_id"].equals(
        tables.read_table(before, MEMBERS, where=core)["entity_id"]
    )


def test_people_with_a_loss_or_words_or_hours_of_their_own_all_count(made):
    rows = burst(6, loss_amount="10.00", loss_currency="USD")
    fake, member = cluster_of(made(rows, "losses"), BURST[0])
    assert "same_text" not in fake["flags"] and member["robustness"] == 6
    rows = [one | {"narrative": words(number)} for number, one in enumerate(burst(6))]
    fake, member = cluster_of(made(rows, "words"), BURST[0])
    assert "burst" in fake["flags"] and "same_text" not in fake["flags"]
    assert member["robustness"] == 6
    rows = [
        one | {"received_at": f"2026-04-{10 + number}T10:30:00Z"}
        for number, one in enumerate(burst(6))
    ]
    fake, member = cluster_of(made(rows, "days"), BURST[0])
    assert not {"burst", "same_text"} & set(fake["flags"]) and member["robustness"] == 6


def test_a_burst_is_the_same_in_any_order(made):
    rows = [*honest(), *burst(20), *burst(5, named=[numbers(0)[0], BURST[2]], source_org="b")]
    one, two = made(rows, "one"), made(rows[::-1], "two", "--partitions", "3")
    for table in (CLUSTERS, MEMBERS):
        assert tables.read_table(one, table).equals(tables.read_table(two, table))
