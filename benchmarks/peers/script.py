"""A short script as an alternative to ringtrace: json, phonenumbers and networkx in a file.

`python -m benchmarks.peers.script WORLD OUT` reads WORLD/complaints and WORLD/calls (JSON Lines)
and writes OUT/clusters.csv. A competent user could write it in an afternoon. It caches parsed
numbers, finds numbers and addresses in narratives, and leaves out victims' numbers and caller ids.
Its clusters are connected components.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import networkx as nx
import phonenumbers

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"h(?:tt|xx)ps?://[^\s\"'<>]+", re.IGNORECASE)


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Every object of the folder's files."""
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


@lru_cache(maxsize=1 << 20)
def phone(raw: str, region: str | None) -> str | None:
    """A number's entity id, if it can be a number."""
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"phone:{e164}"


@lru_cache(maxsize=1 << 20)
def site(url: str) -> str | None:
    """The site of a web address, its last two labels."""
    try:
        host = urlsplit(url.replace("[.]", ".").replace("hxxp", "http")).hostname
    except ValueError:
        return None
    return "domain:" + ".".join(host.split(".")[-2:]) if host else None


def named(complaint: dict[str, Any]) -> Iterator[str | None]:
    """The identifiers that a complaint names and a scammer may hold."""
    region = complaint.get("victim_country")
    for number in complaint.get("phone_numbers") or ():
        if number["role"] not in ("victim", "caller_id"):
            yield phone(number["raw"], region)
    yield from map(site, complaint.get("urls") or ())
    for mail in complaint.get("emails") or ():
        if mail["role"] in ("sender", "reply_to"):
            yield f"email:{mail['address'].lower()}"
    for session in complaint.get("remote_access") or ():
        yield f"remote:{session['tool']}:{re.sub(r'[^0-9]', '', session['id'])}"
    for payment in complaint.get("payments") or ():
        yield f"account:{re.sub(r'[^A-Za-z0-9@]', '', payment['payee'])}"
    text = complaint.get("narrative") or ""
    for match in phonenumbers.PhoneNumberMatcher(text, region):
        yield phone(match.raw_string, region)
    yield from (f"email:{email.lower()}" for email in EMAIL.findall(text))
    yield from map(site, URL.findall(text))


def graph(world: Path) -> nx.Graph:
    """Records and the identifiers that they name."""
    together = nx.Graph()
    for complaint in rows(world / "complaints"):
        record = f"record:{complaint['source_org']}:{complaint['complaint_id']}"
        together.add_edges_from((record, entity) for entity in named(complaint) if entity)
    for call in rows(world / "calls"):
        about = call.get("complaint_id") or call["call_id"]
        record = f"record:{call['source_org']}:{about}"
        if call.get("direction") == "outbound":
            entity = phone(call.get("called_number") or "", call.get("victim_country"))
            if entity:
                together.add_edge(record, entity)
    return together


def main() -> None:
    """Read, cluster, write."""
    world, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    with (out / "clusters.csv").open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(("entity_id", "cluster"))
        for number, nodes in enumerate(nx.connected_components(graph(world))):
            writer.writerows((n, number) for n in sorted(nodes) if not n.startswith("record:"))


if __name__ == "__main__":
    main()
