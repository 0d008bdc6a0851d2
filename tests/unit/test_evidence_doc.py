"""docs/evidence.md says what the code does: its constants, roles and worked example, recomputed."""

import re
from importlib import import_module

import pytest

from schemas.enums import HARD_ROLES, Role
from tests.support.graphs import classify_evidence, cluster_entities
from tests.support.made_up_evidence import evidence, piece
from tests.support.real_data import ROOT
from transforms.graph.epochs import shipped_lifetimes

PACKAGES = {
    "link_weights": "graph",
    "communities": "graph",
    "leiden": "graph",
    "refinement": "graph",
    "supplier_likelihood": "graph",
    "robustness": "graph",
    "cuts": "graph",
    "shared_hosts": "graph",
    "incidence": "graph",
    "cluster_facts": "graph",
    "reporters": "values",
    "ownership": "graph",
    "replaced": "graph",
    "fingerprints": "extract",
    "call_scripts": "extract",
    "traits": "campaigns",
    "campaigns": "campaigns",
}
"""The modules whose constants the page gives, and their packages below transforms/."""

DECIDES_NOTHING = {
    "MERGE_ROUNDS",
    "MOVE_ROUNDS",
    "MAX_ROUNDS",
    "FLOW_EDGES",
    "FINGERPRINT_BYTES",
    "NO_CLUSTER",
    "NO_SITE",
}
"""Bounds no run reaches, edges of a flow, a digest's length, and the numbers that stand for no
cluster and no site."""

PAGE = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")


def rows(*columns):
    """The rows of the page's table with these first columns."""
    lines = iter(PAGE.splitlines())
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[: len(columns)] == list(columns):
            next(lines)
            return _body(lines, cells)
    raise AssertionError(f"no table {columns}")


def _body(lines, header):
    body = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells = (cell.strip() for cell in line.strip("|").split("|"))
        body.append(dict(zip(header, cells, strict=True)))
    return body


def test_every_constant_has_its_value_and_a_reason():
    told = {row["constant"].strip("`"): row for row in rows("constant", "value")}
    for name, row in told.items():
        module, _, constant = name.partition(".")
        path = f"transforms.{PACKAGES[module]}.{module}"
        value = getattr(import_module(path), constant)
        several = value if isinstance(value, tuple) else (value,)
        assert tuple(map(float, row["value"].split(", "))) == several, name
        assert row["reason or source"]
    named = set(re.findall(rf"`((?:{'|'.join(PACKAGES)})\.[A-Z_]+)`", PAGE))
    assert named == set(told)


def _is_number(value):
    several = value if isinstance(value, tuple) else (value,)
    return all(isinstance(number, int | float) for number in several)


@pytest.mark.parametrize(
    "module",
    [
        "communities",
        "leiden",
        "refinement",
        "supplier_likelihood",
        "robustness",
        "cuts",
        "shared_hosts",
    ],
)
def test_no_constant_is_left_out(module):
    page = {row["constant"].strip("`") for row in rows("constant", "value")}
    known = vars(import_module(f"transforms.graph.{module}"))
    numbers = {
        f"{module}.{name}"
        for name, value in known.items()
        if name.isupper() and _is_number(value) and name not in DECIDES_NOTHING
    }
    assert numbers <= page


def test_every_lifetime_is_documented():
    """ "180 for a messenger's handle, 365 for an address or an account:upi" and the others."""
    (told,) = re.findall(r"`transforms/data/lives.toml`: (.*?) are not\s+passed on", PAGE, re.S)
    lives = {}
    for days, kinds in re.findall(r"(\d+)(?: days)? for ([^0-9;]+)", told):
        lives |= {
            kind: int(days) for kind in shipped_lifetimes() if re.search(rf"\b{kind}\b", kinds)
        }
    assert lives == shipped_lifetimes()


def test_every_role_has_its_strength():
    told = {row["role"].strip("`"): row["strength"] for row in rows("role", "strength")}
    assert set(told) == set(Role)
    assert {role for role, strength in told.items() if strength == "hard"} == set(HARD_ROLES)


KINDS = {"callback": "phone", "payee": "account", "lure_site": "domain", "caller_id": "phone"}


@pytest.fixture(scope="module")
def example():
    pieces = [
        piece(
            f"{kind}:{row[role]}",
            role,
            row["record"],
            source_org=row["company"],
            victim_key=f"{row['company']}|{row['victim']}",
            field=role,
        )
        for row in rows("record", "company")
        for role, kind in KINDS.items()
        if row[role]
    ]
    for mention in pieces:
        mention.pop("status")
    return cluster_entities(classify_evidence(evidence(pieces)))


def test_the_links_of_the_example(example):
    told = [
        {
            "entity_a": row["entity_a"],
            "entity_b": row["entity_b"],
            "weight": str(row["weight"]),
            "victims": str(row["victims"]),
            "companies": str(len(row["orgs"])),
            "strength": row["strength"],
            "accepted": "yes" if row["accepted"] else "no",
        }
        for row in example.links.to_pylist()
    ]
    expected = rows("entity_a", "entity_b")

    def ends(row):
        return row["entity_a"], row["entity_b"]

    assert sorted(told, key=ends) == sorted(expected, key=ends)


def test_the_members_of_the_example(example):
    assert example.clusters["size"].to_pylist() == [3]
    expected = {row["member"]: row for row in rows("member", "tie")}
    assert set(example.members["entity_id"].to_pylist()) == set(expected)
    for row in example.members.to_pylist():
        told = expected[row["entity_id"]]
        assert row["confidence"] == pytest.approx(1 - 2 ** -float(told["tie"]))
        assert f"{row['confidence']:.3f}" == told["confidence"]
