"""Clusters as CASE 1.5 and UCO, JSON-LD for tools of digital forensics.

A cluster is an Investigation of the form "suspicious-activity" whose objects are its members, as
observables, and their accepted links, as relationships. Each member has a ProvenanceRecord, whose
exhibit number is its evidence number. CASE has no property for a case number, or for the relation
of two organisations' investigations (CASE issue 191). So other organisations' case numbers are
external references. No investigation has a person as its subject.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from reports.cluster_data import ClusterFacts
from reports.evidence_number import cluster_thing, link_thing
from reports.export.graph_tables import ClusterExport
from reports.export.stix import DEFAULT_TLP, stix_id, stix_timestamp
from reports.text import plain
from schemas.entity import without_epoch
from schemas.enums import EntityKind

Row = dict[str, Any]

CONTEXT = {
    "kb": "urn:ringtrace:kb:",
    "core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "investigation": "https://ontology.caseontology.org/case/investigation/",
    "observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

_TYPES = {
    EntityKind.PHONE: ("PhoneAccount", "PhoneAccountFacet", "phoneNumber"),
    EntityKind.EMAIL: ("EmailAddress", "EmailAddressFacet", "addressValue"),
    EntityKind.DOMAIN: ("DomainName", "DomainNameFacet", "value"),
    EntityKind.URL: ("URL", "URLFacet", "fullValue"),
}
"""Observable, facet, and the facet's property by kind; other kinds are accounts of a service."""

_ACCOUNT = ("Account", "AccountFacet", "accountIdentifier")


def case_bundle(
    facts: ClusterFacts,
    moment: datetime,
    run_id: str,
    title: str,
    tlp: str = DEFAULT_TLP,
    number_of: Callable[[str], str] | None = None,
    cases: Mapping[str, str] | None = None,
) -> bytes:
    """Returns the bundle of a cluster as JSON-LD in UTF-8: same rows, same bytes.

    Args:
        facts: the cluster; the bundle says how many members were left out.
        moment: the time of the run.
        run_id: the run, which ids depend on.
        title: people's name for the cluster.
        tlp: a level of TLP 2.0.
        number_of: returns the evidence number of a thing, in a referral.
        cases: for each organisation its case number, in a referral.
    """
    key = (run_id, facts.row["cluster_id"])
    members = [_member(member, key) for member in facts.members]
    ids = {
        member["entity_id"]: made["@id"]
        for member, made in zip(facts.members, members, strict=True)
    }
    numbers = number_of or (lambda _: "")
    records = [
        _provenance(member, ids[member["entity_id"]], key, numbers(member["entity_id"]))
        for member in facts.members
    ]
    links = [
        _link(link, ids, key, numbers(link_thing(link["entity_a"], link["entity_b"])))
        for link in facts.inside
        if link["accepted"]
    ]
    objects = [*members, *records, *links]
    cluster = numbers(cluster_thing(facts.row["cluster_id"]))
    references = [("ringtrace", facts.row["cluster_id"]), ("ringtrace run", run_id)]
    references += [("ringtrace evidence number", cluster)] if cluster else []
    references += [
        (f"case number of {org}", case_number) for org, case_number in sorted((cases or {}).items())
    ]
    left = f" {facts.left_out} of its identifiers are left out." if facts.left_out else ""
    whole = {
        **_node("investigation", "Investigation", key, "investigation"),
        "core:name": plain(title, 300),
        "core:description": f"TLP:{tlp.upper()}. Infrastructure of an impersonation scam. A lead, "
        f"not proof: establish who held an identifier at the time.{left}",
        "core:externalReference": [
            {
                "@id": _id("external-reference", *key, name),
                "@type": "core:ExternalReference",
                "core:definingContext": plain(name, 80),
                "core:externalIdentifier": plain(value, 200),
            }
            for name, value in references
        ],
        "investigation:investigationForm": "suspicious-activity",
        "core:object": [{"@id": node["@id"]} for node in objects],
    }
    bundle = {
        **_node("core", "Bundle", key, "bundle"),
        "core:objectCreatedTime": _time(moment),
        "core:object": [whole, *objects],
    }
    return _written([bundle])


def cluster_case(export: ClusterExport) -> list[bytes]:
    """Returns the bundle of a cluster: of core members that an analyst reviewed."""
    title = plain(export.facts.row["name"])
    return [case_bundle(export.facts, export.moment, export.run_id, title, export.tlp)]


def join_cases(bundles: Iterable[bytes]) -> Iterator[bytes]:
    """Yields one file of several bundles."""
    yield _written([each for bundle in bundles for each in json.loads(bundle)["@graph"]])


def _written(graph: list[Row]) -> bytes:
    made = {"@context": CONTEXT, "@graph": graph}
    return (json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _node(space: str, kind: str, key: tuple[str, str], *parts: str) -> Row:
    return {"@id": _id(kind.lower(), *key, *parts), "@type": f"{space}:{kind}"}


def _id(kind: str, *parts: str) -> str:
    return f"kb:{stix_id(f'case-{kind}', *parts).removeprefix('case-').replace('--', '-')}"


def _time(moment: datetime) -> Row:
    return {"@type": "xsd:dateTime", "@value": stix_timestamp(moment)}


def _member(member: Row, key: tuple[str, str]) -> Row:
    kind, _, value = without_epoch(member["entity_id"]).partition(":")
    observable, facet, name = _TYPES.get(EntityKind(kind), _ACCOUNT)
    # The vocabulary of account types has none of these services.
    made: Row = {
        **_node("observable", facet, key, member["entity_id"]),
        f"observable:{name}": f"https://{value}" if facet == "URLFacet" else value,
    }
    return {
        **_node("observable", observable, key, member["entity_id"]),
        "core:name": plain(member["entity_id"], 300),
        "core:hasFacet": [made],
    }


def _provenance(member: Row, observable: str, key: tuple[str, str], number: str) -> Row:
    made = {
        **_node("investigation", "ProvenanceRecord", key, member["entity_id"]),
        "core:description": (
            f"{member['role']}; {member['complaints']} complaints and {member['calls']} calls of "
            f"{member['reporters']} people, {stix_timestamp(member['first_seen'])} to "
            f"{stix_timestamp(member['last_seen'])}; {member['tier']}, {member['review']}"
        ),
        "core:object": [{"@id": observable}],
    }
    return made | ({"investigation:exhibitNumber": number} if number else {})


def _link(link: Row, ids: Mapping[str, str], key: tuple[str, str], number: str) -> Row:
    a, b = link["entity_a"], link["entity_b"]
    named = f"{number}: " if number else ""
    return {
        **_node("observable", "ObservableRelationship", key, a, b),
        "core:description": f"{named}named together by {link['complaints']} complaints and "
        f"{link['calls']} calls of {link['reporters']} people",
        "core:source": {"@id": ids[a]},
        "core:target": {"@id": ids[b]},
        "core:isDirectional": False,
        "core:kindOfRelationship": "Related_To",
        "core:startTime": _time(link["first_seen"]),
        "core:endTime": _time(link["last_seen"]),
    }
