"""All numbered exhibits of a case."""

from __future__ import annotations

from reports.referral import exhibits_of_context as context
from reports.referral import exhibits_of_evidence as evidence
from reports.referral import exhibits_of_links as links
from reports.referral import exhibits_of_money as money
from reports.referral.case import Case
from reports.referral.exhibit import Exhibit


def exhibits(case: Case) -> list[Exhibit]:
    """All exhibits of a case, in order."""
    made = [
        evidence.records(case),
        evidence.identifiers(case),
        evidence.sightings(case),
        links.links(case),
        money.losses(case),
        money.payments(case),
        links.not_accepted(case),
        context.suppliers(case),
        context.chronology(case),
        context.clocks(case),
    ]
    return [*made, context.excerpts(case)] if case.excerpts else made
