"""Clusters as MISP events (draft-dulaunoy-misp-core-format), JSON that MISP imports, or as a feed.

No attribute asks to be blocked or detected (`to_ids` is false), and `distribution` is 0, this
organisation only: the TLP tag says who else may have it.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from reports.cluster_data import ClusterFacts
from reports.export.graph_tables import ClusterExport
from reports.export.stix import DEFAULT_TLP, stix_id
from reports.text import plain, quantity
from schemas.entity import without_epoch
from schemas.enums import EntityKind
from transforms.extract.kinds.registry import lookup_kind

Row = dict[str, Any]

_WITHOUT_SCHEME = (EntityKind.ACCOUNT, EntityKind.WALLET)
"""Kinds whose value in a MISP type is without the scheme."""


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
        facts: the cluster; the event says how many members were left out.
        moment: the time of the run.
        run_id: the run, which ids depend on.
        title: people's name for the cluster.
        tlp: a level of TLP 2.0.
        numbers: in a referral, each member's numbers there, in words.
    """
    stamp = str(int(moment.timestamp()))
    key = (run_id, facts.row["cluster_id"])
    org = ", ".join(plain(slug, 60) for slug in facts.row["orgs"])
    left_out = f"; {quantity(facts.left_out, 'identifier')} left out" if facts.left_out else ""
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
        "Attribute": [_attribute(member, key, stamp, numbers or {}) for member in facts.members],
    }
    text = json.dumps({"Event": made}, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def cluster_misp(export: ClusterExport) -> list[bytes]:
    """Returns the event of a cluster: of core members that an analyst reviewed."""
    return [_event(export, export.run_id)]


def _event(export: ClusterExport, run_id: str) -> bytes:
    title = plain(export.facts.row["name"])
    return misp_event(export.facts, export.moment, run_id, title, export.tlp)


def join_events(events: Iterable[bytes]) -> Iterator[bytes]:
    """Yields one file of several events, as MISP exports them."""
    start = b'{"response": ['
    for event in events:
        yield start + event.rstrip()
        start = b",\n"
    yield b"]}\n" if start == b",\n" else start + b"]}\n"


FEED = "feed"
"""Stands for the run in ids of a feed: a cluster's event replaces its event of the run before."""


def cluster_misp_feed(export: ClusterExport) -> Iterator[bytes]:
    """Yields the feed of a single cluster, in the form of `join_feed`."""
    return join_feed([_event(export, FEED)])


def join_feed(files: Iterable[bytes]) -> Iterator[bytes]:
    """Yields one feed of several feeds, or of events, as a zip archive to be unpacked.

    A feed is manifest.json, hashes.csv and a file for each event, named by its UUID, as
    pymisp.tools.feed_meta_generator makes them. Files are not compressed, so that the search of
    what leaves can read them.
    """
    events: dict[str, bytes] = {}
    for part in files:
        for event in _events_in(part):
            events[json.loads(event)["Event"]["uuid"]] = event
    manifest: dict[str, Row] = {}
    hashes: list[str] = []
    for uuid, content in sorted(events.items()):
        event = json.loads(content)["Event"]
        manifest[uuid] = {
            "Orgc": event["Orgc"],
            "Tag": event["Tag"],
            "info": event["info"],
            "date": event["date"],
            "analysis": int(event["analysis"]),
            "threat_level_id": int(event["threat_level_id"]),
            "timestamp": int(event["timestamp"]),
        }
        for attribute in event["Attribute"]:
            digest = hashlib.md5(attribute["value"].encode(), usedforsecurity=False).hexdigest()
            hashes.append(f"{digest},{uuid}\n")
    shown = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
    made = {"manifest.json": shown.encode() + b"\n", "hashes.csv": "".join(hashes).encode()}
    made |= {f"{uuid}.json": content for uuid, content in sorted(events.items())}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in made.items():
            file.writestr(zipfile.ZipInfo(name), content)
    yield archive.getvalue()


def _events_in(content: bytes) -> Iterator[bytes]:
    """Yields the events of a feed; a file that is an event yields itself."""
    if content.startswith(b"{"):
        yield content
        return
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        for name in file.namelist():
            if name not in ("manifest.json", "hashes.csv"):
                yield file.read(name)


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
            f"{quantity(member['complaints'], 'complaint')}, "
            f"{quantity(member['calls'], 'call')} of "
            f"{quantity(member['reporters'], 'person', 'people')}; {member['tier']}, "
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


def _uuid(*parts: str) -> str:
    return stix_id(*parts).rpartition("--")[2]
