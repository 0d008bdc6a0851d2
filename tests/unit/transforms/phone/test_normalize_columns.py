"""Numbers read by columns, against phonenumbers one by one."""

from __future__ import annotations

from random import Random

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from tests.support.phone_oracle import COMMON, draw, examples, oracle
from transforms.phone import normalize, normalize_columns

KNOWN = examples()

FORMS = (
    pn.PhoneNumberFormat.E164,
    pn.PhoneNumberFormat.INTERNATIONAL,
    pn.PhoneNumberFormat.NATIONAL,
    pn.PhoneNumberFormat.RFC3966,
)


def columns(texts, regions):
    read = normalize_columns.normalize_plain(
        pa.array(texts, pa.string()), pa.array(regions, pa.string())
    )
    kept = (read.e164, read.region, read.line_type)
    rows = zip(*(c.to_pylist() for c in kept), read.national.tolist(), strict=True)
    return read, dict(zip(read.rows.tolist(), rows, strict=True))


@pytest.mark.slow
def test_every_regions_examples_of_every_type_in_every_format():
    """All at once, so that RE2 is used, and as one column each, so that Python's patterns are."""
    cases = [(pn.format_number(n, form), region) for region, n in KNOWN for form in FORMS]
    texts, regions = zip(*cases, strict=True)
    read, found = columns(texts, regions)
    assert len(read.rows) > 1_000
    for row, (text, region) in enumerate(cases):
        wanted = oracle(text, region)
        assert found.get(row, wanted) == wanted, (text, region)
        assert not (wanted and row in set(read.invalid.tolist())), (text, region)
    for name in COMMON:
        some = [row for row, (_, region) in enumerate(cases) if region == name]
        _, few = columns([texts[row] for row in some], [name] * len(some))
        assert few == {i: found[row] for i, row in enumerate(some) if row in found}


@draws(60)
@given(st.integers(0, 2**32))
def test_a_column_is_read_as_its_numbers_are_one_by_one(seed):
    rng = Random(seed)
    texts, regions = zip(*[draw(rng, KNOWN) for _ in range(40)], strict=True)
    read = normalize.normalize_numbers(pa.array(texts), pa.array(regions, pa.string())).to_pylist()
    for text, region, one in zip(texts, regions, read, strict=True):
        alone = normalize.normalize_number(text, region)
        assert one == pytest.approx(alone._asdict()), (text, region)


SIGNED = st.tuples(
    st.sampled_from(("+", "(+", " +", "+ (", "( + ")),
    st.sampled_from(("1", "44", "49", "39", "52", "54", "7", "65", "0", "00", "999", "979")),
    st.text(st.sampled_from("0123456789"), min_size=3, max_size=14),
    st.sampled_from(("", " ", "-", ") ")),
).map(lambda parts: f"{parts[0]}{parts[1]}{parts[3]}{parts[2]}")


@draws(200)
@given(
    st.lists(st.tuples(SIGNED, st.sampled_from((*COMMON, None))), min_size=1, max_size=30),
    st.integers(0, 2**32),
)
def test_signed_and_invalid_numbers_are_refused_as_they_are_one_by_one(written, seed):
    rng = Random(seed)
    invalid = [("+1" + str(rng.randrange(10**10)).zfill(10), rng.choice(COMMON)) for _ in range(20)]
    texts, regions = zip(*written, *invalid, strict=True)
    read = normalize.normalize_numbers(pa.array(texts), pa.array(regions, pa.string())).to_pylist()
    for text, region, one in zip(texts, regions, read, strict=True):
        alone = normalize.normalize_number(text, region)
        assert one == pytest.approx(alone._asdict()), (text, region)


@pytest.mark.parametrize("written", ["+1 421 818 {}", "(+1) 421-818-{}", "421-818-{}", "0421818{}"])
def test_numbers_that_the_plan_refuses_are_not_parsed_one_by_one(written, monkeypatch):
    texts = [written.format(last) for last in range(1000, 2000)]
    parsed = []
    parse = pn.parse
    monkeypatch.setattr(pn, "parse", lambda *a, **k: parsed.append(a) or parse(*a, **k))
    read = normalize.normalize_numbers(pa.array(texts), pa.array(["US"] * len(texts)))
    assert set(read.field("reason").to_pylist()) <= {"invalid", "too_long"}
    assert len(parsed) < 10
