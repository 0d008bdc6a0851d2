"""Readings of the texts that were labelled by hand name the right holder."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks.readings import (
    DISPLAYED,
    OTHER,
    SUSPECT,
    UNREAD,
    VICTIM,
    load_labels,
    named_innocents,
    read_texts,
    scores,
)
from schemas.enums import EntityKind

TEXTS = load_labels()

OUTCOMES = read_texts(TEXTS)

FEWEST = 10
"""Labels of a kind and holder from which a share of them says something."""


def test_the_texts_are_many_and_in_eight_languages():
    assert sum(len(one.labels) for one in TEXTS) >= 400
    assert len({one.language for one in TEXTS}) == 8
    assert 0.2 < sum(one.held_out for one in TEXTS) / len(TEXTS) < 0.4
    assert {one.by for one in TEXTS} == {"victim", "suspect"}


def test_every_label_stands_in_its_text_once():
    for one in TEXTS:
        assert "{" not in one.text
        spans = sorted((label.start, label.end) for label in one.labels)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert len({one.text for one in TEXTS}) == len(TEXTS)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize(
    ("whose", "precision", "recall"),
    [(SUSPECT, 0.95, 0.85), (DISPLAYED, 0.95, 0.85), (VICTIM, 0.95, 0.90)],
)
def test_whose_it_is(whose, precision, recall, held_out):
    some = [one for one in OUTCOMES if one.text.held_out is held_out]
    _, right, found = scores(some, whose)
    assert right >= precision
    assert found >= recall


@pytest.mark.parametrize("kind", list(EntityKind))
def test_whose_it_is_by_kind(kind):
    some = [one for one in OUTCOMES if one.kind == kind]
    for whose in (SUSPECT, DISPLAYED, VICTIM):
        count, precision, recall = scores(some, whose)
        if count >= FEWEST:
            assert precision >= 0.9, whose
            assert recall >= 0.75, whose


@pytest.mark.parametrize(("held_out", "share"), [(False, 0.01), (True, 0.05)])
def test_hardly_any_victim_or_other_is_named_as_the_suspect(held_out, share):
    some = [one for one in OUTCOMES if one.text.held_out is held_out]
    labelled = sum(one.labelled in (VICTIM, OTHER) for one in some)
    assert len(named_innocents(some)) <= share * labelled


def test_what_has_no_label_is_nobodys_own():
    assert not [one for one in OUTCOMES if one.labelled == UNREAD and one.read == VICTIM]


def test_few_whom_a_writer_knows_are_named_where_they_ask_for_a_call():
    texts = load_labels(Path(__file__).with_name("labelled_innocents.txt"))
    outcomes = read_texts(texts)
    labelled = [one for one in outcomes if one.labelled in (VICTIM, OTHER)]
    assert len(named_innocents(outcomes)) <= 0.075 * len(labelled)
    count, _, recall = scores(outcomes, SUSPECT)
    assert count >= FEWEST
    assert recall >= 0.84


def test_accounts_that_money_left_are_the_victims_and_where_it_went_is_not():
    outcomes = read_texts(load_labels(Path(__file__).with_name("labelled_accounts.txt")))
    assert not named_innocents(outcomes)
    assert sum(one.labelled == SUSPECT and one.read == VICTIM for one in outcomes) <= 1
    _, _, recall = scores(outcomes, SUSPECT)
    assert recall >= 0.65
