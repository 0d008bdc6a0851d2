"""Clusters as MISP events (draft-dulaunoy-misp-core-format), JSON that MISP imports.

No attribute asks to be blocked or detected (`to_ids` is false), and `distribution` is 0, this
organisation only: the TLP tag says who else may have it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from reports.cluster_data import ClusterFacts
from reports.disclosure_control import keep_leaving
from reports.export.graph_tables import ClusterExport
from reports.export.stix import DEFAULT_TLP, stix_id
from reports.text import plain
from schemas.entity import without_epoch
from schemas.enums import EntityKind
from transforms.extract.kinds.registry import lookup_kind

Row = dict[str, Any]

_WITHOUT_SCHEME = (EntityKind.ACCOUNT, EntityKind.WALLET)
"""Kinds whose scheme is no part of the value where MISP has a type for them."""


def misp_event(
    facts: ClusterFacts,
    moment: datetime,
    run_id: str,
    title: str,
    tlp: str = DEFAULT_TLP,
    numbers: Mapping[str, str] | None = None,
) -> bytes:
    """Returns the event of a cluster as UTF-8 JSON: same rows, same bytes.

    Args:
        facts: the cluster; how many of its members were left out is told.
        moment: the time of the run.
        run_id: the run, which ids depend on.
        title: what people call the cluster.
        tlp: a level of TLP 2.0.
        numbers: for each member its numbers in a referral, in words, if it is of one.
    """
    stamp = str(int(moment.timestamp()))
    key = (run_id, facts.row["cluster_id"])
    org = ", ".join(plain(one, 60) for one in facts.row["orgs"])
    left_out = f"; {_counted(facts.left_out, 'identifier')} left out" if facts.left_out else ""
    made = {
        "uuid": _uuid("misp-event", *key),
        "info": f"Scam infrastructure. {title}{left_out}",
        "date": f"{moment:%Y-%m-%d}",
        "timestamp": stamp,
        "published": False,
        "analysis": "1",
        "threat_level_id": "4",
        "distribution": "0",
        "Orgc": {"name": org, "uuid": _uuid("misp-org", org)},
        "Tag": [{"name": f"tlp:{tlp}"}],
        "Attribute": [_attribute(one, key, stamp, numbers or {}) for one in facts.members],
    }
    text = json.dumps({"Event": made}, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def cluster_misp(export: ClusterExport) -> Iterator[list[bytes]]:
    """Yields the event of each cluster: of core members that an analyst reviewed."""
    for facts in export.batch.facts:
        shown = keep_leaving(facts)
        title = plain(shown.row["name"])
        yield [misp_event(shown, export.moment, export.run_id, title)]


def join_events(events: Iterable[bytes]) -> Iterator[bytes]:
    """Yields one file of several events, as MISP exports them."""
    start = b'{"response": ['
    for one in events:
        yield start + one.rstrip()
        start = b",\n"
    yield b"]}\n" if start == b",\n" else start + b"]}\n"


def _attribute(member: Row, key: tuple[str, str], stamp: str, numbers: Mapping[str, str]) -> Row:
    entity_id = member["entity_id"]
    kind, category, value = _typed(entity_id)
    number = f"{numbers[entity_id]}, " if entity_id in numbers else ""
    return {
        "uuid": _uuid("misp-attribute", *key, entity_id),
        "type": kind,
        "category": category,
        "value": value,
        "comment": (
            f"{number}{member['role']}; "
            f"{_counted(member['complaints'], 'complaint')}, "
            f"{_counted(member['calls'], 'call')} of "
            f"{_counted(member['reporters'], 'person', 'people')}; {member['tier']}, "
            f"{member['review']}. A lead, not proof."
        ),
        "to_ids": False,
        "disable_correlation": False,
        "distribution": "5",
        "timestamp": stamp,
        "first_seen": member["first_seen"].isoformat(),
        "last_seen": member["last_seen"].isoformat(),
    }


def _typed(entity_id: str) -> tuple[str, str, str]:
    """Returns the MISP type, category and value of an entity id."""
    kind, _, value = without_epoch(entity_id).partition(":")
    row = lookup_kind(kind, value)
    name, category = row.misp if row else ("other", "Other")
    if name != "other" and kind in _WITHOUT_SCHEME:
        value = value.partition(":")[2]
    return name, category, value


def _counted(count: int, noun: str, nouns: str | None = None) -> str:
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def _uuid(*parts: str) -> str:
    return stix_id(*parts).rpartition("--")[2]
