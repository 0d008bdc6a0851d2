"""report/index.html: what one run found and what became of every row, on one page.

The page is a function of the tables and the manifest alone: no clock, no machine, no network.
It holds no script, and its policy forbids everything but its own style.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

import pyarrow.compute as pc
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from reports import accounting, tables, text
from reports.several_sources import shared_entities
from reports.shown_clusters import top_clusters
from reports.tables import Run
from schemas.kinds import Status
from schemas.manifest import Manifest
from schemas.tables import CLUSTERS, ENTITIES

CLUSTER_LIMIT = 200
MEMBER_LIMIT = 50
SUPPLIER_LIMIT = 10
SUPPRESSED_LIMIT = 50
SHARED_LIMIT = 200
SHARED_OPEN = 12
"""Of those seen by several sources, how many stand open; the rest unfold."""
REJECT_LIMIT = 50

_SUPPRESSED = (
    ("complaints", "descending"),
    ("calls", "descending"),
    ("entity_id", "ascending"),
)
_SUPPRESSED_COLUMNS = ("kind", "orgs", "reason")


def render(run: Run, manifest: Manifest) -> str:
    """The page, for a run's tables and its manifest.

    Raises FileNotFoundError where a table's folder is missing, KeyError where the manifest is
    not whole.
    """
    shared, shared_total = shared_entities(run, SHARED_LIMIT)
    clusters = top_clusters(run, CLUSTER_LIMIT, MEMBER_LIMIT)
    rejects, rejects_more = accounting.rejects_by_code(run, REJECT_LIMIT)
    suppressed = pc.field("status") == Status.SUPPRESSED
    style = _template("index.css")
    page = _environment().from_string(_template("index.html"))
    return page.render(
        style=Markup(style),  # noqa: S704 - our own file, not data
        style_digest=_digest(style),
        manifest=manifest,
        options={name: _json(value) for name, value in sorted(manifest["options"].items())},
        accounts=accounting.accounts(run, manifest),
        kinds=accounting.entities_by_kind(run),
        statuses=list(Status),
        rejects=rejects,
        rejects_more=rejects_more,
        clusters=clusters,
        anchors={one.row["cluster_id"]: f"cluster-{n}" for n, one in enumerate(clusters, 1)},
        cluster_total=tables.count(run, CLUSTERS),
        linked_total=tables.count(run, CLUSTERS, pc.field("size") > 1),
        supplier_limit=SUPPLIER_LIMIT,
        shared=shared,
        shared_open=SHARED_OPEN,
        shared_total=shared_total,
        suppressed=tables.top(
            run,
            ENTITIES,
            _SUPPRESSED,
            SUPPRESSED_LIMIT,
            columns=_SUPPRESSED_COLUMNS,
            where=suppressed,
        ).to_pylist(),
        suppressed_total=tables.count(run, ENTITIES, suppressed),
    )


def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "visible": text.visible,
        "n": text.number,
        "fraction": text.fraction,
        "money": text.money,
        "utc": text.utc,
    }
    return environment


def _template(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8")


def _digest(style: str) -> str:
    """The source expression that lets one inline style through (CSP Level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
