"""`batch --two-person`: what one person confirms does not count until a second one did, too."""

import json

import pytest

from pipelines import cli, key_store
from reports import signing
from reports.signing import make_signing_key
from schemas.tables import DECISIONS, MEMBERS
from tests.end_to_end.test_bound_decisions import RING, first_day, status_of
from tests.support.run_pipeline import by_key, column, execute, jsonl, run

PEOPLE = """
[[person]]
id = "ada"
roles = ["analyst"]
key = "{key}"

[[person]]
id = "ben"
name = "Ben Łuk"
roles = ["reviewer"]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A two-person run, and what makes another one."""
    folder = tmp_path_factory.mktemp("two")
    key = make_signing_key()
    pem = folder / "ada.pem"
    pem.write_bytes(signing.private_pem(key))
    (folder / "people.toml").write_text(
        PEOPLE.format(key=signing.key_id(key.public_key())), encoding="utf-8"
    )
    for path in (pem, folder / "people.toml"):
        path.chmod(0o600)
    key_store.trust("desk", key.public_key())
    rows = jsonl(folder / "1.jsonl", first_day())
    flags = ["--complaints", rows, "--people", folder / "people.toml", "--two-person"]
    manifest = run(folder / "run", *flags)
    assert manifest["options"]["two_person"] is True
    assert manifest["options"]["people"]["name"] == "people.toml"
    return folder, pem, flags


def decide(folder, file, kind, author, *more):
    words = ["--people", str(folder / "people.toml"), "--author", author, *map(str, more)]
    return cli.main(
        ["decide", str(folder / "run"), kind, RING[0], "--reason", f"{author} read it",
         "--decisions", str(file), *words]
    )  # fmt: skip


def next_run(world, file, output):
    folder, _, flags = world
    run(output, *flags, "--previous", folder / "run", "--decisions", file)
    return {name: row["in_force"] for name, row in by_key(output, DECISIONS).items()}


def test_a_confirm_counts_from_the_run_on_that_has_a_second_persons(world, tmp_path):
    folder, pem, _ = world
    file = tmp_path / "d.csv"
    said = execute(decide, folder, file, "confirm", "ada", "--key", pem).out
    assert "without effect yet: waits for the decision of a second person" in said
    assert list(next_run(world, file, tmp_path / "alone").values()) == [False]
    assert status_of(tmp_path / "alone", RING[0]) != "reviewed"
    assert set(column(tmp_path / "alone", MEMBERS, "review")) == {"unreviewed"}
    page = (tmp_path / "alone" / "report" / "data" / "run.js").read_text(encoding="utf-8")
    assert "ada read it" not in page
    assert "without effect" not in execute(decide, folder, file, "confirm", "Ben Łuk").out
    assert list(next_run(world, file, tmp_path / "both").values()) == [True, True]
    assert "reviewed" in column(tmp_path / "both", MEMBERS, "review")
    page = (tmp_path / "both" / "report" / "data" / "run.js").read_text(encoding="utf-8")
    assert "ada read it" in page


def test_a_dispute_holds_alone_and_a_second_verdict_is_recorded_against_it(world, tmp_path, capsys):
    folder, pem, _ = world
    file = tmp_path / "d.csv"
    assert decide(folder, file, "dispute", "ben") == 0
    assert decide(folder, file, "confirm", "ada", "--key", pem) == 0
    in_force = next_run(world, file, tmp_path / "next")
    assert {name.split("-")[0]: holds for name, holds in in_force.items()} == {
        "dispute": True,
        "confirm": False,
    }
    assert status_of(tmp_path / "next", RING[0]) == "disputed"
    capsys.readouterr()
    words = ["--decisions", str(file), "--people", str(folder / "people.toml")]
    cli.main(["health", str(tmp_path / "next"), *words])
    said = capsys.readouterr().out
    assert "agreement: 1 judged by two people; Cohen's kappa 0.00" in said
    (line,) = (line for line in said.splitlines() if line.startswith("disagreement: "))
    assert set(line.removeprefix("disagreement: ").split(" and ")) == set(in_force)


def test_what_a_file_of_people_cannot_know_is_not_counted(world, tmp_path):
    """Two typed rows are of whoever typed them."""
    file = tmp_path / "d.jsonl"
    rows = [
        {"decision_id": name, "kind": "confirm", "entity_a": RING[0], "author": name,
         "reason": "so", "decided_at": "2024-03-02T12:00:00Z"}
        for name in ("ada", "ben")
    ]  # fmt: skip
    file.write_text("\n".join(map(json.dumps, rows)))
    assert set(next_run(world, file, tmp_path / "next").values()) == {False}
