"""What is shown of a script: the words of many, never of one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.enums import Role
from tests.support.script_texts import SCRIPT, complaints, own
from transforms.call_scripts.families import families_of
from transforms.call_scripts.fingerprints import MARKED, marked, marks, worded
from transforms.call_scripts.matches import SHOWN, told, told_unread
from transforms.call_scripts.tokens import GAP


def evidence(texts, victims=()):
    rows = marked(complaints(texts, victims))
    return told(rows, families_of(rows)).to_pylist()


def test_offsets_hold_the_script():
    texts = [
        f"{own(number)}. \u201c{SCRIPT.capitalize()}!\u201d {own(number)}" for number in range(6)
    ]
    found = evidence(texts)
    assert len(found) == 6
    for one in found:
        number = int(one["record_id"][1:])
        assert texts[number][one["start"] : one["end"]].lower() == SCRIPT
        assert one["raw"] == SCRIPT.replace("1", "#")
        assert (one["field"], one["role"]) == ("narrative", Role.SIGNALLING)
        assert one["group_id"] == f"amazon|{one['record_id']}"
        assert one["victim_key"] == f"amazon|v{number}"


SECRET = "my name is jane doe of 12 elm street and my number is 212 555 0123"


def test_what_few_share_is_a_gap():
    told_by = [f"{SCRIPT} {SECRET} {SCRIPT}" for _ in range(SHOWN - 1)]
    found = evidence(told_by + [f"{SCRIPT} {SCRIPT}"] * SHOWN)
    assert found
    for one in found:
        assert GAP in one["raw"] or "jane" not in one["raw"]
        assert "jane" not in one["raw"]
        assert "elm" not in one["raw"]


def test_one_person_who_writes_often_shows_nothing():
    text = f"{SCRIPT} {SECRET}"
    found = evidence([text] * 9, [None] * 9)  # no pseudonym: equal narratives are one teller's
    assert [one["raw"] for one in found] == [GAP] * 9
    assert [one["raw"] for one in evidence([text] * 9, ["v1"] * 5 + ["v2"] * 4)] == [GAP] * 9


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(5, 30), st.integers(0, 3)), max_size=16),
)
def test_every_word_shown_was_said_by_enough(cuts):
    """Also for texts that share parts of a script and of each other's words."""
    said = SCRIPT.replace("1", "#").split()
    texts = [" ".join([*said[a : a + n], own(who), *said[a : a + n]]) for a, n, who in cuts]
    for one in evidence(texts):
        for word in one["raw"].split():
            assert word == GAP or sum(word in text.split() for text in texts) >= SHOWN


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(5, 30), st.integers(0, 3)), max_size=16),
)
def test_from_fingerprints_and_shared_words_the_same_is_told_but_for_places(cuts):
    said = SCRIPT.replace("1", "#").split()
    texts = [" ".join([*said[a : a + n], own(who), *said[a : a + n]]) for a, n, who in cuts]
    rows = marked(complaints(texts))
    family = families_of(rows)
    wide = family["value"].to_numpy()[family["tellers"].to_numpy() >= SHOWN]
    known = worded(rows, np.flatnonzero(np.isin(marks(rows).value, wide)))
    places = ["start", "end"]
    expected = told(rows, family).drop_columns(places)
    assert told_unread(rows.select(MARKED.names), family, known).drop_columns(places) == expected
    nothing = told_unread(rows.select(MARKED.names), family, known.slice(0, 0))
    assert set(nothing["raw"].to_pylist()) <= {GAP}


def test_digits_are_never_shown():
    texts = [
        f"{SCRIPT} call 888 555 0123 or pay 499 dollars to me today please now" for _ in range(9)
    ]
    for one in evidence(texts):
        assert not any(letter.isdigit() for letter in one["raw"])
