"""The links that pages of clusters show: between members, to other clusters, to suppliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports import tables
from reports.tables import Numbers, Run
from schemas.kinds import Strength
from schemas.tables import LINKS, MEMBERS

Row = dict[str, Any]

_ENDS = ("entity_a", "entity_b")
_OF = "of"


@dataclass(frozen=True)
class Links:
    """Lists of links, one list a cluster, the best-evidenced first; `Facts` says what each is.

    `table` are the rows of `inside`, those of one cluster after those of another.
    """

    inside: list[list[Row]]
    near: list[list[Row]]
    soft: list[list[Row]]
    table: pa.Table


def links(
    run: Run, members: pa.Table, of: Numbers, suppliers: Sequence[str], clusters: int
) -> Links:
    """The links of so many clusters.

    `members` are their members with columns `entity_id` and `cluster_id`, and `of` has the place
    of each one's cluster, from 0. Soft links are those to any of `suppliers`.
    """
    rows = _read(run, members["entity_id"].combine_chunks(), pa.array(suppliers, pa.string()))
    every = pa.concat_tables([members.select(_KNOWN), _elsewhere(run, rows, members)])
    known = every["entity_id"].combine_chunks()
    places = np.full(every.num_rows + 1, -1)
    places[: len(of)] = of
    at = [pc.index_in(rows[end], known) for end in _ENDS]
    of_a, of_b = (places[pc.fill_null(one, len(known)).to_numpy()] for one in at)
    cluster_a, cluster_b = (every["cluster_id"].take(one) for one in at)
    within = (of_a >= 0) & (of_a == of_b)
    is_soft = _mask(pc.equal(rows["strength"], Strength.SOFT))
    near, soft = [], []
    for here, there, mine, other in (
        (*_ENDS, of_a, cluster_b),
        (*reversed(_ENDS), of_b, cluster_a),
    ):
        own = (mine >= 0) & ~within
        clustered = _mask(pc.is_valid(other))
        ends = {"here": rows[here], "there": rows[there], _OF: pa.array(mine)}
        near.append(_chosen(rows, own & clustered & ~is_soft, ends | {"cluster_id": other}))
        soft.append(_chosen(rows, own & ~clustered & is_soft, ends))
    inside = _ranked(_chosen(rows, within, {_OF: pa.array(of_a)}))
    return Links(
        inside=_cut(inside, clusters),
        near=_cut(_ranked(pa.concat_tables(near)), clusters),
        soft=_cut(_ranked(pa.concat_tables(soft)), clusters),
        table=inside,
    )


_KNOWN = ["entity_id", "cluster_id"]


def _read(run: Run, members: pa.Array, suppliers: pa.Array) -> pa.Table:
    """Links between members, hard ones to any other, and those to suppliers."""
    a_in, b_in = (pc.field(end).isin(members) for end in _ENDS)
    a_soft, b_soft = (pc.field(end).isin(suppliers) for end in _ENDS)
    hard = pc.field("strength") == Strength.HARD
    where = (a_in & b_in) | (hard & (a_in | b_in)) | (a_in & b_soft) | (b_in & a_soft)
    found = tables.batches(run, LINKS, LINKS.schema.names, where)
    return pa.Table.from_batches(found, LINKS.schema)


def _elsewhere(run: Run, rows: pa.Table, members: pa.Table) -> pa.Table:
    """The ends of links that are members of other clusters."""
    ends = pa.concat_arrays([rows[end].combine_chunks() for end in _ENDS]).unique()
    strangers = ends.filter(pc.invert(pc.is_in(ends, members["entity_id"].combine_chunks())))
    return tables.read(run, MEMBERS, _KNOWN, pc.field("entity_id").isin(strangers))


def _mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column, np.bool_)


def _chosen(rows: pa.Table, wanted: NDArray[np.bool_], more: dict[str, pa.Array]) -> pa.Table:
    """The wanted rows, with more columns."""
    for name, column in more.items():
        rows = rows.append_column(name, column)
    return rows.filter(pa.array(wanted))


def _ranked(rows: pa.Table) -> pa.Table:
    """By cluster, the best-evidenced first."""
    order = [(_OF, "ascending"), ("weight", "descending"), *((one, "ascending") for one in _ENDS)]
    return rows.sort_by(order)


def _cut(rows: pa.Table, clusters: int) -> list[list[Row]]:
    return tables.lists(rows.drop_columns(_OF), rows[_OF].to_numpy(), clusters)
