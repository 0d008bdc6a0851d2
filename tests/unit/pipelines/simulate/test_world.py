"""A written world: contract, determinism, and that its truth says what its records show."""

import csv
import json
from collections import Counter
from dataclasses import replace
from datetime import datetime

import jsonschema
import phonenumbers
import pytest

from pipelines import cli
from pipelines.simulate.complaints import BANK_LINES, BRAND_LINES
from pipelines.simulate.generate import simulate
from pipelines.simulate.identifiers import SITES as HOSTS
from pipelines.simulate.narratives import PHRASES
from pipelines.simulate.world import World
from schemas.contract_docs import json_schemas
from transforms.extract import allowlist
from transforms.extract.kinds import payment_account, remote_access, url

SITES = {site for phrases in PHRASES.values() for site in phrases["sites"]}


@pytest.fixture(scope="module", params=["chained", "pooled"])
def world(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    simulate(World(complaints=3000, operations=20, days=90, profile=request.param), folder)
    return folder


def records(folder, kind):
    for path in sorted((folder / kind).iterdir()):
        with path.open() as lines:
            yield from map(json.loads, lines)


def table(folder, name):
    with (folder / f"{name}.csv").open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def stated(complaint):
    """Entity ids that the structured fields of a complaint name in a hard role.

    Read with the pipeline's own functions, so that both agree on canonical ids.
    """
    region = complaint["victim_country"]
    for number in complaint.get("phone_numbers", []):
        if number["role"] == "callback":
            try:
                parsed = phonenumbers.parse(number["raw"], region)
            except phonenumbers.NumberParseException:
                continue
            yield f"phone:{phonenumbers.format_number(parsed, 0)}"
    for payment in complaint.get("payments", []):
        (account,) = payment_account.from_field(payment["method"], payment["payee"], region)
        yield account.entity_id
    for session in complaint.get("remote_access", []):
        account = remote_access.from_field(session["tool"], session["id"])
        yield f"{account.kind}:{account.value}"
    for written in complaint.get("urls", []):
        yield from (match.entity_id for match in url.from_field(written, region))
    for email in complaint.get("emails", []):
        if email["role"] != "victim":
            yield f"email:{email['address']}"


def test_equal_worlds_are_equal_bytes_and_seeds_differ(tmp_path):
    tiny = World(complaints=200, operations=5, days=20)
    simulate(tiny, tmp_path / "a")
    simulate(tiny, tmp_path / "b")
    simulate(World(seed=2, complaints=200, operations=5, days=20), tmp_path / "c")
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "c")


@pytest.mark.slow
def test_records_keep_the_input_contract(world):
    contracts = json_schemas()
    for kind, contract in (("complaints", "input/complaint"), ("calls", "input/call")):
        validator = jsonschema.Draft202012Validator(contracts[contract])
        for record in records(world, kind):
            validator.validate(record)
            assert set(record) <= set(contracts[contract]["properties"])
            moment = record.get("received_at") or record["started_at"]
            assert datetime.fromisoformat(moment).utcoffset() is not None


def test_counts(world):
    ids = Counter((c["source_org"], c["complaint_id"]) for c in records(world, "complaints"))
    assert 3000 < len(ids) < 3030  # those above are copycats'
    assert 0 < ids.total() - len(ids) < 100
    calls = [(c["source_org"], c["call_id"]) for c in records(world, "calls")]
    assert len(set(calls)) == len(calls)
    assert len(calls) == pytest.approx(1.25 * 3000, rel=0.05)
    known = {c.get("complaint_id") for c in records(world, "calls")} - {None}
    assert known <= {complaint_id for _, complaint_id in ids}


def test_all_is_stated_as_the_pipeline_reads_it(world):
    """Nearly every structured identifier is in the truth, or is one of the planted others."""
    truth = dict(table(world, "truth"))
    named = Counter(entity_id for c in records(world, "complaints") for entity_id in stated(c))
    kinds = Counter(entity_id.partition(":")[0] for entity_id in truth)
    assert set(kinds) == {"phone", "account", "wallet", "remote", "domain", "url", "email"}
    in_fields = [entity_id for entity_id in truth if named[entity_id]]
    assert len(in_fields) > 0.9 * len(truth)
    accounts = {
        entity_id for entity_id in named if entity_id.startswith(("account:", "wallet:", "remote:"))
    }
    assert len(accounts - set(truth)) < 0.35 * len(accounts)
    assert set(named).isdisjoint(entity_id for entity_id, _ in table(world, "victims"))


def test_truth_holds_no_victim_no_brand_no_innocent(world):
    truth = {entity_id for entity_id, _ in table(world, "truth")}
    for name in ("legitimate", "victims", "innocents"):
        assert truth.isdisjoint(entity_id for entity_id, _ in table(world, name))
    caller_ids = set()
    for complaint in records(world, "complaints"):
        for number in complaint.get("phone_numbers", []):
            if number["role"] == "caller_id":
                parsed = phonenumbers.parse(number["raw"], complaint["victim_country"])
                caller_ids.add(f"phone:{phonenumbers.format_number(parsed, 0)}")
    assert truth.isdisjoint(caller_ids)


def test_real_lines_are_on_the_shipped_list_and_some_cited_sites_are_not(world):
    lines = {f"phone:{line}" for line in {**BRAND_LINES, **BANK_LINES}.values()}
    brands = {f"domain:{site}" for site in HOSTS["hosts"]["brands"]}
    cited = {f"domain:{site}" for site in SITES}
    forged = {f"email:alerts@{site}" for site in SITES}
    assert {
        entity_id for entity_id, _ in table(world, "legitimate")
    } == lines | brands | cited | forged
    shipped = set(allowlist.shipped_allowlist().why)
    assert lines | brands <= shipped
    assert len(cited - shipped) > 5


def test_victims_are_really_in_it(world):
    victims = {entity_id for entity_id, _ in table(world, "victims")}
    numbers = {
        call["called_number" if call["direction"] == "inbound" else "calling_number"]
        for call in records(world, "calls")
    }
    assert {f"phone:{number}" for number in numbers} <= victims
    assert any(entity_id.startswith("remote:") for entity_id in victims)


def test_without_noise_nothing_misleads(tmp_path):
    simulate(World(complaints=1000, operations=5, days=60, noise=0), tmp_path)
    truth = dict(table(tmp_path, "truth"))
    complaints = list(records(tmp_path, "complaints"))
    assert len(complaints) == 1000
    for complaint in complaints:
        rings = {truth[entity_id] for entity_id in stated(complaint) if entity_id in truth}
        assert len(rings) <= 1


def test_a_dominant_ring_dominates(tmp_path):
    simulate(World(complaints=2000, operations=20, days=60, noise=0, dominant=0.5), tmp_path)
    truth = dict(table(tmp_path, "truth"))
    rings = Counter(
        next((truth[entity_id] for entity_id in stated(c) if entity_id in truth), None)
        for c in records(tmp_path, "complaints")
    )
    assert rings.most_common(1)[0][1] > 0.35 * rings.total()


def command(*arguments):
    return cli.main(["simulate", *map(str, arguments)])


def test_command_writes_and_will_not_overwrite(tmp_path, capsys):
    arguments = [tmp_path / "out", "--complaints", 50, "--operations", 2, "--days", 5]
    assert command(*arguments) == 0
    capsys.readouterr()
    assert command(*arguments) == 2
    error = capsys.readouterr().err
    assert "is not an empty folder" in error
    assert error.count("\n") == 1


def test_command_says_what_it_cannot_write(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert command(tmp_path / "file" / "out", "--complaints", 5) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_command_takes_more_organisations_and_no_calls(tmp_path):
    arguments = ["--complaints", 50, "--days", 5, "--calls-per-complaint", 0]
    assert command(tmp_path, *arguments, "--organisations", "amazon", "apple", "paypal") == 0
    assert {c["source_org"] for c in records(tmp_path, "complaints")} == {
        "amazon",
        "apple",
        "paypal",
    }
    assert not list(records(tmp_path, "calls"))


@pytest.mark.parametrize(
    "flag",
    ["--complaints=0", "--noise=-1", "--dominant=1", "--profile=x", "--organisations=../../etc"],
)
def test_command_refuses_nonsense(tmp_path, flag):
    assert command(tmp_path / "out", flag) == 2


def test_hubs_serve_several_rings_and_are_in_no_truth(world):
    hubs = {entity_id: int(count) for entity_id, count in table(world, "hubs")}
    assert min(hubs.values()) >= 2
    assert set(hubs).isdisjoint(entity_id for entity_id, _ in table(world, "truth"))
    lines = {
        entity_id for entity_id, reason in table(world, "innocents") if reason == "an unlisted line"
    }
    assert {hubs[line] for line in lines} == {20}
    named = Counter(entity_id for c in records(world, "complaints") for entity_id in stated(c))
    assert all(named[line] for line in lines)


def test_near_misses_are_mistyped_numbers_of_a_ring_and_nobody_elses(tmp_path):
    simulate(World(complaints=2000, operations=10, days=60, noise=4), tmp_path)
    truth = {entity_id for entity_id, _ in table(tmp_path, "truth")}
    listed = table(tmp_path, "near_misses")
    named = {entity_id for c in records(tmp_path, "complaints") for entity_id in stated(c)}
    assert any(entity_id in named for entity_id, _ in listed)
    for wrong, right in listed:
        assert len(wrong) == len(right)
        assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 1
        assert wrong not in truth
    assert any(right in truth for _, right in listed)
    for name in ("legitimate", "innocents"):
        assert {entity_id for entity_id, _ in listed}.isdisjoint(
            entity_id for entity_id, _ in table(tmp_path, name)
        )


def test_liars_are_beside_what_a_world_without_them_has(tmp_path):
    honest = World(seed=5, complaints=300, operations=6, days=60)
    simulate(honest, tmp_path / "honest")
    simulate(replace(honest, liars=0.2), tmp_path / "lies")
    with (tmp_path / "lies" / "attackers.csv").open() as file:
        aims = list(csv.DictReader(file))
    assert {aim["attacker"] for aim in aims} == {
        "complainant", "friends", "pseudonyms", "ring", "welders"
    }  # fmt: skip
    added = 0
    for org in honest.organisations:
        before, after = (
            (tmp_path / name / "complaints" / f"{org}.jsonl").read_bytes()
            for name in ("honest", "lies")
        )
        assert after.startswith(before)
        added += after.count(b"\n") - before.count(b"\n")
    assert 60 <= added < 60 + 8
    for name in ("truth.csv", "victims.csv", "innocents.csv"):
        assert (tmp_path / "lies" / name).read_bytes() == (tmp_path / "honest" / name).read_bytes()
