"""Families of texts that share a script: whoever tells it, in any order, at any size."""

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from tests.support.script_texts import OTHER, SCRIPT, complaints, find_families, own
from transforms.extract import PAIR_COUNT, SHARED_PAIR, count_pairs, match_families
from transforms.extract.fingerprints import FINGERPRINT_ROW, fingerprint_rows


def families(texts, victims=()):
    """The families that each text holds."""
    rows = fingerprint_rows(complaints(texts, victims))
    matches = match_families(rows, find_families(rows))
    ids = rows["complaint_id"].to_pylist()
    by_text = {f"c{number:04}": set() for number in range(len(texts))}
    for row, family in zip(matches.row.tolist(), matches.family.tolist(), strict=True):
        by_text[ids[row]].add(family)
    return list(by_text.values())


def test_fragments_that_start_and_stop_anywhere_are_one_family():
    words = SCRIPT.split()
    cuts = [(0, 20), (5, 30), (8, 26), (0, 30), (12, 30), (3, 22)]
    by_text = families([" ".join(words[a:b]) for a, b in cuts])
    assert all(len(text_families) == 1 for text_families in by_text)
    assert len(set.union(*by_text)) == 1


def test_slots_may_differ():
    texts = [SCRIPT.replace("a phone", goods) for goods in ("a laptop", "two tickets", "a phone")]
    by_text = families([text for text in texts for _ in range(3)])
    assert set.intersection(*by_text)


def test_two_scripts_are_two_families():
    by_text = families([SCRIPT] * 3 + [OTHER] * 3)
    assert len(set.union(*by_text)) == 2
    assert not by_text[0] & by_text[3]


def test_a_phrase_that_everybody_uses_joins_nothing():
    phrase = "please help me get my money back before it is too late for my family and me"
    texts = [f"{script} {phrase}" for script in (SCRIPT, OTHER, own(1, 8) * 2) for _ in range(4)]
    by_text = families(texts)
    common = set.intersection(*by_text)
    assert len(common) == 1
    assert len(by_text[0] - common) == 1
    assert by_text[0] - common != by_text[4] - common


def test_one_victim_alone_has_no_family():
    assert families([SCRIPT] * 4, ["v1"] * 4) == [set()] * 4
    assert all(families([SCRIPT] * 4, ["v1", "v1", "v2", "v2"]))


def test_short_phrases_are_no_script():
    assert families(["they found me to call back at once please"] * 5) == [set()] * 5


TEXTS = st.lists(
    st.tuples(st.sampled_from((SCRIPT, OTHER)), st.integers(0, 12), st.integers(8, 30)), max_size=12
).map(lambda cuts: [" ".join(script.split()[a : a + n]) for script, a, n in cuts])


@draws(40)
@given(TEXTS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(texts, random):
    rows = fingerprint_rows(complaints(texts)).to_pylist()
    expected = find_families(pa.RecordBatch.from_pylist(rows, FINGERPRINT_ROW))
    random.shuffle(rows)
    assert find_families(pa.RecordBatch.from_pylist(rows, FINGERPRINT_ROW)).equals(expected)


def test_later_records_do_not_rename_a_family():
    before = set.union(*families([SCRIPT] * 3))
    assert set.union(*families([SCRIPT] * 3 + [f"{SCRIPT} {own(1)}"] * 5 + [SCRIPT] * 9)) >= before


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [SCRIPT, " ".join(f"w{a}x w{b}y" for a in range(8) for b in range(9))]
)
def test_copies_cost_in_proportion(text):
    def seconds(count):
        rows = fingerprint_rows(complaints([text] * 10))
        many = pa.Table.from_batches([rows] * (count // 10)).combine_chunks().to_batches()[0]
        place = FINGERPRINT_ROW.get_field_index("victim")
        many = many.set_column(place, FINGERPRINT_ROW.field("victim"), pa.array(np.arange(count)))
        start = time.process_time()
        find_families(many)
        return time.process_time() - start

    seconds(200)
    small, large = seconds(1_000), seconds(10_000)
    assert large < 40 * small + 0.2  # ten times the copies; all pairs would be a hundred


SMALL = st.integers(0, 3)


@draws(300)
@given(st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL | st.integers(10, 12), st.integers(0, 5))))
def test_pairs_are_counted_as_sets_would(rows):
    pairs = pa.Table.from_pylist(
        [dict(zip(SHARED_PAIR.names, row, strict=True)) for row in rows], SHARED_PAIR
    )
    expected = []
    for a, b in sorted({row[:2] for row in rows}):
        tellings = [row[2:] for row in rows if row[:2] == (a, b)]
        victims = {victim for victim, _, _ in tellings}
        firsts = sorted(min(moment for v, _, moment in tellings if v == who) for who in victims)
        if len(victims) > 1:
            tellers = {teller for _, teller, _ in tellings}
            expected.append((a, b, len(victims), len(tellers), firsts[1]))
    counted = count_pairs(pairs).to_pylist()
    assert sorted(tuple(row[name] for name in PAIR_COUNT.names) for row in counted) == expected
