"""Winnowing against its definition, and the promise that makes it useful."""

import pyarrow as pa
from hypothesis import given, strategies as st

from transforms.extract.fingerprints import (
    SHINGLE,
    WINDOW,
    fingerprints,
    tokenize as tokenize_column,
)

TEXTS = st.lists(
    st.lists(st.sampled_from("abcdef"), max_size=14).map(" ".join), min_size=1, max_size=4
)


def tokenize(texts):
    return tokenize_column(pa.array(texts, pa.string()))


def by_definition(values):
    """The smallest value of every window, the last if equal; a short text is a single window."""
    if not values:
        return []
    kept = set()
    for start in range(max(len(values) - WINDOW + 1, 1)):
        window = values[start : start + WINDOW]
        kept.add(max(start + i for i, value in enumerate(window) if value == min(window)))
    return sorted(kept)


def shingles(text):
    """The hash of every shingle of a text, from texts of one shingle each."""
    split = text.split()
    return [
        int(fingerprints(tokenize([" ".join(split[i : i + SHINGLE])])).value[0])
        for i in range(len(split) - SHINGLE + 1)
    ]


@given(TEXTS)
def test_the_smallest_of_every_window_is_kept(texts):
    tokens = tokenize(texts)
    kept = fingerprints(tokens)
    for number, text in enumerate(texts):
        mine = kept.text == number
        values = shingles(text)
        places = by_definition(values)
        assert (kept.word[mine] - tokens.bounds[number]).tolist() == places
        assert kept.value[mine].tolist() == [values[place] for place in places]


AROUND = st.tuples(*[st.lists(st.sampled_from("uvwxyz"), max_size=5) for _ in range(4)])

PASSAGE = st.lists(st.sampled_from("abcdefgh"), min_size=SHINGLE + WINDOW - 1, max_size=12)


@given(PASSAGE, AROUND)
def test_a_shared_passage_shares_a_fingerprint(passage, around):
    texts = [
        " ".join([*around[0], *passage, *around[1]]),
        " ".join([*around[2], *passage, *around[3]]),
    ]
    kept = fingerprints(tokenize(texts))
    first, second = (set(kept.value[kept.text == number].tolist()) for number in (0, 1))
    assert first & second
