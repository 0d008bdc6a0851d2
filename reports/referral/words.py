"""How the document words sums and counts, and the sentence that every draft carries."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from reports.referral.losses import written
from reports.text import plain

DRAFT = (
    "Statutes, periods and forms in this package are data with a public source and a day. They are "
    "drafts for counsel and never legal advice."
)


def draft(recipient: Mapping[str, Any]) -> str:
    """`DRAFT`, and who has checked a recipient's rows, as counsel wrote into them."""
    name = plain(recipient.get("checked_by", ""), 120).strip()
    return f"{DRAFT} {f'Checked by {name}.' if name else 'No lawyer has checked them.'}"


def money(amount: Decimal) -> str:
    """Digits in groups of three, as law reports print sums; exact."""
    whole, _, cents = written(amount).partition(".")
    return f"{int(whole):,}.{cents}"


def counted(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
