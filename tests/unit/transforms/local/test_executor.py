"""The steps of a pipeline run in place give what a runner of Beam's gives."""

from tempfile import TemporaryDirectory
from unittest.mock import patch

import apache_beam as beam
import pytest
from apache_beam.coders import PickleCoder
from apache_beam.pvalue import AsIter, AsList, AsSingleton, TaggedOutput
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.userstate import BagStateSpec
from hypothesis import given, strategies as st

from tests.support.examples import draws
from transforms.engine import Pure, SpillFile
from transforms.local import LocalExecutor, UnsupportedStepError, executor
from transforms.write import forking


class Collected(beam.DoFn):
    """Keeps all that it is given, and how often it was opened and closed."""

    def __init__(self):
        self.values = []
        self.opened = []

    def setup(self):
        self.opened.append(True)

    def process(self, value):
        self.values.append(value)

    def teardown(self):
        self.opened.append(False)


def sorted_apart(number, least):
    if number < least:
        yield TaggedOutput("low", number)
    else:
        yield number
        yield number + 1


def sorted_groups(keyed):
    key, parts = keyed
    yield key, sorted(parts["high"]), sorted(parts["low"])


def beside(number, listed, iterated):
    return number, sorted(listed), sorted(iterated)


def steps(numbers):
    """Tags, side inputs of each kind, groups, sums, and a default where there is nothing."""
    least = numbers | "Mean" >> beam.CombineGlobally(beam.combiners.MeanCombineFn())
    parts = numbers | "Apart" >> beam.FlatMap(sorted_apart, AsSingleton(least)).with_outputs(
        "low", main="high"
    )
    keyed = {
        name: parts[name] | f"Key {name}" >> beam.Map(lambda n: (n % 3, n))
        for name in ("high", "low")
    }
    together = keyed | beam.CoGroupByKey() | "Sorted" >> beam.FlatMap(sorted_groups)
    sums = (keyed["high"], keyed["low"]) | beam.Flatten() | "Sum" >> beam.CombinePerKey(sum)
    none = (
        numbers
        | "None" >> beam.Filter(lambda _: False)
        | "Nothing" >> beam.CombineGlobally(sum)
        | "Beside"
        >> beam.Map(lambda n, a, b: (n, sorted(a), sorted(b)), AsList(sums), AsIter(sums))
    )
    return (together, sums, none) | "All" >> beam.Flatten() | beam.Map(repr)


@pytest.mark.slow
@draws(5)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_it_gives_what_beams_runner_gives(numbers):
    results = [gathered(numbers, count, packs) for count in (1, 2) for packs in (False, True)]
    with TemporaryDirectory() as folder, SpillFile(folder).spilling():
        results.append(gathered(numbers, 2, packs=True))
    assert all(sorted(result) == sorted(results[0]) for result in results)
    with beam.Pipeline(runner="FnApiRunner") as there:
        outputs = there | beam.Create(numbers) | "Steps" >> Whole()
        assert_that(outputs, equal_to(results[0]))


def gathered(numbers, processes, packs):
    """The results of `steps` here, with all work shared among so many processes."""
    pipeline = beam.Pipeline()
    collected = Collected()
    start = pipeline | beam.Create(numbers, reshuffle=False) | "Steps" >> Whole()
    _ = (
        start
        | "Together" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
        | beam.ParDo(collected)
    )
    with forking(processes), patch.object(executor, "LEAST_SECONDS", 0):
        LocalExecutor(pipeline, packs=packs).run(b"")
    return collected.values[0]


def test_a_single_value_of_several_is_refused():
    pipeline = beam.Pipeline()
    numbers = pipeline | beam.Create([1, 2], reshuffle=False)
    _ = numbers | beam.Map(lambda number, second: number + second, AsSingleton(numbers))
    with pytest.raises(ValueError, match="values"):
        LocalExecutor(pipeline).run(b"")


def test_an_element_is_through_before_the_next_is_made():
    happened = []

    def made(_):
        for number in range(3):
            happened.append(f"made {number}")
            yield number

    def taken(number):
        happened.append(f"took {number}")
        yield number

    pipeline = beam.Pipeline()
    numbers = pipeline | beam.Impulse() | "Make" >> beam.FlatMap(made)
    _ = (numbers, numbers) | beam.Flatten() | "Take" >> beam.FlatMap(taken)
    LocalExecutor(pipeline).run(b"")
    assert happened == [f"{done} {n}" for n in range(3) for done in ("made", "took", "took")]


class Whole(beam.PTransform):
    """`steps` under one name."""

    def expand(self, numbers):
        return steps(numbers)


def counted(number):
    yield from range(number)


def test_each_run_is_given_its_own_element_and_steps_live_from_run_to_run():
    pipeline = beam.Pipeline()
    collected = Collected()
    _ = pipeline | beam.Impulse() | beam.FlatMap(counted) | beam.ParDo(collected)
    again = LocalExecutor(pipeline)
    for number in (2, 0, 3):
        again.run(number)
    assert collected.values == [0, 1, 0, 1, 2]
    again.close()
    again.close()
    assert collected.opened == [True, False]


def doubled(value):
    if not isinstance(value, int):
        raise ValueError("no number")
    return 2 * value


def test_what_a_step_raises_ends_the_run():
    pipeline = beam.Pipeline()
    _ = pipeline | beam.Impulse() | beam.Map(doubled)
    with pytest.raises(ValueError, match="no number"):
        LocalExecutor(pipeline).run("x")


class Stateful(beam.DoFn):
    KEPT = BagStateSpec("kept", PickleCoder())

    def process(self, pair, kept=beam.DoFn.StateParam(KEPT)):  # noqa: B008
        kept.add(pair)


class Timed(beam.DoFn):
    def process(self, value, timestamp=beam.DoFn.TimestampParam):
        yield timestamp


class Bundled(beam.DoFn):
    def process(self, value):
        yield value

    def finish_bundle(self):
        pass


@pytest.mark.parametrize(
    "step",
    [
        beam.Map(lambda n: (n, n)) | beam.ParDo(Stateful()),
        beam.ParDo(Timed()),
        beam.ParDo(Bundled()),
        beam.WindowInto(beam.window.FixedWindows(1)),
        beam.io.ReadFromText("x", validate=False),
    ],
)
def test_a_step_that_needs_a_runner_is_refused(step):
    pipeline = beam.Pipeline()
    start = pipeline if isinstance(step, beam.io.ReadFromText) else pipeline | beam.Impulse()
    _ = start | "It" >> step
    with pytest.raises(UnsupportedStepError, match="It"):
        LocalExecutor(pipeline)


def test_a_pure_step_is_given_what_is_another_value_than_at_the_run_before():
    received = []

    def added(number, more):
        received.append((number, more))
        yield number + more

    pipeline, collected = beam.Pipeline(), Collected()
    start = pipeline | beam.Impulse()
    numbers = start | "Numbers" >> beam.FlatMap(lambda both: both[0])
    more = AsSingleton(start | "More" >> beam.Map(lambda both: both[1]))
    _ = numbers | beam.ParDo(Pure(added), more) | beam.ParDo(collected)
    again = LocalExecutor(pipeline, remembers=True)
    for element in (([1, 2, 3], 10), ([1, 5, 3, 4], 10), ([1, 5], 20), ([1, 5], 20)):
        again.run(element)
    assert collected.values == [11, 12, 13, 11, 15, 13, 14, 21, 25, 21, 25]
    assert received == [(1, 10), (2, 10), (3, 10), (5, 10), (4, 10), (1, 20), (5, 20)]
