"""Reporters and tiers through a whole run: who counts, and what `--sources` changes."""

import pyarrow.compute as pc
import pytest

from pipelines.exchange.offer import evidence_of_run
from reports.run import Run
from schemas.tables import CLUSTERS, ENTITIES, LINKS, MEMBERS
from tests.support.run_pipeline import (
    by_key,
    call,
    callbacks,
    column,
    complaint,
    jsonl,
    run,
    table_rows,
)

WORDS = (
    "man accent laptop hours talking mother telephone bought drove shop cards codes window close "
    "rang panic account bank secret friendly shouted install program screen kitchen parcel"
).split()

RING = ("+1 888 555 0101", "+1 888 555 0102")


def rows(victims, start=1, numbers=RING, day=1):
    """Complaints of these victims, each of which names the same numbers to call back."""
    phones = callbacks(*numbers)
    for number, victim in enumerate(victims, start):
        fields = {"received_at": f"2024-03-{day:02}T09:30:00Z", "narrative": own_words(number)}
        yield complaint(number, phone_numbers=phones, victim_id=victim, **fields)


def own_words(number):
    """A narrative of a person's own, so that those of one hour are no copies."""
    step = 1 + number % 7
    return " ".join(WORDS[(number + step * place) % len(WORDS)] for place in range(14))


def members(folder):
    return by_key(folder, MEMBERS)


def test_one_person_counts_once_however_many_complaints_he_files(tmp_path):
    path = jsonl(tmp_path / "rows.jsonl", [*rows(["liar"] * 30)])
    run(tmp_path / "run", "--complaints", path)
    for member in members(tmp_path / "run").values():
        assert (member["reporters"], member["robustness"], member["tier"]) == (1, 1, "verify")
    (cluster,) = table_rows(tmp_path / "run", CLUSTERS)
    assert (cluster["complaints"], cluster["reporters"]) == (30, 1)
    (link,) = table_rows(tmp_path / "run", LINKS)
    assert (link["records"], link["reporters"], link["weight"]) == (30, 1, 1)


def test_two_persons_make_a_core_and_a_stranger_of_one_stays_out_of_it(tmp_path):
    lies = rows(["liar"] * 9, start=10, numbers=(RING[0], "+1 888 555 0177"))
    path = jsonl(tmp_path / "rows.jsonl", [*rows(["v1", "v2", "v3"]), *lies])
    run(tmp_path / "run", "--complaints", path)
    placed = members(tmp_path / "run")
    tiers = {entity[-4:]: member["tier"] for entity, member in placed.items()}
    assert tiers == {"0101": "core", "0102": "core", "0177": "verify"}
    assert {member["review"] for member in placed.values()} == {"unreviewed"}


def test_a_mistyped_number_is_a_near_miss_however_it_came_in(tmp_path):
    slips = rows(["v7", "v8"], start=10, numbers=(RING[0], "+1 888 555 0120"))
    path = jsonl(tmp_path / "rows.jsonl", [*rows([f"v{n}" for n in range(6)]), *slips])
    run(tmp_path / "run", "--complaints", path)
    slip = members(tmp_path / "run")["phone:+18885550120"]
    assert (slip["reporters"], slip["near_miss_of"]) == (2, "phone:+18885550102")
    assert slip["tier"] == "verify"


@pytest.mark.parametrize(
    ("rule", "reporters"), [(None, 2), ("per_day", 2), ("victim_id", 2), ("each_row", 6)]
)
def test_rows_without_a_pseudonym_count_by_their_source(tmp_path, rule, reporters):
    path = jsonl(
        tmp_path / "rows.jsonl", [*rows([None] * 3, day=1), *rows([None] * 3, start=9, day=2)]
    )
    flags = ["--complaints", path]
    if rule:
        (tmp_path / "sources.csv").write_text(f"source_org,rule\namazon,{rule}\n")
        flags += ["--sources", tmp_path / "sources.csv"]
    manifest = run(tmp_path / "run", *flags)
    assert manifest["options"]["sources"].get("amazon") == rule
    assert set(column(tmp_path / "run", ENTITIES, "reporters")) == {reporters}


@pytest.mark.parametrize("rule", [None, "per_day", "each_row"])
def test_a_call_without_a_pseudonym_makes_no_second_reporter(tmp_path, rule):
    """Whoever complains also called, on the same day or on another."""
    lies = jsonl(tmp_path / "rows.jsonl", [*rows(["liar"], numbers=RING[:1])])
    facts = {"victim_id": None, "direction": "outbound", "called_number": RING[0]}
    calls = [
        call(n, started_at=f"2024-03-0{day}T09:00:00Z", calling_number="+13125550100", **facts)
        for n, day in enumerate((1, 2, 3))
    ]
    flags = ["--complaints", lies, "--calls", jsonl(tmp_path / "calls.jsonl", calls)]
    if rule:
        (tmp_path / "sources.csv").write_text(f"source_org,rule\namazon,{rule}\n")
        flags += ["--sources", tmp_path / "sources.csv"]
    run(tmp_path / "run", *flags)
    (member,) = members(tmp_path / "run").values()
    assert (member["reporters"], member["tier"]) == (1, "verify")


@pytest.mark.parametrize(("belongs", "reporters"), [("c1", 1), ("c77", 2), (None, 2)])
def test_a_call_of_a_complaint_adds_no_reporter_whatever_its_pseudonym(
    tmp_path, belongs, reporters
):
    """Calls can be kept under other pseudonyms than complaints: it is one person still."""
    complaints = jsonl(tmp_path / "rows.jsonl", rows(["v1"], start=1))
    called = call(1, direction="outbound", called_number=RING[0], victim_id="p9",
                  complaint_id=belongs)  # fmt: skip
    calls = jsonl(tmp_path / "calls.jsonl", [called])
    run(tmp_path / "run", "--complaints", complaints, "--calls", calls)
    number = f"phone:{RING[0].replace(' ', '')}"
    assert members(tmp_path / "run")[number]["reporters"] == reporters
    evidence = evidence_of_run(Run.open(tmp_path / "run"))
    named = evidence.filter(pc.equal(evidence["entity_id"], number))
    assert len(named["reporter_key"].unique()) == reporters
