"""What a run held is put down to the step that ran then."""

from benchmarks.memory import steps


def test_each_step_has_the_peak_of_all_its_stages(tmp_path):
    notes = tmp_path / "notes"
    notes.write_text("1.0\t0.5\tRead\n2.0\t1.0\tLink\n3.0\t1.5\tRead\n4.0\t3.5\tend\n")
    samples = [(0.9, 99), (1.5, 10), (2.1, 30), (3.9, 20), (4.0, 77)]
    read, link = steps(notes, samples)
    assert (read.name, read.peak, read.cpu) == ("Read", 20, 2.5)
    assert (link.name, link.peak, link.cpu) == ("Link", 30, 0.5)
