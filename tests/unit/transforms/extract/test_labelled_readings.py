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
    assert sum(len(text.labels) for text in TEXTS) >= 400
    assert len({text.language for text in TEXTS}) == 8
    assert 0.2 < sum(text.held_out for text in TEXTS) / len(TEXTS) < 0.4
    assert {text.by for text in TEXTS} == {"victim", "suspect"}


def test_every_label_stands_in_its_text_once():
    for text in TEXTS:
        assert "{" not in text.text
        spans = sorted((label.start, label.end) for label in text.labels)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
    assert len({text.text for text in TEXTS}) == len(TEXTS)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize(
    ("owner", "precision", "recall"),
    [(SUSPECT, 0.95, 0.85), (DISPLAYED, 0.95, 0.85), (VICTIM, 0.95, 0.90)],
)
def test_whose_it_is(owner, precision, recall, held_out):
    some = [outcome for outcome in OUTCOMES if outcome.text.held_out is held_out]
    _, right, recalled = scores(some, owner)
    assert right >= precision
    assert recalled >= recall


@pytest.mark.parametrize("kind", list(EntityKind))
def test_whose_it_is_by_kind(kind):
    some = [outcome for outcome in OUTCOMES if outcome.kind == kind]
    for owner in (SUSPECT, DISPLAYED, VICTIM):
        count, precision, recall = scores(some, owner)
        if count >= FEWEST:
            assert precision >= 0.9, owner
            assert recall >= 0.75, owner


@pytest.mark.parametrize(("held_out", "share"), [(False, 0.01), (True, 0.05)])
def test_hardly_any_victim_or_other_is_named_as_the_suspect(held_out, share):
    some = [outcome for outcome in OUTCOMES if outcome.text.held_out is held_out]
    labelled = sum(outcome.labelled in (VICTIM, OTHER) for outcome in some)
    assert len(named_innocents(some)) <= share * labelled


def test_what_has_no_label_is_nobodys_own():
    assert not [
        outcome for outcome in OUTCOMES if outcome.labelled == UNREAD and outcome.read == VICTIM
    ]


def test_few_whom_a_writer_knows_are_named_where_they_ask_for_a_call():
    texts = load_labels(Path(__file__).with_name("labelled_innocents.txt"))
    outcomes = read_texts(texts)
    labelled = [outcome for outcome in outcomes if outcome.labelled in (VICTIM, OTHER)]
    assert len(named_innocents(outcomes)) <= 0.075 * len(labelled)
    count, _, recall = scores(outcomes, SUSPECT)
    assert count >= FEWEST
    assert recall >= 0.84


def test_accounts_that_money_left_are_the_victims_and_where_it_went_is_not():
    outcomes = read_texts(load_labels(Path(__file__).with_name("labelled_accounts.txt")))
    assert not named_innocents(outcomes)
    assert sum(outcome.labelled == SUSPECT and outcome.read == VICTIM for outcome in outcomes) <= 1
    _, _, recall = scores(outcomes, SUSPECT)
    assert recall >= 0.65
