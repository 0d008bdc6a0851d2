"""report/clusters/single-NNNN.html: clusters of one, many to a page.

Each is an identifier that nothing holds to another yet: it has no graph, and what is to be said of
it is said in a few lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports import page
from reports.cluster_facts import Facts
from reports.cluster_page import Context, decisions, explanations, sentence

NEAR_LIMIT = 5
READING_LIMIT = 3


FORMATS = (("graphml", "GraphML"), ("gexf", "GEXF"), ("csv", "CSV"), ("stix.json", "STIX 2.1"))
"""The files beside the pages that hold one cluster: endings and names."""


def render(clusters: Sequence[Facts], context: Context) -> bytes:
    """The page of these clusters, in their order, as UTF-8."""
    return page.render(
        "single.html",
        ["unpack.js", "cite.js"],
        context=context,
        formats=FORMATS,
        clusters=[
            {
                "anchor": context.pages[one.row["cluster_id"]].partition("#")[2],
                "row": one.row,
                "member": one.members[0],
                "why": explanations(one)[one.members[0]["entity_id"]],
                "roles": one.roles.get(one.members[0]["entity_id"], {}),
                "carriers": one.carriers.get(one.members[0]["entity_id"], []),
                "sentence": sentence(one),
                "near": one.near[:NEAR_LIMIT],
                "near_more": max(len(one.near) - NEAR_LIMIT, 0),
                "suppliers": one.suppliers,
                "readings": one.readings[:READING_LIMIT],
                "lineage": one.lineage,
                "decisions": decisions(one),
            }
            for one in clusters
        ],
    )
