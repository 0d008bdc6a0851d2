"""Flink's own options are taken, and a stream sets those without which it stands still."""

import logging

import pytest

from pipelines.flink_options import CHECKPOINT_MILLIS, stream_flags
from pipelines.options import beam_flags
from pipelines.runner import suppress_logs

FLUSHED = "--finish_bundle_before_checkpointing"


@pytest.mark.parametrize(
    "flag",
    [
        "--checkpointing_interval=5000",
        "--savepoint_path=/s/chk-7",
        "--externalized_checkpoints_enabled",
        "--number_of_execution_retries=3",
    ],
)
def test_an_option_of_the_job_server_is_known(flag):
    assert beam_flags([flag], "ringtrace stream") == (flag,)


def test_a_stream_takes_checkpoints_as_often_as_it_is_asked():
    assert stream_flags(["--parallelism=2"]) == [
        f"--checkpointing_interval={CHECKPOINT_MILLIS}",
        FLUSHED,
    ]
    assert stream_flags(["--checkpointing_interval=5"]) == [FLUSHED]
    assert stream_flags(["--checkpointing_interval", "5"]) == [FLUSHED]


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        (["--runner=FlinkRunner"], "ERROR"),
        (["--runner", "portablerunner"], "ERROR"),
        (["--runner=BundleBasedDirectRunner"], "CRITICAL"),
    ],
)
def test_workers_are_silenced_in_words_that_their_server_knows(flags, level):
    before = logging.getLogger().level
    try:
        assert suppress_logs(flags) == [f"--default_sdk_harness_log_level={level}"]
        assert logging.getLogger().level == logging.CRITICAL
    finally:
        logging.getLogger().setLevel(before)
