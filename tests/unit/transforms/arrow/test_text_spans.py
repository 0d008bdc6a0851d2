"""Spans found by RE2 in a column are those that Python finds in each text."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from transforms.arrow import find_rare_spans, find_spans, slice_spans
from transforms.decode import fold_column, fold_text
from transforms.extract import impersonation

PATTERNS = (r"\d+", r"\b(?:a|ab)\b", r"a(?:\W{1,3}\w+){0,4}?\W{1,3}b", r"é|\d", r"[^a]b?")

TEXTS = st.lists(
    st.one_of(st.none(), st.text(st.sampled_from("aab 1.\n\x00é😀_"), max_size=30)), max_size=12
)


def by_hand(texts, pattern):
    return [
        (row, len(text[: m.start()].encode()), len(text[: m.end()].encode()))
        for row, text in enumerate(texts)
        if text
        for m in re.finditer(pattern, text, re.ASCII)
    ]


@given(TEXTS, st.sampled_from(PATTERNS))
@pytest.mark.parametrize("find", [find_spans, find_rare_spans])
def test_finds_what_python_finds(find, texts, pattern):
    if pattern.startswith(r"\b") or "W" in pattern:
        texts = [text and fold_text(text) for text in texts]
    many = pa.array(texts, pa.string())
    spans = find(many, pattern)
    assert list(zip(*(c.tolist() for c in spans), strict=True)) == by_hand(texts, pattern)
    words = slice_spans(many, spans).to_pylist()
    encoded = [(text or "").encode() for text in texts]
    assert words == [
        encoded[row][s:e].decode() for row, s, e in by_hand(texts, pattern)
    ]  # fmt: skip


@given(st.text(max_size=80))
def test_folding_keeps_every_character_in_its_place(text):
    plain = fold_column(pa.array([text, None]), 40).to_pylist()
    assert plain[1] is None and plain[0].isascii() and len(plain[0]) == min(40, len(text))
    assert plain[0] == plain[0].lower() == fold_text(text[:40])


def test_folding_takes_accents_off():
    assert fold_text("Préstamo: “Größe” №5…") == 'prestamo: "grose"  5.'
    assert fold_text("Ａｍａｚｏｎ’s ٣") == "amazon's 3"


def test_rules_begin_and_end_with_a_word():
    """They hold between borders of words, which a sign at an end never meets."""
    for rule in impersonation.impersonation_rules():
        for phrase in re.split(r"\|(?![^(]*\))", rule.pattern):
            assert re.match(r"[\w(\[\\]", phrase) and not phrase.startswith((r"\$", r"\W")), rule
            assert not phrase.endswith((r"\$", "'", r"\W")), rule


@draws(60)
@given(
    st.lists(
        st.lists(
            st.sampled_from(
                "amazon order was placed your account é ’ . apple iphone gift card chase bank $ 999"
                " suspended I called from microsoft legal action prize Konto gesperrt x".split()
            ),
            max_size=14,
        ).map(" ".join),
        max_size=8,
    )
)
def test_columns_find_the_impersonation_of_each_text(texts):
    nothing = pa.nulls(len(texts), pa.string())
    # Distinct texts are read once: a mark behind each keeps the copies apart.
    marked = pa.array([f"{text} #{i}" for i, text in enumerate(texts)], pa.string())
    columns = impersonation.find_impersonation(nothing, marked).to_pylist()
    told = impersonation.find_impersonation(nothing, marked, (impersonation.BRAND,))
    brands = impersonation.infer_brands(told).to_pylist()
    for text, spans, brand in zip(marked.to_pylist(), columns, brands, strict=True):
        alone = pa.array([text])
        assert impersonation.find_impersonation(nothing[:1], alone).to_pylist()[0] == spans
        named = [x["name"] for x in spans if x["what"] == impersonation.BRAND]
        assert brand == (named[0] if named else None)
