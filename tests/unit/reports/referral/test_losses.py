"""Losses: exact, reconciled, converted only by a rate that can be looked up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from reports.referral import case_records as losses
from schemas.records import RecordError
from tests.support.made_up_case import case_of, rows


def amount(units):
    """Returns an amount of AMOUNT's 38 digits, 18 of them after the point."""
    return Decimal(f"{units}e-18")


AMOUNTS = st.integers(0, 10**38 - 1).map(amount)


@given(st.lists(AMOUNTS, max_size=30))
def test_sums_are_exact(amounts):
    sums = losses.exact_sums(("USD", amount) for amount in amounts)
    assert sum(map(Fraction, sums.values())) == sum(map(Fraction, amounts))


@given(AMOUNTS)
def test_what_is_written_is_the_amount(amount):
    told = losses.format_amount(amount)
    assert Decimal(told) == amount and len(told.partition(".")[2]) >= 2 and "E" not in told


def test_losses_that_do_not_add_up_stop_the_package(tmp_path):
    told = [{"currency": "USD", "amount": Decimal("20.21"), "complaints": 2}]
    with pytest.raises(losses.UnreconciledError):
        case_of(tmp_path / "run", rows(losses=told))


def test_totals_are_those_of_the_records(tmp_path):
    assert case_of(tmp_path / "run", rows()).totals == {"USD": (Decimal("20.20"), 2)}


def test_a_conversion_rounds_once_half_to_even():
    rates = losses.load_exchange_rates(
        "date,from,to,rate,source\n2025-04-30,USD,EUR,0.5,ECB\n", "r.csv"
    )
    assert losses.convert(Decimal("0.01"), rates["USD"]) == Decimal("0.00")
    assert losses.convert(Decimal("0.03"), rates["USD"]) == Decimal("0.02")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("30.04.2025,USD,EUR,0.5,ECB", "row 2: field date"),
        ("2025-04-30,USD,XYZ,0.5,ECB", "row 2: field to"),
        ("2025-04-30,USD,EUR,NaN,ECB", "row 2: field rate"),
        ("2025-04-30,USD,EUR,1e99999999,ECB", "row 2: field rate"),
        ("2025-04-30,USD,EUR,0.5,", "row 2: field source"),
        ("2025-04-30,USD,EUR", "row 2"),
        ("2025-04-30,USD,EUR,0.5,ECB\n2025-04-30,USD,EUR,0.6,ECB", "row 3, from"),
        ("2025-04-30,USD,EUR,0.5,ECB\n2025-04-30,GBP,USD,0.6,ECB", "several currencies"),
    ],
)
def test_a_rate_that_cannot_be_used_is_named(line, told):
    with pytest.raises(RecordError, match=told):
        losses.load_exchange_rates(f"date,from,to,rate,source\n{line}\n", "r.csv")


def test_a_rates_file_needs_its_header():
    with pytest.raises(RecordError, match="first line"):
        losses.load_exchange_rates("USD,0.5\n", "r.csv")
