import io
import logging

import pytest

from pipelines.progress import BUNDLE_LOGGER, SECONDS_A_LINE, Progress, ProgressLines, step_number

STEPS = ["Read", "Link", "Decide links", "Write links"]


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("(((ref_AppliedPTransform_Read-Files-Impulse_4)+(Read/Spread/Write))", 1),
        ("((Link/Pair/Read)+(ref_AppliedPTransform_Decide-links-ParDo_7))", 2),
        ("((ref_AppliedPTransform_Write-links-links-shards-Impulse_227))", 0),
        ("(Write links/GroupByKey/Read)", 4),
        ("(ref_PCollection_PCollection_41/Flatten)", 0),
    ],
)
def test_a_stage_tells_its_first_step(stage, reached):
    assert step_number(STEPS, stage) == reached


def test_the_local_runner_still_names_its_stages_there():
    from apache_beam.runners.portability.fn_api_runner import fn_runner

    assert fn_runner._BUNDLE_LOGGER.name == BUNDLE_LOGGER


def test_plain_lines_are_few(tmp_path):
    now = [0.0]
    shown = io.StringIO()
    lines = ProgressLines(shown, lambda: now[0])
    lines.show("step 1 of 4: Read")
    now[0] = SECONDS_A_LINE
    lines.show("step 2 of 4: Link")
    lines.show("step 3 of 4: Decide links")
    assert shown.getvalue() == "ringtrace: step 2 of 4: Link\n"


def test_the_logger_is_left_as_it_was(tmp_path):
    logger = logging.getLogger(BUNDLE_LOGGER)
    before = logger.level, logger.propagate, list(logger.handlers)
    with (tmp_path / "log").open("w") as stream, Progress(stream).following(STEPS):
        logger.debug("Running bundle for stage %s", "(Link/Read)")
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    assert (tmp_path / "log").read_text() == ""


def test_a_stream_in_memory_is_no_obstacle():
    with Progress(io.StringIO()).following(STEPS):
        pass
