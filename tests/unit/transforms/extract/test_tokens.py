from itertools import pairwise

import pyarrow as pa
from hypothesis import given, strategies as st
from xxhash import xxh3_64_intdigest

from tests.support.examples import draws
from transforms.extract.fingerprints import NUMBER, tokenize


def tokens(*texts):
    """The words of each text, with start and end."""
    tokenized = tokenize(pa.array(texts, pa.string()))
    words = tokenized.spellings.take(pa.array(tokenized.word)).to_pylist()
    assert tokenized.hashes().tolist() == [xxh3_64_intdigest(word.encode()) for word in words]
    every = list(zip(words, tokenized.start.tolist(), tokenized.end.tolist(), strict=True))
    bounds = tokenized.bounds.tolist()
    assert len(bounds) == len(texts) + 1
    return [every[a:b] for a, b in pairwise(bounds)]


def words_of(text):
    (words,) = tokens(text)
    return [word for word, _, _ in words]


def test_numbers_are_one_word_whoever_wrote_them():
    expected = ["press", NUMBER, "or", "call", NUMBER, "now"]
    assert words_of("Press 1 or call (888) 555-0100 now") == expected
    assert words_of("press ONE, or call 1.800.555.0100: now!") == expected


def test_characters_of_scripts_without_blanks_are_words():
    assert words_of("国际快递 press 1") == ["国", "际", "快", "递", "press", NUMBER]


LETTERS = st.text(
    st.one_of(
        st.sampled_from("ab \u00c91.,:'\u2019_-/\u0130\u00b2\u0661\u6f22\ud55c\n\0"),
        st.characters(codec="utf-8"),
    )
)


@draws(200)
@given(st.lists(st.none() | LETTERS, max_size=6))
def test_a_column_is_read_as_its_texts_are(texts):
    assert tokens(*texts) == [tokens(text)[0] for text in texts]


def test_neighbours_do_not_run_into_each_other():
    first, second, *_, spelled_one, two = tokens(
        "call 1", "2 now", "don", "'t", "", None, "one", "two"
    )
    assert [first[-1], second[0]] == [(NUMBER, 5, 6), (NUMBER, 0, 1)]
    assert [spelled_one, two] == [[(NUMBER, 0, 3)]] * 2
