import csv
import io
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.progress import (
    SECONDS_UNTIL_ESTIMATE,
    Progress,
    ProgressLines,
    StepCost,
    WorkDone,
    about,
    batch_steps,
    printable,
    step_number,
)

STEPS = ["Read", "Link", "Decide links", "Write links"]

COSTS = {
    "Read": StepCost("reading", (100,)),
    "Link": StepCost("linking", (100, 0, 200)),
    "Write links": StepCost("writing", (600,)),
}


def recorded(complaints):
    """The begin of each stage of a real run, in seconds, its step, and the end of the run.

    The runs had two cores almost to themselves; `python -m benchmarks.batch --stages` records such.
    """
    with Path(__file__).with_name(f"stages_{complaints}.csv").open() as file:
        return [(float(since), step) for since, step in csv.reader(file)]


def work_at(stages, moment):
    """The known part of the work at a moment of a recorded run."""
    work = WorkDone(batch_steps())
    for since, step in stages[:-1]:
        if since <= moment:
            work.begin(step, since)
    return work


@pytest.mark.parametrize("complaints", [20_000, 100_000])
@pytest.mark.parametrize("passed", [0.25, 0.5, 0.75, 0.9])
def test_the_share_of_a_recorded_run_is_within_eight_points(complaints, passed):
    stages = recorded(complaints)
    moment = stages[-1][0] * passed
    assert work_at(stages, moment).share(moment) == pytest.approx(passed, abs=0.08)


@pytest.mark.parametrize("complaints", [20_000, 100_000])
def test_the_estimate_of_a_recorded_run_is_within_a_seventh_of_its_time(complaints):
    stages = recorded(complaints)
    end = stages[-1][0]
    moments = [second / 10 for second in range(int(end * 10))]
    left = {moment: work_at(stages, moment).seconds_left(moment) for moment in moments}
    known = {moment: seconds for moment, seconds in left.items() if seconds is not None}
    assert min(known) <= max(SECONDS_UNTIL_ESTIMATE, 0.25 * end)
    assert max(abs(end - moment - seconds) for moment, seconds in known.items()) < end / 7


@pytest.mark.parametrize("late", [1, 10])
def test_the_share_never_shrinks_and_never_is_the_whole(late):
    """Also where each second stage takes ten times as long as when it was measured."""
    stages, clock = [], 0.0
    recorded_stages = recorded(20_000)
    for number, ((since, step), (until, _)) in enumerate(pairwise(recorded_stages)):
        stages.append((clock, step))
        clock += (until - since) * (late if number % 2 else 1)
    work, shares = WorkDone(batch_steps()), []
    for (since, step), until in zip(
        stages, [*(since for since, _ in stages[1:]), clock], strict=True
    ):
        work.begin(step, since)
        shares += [work.share(since + (until - since) * part / 10) for part in range(10)]
    shares.append(work.share(clock * 100))
    assert shares == sorted(shares)
    assert 0 == shares[0] < shares[-1] < 1


def test_nothing_is_estimated_before_anything_is_known():
    work = WorkDone(COSTS)
    assert work.line(0.0) == "starting, 0 s so far"
    work.begin("Read", 100.0)
    assert work.line(130.0) == "reading, 30 s so far"
    assert work.seconds_left(130.0) is None
    quick = WorkDone(COSTS)
    quick.begin("Read", 0.0)
    quick.begin("Link", 1.0)
    assert quick.line(1.5) == "15 %: linking"


def test_a_line_has_the_share_the_time_that_is_left_and_the_work():
    work = WorkDone(COSTS)
    work.begin("Read", 0.0)
    work.begin("Link", 60.0)
    work.begin("Decide links", 110.0)  # was not measured
    work.begin("Link", 115.0)  # nor was this stage
    assert work.line(117.0) == "18 %: linking"
    work.begin("Link", 120.0)
    assert work.line(150.0) == "25 %, about 8 min left: linking"
    work.begin("Write links", 240.0)
    work.begin("Write links", 300.0)  # a stage more than was measured
    assert work.line(420.0) == "70 %, about 3 min left: writing"


def test_a_stage_that_is_late_by_much_is_not_about_to_end():
    work = WorkDone(COSTS)
    work.begin("Read", 0.0)
    work.begin("Link", 60.0)
    work.begin("Link", 120.0)
    work.begin("Link", 120.0)
    work.begin("Write links", 240.0)
    assert work.seconds_left(240.0) == pytest.approx(360)
    assert work.seconds_left(240.0 + 3600) > 600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "a few seconds"),
        (7, "about 10 s"),
        (44, "about 40 s"),
        (58, "about 1 min"),
        (170, "about 3 min"),
        (3599, "about 1 h"),
        (4750, "about 1 h 20 min"),
    ],
)
def test_an_estimate_is_rough(seconds, words):
    assert about(seconds) == words


def test_a_line_moves_no_cursor_and_turns_no_text():
    assert printable("runs/\x1b[2J\u202eday é") == "runs/<U+001B>[2J<U+202E>day é"
    shown = io.StringIO()
    Progress(shown).say("open a\nb")
    assert shown.getvalue() == "ringtrace: open a<U+000A>b\n"


@pytest.mark.parametrize(
    ("labels", "reached"),
    [
        (["Read/Files/Impulse", "Read/Spread/Write"], 1),
        (["Decide links/ParDo", "Link/Pair/Read"], 2),
        (["Write links/Impulse", "Write links/Map"], 0),
        (["Write links/GroupByKey/Read"], 4),
        (["Flatten"], 0),
    ],
)
def test_a_stage_tells_its_first_step(labels, reached):
    assert step_number(STEPS, labels) == reached


def test_a_day_has_some_hundred_plain_lines():
    now = [0.0]
    shown = io.StringIO()
    lines = ProgressLines(shown, lambda: now[0])
    for second in range(24 * 3600):
        now[0] = float(second)
        lines.show(f"{second}")
    assert 50 < len(shown.getvalue().splitlines()) < 200


def test_a_stream_in_memory_is_no_obstacle():
    with Progress(io.StringIO()).following(STEPS) as begins:
        assert begins is None
