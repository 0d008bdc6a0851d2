"""Options of Flink that are offered are options of its job server."""

import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipelines.data_files import read_data

pytestmark = pytest.mark.flink


def test_the_job_server_describes_every_option(flink):
    with grpc.insecure_channel(flink) as channel:
        server = beam_job_api_pb2_grpc.JobServiceStub(channel)
        told = server.DescribePipelineOptions(beam_job_api_pb2.DescribePipelineOptionsRequest())
    kinds = {option.name: option.type for option in told.options}
    kind = beam_job_api_pb2.PipelineOptionType
    ours = read_data("flink")
    assert {kinds.get(name) for name in ours["numbers"]} == {kind.INTEGER}
    assert {kinds.get(name) for name in ours["texts"]} == {kind.STRING}
    assert {kinds.get(name) for name in ours["switches"]} == {kind.BOOLEAN}
