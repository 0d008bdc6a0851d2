"""All numbered exhibits of a case."""

from __future__ import annotations

from reports.referral import exhibits_of_context as context
from reports.referral import exhibits_of_evidence as evidence
from reports.referral.case import Case
from reports.referral.exhibit import Exhibit


def exhibits(case: Case) -> list[Exhibit]:
    """All exhibits of a case, in order."""
    made = [
        evidence.records(case),
        evidence.identifiers(case),
        evidence.sightings(case),
        evidence.links(case),
        evidence.losses(case),
        evidence.payments(case),
        evidence.not_accepted(case),
        context.suppliers(case),
        context.chronology(case),
        context.clocks(case),
    ]
    return [*made, context.excerpts(case)] if case.excerpts else made
