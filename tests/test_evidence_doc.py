"""docs/evidence.md says what the code does: its constants, roles and worked example, recomputed."""

import re
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.kinds import HARD_ROLES, Role
from tests.transforms.made_up_evidence import evidence, piece
from transforms.graph.assign import NODE, assign, nodes_of
from transforms.graph.classify import classify
from transforms.graph.cluster_records import cluster_records
from transforms.graph.cluster_totals import add_up
from transforms.graph.clusters import summarise
from transforms.graph.corroboration import SUPPLIED
from transforms.graph.decide import decide_entities, decide_links
from transforms.graph.epochs import shipped
from transforms.graph.incidence import incidences
from transforms.graph.links import pairs
from transforms.graph.paired import add_up as add_up_pairs
from transforms.graph.reach import reaches
from transforms.graph.weigh import weigh
from transforms.graph.weighing import WIDEST
from transforms.identify.legitimate import load

ROOMS = dict.fromkeys(("fingerprints", "families", "told"), "scripts")
"""Where the modules of the constants are, if not with the graph."""

PAGE = (Path(__file__).parents[1] / "docs" / "evidence.md").read_text(encoding="utf-8")


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
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells = (cell.strip() for cell in line.strip("|").split("|"))
        found.append(dict(zip(header, cells, strict=True)))
    return found


def test_every_constant_has_its_value_and_a_reason():
    told = {row["constant"].strip("`"): row for row in rows("constant", "value")}
    for name, row in told.items():
        module, _, constant = name.partition(".")
        room = import_module(f"transforms.{ROOMS.get(module, 'graph')}.{module}")
        value = getattr(room, constant)
        several = value if isinstance(value, tuple) else (value,)
        assert tuple(map(float, row["value"].split(", "))) == several, name
        assert row["reason or source"]
    named = set(
        re.findall(
            r"`((?:weighing|joining|communities|adoption|corroboration|resettling|fingerprints"
            r"|families|told|witnesses|returning|islands)\.[A-Z_]+)`",
            PAGE,
        )
    )
    assert named == set(told)


def _is_number(value):
    several = value if isinstance(value, tuple) else (value,)
    return all(isinstance(one, int | float) for one in several)


@pytest.mark.parametrize(
    "module",
    [
        "joining",
        "communities",
        "islands",
        "adoption",
        "corroboration",
        "resettling",
        "witnesses",
        "returning",
    ],
)
def test_no_constant_is_left_out(module):
    page = {row["constant"].strip("`") for row in rows("constant", "value")}
    known = vars(import_module(f"transforms.graph.{module}"))
    numbers = {
        f"{module}.{name}"
        for name, value in known.items()
        if name.isupper() and _is_number(value) and name != "ROUNDS"
    }
    assert numbers <= page


def test_every_life_is_told():
    """ "180 for a messenger's handle, 365 for an address or an account:upi" and the others."""
    (told,) = re.findall(r"`transforms/data/lives.toml`: (.*?) are not\s+passed on", PAGE, re.S)
    lives = {}
    for days, kinds in re.findall(r"(\d+)(?: days)? for ([^0-9;]+)", told):
        lives |= {kind: int(days) for kind in shipped() if re.search(rf"\b{kind}\b", kinds)}
    assert lives == shipped()


def test_every_role_has_its_strength():
    told = {row["role"].strip("`"): row["strength"] for row in rows("role", "strength")}
    assert set(told) == set(Role)
    assert {role for role, strength in told.items() if strength == "hard"} == set(HARD_ROLES)


KINDS = {"callback": "phone", "payee": "account", "lure_site": "domain", "caller_id": "phone"}


@pytest.fixture(scope="module")
def example():
    found = [
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
    for one in found:
        one.pop("status")
    seen = classify(evidence(found), load("entity_id,reason\n", "none.csv"))
    links = weigh(add_up_pairs(pairs(seen.sightings)[0])).combine_chunks().to_batches()[0]
    entities = seen.entities.combine_chunks().to_batches()[0]
    nodes = pa.Table.from_batches([nodes_of(entities)], NODE)
    named = incidences(seen.sightings, WIDEST)
    return (
        seen,
        entities,
        links,
        assign(nodes, named, SUPPLIED.empty_table(), reaches(seen.sightings)),
    )


def test_the_links_of_the_example(example):
    _, _, links, assignment = example
    decided, _ = decide_links(links, assignment)
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
        for row in decided.to_pylist()
    ]
    expected = rows("entity_a", "entity_b")

    def ends(row):
        return row["entity_a"], row["entity_b"]

    assert sorted(told, key=ends) == sorted(expected, key=ends)


def test_the_members_of_the_example(example):
    seen, entities, links, assignment = example
    _, members = decide_entities(entities, assignment)
    _, inside = decide_links(links, assignment)
    records, _ = cluster_records(seen.sightings, assignment)
    clusters, found = summarise(
        pa.Table.from_batches([members]), pa.Table.from_batches([inside]), add_up(records)
    )
    assert clusters["size"].to_pylist() == [3]
    expected = {row["member"]: row for row in rows("member", "tie")}
    assert set(found["entity_id"].to_pylist()) == set(expected)
    for row in found.to_pylist():
        told = expected[row["entity_id"]]
        assert row["confidence"] == pytest.approx(1 - 2 ** -float(told["tie"]))
        assert f"{row['confidence']:.3f}" == told["confidence"]
