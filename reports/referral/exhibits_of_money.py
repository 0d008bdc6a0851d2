"""Exhibits 5 and 6: losses, and payments to members."""

from __future__ import annotations

from reports.referral.case import Case
from reports.referral.exhibit import Column, Exhibit, source
from reports.referral.losses import written


def losses(case: Case) -> Exhibit:
    """Exhibit 5."""
    columns: tuple[Column, ...] = (
        ("amount", "decimal", "What the complaint states as lost in all, exact."),
        ("currency", "ISO 4217", "Its currency."),
    )
    rows = [
        (written(one.loss), one.currency, *source(one))
        for one in case.material.in_order
        if one.loss is not None and one.currency
    ]
    about = "One row a complaint that states a loss; they add up to section 3, to the cent."
    return Exhibit(5, "losses", "Losses", about, columns, rows)


def payments(case: Case) -> Exhibit:
    """Exhibit 6."""
    columns: tuple[Column, ...] = (
        ("payee", "entity id", "The member that was paid, or was to be paid."),
        ("method", "word", "How, as the complaint says."),
        ("amount", "decimal", "Exact amount."),
        ("currency", "ISO 4217 or ticker", "Its currency."),
    )
    rows = [
        (
            paid["payee"],
            paid["method"],
            None if paid["amount"] is None else written(paid["amount"]),
            paid["currency"],
            *source(one),
        )
        for one in case.material.in_order
        for paid in one.payments
    ]
    about = (
        "Payments to members that complaints itemise. They are part of losses, not added to them."
    )
    return Exhibit(6, "payments", "Payments to members", about, columns, rows)
