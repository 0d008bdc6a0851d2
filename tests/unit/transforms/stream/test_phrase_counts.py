"""Only words that enough people share are kept, in any order of records."""

import random
from collections import defaultdict

import pyarrow as pa
from hypothesis import given, strategies as st

from tests.support.examples import draws
from tests.support.made_up_deltas import accepted
from transforms.extract import MIN_TELLERS
from transforms.extract.fingerprints import fingerprint_rows
from transforms.stream.delta import PHRASE_COUNT, phrase_counts, prune_phrase_counts, shown_phrases

PEOPLE = st.integers(1, MIN_TELLERS + 2)

PHRASES = st.lists(st.tuples(st.integers(1, 3), PEOPLE, PEOPLE, st.integers(0, 20)), max_size=60)


def rows(phrases, *, words=True):
    """PHRASE_COUNT rows of (value, victim, teller, time)."""
    values = [
        (*phrase[:3], phrase[3], f"words of {phrase[0]} here" if words else None)
        for phrase in phrases
    ]
    columns = list(zip(*values, strict=True)) or [[]] * 5
    arrays = [
        pa.array(column, kind) for column, kind in zip(columns, PHRASE_COUNT.types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=PHRASE_COUNT)


def shown_values(phrases, oldest):
    """The values that enough people have since then, counted as sets."""
    victims, tellers = defaultdict(set), defaultdict(set)
    for value, victim, teller, when in phrases:
        if when >= oldest:
            victims[value].add(victim)
            tellers[value].add(teller)
    return {
        value for value in victims if min(len(victims[value]), len(tellers[value])) >= MIN_TELLERS
    }


@draws(200)
@given(PHRASES, st.lists(st.integers(0, 8), min_size=1, max_size=6), st.randoms())
def test_in_any_batching_words_are_those_of_enough_people(phrases, sizes, chance: random.Random):
    coming = phrases + chance.choices(phrases, k=3) if phrases else []
    chance.shuffle(coming)
    state, clock = rows([]), 0
    arrived = []
    for size in [*sizes, len(coming)]:
        fresh, coming = coming[:size], coming[size:]
        arrived += fresh
        # Time goes on: what is older than 12 than the newest is gone.
        clock = max([clock, *(when - 12 for *_, when in fresh)])
        state = prune_phrase_counts(pa.concat_batches([state, rows(fresh)]), clock)
        assert set(shown_phrases([state])["value"].to_pylist()) == shown_values(arrived, clock)
    assert state.equals(prune_phrase_counts(rows(arrived), clock))
    per_value = defaultdict(int)
    for value in state["value"].to_pylist():
        per_value[value] += 1
    assert max(per_value.values(), default=0) <= 2 * MIN_TELLERS


def test_each_fingerprint_comes_with_its_words_and_numbers_masked():
    text = "please call 202 555 0123 to cancel the order of a phone"
    rows = accepted({"id": "c1", "day": 0, "narrative": text}, {"id": "c2", "day": 1})
    read = fingerprint_rows(rows)
    lines = phrase_counts(read).to_pylist()
    assert [line["value"] for line in lines] == read["values"][0].as_py()
    masked = text.replace("202 555 0123", "#")
    assert all(len(line["words"].split()) == 4 and line["words"] in masked for line in lines)
