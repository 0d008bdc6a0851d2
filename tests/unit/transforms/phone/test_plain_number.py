"""Plain numbers read fast, against phonenumbers."""

from __future__ import annotations

from random import Random

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from tests.support.phone_oracle import draw, examples, oracle
from transforms.phone import normalize
from transforms.phone.plain_number import read_plain

KNOWN = examples()

FORMS = (
    pn.PhoneNumberFormat.E164,
    pn.PhoneNumberFormat.INTERNATIONAL,
    pn.PhoneNumberFormat.NATIONAL,
    pn.PhoneNumberFormat.RFC3966,
)


def as_read(plain):
    return f"+{plain.code}{plain.significant}", plain.region, plain.line_type, plain.national


@pytest.mark.slow
def test_every_regions_examples_of_every_type_in_every_format():
    read = 0
    for region, number in KNOWN:
        for form in FORMS:
            text = pn.format_number(number, form)
            wanted = oracle(text, region)
            plain = read_plain(text, region)
            if plain and plain.line_type:
                read += 1
                assert as_read(plain) == wanted, (text, region)
            assert not (plain and not plain.line_type and wanted), (text, region)
    assert read > 1_000


@draws(400)
@given(st.integers(0, 2**32))
def test_a_plain_number_is_read_as_phonenumbers_reads_it(seed):
    text, region = draw(Random(seed), KNOWN)
    plain, wanted = read_plain(text.strip(), region), oracle(text, region)
    if plain and plain.line_type:
        assert as_read(plain) == wanted
    else:
        assert plain is None or wanted is None


@draws(100)
@given(st.integers(0, 2**32))
def test_a_plain_reading_is_that_of_all_rules(seed):
    text, region = draw(Random(seed), KNOWN)
    with pytest.MonkeyPatch.context() as patched:
        normalize._normalize_cached.cache_clear()
        fast = normalize.normalize_number(text, region)
        patched.setattr(normalize, "read_plain", lambda *_: None)
        normalize._normalize_cached.cache_clear()
        assert normalize.normalize_number(text, region) == pytest.approx(fast), (text, region)
    normalize._normalize_cached.cache_clear()


@draws(60)
@given(st.integers(0, 2**32))
def test_a_column_is_read_as_its_numbers_are_one_by_one(seed):
    rng = Random(seed)
    texts, regions = zip(*[draw(rng, KNOWN) for _ in range(40)], strict=True)
    read = normalize.normalize_numbers(pa.array(texts), pa.array(regions, pa.string())).to_pylist()
    for text, region, number in zip(texts, regions, read, strict=True):
        alone = normalize.normalize_number(text, region)
        assert number == pytest.approx(alone._asdict()), (text, region)
