"""Campaigns: leads to clusters that may belong to the same operation, by the traits they share.

A campaign is a group of clusters, also of a single identifier, that use the same call script, block
of numbers, trunk or origination id around the same time. It changes no cluster: it shows an analyst
where to look first. `transforms.campaigns.traits` counts the reporters; a single reporter makes no
campaign.

Common things are shared by chance, and many shared things are a supplier's. So a logistic model
scores each pair, by the log Bayes factors of one customer against two
(`transforms.graph.supplier_likelihood`). `python -m benchmarks.campaigns` fits it on simulated
worlds and writes `data/campaigns.toml`. Its probability is stated only in a simulated world, if
call records show which trunks or origination ids each member uses. Elsewhere it only orders the
leads.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from schemas.cluster import CAMPAIGN, CampaignBasis
from schemas.enums import EntityKind
from schemas.field import TEXT, moment_of
from transforms.arrow import (
    Array,
    component_labels,
    concat_ranges,
    group_starts,
    pairs_within_groups,
    table_of_rows,
)
from transforms.campaigns import traits as campaign_traits
from transforms.decode import load_reference_data
from transforms.engine import KeyedInput, PerPartition, batches_of
from transforms.graph.assign import cluster_id
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.graph.supplier_likelihood import SupplierCounts

CALL_THINGS = (EntityKind.TRUNK, EntityKind.ORIG_ID)
"""Kinds of things that only call records show."""

NEIGHBOURS = 16
"""Next clusters in time with the same thing that a cluster is compared with: bounds the pairs."""

MOST_TOGETHER = 400
"""Most clusters that likely pairs may tie together: bounds the pairs in average linkage."""

PAIR_PROBABILITIES = (0.5, 0.8, 0.95)
"""Least probability of a likely pair; if too many clusters are tied, the next value applies.

The first value is also the least mean probability between the parts of a group.
"""

MOST_SAMPLED = 64
"""Most clusters of a group whose pairs are scored for the group's mean."""

LEAST_PROBABILITY = 0.2
"""Least probability of a campaign that is a lead."""

COMMON_CLUSTERS = 20
"""Most clusters that use a thing which is a lead by itself."""

COMMON_SHARE = 0.2
"""Most such clusters as a share of all clusters; the larger of both limits applies."""

OTHER_REPORTERS = 2
"""Least reporters of the members besides the best-attested member: a single reporter can lie."""

MODELS_FILE = "campaigns.toml"

FEATURES = (*map(str, campaign_traits.THINGS), campaign_traits.BLOCK, "gap")
"""Log Bayes factor by kind, whether a block is shared, and ln(1 + days between both clusters)."""


@dataclass(frozen=True)
class PairModel:
    """The logistic model of a pair, and the table that calibrates a campaign's mean.

    `weights` are the intercept and the weights of `FEATURES`. `table` maps the mean probability of
    a campaign's pairs to a probability, both ascending. Without a table the mean is used.
    """

    weights: tuple[float, ...]
    table: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def probability(self, features: Array) -> Array:
        """Returns the probability of each row of features."""
        odds = self.weights[0] + features @ np.array(self.weights[1:])
        return 1 / (1 + np.exp(-np.clip(odds, -50, 50)))

    def calibrated(self, mean: float) -> float:
        """Returns the probability that two members share an operation, by the mean of the pairs."""
        if self.table is None:
            return mean
        return float(np.interp(mean, *self.table))


@dataclass(frozen=True)
class Models:
    """The model for clusters whose trunks or origination ids call records show, and for others."""

    with_calls: PairModel
    without_calls: PairModel


@cache
def shipped_models() -> Models:
    """Returns the models that ship with ringtrace."""
    tables = load_reference_data(MODELS_FILE)

    def model(name: str) -> PairModel:
        weights, table = tables[name]["weights"], tables[name].get("table")
        return PairModel(
            tuple(float(weights[key]) for key in ("intercept", *FEATURES)),
            (tuple(table["mean"]), tuple(table["probability"])) if table else None,
        )

    return Models(model("with_calls"), model("without_calls"))


@dataclass(eq=False)
class FindCampaigns(beam.PTransform):
    """Converts CLASSIFIED batches to CAMPAIGN batches.

    Attributes:
        assigned: The ASSIGNMENT batch.
        simulated: A bool: all records come from a simulated world. None means False.
    """

    assigned: beam.pvalue.AsSingleton
    simulated: beam.pvalue.AsSingleton | None = None

    def expand(self, classified: beam.PCollection) -> Any:
        """Groups uses by thing, then gathers the traits of all things in one place."""
        uses = classified | "Uses" >> beam.FlatMap(
            lambda rows, assignment: batches_of(campaign_traits.campaign_uses(rows, assignment)),
            self.assigned,
        )  # USE
        by_thing = {"uses": KeyedInput(campaign_traits.USE, ("thing",))}
        traits = {"uses": uses} | "Traits" >> PerPartition(
            by_thing, campaign_traits.trait_rows
        )  # TRAIT
        one_place = {"traits": KeyedInput(campaign_traits.TRAIT, ("thing",))}
        return {"traits": traits} | "Group" >> PerPartition(
            one_place, campaign_rows, side=self.simulated, partitions=1
        )


@dataclass(frozen=True)
class Shared:
    """The traits of all clusters as arrays; times are in microseconds since 1970.

    Attributes:
        cluster: The number of each cluster with a trait, ascending. A node is an index into it.
        first: The first time of each cluster's traits.
        last: The last time of each cluster's traits.
        names: The id of each thing, sorted.
        cluster_of: The node of each trait. Traits are sorted by node, then by thing.
        thing_of: The thing of each trait, as an index into `names`.
        counted: The number of reporters of each trait.
        since: The first time of each trait.
        until: The last time of each trait.
        reporters: Hashes of reporters of each trait, as in TRAIT.
        entity_ids: Identifiers of each trait, as in TRAIT.
    """

    cluster: Array
    first: Array
    last: Array
    names: Sequence[str]
    cluster_of: Array
    thing_of: Array
    counted: Array
    since: Array
    until: Array
    reporters: Sequence[Sequence[int]]
    entity_ids: Sequence[Sequence[str]]

    @classmethod
    def from_traits(cls, traits: pa.Table) -> Shared:
        """Returns the arrays of TRAIT rows, which may come in any order."""
        traits = traits.sort_by([("cluster", "ascending"), ("thing", "ascending")])
        cluster, cluster_of = np.unique(traits["cluster"].to_numpy(), return_inverse=True)
        names = sorted(traits["thing"].unique().to_pylist())
        thing_of = pc.index_in(traits["thing"].combine_chunks(), pa.array(names, TEXT))
        since, until = (traits[name].to_numpy() for name in ("first", "last"))
        starts = group_starts(cluster_of)
        first = np.minimum.reduceat(since, starts) if len(cluster_of) else since
        last = np.maximum.reduceat(until, starts) if len(cluster_of) else until
        lists = (traits[name].to_pylist() for name in ("reporters", "entity_ids"))
        counted = traits["counted"].to_numpy()
        return cls(
            cluster,
            first,
            last,
            names,
            cluster_of,
            thing_of.to_numpy(),
            counted,
            since,
            until,
            *lists,
        )

    @cached_property
    def kind(self) -> Array:
        """The kind of each trait's thing."""
        kinds = np.array([name.partition(":")[0] for name in self.names] or [""])
        return kinds[self.thing_of]

    @cached_property
    def in_calls(self) -> Array:
        """A mask of the clusters whose trunks or origination ids call records show."""
        mask = np.zeros(len(self.cluster), bool)
        mask[self.cluster_of[np.isin(self.kind, CALL_THINGS)]] = True
        return mask

    def traits_of(self, nodes: Sequence[int]) -> Array:
        """Returns the row numbers of the traits of nodes."""
        starts, ends = (np.searchsorted(self.cluster_of, nodes, side) for side in ("left", "right"))
        return concat_ranges(starts, ends - starts)

    def pairs(self, *, more: bool = False) -> tuple[Array, Array]:
        """Returns the pairs of clusters that share a thing and are next to each other in time.

        With `more`, pairs that share only one script are left out.
        """
        order = np.lexsort((self.cluster_of, self.since, self.thing_of))
        cluster_of, thing_of = self.cluster_of[order], self.thing_of[order]
        worth = np.where(self.kind[order] == EntityKind.SCRIPT, 1, 2)
        keys, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for step in range(1, NEIGHBOURS + 1):
            same = thing_of[step:] == thing_of[:-step]
            if not same.any():
                break
            keys.append(self._pair_keys(cluster_of[:-step][same], cluster_of[step:][same]))
            counts.append(worth[step:][same])
        pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
        shared = np.bincount(place, np.concatenate(counts), len(pairs))
        return self._pair_of(pairs[shared >= 2] if more else pairs)

    def features(self, a: Array, b: Array) -> Array:
        """Returns the `FEATURES` of pairs, a row each."""
        columns = [self._log_bayes_factor(kind, a, b) for kind in campaign_traits.THINGS]
        blocks = np.flatnonzero(self.kind == campaign_traits.BLOCK)
        blocks = blocks[np.argsort(self.thing_of[blocks], kind="stable")]
        starts = group_starts(self.thing_of[blocks])
        sizes = np.diff(starts, append=len(blocks))
        left, right, _ = pairs_within_groups(starts, sizes)
        together = self._pair_keys(self.cluster_of[blocks[left]], self.cluster_of[blocks[right]])
        columns.append(np.isin(self._pair_keys(a, b), together).astype(float))
        gap = np.maximum(self.first[a], self.first[b]) - np.minimum(self.last[a], self.last[b])
        columns.append(np.log1p(np.maximum(gap, 0) / MICROSECONDS_A_DAY))
        return np.stack(columns, axis=1)

    def probability(self, models: Models, a: Array, b: Array) -> Array:
        """Returns the probability of pairs, by the model for calls if calls show both clusters."""
        features = self.features(a, b)
        known = self.in_calls[a] & self.in_calls[b]
        with_calls, without = (
            model.probability(features) for model in (models.with_calls, models.without_calls)
        )
        return np.where(known, with_calls, without)

    def _log_bayes_factor(self, kind: str, a: Array, b: Array) -> Array:
        """Returns the log Bayes factor x of one customer against two, as sign(x) ln(1 + |x|)."""
        rows = self.kind == kind
        if not rows.any() or not len(a):
            return np.zeros(len(a))
        _, column = np.unique(self.thing_of[rows], return_inverse=True)
        counted = self.counted[rows].astype(float)
        shape = (len(self.cluster), int(column.max()) + 1)
        counts = SupplierCounts(
            (csr_array((counted, (self.cluster_of[rows], column)), shape=shape),)
        )
        factor = counts.log_bayes_factor(np.arange(len(self.cluster)), a, b)
        return np.sign(factor) * np.log1p(np.abs(factor))

    def _pair_keys(self, a: Array, b: Array) -> Array:
        return np.minimum(a, b).astype(np.int64) * len(self.cluster) + np.maximum(a, b)

    def _pair_of(self, keys: Array) -> tuple[Array, Array]:
        return keys // max(len(self.cluster), 1), keys % max(len(self.cluster), 1)


def campaign_rows(
    traits: pa.Table, simulated: bool = False, *, models: Models | None = None
) -> pa.Table:
    """Converts all TRAIT rows of a run to CAMPAIGN rows, most promising first.

    The probability is stated only in a `simulated` world.
    """
    models = models or shipped_models()
    shared = Shared.from_traits(traits)
    campaigns: dict[str, dict[str, Any]] = {}
    worth: dict[str, float] = {}
    groups = candidate_groups(shared, models)
    for nodes, mean in zip(groups, pair_means(shared, models, groups), strict=True):
        row = _campaign(shared, nodes, mean, models, simulated=simulated)
        if row is None:
            continue
        name = row["campaign_id"]
        value = math.sqrt(mean) * math.log2(1 + row["other_reporters"])
        if value > worth.get(name, 0.0):
            campaigns[name], worth[name] = row, value
    order = sorted(campaigns, key=lambda name: (-worth[name], name))
    rows = [campaigns[name] | {"rank": rank} for rank, name in enumerate(order, 1)]
    return table_of_rows(rows, CAMPAIGN)


def candidate_groups(shared: Shared, models: Models) -> list[list[int]]:
    """Returns the distinct groups of clusters that may each be a campaign."""
    groups = [*linked_groups(shared, models), *groups_of_things(shared)]
    return [list(members) for members in dict.fromkeys(tuple(sorted(nodes)) for nodes in groups)]


def pair_means(shared: Shared, models: Models, groups: Sequence[Sequence[int]]) -> Sequence[float]:
    """Returns the mean probability of the pairs of each group, by a sample in large groups."""
    if not groups:
        return []
    nodes = [np.array(group)[:: -(-len(group) // MOST_SAMPLED)] for group in groups]
    a, b, size = _all_pairs(nodes)
    likely = shared.probability(models, a, b)
    return (np.add.reduceat(likely, np.cumsum(size) - size) / size).tolist()


def linked_groups(shared: Shared, models: Models) -> list[list[int]]:
    """Returns groups of clusters whose pairs more likely than not share an operation.

    Likely pairs tie clusters together, and average linkage divides the result. So a chain of likely
    pairs does not make a group of unlikely pairs. If too many clusters are tied, only likelier
    pairs count.
    """
    a, b = shared.pairs(more=True)
    likely = shared.probability(models, a, b)
    nodes, few = np.arange(len(shared.cluster)), []
    for least in PAIR_PROBABILITIES:
        tied = (likely >= least) & np.isin(a, nodes) & np.isin(b, nodes)
        parts = _connected(len(shared.cluster), a[tied], b[tied])
        few += [part for part in parts if len(part) <= MOST_TOGETHER]
        many = [part for part in parts if len(part) > MOST_TOGETHER]
        nodes = np.concatenate([np.empty(0, np.int64), *many])
    if not few:
        return []
    left, right, size = _all_pairs(few)
    means = np.split(shared.probability(models, left, right), np.cumsum(size)[:-1])
    return [
        part[members].tolist()
        for part, likely_of_part in zip(few, means, strict=True)
        for members in _average_linkage(likely_of_part, PAIR_PROBABILITIES[0])
    ]


def _average_linkage(likely: Array, least: float) -> list[Array]:
    """Joins groups until no two groups have a mean of at least `least` between them.

    The two groups with the highest mean are joined first (Sokal and Michener, 1958). `likely` has
    all pairs, in the order of `numpy.triu_indices`. Returns the groups of two members or more.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # late, as few runs have such groups

    labels = fcluster(linkage(1 - likely, "average"), 1 - least, "distance")
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return [members for members in groups if len(members) > 1]


def groups_of_things(shared: Shared) -> list[list[int]]:
    """Returns the clusters of each script and each block that is not too common.

    Things that most of their clusters share make a single group.
    """
    most = max(COMMON_CLUSTERS, COMMON_SHARE * len(shared.cluster))
    users = defaultdict[int, set[int]](set)
    of_calls = np.isin(shared.kind, CALL_THINGS)
    for cluster, shared_thing in zip(
        shared.cluster_of[~of_calls], shared.thing_of[~of_calls], strict=True
    ):
        users[int(shared_thing)].add(int(cluster))
    chosen = [clusters for clusters in users.values() if 1 < len(clusters) <= most]
    groups: list[set[int]] = []
    groups_of_cluster = defaultdict[int, set[int]](set)
    for group in sorted(chosen, key=lambda group: (-len(group), min(group))):
        near = sorted({number for node in group for number in groups_of_cluster[node]})
        like = [
            number
            for number in near
            if 2 * len(group & groups[number]) > max(len(group), len(groups[number]))
        ]
        number = like[0] if like else len(groups)
        if not like:
            groups.append(set())
        groups[number] |= group
        for node in group:
            groups_of_cluster[node].add(number)
    return [sorted(group) for group in groups]


def _campaign(
    shared: Shared, nodes: Sequence[int], mean: float, models: Models, *, simulated: bool
) -> dict[str, Any] | None:
    """Returns the CAMPAIGN row of a group, without its rank, or None if it is no lead.

    `mean` is the mean probability of the group's pairs.
    """
    rows = shared.traits_of(nodes)
    users = Counter(shared.thing_of[rows].tolist())
    rows = rows[[users[number] > 1 for number in shared.thing_of[rows].tolist()]]
    by_cluster, by_thing, ids = (defaultdict[int, set[Any]](set) for _ in range(3))
    for row, node, number in zip(
        rows.tolist(), shared.cluster_of[rows].tolist(), shared.thing_of[rows].tolist(), strict=True
    ):
        by_cluster[node].update(shared.reporters[row])
        by_thing[number].update(shared.reporters[row])
        ids[node].update(shared.entity_ids[row])
    by_age = sorted(by_cluster, key=lambda node: (shared.first[node], node))
    best = max(by_age, key=lambda node: len(by_cluster[node]), default=None)
    others: set[int] = set().union(*(by_cluster[node] for node in by_age if node != best))
    if len(others) < OTHER_REPORTERS:
        return None
    probability = None
    if shared.in_calls[by_age].all():
        probability = round(models.with_calls.calibrated(mean), 4)
        if probability < LEAST_PROBABILITY:
            return None
        probability = probability if simulated else None
    in_order = sorted(by_thing, key=lambda number: (-users[number], number))
    clusters = {node: cluster_id(int(shared.cluster[node])) for node in sorted(by_cluster)}
    name = f"{shared.names[in_order[0]]}|{clusters[by_age[0]]}".encode()
    return {
        "campaign_id": f"campaign-{blake2b(name, digest_size=8).hexdigest()}",
        "basis": CampaignBasis.RANK if probability is None else CampaignBasis.SIMULATED,
        "probability": probability,
        "members": [
            {
                "cluster_id": cluster,
                "entity_ids": sorted(ids[node])[: campaign_traits.MOST_LISTED],
                "reporters": len(by_cluster[node]),
            }
            for node, cluster in clusters.items()
        ],
        "shared": [
            {
                "thing": shared.names[number],
                "members": users[number],
                "reporters": len(by_thing[number]),
            }
            for number in in_order
        ],
        "reporters": len(set().union(*by_cluster.values())),
        "other_reporters": len(others),
        "first_seen": moment_of(shared.since[rows].min()),
        "last_seen": moment_of(shared.until[rows].max()),
    }


def _all_pairs(groups: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Returns all pairs within groups, group by group, and the number of pairs of each group."""
    places = [np.triu_indices(len(group), 1) for group in groups]
    a, b = (
        np.concatenate([group[pairs[side]] for group, pairs in zip(groups, places, strict=True)])
        for side in (0, 1)
    )
    return a, b, np.array([len(pairs[0]) for pairs in places])


def _connected(count: int, a: Array, b: Array) -> list[Array]:
    """Returns the groups of two or more of `count` nodes that pairs tie together."""
    label = component_labels(count, a, b)
    order = np.argsort(label, kind="stable")
    parts = np.split(order, group_starts(label[order])[1:])
    return [part for part in parts if len(part) > 1]
