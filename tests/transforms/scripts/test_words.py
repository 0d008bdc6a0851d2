from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.scripts.words import NUMBER, spelt, words


def said(text):
    return [word for word, _, _ in spelt(text)]


def test_numbers_are_one_word_whoever_wrote_them():
    expected = ["press", NUMBER, "or", "call", NUMBER, "now"]
    assert said("Press 1 or call (888) 555-0100 now") == expected
    assert said("press ONE, or call 1.800.555.0100: now!") == expected


def test_characters_of_scripts_without_blanks_are_words():
    assert said("国际快递 press 1") == ["国", "际", "快", "递", "press", NUMBER]


def test_apostrophes_of_both_kinds_stay_inside():
    assert said("don't DON\u2019T 'quoted'") == ["don't", "don\u2019t", "quoted"]


@settings(deadline=None)
@given(st.text())
def test_places_hold_what_they_say(text):
    last = 0
    for word, start, end in spelt(text):
        assert last <= start < end <= len(text)
        last = end
        if word != NUMBER:
            assert text[start:end].lower() == word


@settings(deadline=None)
@given(st.lists(st.none() | st.text(st.sampled_from("ab 1.")), max_size=5))
def test_texts_one_after_the_other(texts):
    found = words(texts)
    counts = [len(spelt(text or "")) for text in texts]
    assert (found.bounds[1:] - found.bounds[:-1]).tolist() == counts
    for number, text in enumerate(texts):
        alone = words([text])
        at = slice(found.bounds[number], found.bounds[number + 1])
        for name in ("hashes", "start", "end"):
            assert (getattr(found, name)[at] == getattr(alone, name)).all()
