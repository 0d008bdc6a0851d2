"""Every kind has a row, and what other files say of kinds is of kinds that have one."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import tomllib
from importlib import import_module, resources

import pytest

from reports.letters import OFFERABLE_KINDS
from schemas.entity import epoch_number
from schemas.enums import HARD_ROLES, SUPPLIER_KINDS, EntityKind
from transforms.decode import load_reference_data
from transforms.extract import kinds
from transforms.extract.kinds.registry import BY_KIND, KINDS, lookup_kind
from transforms.extract.narrative import load_finders


def referral_data(name):
    text = resources.files("reports.referral").joinpath("data", name).read_text("utf-8")
    return tomllib.loads(text)


def test_every_kind_has_one_row_of_its_own():
    assert sorted(BY_KIND) == sorted(EntityKind)
    assert len({(row.kind, row.scheme) for row in KINDS}) == len(KINDS)


@pytest.mark.parametrize("row", KINDS, ids=lambda row: f"{row.kind}:{row.scheme or ''}")
def test_a_row_is_whole(row):
    assert row.noun and row.nouns and row.retention_days > 0
    assert row.hard_role is None or row.hard_role in HARD_ROLES
    supplier = row.kind in SUPPLIER_KINDS
    assert row.offered == (row.kind in OFFERABLE_KINDS) == (not supplier)
    assert bool(row.caution) == bool(row.provider) == (not supplier)
    assert all(row.misp)
    for finder in row.finders:
        module = import_module(f"transforms.extract.kinds.{finder.module}")
        assert isinstance(module.HINT, str)
        assert list(module.find("")) == []


def test_a_scheme_without_a_row_has_that_of_its_kind():
    assert lookup_kind("handle", "agent:jane:1").hard_role is None
    assert lookup_kind("handle", "venmo:jane") is BY_KIND["handle"]
    assert lookup_kind("nothing", "x") is None


def test_each_finder_is_loaded_once_and_what_is_left_comes_last():
    assert len(load_finders()) == sum(len(row.finders) for row in KINDS)
    leftover = [finder.leftover for finder in load_finders()]
    assert leftover == sorted(leftover)


def test_every_module_that_finds_is_in_a_row():
    modules = {module.name for module in pkgutil.iter_modules(kinds.__path__)}
    finding = {
        module
        for module in modules
        if {"HINT", "find"} <= vars(import_module(f"{kinds.__name__}.{module}")).keys()
    }
    assert finding == {finder.module for row in KINDS for finder in row.finders}


def test_data_names_kinds_that_have_a_row():
    lives = [name.partition(":") for name in load_reference_data("lives.toml")]
    assert all(lookup_kind(kind, scheme) for kind, _, scheme in lives)
    for kind in {kind for kind, *_ in lives}:
        assert epoch_number(f"{kind}:x#2") == 2


def test_every_class_of_provider_has_a_clock():
    listed = {provider["class"] for provider in referral_data("providers.toml")["provider"]}
    clocks = {clock["provider"] for clock in referral_data("retention.toml")["clock"]}
    assert listed | {row.provider for row in KINDS if row.provider} <= clocks


def test_the_shipped_policy_names_only_what_may_be_offered():
    text = resources.files("reports.exchange").joinpath("policy.toml").read_text("utf-8")
    assert set(tomllib.loads(text)["kinds"]) <= set(OFFERABLE_KINDS)


def test_reports_may_import_it_at_no_cost():
    heavy = "print(*(m for m in ('apache_beam', 'pyarrow', 'phonenumbers') if m in sys.modules))"
    code = f"import sys, transforms.extract.kinds.registry; {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
