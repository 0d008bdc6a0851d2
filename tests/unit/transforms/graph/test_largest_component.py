"""However far the graph is contracted first, the same components are counted."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from transforms.graph.connected_components import LargestComponent
from transforms.graph.incidence import INCIDENCE


def named(group, node):
    zeros = pa.array(np.zeros(len(group), np.int64))
    columns = [pa.array(group), pa.array(node), zeros, zeros.cast(INCIDENCE.field(3).type)]
    return pa.RecordBatch.from_arrays(columns, schema=INCIDENCE)


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_contraction_changes_no_count(rounds):
    # Chains of 40 and of 7 entities, each tied to the next by a record of its own, and a lone one.
    batches = [
        named(np.repeat(np.arange(39), 2), np.stack([np.arange(39), np.arange(1, 40)], 1).ravel()),
        named(np.repeat(np.arange(50, 56), 2),
              np.stack([np.arange(50, 56), np.arange(51, 57)], 1).ravel()),
        named(np.array([90]), np.array([90])),
    ]  # fmt: skip
    options = PipelineOptions([f"--contraction-rounds={rounds}", "--partitions=3"])
    with beam.Pipeline("FnApiRunner", options=options) as pipeline:
        found = pipeline | beam.Create(batches, reshuffle=False) | LargestComponent()
        expected = {"entities": 48, "components": 3, "largest": 40}
        assert_that(found, equal_to([(("components", k), n) for k, n in expected.items()]))
