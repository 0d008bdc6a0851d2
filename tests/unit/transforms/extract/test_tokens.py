from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings, strategies as st
from xxhash import xxh3_64_intdigest

from transforms.extract.fingerprints import LONGEST, NUMBER, tokenize, tokenize_text


def words_of(text):
    return [word for word, _, _ in tokenize_text(text)]


def test_numbers_are_one_word_whoever_wrote_them():
    expected = ["press", NUMBER, "or", "call", NUMBER, "now"]
    assert words_of("Press 1 or call (888) 555-0100 now") == expected
    assert words_of("press ONE, or call 1.800.555.0100: now!") == expected


def test_characters_of_scripts_without_blanks_are_words():
    assert words_of("国际快递 press 1") == ["国", "际", "快", "递", "press", NUMBER]


def test_apostrophes_of_both_kinds_stay_inside():
    assert words_of("don't DON\u2019T 'quoted'") == ["don't", "don\u2019t", "quoted"]


@settings(deadline=None)
@given(st.text())
def test_places_hold_what_they_say(text):
    last = 0
    for word, start, end in tokenize_text(text):
        assert last <= start < end <= len(text)
        last = end
        if word != NUMBER:
            assert text[start:end].lower() == word


LETTERS = st.text(
    st.one_of(
        st.sampled_from("ab \u00c91.,:'\u2019_-/\u0130\u00b2\u0661\u6f22\ud55c\n\0"),
        st.characters(codec="utf-8"),
    )
)


def column(texts):
    """The tokens of `tokenize_text`, found by the columns."""
    found = tokenize(pa.array(texts, pa.string()))
    spellings = found.spellings.to_pylist()
    columns = (found.word.tolist(), found.start.tolist(), found.end.tolist())
    tokens = [(spellings[word], start, end) for word, start, end in zip(*columns, strict=True)]
    assert found.hashes().tolist() == [xxh3_64_intdigest(word.encode()) for word, _, _ in tokens]
    return [tokens[a:b] for a, b in pairwise(found.bounds.tolist())]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.none() | LETTERS, max_size=6))
def test_a_column_is_read_as_its_texts_are(texts):
    assert column(texts) == [tokenize_text(text or "") for text in texts]


@settings(deadline=None)
@given(st.lists(LETTERS, min_size=2, max_size=6), st.integers(1, 3))
def test_a_slice_of_a_column_too(texts, start):
    found = tokenize(pa.array(texts, pa.string())[start:])
    assert len(found.word) == sum(len(tokenize_text(text)) for text in texts[start:])


def test_neighbours_do_not_run_into_each_other():
    texts = ["call 1", "2 now", "don", "'t", "", "one", "two"]
    assert column(texts) == [tokenize_text(text) for text in texts]


def test_what_is_too_long_is_cut_where_one_text_alone_would_be():
    texts = ["ab 12 " * LONGEST, "x" * (LONGEST + 5), "\u6f22 " * LONGEST, "short"]
    assert column(texts) == [tokenize_text(text) for text in texts]
