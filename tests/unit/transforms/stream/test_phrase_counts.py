"""Words are kept of what enough people have, whatever came when, and of nothing else."""

import random
from collections import defaultdict

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.made_up_blocks import accepted
from transforms.call_scripts.fingerprints import marked
from transforms.call_scripts.matches import SHOWN
from transforms.stream.delta import SAID, said, settled, with_words, without_others

PEOPLE = st.integers(1, SHOWN + 2)


HEARD = st.lists(st.tuples(st.integers(1, 3), PEOPLE, PEOPLE, st.integers(0, 20)), max_size=60)


def rows(heard, *, words=True):
    """SAID rows of (value, victim, teller, time)."""
    told = [(*one[:3], one[3], f"words of {one[0]} here" if words else None) for one in heard]
    columns = list(zip(*told, strict=True)) or [[]] * 5
    arrays = [pa.array(one, kind) for one, kind in zip(columns, SAID.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SAID)


def worded_by(heard, oldest):
    """The values that enough people have since then, counted as sets."""
    victims, tellers = defaultdict(set), defaultdict(set)
    for value, victim, teller, at in heard:
        if at >= oldest:
            victims[value].add(victim)
            tellers[value].add(teller)
    return {one for one in victims if min(len(victims[one]), len(tellers[one])) >= SHOWN}


@settings(deadline=None, max_examples=200)
@given(HEARD, st.lists(st.integers(0, 8), min_size=1, max_size=6), st.randoms())
def test_in_any_batching_words_are_those_of_enough_people(heard, sizes, chance: random.Random):
    coming = heard + chance.choices(heard, k=3) if heard else []
    chance.shuffle(coming)
    state, clock = rows([]), 0
    arrived = []
    for size in [*sizes, len(coming)]:
        fresh, coming = coming[:size], coming[size:]
        arrived += fresh
        # Time goes on: what is older than 12 than the newest is gone.
        clock = max([clock, *(at - 12 for *_, at in fresh)])
        state = settled(pa.concat_batches([state, rows(fresh)]), clock)
        assert set(with_words([state])["value"].to_pylist()) == worded_by(arrived, clock)
    assert state.equals(settled(rows(arrived), clock))
    per_value = defaultdict(int)
    for value in state["value"].to_pylist():
        per_value[value] += 1
    assert max(per_value.values(), default=0) <= 2 * SHOWN


def test_a_row_that_comes_again_changes_nothing_however_few_there_are():
    told = [(1, 1, 1, 0), (1, 1, 2, 0), (1, 1, 3, 1), (1, 2, 1, 1), (1, 2, 2, 0)]
    for count in range(1, len(told) + 1):
        state = settled(rows(told[:count]), 0)
        for again in told[:count]:
            assert settled(pa.concat_batches([state, rows([again])]), 0) == state


def test_what_is_said_is_each_fingerprint_with_its_words_and_numbers_masked():
    text = "please call 202 555 0123 to cancel the order of a phone"
    one = accepted({"id": "c1", "day": 0, "narrative": text}, {"id": "c2", "day": 1})
    read = marked(one)
    told = said(read).to_pylist()
    assert [line["value"] for line in told] == read["values"][0].as_py()
    spelt = text.replace("202 555 0123", "#")
    assert all(len(line["words"].split()) == 4 and line["words"] in spelt for line in told)


def test_words_of_others_are_taken_off():
    known = settled(rows([(1, n, n, 0) for n in range(SHOWN)]), 0)
    left = without_others(rows([(1, 1, 1, 0), (2, 1, 1, 0)]), known)
    assert left["words"].to_pylist() == ["words of 1 here", None]
    assert left.drop_columns(["words"]) == rows([(1, 1, 1, 0), (2, 1, 1, 0)]).drop_columns(
        ["words"]
    )
