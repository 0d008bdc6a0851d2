"""Memory is put down to the step that ran then, CPU to the module, and shuffles are counted."""

from benchmarks.batch import samples_by_module, steps


def test_each_step_has_the_peak_of_all_its_stages():
    stages = [(1.0, 0.5, "Read"), (2.0, 1.0, "Link"), (3.0, 1.5, "Read"), (4.0, 3.5, "end")]
    samples = [(0.9, 99), (1.5, 10), (2.1, 30), (3.9, 20), (4.0, 77)]
    read, link = steps(stages, samples)
    assert (read.name, read.peak, read.cpu) == ("Read", 20, 2.5)
    assert (link.name, link.peak, link.cpu) == ("Link", 30, 0.5)


def test_time_belongs_to_the_innermost_module_of_ours():
    beam = "f (apache_beam/runners/portability/fn_runner.py:1)"
    stacks = [
        f"main (pipelines/cli.py:1);{beam};g (transforms/phone/normalize.py:2);h (re.py:1) 3",
        f"main (pipelines/cli.py:1);{beam} 2",
        "main (pipelines/cli.py:1);load (<frozen importlib._bootstrap>:1) 4",
    ]
    assert samples_by_module(stacks) == {
        "transforms/phone/normalize.py": 3,
        "Beam: running": 2,
        "start-up: imports": 4,
    }
