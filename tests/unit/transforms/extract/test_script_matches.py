"""The template of a script that is shown: the words of many, never of one."""

import numpy as np
from hypothesis import given, strategies as st

from schemas.enums import Role
from tests.support.examples import draws
from tests.support.made_up_evidence import mentions_of
from tests.support.script_texts import SCRIPT, complaints, find_families, own
from transforms.extract import MIN_TELLERS, script_matches
from transforms.extract.fingerprints import (
    FINGERPRINT_ROW,
    GAP,
    fingerprint_rows,
    flatten_fingerprints,
    phrases,
)


def evidence(texts, victims=()):
    rows = fingerprint_rows(complaints(texts, victims))
    return mentions_of(script_matches(rows, find_families(rows))).to_pylist()


def test_offsets_hold_the_script():
    texts = [
        f"{own(number)}. \u201c{SCRIPT.capitalize()}!\u201d {own(number)}" for number in range(6)
    ]
    mentions = evidence(texts)
    assert len(mentions) == 6
    for mention in mentions:
        number = int(mention["record_id"][1:])
        assert texts[number][mention["start"] : mention["end"]].lower() == SCRIPT
        assert mention["raw"] == SCRIPT.replace("1", "#")
        assert (mention["field"], mention["role"]) == ("narrative", Role.SIGNALLING)
        assert mention["group_id"] == f"amazon|{mention['record_id']}"
        assert mention["victim_key"] == f"amazon|v{number}"


SECRET = "my name is jane doe of 12 elm street and my number is 212 555 0123"


def test_what_few_share_is_a_gap():
    by_few = [f"{SCRIPT} {SECRET} {SCRIPT}" for _ in range(MIN_TELLERS - 1)]
    mentions = evidence(by_few + [f"{SCRIPT} {SCRIPT}"] * MIN_TELLERS)
    assert mentions
    for mention in mentions:
        assert GAP in mention["raw"] or "jane" not in mention["raw"]
        assert "jane" not in mention["raw"]
        assert "elm" not in mention["raw"]


def test_one_person_who_writes_often_shows_nothing():
    text = f"{SCRIPT} {SECRET}"
    mentions = evidence([text] * 9, [None] * 9)  # no pseudonym: equal narratives are one teller's
    assert [mention["raw"] for mention in mentions] == [GAP] * 9
    assert [mention["raw"] for mention in evidence([text] * 9, ["v1"] * 5 + ["v2"] * 4)] == [
        GAP
    ] * 9


@draws(60)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(5, 30), st.integers(0, 3)), max_size=16))
def test_every_word_shown_was_written_by_enough(cuts):
    """Also for texts that share parts of a script and of each other's words."""
    words = SCRIPT.replace("1", "#").split()
    texts = [" ".join([*words[a : a + n], own(who), *words[a : a + n]]) for a, n, who in cuts]
    for mention in evidence(texts):
        for word in mention["raw"].split():
            assert word == GAP or sum(word in text.split() for text in texts) >= MIN_TELLERS


@draws(60)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(5, 30), st.integers(0, 3)), max_size=16))
def test_from_fingerprints_and_shared_words_the_same_is_found_but_for_places(cuts):
    words = SCRIPT.replace("1", "#").split()
    texts = [" ".join([*words[a : a + n], own(who), *words[a : a + n]]) for a, n, who in cuts]
    rows = fingerprint_rows(complaints(texts))
    family = find_families(rows)
    wide = family["value"].to_numpy()[family["tellers"].to_numpy() >= MIN_TELLERS]
    known = phrases(rows, np.flatnonzero(np.isin(flatten_fingerprints(rows).value, wide)))
    places = ["start", "end"]
    expected = mentions_of(script_matches(rows, family)).drop_columns(places)
    prints = rows.select(FINGERPRINT_ROW.names)
    assert mentions_of(script_matches(prints, family, known)).drop_columns(places) == expected
    nothing = mentions_of(script_matches(prints, family, known.slice(0, 0)))
    assert set(nothing["raw"].to_pylist()) <= {GAP}


def test_digits_are_never_shown():
    texts = [
        f"{SCRIPT} call 888 555 0123 or pay 499 dollars to me today please now" for _ in range(9)
    ]
    for mention in evidence(texts):
        assert not any(letter.isdigit() for letter in mention["raw"])
