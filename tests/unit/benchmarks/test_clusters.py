"""A line of the table of clusters has a cell for each of its heads."""

import pytest

from benchmarks.clusters import HEADS, cells, evaluation


@pytest.mark.long
def test_a_world_gives_a_cell_for_every_head(tmp_path):
    found = evaluation(["--complaints", "60", "--operations", "2"], tmp_path)
    line = dict(zip(HEADS, cells(found), strict=True))
    assert 0 < float(line["core: precision"]) <= 1
    assert float(line["F1"]) == round(found["agreement"]["bcubed"]["f1"], 4)
