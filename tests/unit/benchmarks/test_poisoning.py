"""The poisoning table: lies keep the contract, liars stay within their budget, harm is seen."""

from dataclasses import replace
from random import Random

import jsonschema
import pytest

from benchmarks.poisoning.attacks import INVENTED, Budget, Target
from benchmarks.poisoning.harms import ATTACKS, HARMS, Case
from benchmarks.poisoning.kinds import MEANS, STRANGERS, Known
from benchmarks.poisoning.lies import Forgery, Tables
from schemas.contract_docs import json_schemas

RING = (
    "phone:+18885550100", "domain:a.support", "email:a@b.support", "remote:anydesk:123456789",
    "account:iban:DE02120300000000202051", "account:upi:a@ybl", "wallet:btc:1abc",
    "account:us:026009593:12345678",
)  # fmt: skip


def rings(tier="core", **fields):
    """Two rings of these identifiers; the other one's numbers end in 1."""
    rival = tuple(f"{entity_id[:-1]}1" for entity_id in RING)
    rows = {
        entity_id: {"entity_id": entity_id, "cluster_id": name, "tier": tier, "review": "reviewed",
              "robustness": 3} | fields
        for name, ids in (("c-a", RING), ("c-b", rival))
        for entity_id in ids
    }  # fmt: skip
    clusters = {"c-a": "confirmed", "c-b": "candidate"}
    return Tables(rows, dict.fromkeys(rows, "infrastructure"), frozenset(), clusters), rival


def target(before, rival):
    return Target(before, (RING, rival), ("phone:+18885550177",), rival[0], "phone:+18885550188")


def assert_kept_contract(made):
    contracts = json_schemas()
    for kind, rows in (("complaint", made.complaints), ("call", made.calls)):
        validator = jsonschema.Draft202012Validator(contracts[f"input/{kind}"])
        for row in rows:
            if row.get("received_at") != "yesterday":
                validator.validate(row)
    assert len({row["complaint_id"] for row in made.complaints}) == len(made.complaints)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("budget", [Budget(1, 1), Budget(3, 10)], ids=str)
def test_lies_keep_the_contract_and_the_budget(attack, budget):
    before, rival = rings()
    before.members["phone:+18885550177"] = {"cluster_id": "c-a", "tier": "verify"}
    made = Forgery(Random(1))
    attack(target(before, rival), budget, made)
    assert_kept_contract(made)
    reporters = {(row["source_org"], row["victim_id"]) for row in made.complaints}
    assert len(reporters) <= budget.reporters
    assert len(made.complaints) <= budget.reporters * budget.each


@pytest.mark.parametrize("means", [means for means, forge in MEANS.items() if forge])
def test_strangers_of_every_kind_are_named_by_liars_of_their_own(means):
    _, rival = rings()
    own = dict.fromkeys(STRANGERS, RING[1]) | {"phone, private": RING[0]}
    made = Forgery(Random(1))
    MEANS[means](Known((RING, rival), own), 3, made)
    assert_kept_contract(made)
    named = 2 if "calls" in means else len(STRANGERS)
    assert len({row["victim_id"] for row in made.complaints}) == len(made.complaints) == 3 * named


def with_members(tables, **changed):
    """The tables with some members put elsewhere: cluster ids by entity id, None to take out."""
    rows = dict(tables.members)
    for entity_id, cluster in changed.items():
        rows[entity_id] = {**rows.get(entity_id, rows[RING[0]]), "cluster_id": cluster}
    return replace(tables, members={k: v for k, v in rows.items() if v["cluster_id"]},
                   clusters=tables.clusters | {"c-new": "candidate"})  # fmt: skip


def test_harm_is_seen():
    before, rival = rings()
    aim = target(before, rival)

    def case(**changed):
        return Case(aim, before, with_members(before, **changed))

    nothing = case()
    for harm in HARMS:
        if harm.judge is not Case.dispute_lapsed and harm.judge is not Case.legitimate_lapsed:
            assert not harm.judge(nothing), harm.name
    gone = case(**{RING[0]: None})
    assert gone.erased()
    assert gone.stopped()
    moved = case(**{RING[1]: "c-b"})
    assert moved.merged()
    assert moved.split()
    assert moved.moved()
    welded = case(**dict.fromkeys(rival, "c-a"))
    assert welded.welded()
    assert welded.weld_in_package()
    assert not welded.weld_in_offer()
    assert case(**{"account:iban:DE02120300000000202051": None}).hubbed()
    assert case(**{INVENTED[0]: "c-new"}).invented_core()


def test_an_epoch_is_renamed_only_where_the_rings_own_reporters_are_under_another_id():
    before, rival = rings(reporters=8)
    later = f"{RING[0]}#2"
    for reporters, renamed in ((3, False), (8, True)):
        after = with_members(before, **{later: "c-a"})
        after.members[later]["reporters"] = reporters
        assert Case(target(before, rival), before, after).renamed() is renamed


def test_what_two_reporters_tie_is_moved_but_neither_merged_nor_split():
    before, rival = rings(robustness=2)
    case = Case(target(before, rival), before, with_members(before, **{RING[1]: "c-b"}))
    assert case.moved()
    assert not case.merged()
    assert not case.split()


def test_what_is_welded_thinly_is_in_no_package():
    before, rival = rings()
    after = with_members(before, **dict.fromkeys(rival, "c-a"))
    thin = replace(after, thin=frozenset(["c-a"]))
    assert Case(target(before, rival), before, after).weld_in_package()
    assert not Case(target(before, rival), before, thin).weld_in_package()
