"""An offer as lines of text, for whoever must answer for sending or believing it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from reports.text import plain
from schemas.offer import Offer, OfferedCluster


def lines(offer: Offer) -> Iterator[str]:
    """All that an offer says, cluster by cluster; hostile text made harmless."""
    terms = offer.terms
    yield f"offer of {offer.sender} to {offer.recipient}, {offer.tlp}"
    yield f"issued {offer.issued_at}, void from {offer.expires_at}"
    yield (
        f"confidence {terms.confidence_floor / 100:.2f} and {terms.least_reports} reports at "
        f"least; victims by country from {terms.k}; losses to {terms.loss_unit}"
    )
    members: defaultdict[int, list[str]] = defaultdict(list)
    cluster_of = [one.cluster for one in offer.entities]
    for one in offer.entities:
        members[one.cluster].append(
            f"  {plain(one.entity_id, 400)}  {one.role}  {one.confidence / 100:.2f}"
        )
    reports: defaultdict[int, int] = defaultdict(int)
    weeks: defaultdict[int, set[str]] = defaultdict(set)
    for row in offer.evidence:
        for number in {cluster_of[at] for at in row.entities}:
            reports[number] += row.reports
            weeks[number].add(row.week)
    for cluster in offer.clusters:
        seen = weeks[cluster.number]
        when = f" from {min(seen)} to {max(seen)}" if seen else ""
        yield ""
        yield f"cluster {cluster.number}: {reports[cluster.number]} reports{when}"
        yield f"  victims: {_victims(cluster)}"
        if cluster.losses:
            told = ", ".join(f"{one.amount} {one.currency}" for one in cluster.losses)
            yield f"  losses, rounded: {told}"
        yield from members[cluster.number]


def _victims(cluster: OfferedCluster) -> str:
    if cluster.elsewhere is None:
        return "too few to be told"
    told = [f"{one.country} {one.victims}" for one in cluster.countries]
    return ", ".join([*told, f"elsewhere or unknown {cluster.elsewhere}"])
