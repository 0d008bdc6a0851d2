"""The rules of alerts on one identifier: what in its records is worth a look at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from scipy.special import betainc

from schemas.alert import AlertKind
from transforms.alerts.held import Alert, Held

CHANCE = 1e-6
"""Chance that a number's own history gives a day like this one, below which the day is a burst."""

HISTORY = 7
"""Days of history that a burst is held against."""

BEATEN = 10
"""Each level of the threshold is so many times the one before."""


@dataclass(frozen=True)
class Rules:
    """What raises alerts.

    `records` of an identifier within `within` cross the threshold. `referred` is when each
    referred cluster was referred. What was last seen more than `fresh` before the newest record
    raises nothing: the past that a first start reads is no news.
    """

    records: int = 5
    within: timedelta = timedelta(hours=24)
    fresh: timedelta = timedelta(days=14)
    referred: Mapping[str, datetime] = field(default_factory=dict)


def threshold(one: Held, rules: Rules) -> Iterator[Alert]:
    """Named as the scammer's own by N records within the window; again at 10 N, 100 N."""
    level = rules.records
    while level <= len(one.at):
        for last in range(level - 1, len(one.at)):
            if one.at[last] - one.at[last - level + 1] <= rules.within:
                reason = f"named by {level} records within {_told(rules.within)}"
                yield one.alert(AlertKind.THRESHOLD, [one.entity_id, str(level)], reason, last + 1)
                break
        level *= BEATEN


def several_orgs(one: Held, _: Rules) -> Iterator[Alert]:
    """Reported by more than one organisation."""
    orgs = sorted(set(one.orgs))
    if len(orgs) > 1:
        last = max(one.orgs.index(org) for org in orgs)
        reason = f"reported by {', '.join(orgs)}"
        yield one.alert(AlertKind.SEVERAL_ORGS, [one.entity_id, *orgs], reason, last + 1)


def joined_cluster(one: Held, _: Rules) -> Iterator[Alert]:
    """New, and in a cluster that the known run knows already."""
    if one.joins:
        tied = f", tied to {', '.join(one.ties[:3])}" if one.ties else ""
        yield one.alert(
            AlertKind.JOINED_CLUSTER,
            [one.entity_id, one.cluster_id],
            f"new in the known cluster {one.cluster_id}{tied}",
            len(one.at),
            known_clusters=[one.cluster_id],
            tied_to=list(one.ties),
        )


def burst(one: Held, rules: Rules) -> Iterator[Alert]:
    """A day (UTC) with more records than its days before explain.

    The days before give a Poisson rate with the prior of Jeffreys; the number of records of the
    next day is then negative binomial (Gelman et al., Bayesian Data Analysis, 2.6).
    """
    counts = Counter(map(datetime.toordinal, one.at))
    first = min(counts)
    before = 0
    for ordinal, count in sorted(counts.items()):
        days = ordinal - first
        telling = days >= HISTORY and count >= rules.records
        if telling and betainc(count, before + 0.5, 1 / (1 + days)) < CHANCE:
            day = date.fromordinal(ordinal)
            reason = f"{count} records on {day:%Y-%m-%d}, after {before} in {days} days"
            key = [one.entity_id, f"{day:%Y-%m-%d}"]
            yield one.alert(AlertKind.BURST, key, reason, before + count)
        before += count


def referred_awake(one: Held, rules: Rules) -> Iterator[Alert]:
    """A member of a referred cluster, held by a scammer again after the referral."""
    for cluster in sorted({one.cluster_id, one.known_cluster or one.cluster_id}):
        when = rules.referred.get(cluster)
        awake = [row for row, at in enumerate(one.at) if when is not None and at > when]
        if awake:
            yield one.alert(
                AlertKind.REFERRED_AWAKE,
                [cluster, f"{when:%Y-%m-%dT%H:%M:%SZ}"],
                f"the cluster {cluster}, referred on {when:%Y-%m-%d}, is active again",
                awake[0] + 1,
                known_clusters=[cluster],
            )


RULES: tuple[Callable[[Held, Rules], Iterator[Alert]], ...] = (
    threshold,
    several_orgs,
    joined_cluster,
    burst,
    referred_awake,
)


def raised(one: Held, rules: Rules, since: datetime) -> Iterator[Alert]:
    """What an identifier raises by a record that is not older than `since`."""
    for rule in RULES:
        for alert in rule(one, rules):
            if alert["observed_at"] >= since:
                yield alert


def _told(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return f"{hours} hours"
