"""Losses, exact in each currency, and their conversion by dated rates with a source."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext

from reports.referral.case_records import CaseRecords
from schemas.enums import CURRENCIES

RATE_COLUMNS = ("date", "from", "to", "rate", "source")

_DIGITS = 76
"""Twice AMOUNT's 38, so that no sum or product is rounded on the way."""


class ExchangeRatesError(ValueError):
    """A rates file that cannot be used; the message is one line for its author."""


class UnreconciledError(ValueError):
    """Losses of the exhibits that are not those of the run: nothing may be sent."""


@dataclass(frozen=True)
class ExchangeRate:
    """One unit of a currency in `to`, on a day, as `source` published it."""

    day: date
    to: str
    rate: Decimal
    source: str


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Adds amounts up, exactly."""
    with localcontext(prec=_DIGITS):
        return sum(amounts, Decimal(0))


def format_amount(amount: Decimal) -> str:
    """Formats an amount with two digits after the point, or as many as it has; never rounded."""
    whole, _, cents = f"{amount:f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


def convert(amount: Decimal, rate: ExchangeRate) -> Decimal:
    """Converts an amount to the rate's currency, to the cent, half to even."""
    with localcontext(prec=_DIGITS):
        return (amount * rate.rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def stated_totals(records: CaseRecords) -> dict[str, tuple[Decimal, int]]:
    """Returns amount and number of complaints by currency, from the records one by one."""
    stated: dict[str, list[Decimal]] = {}
    for one in records.in_order:
        if one.loss is not None and one.currency:
            stated.setdefault(one.currency, []).append(one.loss)
    return {
        currency: (exact_sum(amounts), len(amounts)) for currency, amounts in sorted(stated.items())
    }


def reconciled_totals(records: CaseRecords) -> dict[str, tuple[Decimal, int]]:
    """Returns what `stated_totals` does, of all members of a cluster.

    Raises:
        UnreconciledError: if they are not what clusters/ says, or what countries add up to.
    """
    found = stated_totals(records)
    of_clusters = {
        one["currency"]: (one["amount"], one["complaints"])
        for one in records.facts.row["losses"] or []
    }
    by_country = {
        currency: exact_sum(of.get(currency, Decimal(0)) for of in records.losses.values())
        for currency in found
    }
    if found != of_clusters or by_country != {
        currency: amount for currency, (amount, _) in found.items()
    }:
        raise UnreconciledError("the losses of the records are not those of the run's clusters/")
    return found


def load_exchange_rates(text: str, name: str) -> dict[str, ExchangeRate]:
    """Reads the rates by currency of a CSV file `date,from,to,rate,source`, all to one currency.

    Raises:
        RatesError: naming the file, the row and the field.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    if tuple(reader.fieldnames or ()) != RATE_COLUMNS:
        raise ExchangeRatesError(f"{name}: the first line must be {','.join(RATE_COLUMNS)}")
    found: dict[str, ExchangeRate] = {}
    try:
        for row in reader:
            place = f"{name}, row {reader.line_num}"
            currency, rate = _exchange_rate(row, place)
            if currency in found:
                raise ExchangeRatesError(
                    f"{place}, from: {currency} has a rate already; give one rate each"
                )
            found[currency] = rate
    except csv.Error as error:
        raise ExchangeRatesError(f"{name}, row {reader.line_num}: {error}") from None
    if len({one.to for one in found.values()}) > 1:
        raise ExchangeRatesError(f"{name}: the rates are to several currencies; convert to one")
    return found


def _exchange_rate(row: Mapping[str, str | None], place: str) -> tuple[str, ExchangeRate]:
    if None in row or None in row.values():
        raise ExchangeRatesError(f"{place}: has another number of cells than the header")
    cells = {key: (value or "").strip() for key, value in row.items()}
    for end in ("from", "to"):
        if cells[end] not in CURRENCIES:
            raise ExchangeRatesError(f"{place}, {end}: {cells[end][:12]!r} is not an ISO 4217 code")
    try:
        day = date.fromisoformat(cells["date"])
    except ValueError:
        raise ExchangeRatesError(
            f"{place}, date: {cells['date'][:24]!r} is not YYYY-MM-DD"
        ) from None
    try:
        rate = Decimal(cells["rate"])
    except InvalidOperation:
        rate = Decimal(0)
    if not (rate.is_finite() and 0 < rate < 10**9 and len(cells["rate"]) <= 24):
        raise ExchangeRatesError(f"{place}, rate: {cells['rate'][:24]!r} is not a number above 0")
    if not cells["source"] or len(cells["source"]) > 200 or not cells["source"].isprintable():
        raise ExchangeRatesError(f"{place}, source: say who published it, in one line")
    return cells["from"], ExchangeRate(day, cells["to"], rate, cells["source"])
