"""Mentions of members are the same in any batches, and a sample has few of each organisation."""

from unittest import mock

import numpy as np
import pyarrow.compute as pc
import pytest

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from reports import tables
from reports.member_mentions import read_mentions
from schemas.tables import MEMBERS, MENTIONS
from tests.support.run_pipeline import run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mentions")
    simulate(World(seed=11, complaints=150, operations=5), folder / "world")
    world = folder / "world"
    run(folder / "run", "--complaints", world / "complaints", "--calls", world / "calls")
    return folder / "run"


def test_mentions_do_not_depend_on_the_batches_that_they_come_in(small):
    ids = tables.read_table(small, MEMBERS, ["entity_id"])["entity_id"].combine_chunks()[::2]
    named = tables.read_table(small, MENTIONS, ["entity_id"])["entity_id"].unique()
    scripts = named.filter(pc.starts_with(named, "script:")).to_pylist()
    gathered = []
    for size in (5, 1 << 20):
        with mock.patch.dict("reports.tables._ONE_BY_ONE", batch_size=size):
            gathered.append(read_mentions(str(small), ids, scripts))
    gathered.append(read_mentions(str(small), ids, scripts, few=True))
    cut, whole, few = gathered
    for mentions in (cut, few):
        assert tables.decoded(mentions.rows).equals(tables.decoded(whole.rows))
        assert mentions.member.tolist() == whole.member.tolist()
        assert mentions.of_scripts.combine_chunks().equals(whole.of_scripts.combine_chunks())
        for values in ("days", "roles"):
            both = (read.people_by(getattr(read, values)) for read in (mentions, whole))
            assert next(both).equals(next(both))
    assert bool(scripts) == bool(whole.of_scripts.num_rows)


@pytest.mark.parametrize("per_org", [0, 1, 3])
def test_a_sample_has_the_newest_records_and_one_mention_of_each(small, per_org):
    ids = tables.read_table(small, MEMBERS, ["entity_id"])["entity_id"].combine_chunks()
    mentions = read_mentions(str(small), ids)
    rows = tables.decoded(mentions.rows).to_pylist()
    best: dict[tuple, dict[tuple, tuple]] = {}
    for place, row in enumerate(rows):
        record = best.setdefault((row["entity_id"], row["source_org"]), {})
        key = row["record_kind"], row["record_id"]
        rank = row["field"] != "narrative", -row["observed_at"].timestamp(), place
        record[key] = min(rank, record.get(key, rank))
    expected = [rank[2] for records in best.values() for rank in sorted(records.values())[:per_org]]
    assert np.sort(mentions.sample(per_org)).tolist() == sorted(expected)
