"""Memory is put down to the step that ran then, and what is shuffled is counted."""

from benchmarks.batch import BETWEEN_STEPS, observe, steps
from benchmarks.measured import python, run


def test_each_step_has_the_peak_of_all_its_stages():
    stages = [(1.0, 0.5, "Read"), (2.0, 1.0, "Link"), (3.0, 1.5, "Read"), (4.0, 3.5, "end")]
    samples = [(0.9, 99), (1.5, 10), (2.1, 30), (3.9, 20), (4.0, 77)]
    read, link = steps(stages, samples)
    assert (read.name, read.peak, read.cpu) == ("Read", 20, 2.5)
    assert (link.name, link.peak, link.cpu) == ("Link", 30, 0.5)


def test_a_run_without_its_report_tells_its_steps_and_what_it_shuffled(tmp_path):
    size = ("--complaints", 20, "--operations", 2)
    run(python("pipelines.cli", "simulate", tmp_path / "world", *size))
    found = observe(tmp_path / "world", tmp_path / "run", report=False)
    assert not (tmp_path / "run" / "report").exists()
    assert (tmp_path / "run" / "members").exists()
    assert found.steps[0].name == "Read"
    assert {"evidence", "written mentions", BETWEEN_STEPS} <= set(found.encoded)
    assert found.shuffled == sum(n for one, n in found.encoded.items() if one != BETWEEN_STEPS)
