"""A link's weight from its records: the same as the pipeline made it."""

import pyarrow.compute as pc
import pytest

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from reports import tables
from reports.link_evidence import pieces_naming, sum_of
from schemas.enums import Strength
from schemas.tables import LINKS
from tests.support.run_pipeline import run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    simulate(World(seed=11, complaints=150, operations=5), folder / "world")
    world = folder / "world"
    run(folder / "run", "--complaints", world / "complaints", "--calls", world / "calls")
    return folder / "run"


def test_the_parts_of_every_hard_link_make_its_weight(small):
    links = tables.read(small, LINKS, where=pc.field("strength") == Strength.HARD).to_pylist()
    pieces = pieces_naming(small, {row[end] for row in links for end in ("entity_a", "entity_b")})
    assert len(links) > 50
    for row in links:
        parts = pieces.parts(row["entity_a"], row["entity_b"])
        assert sum_of(parts) == row["weight"], row
        assert len({part.victim for part in parts if part.counted}) == sum(
            part.counted for part in parts
        )
        assert set(row["record_ids"]) <= {part.record for part in parts}
        for part in parts:
            assert {one["entity_id"] for one in part.mentions} == {
                row["entity_a"],
                row["entity_b"],
            }
