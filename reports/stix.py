"""One cluster as a STIX 2.1 bundle, for a threat-intelligence platform such as OpenCTI.

What is what (docs/referral.md says why):

- *infrastructure*: the cluster; no threat actor and no campaign is asserted, since a cluster says
  what hangs together and not who did it.
- *observed-data*: one a member, with its observable: how often and from when to when records name
  it. The infrastructure `consists-of` these, and not of the observables themselves: of those STIX
  2.1 (section 4.8.2) knows its own kinds alone, and a phone number is OpenCTI's.
- *relationship* `related-to`: an accepted link between two members, with its evidence.
- *sighting*: where the whole was seen; *identity*: those organisations, and ringtrace itself.
- *note*: what the bundle does not say; *grouping*: all of it, as suspicious activity.

Suppliers, caller ids and victims are not in it: they can be innocent.

Objects are written as the standard has them, without the library that would check each as it is
made: that took nine tenths of the time. The tests hold every kind of object against the library and
the validator of OASIS; `stix_check` does so for a bundle that is to be sealed.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from reports.cluster_facts import Facts
from reports.stix_parts import Object, marking, observable, own_id, timestamp
from reports.text import plain

Row = dict[str, Any]

DEFAULT_TLP = "amber"

MOST = 999_999_999
"""The largest count that STIX 2.1 knows (sections 4.14 and 5.2)."""

LIMITS = (
    "A cluster is a lead, not proof. Numbers are forged, leased and passed on: establish who held "
    "an identifier at the time before anybody acts on it. Identifiers that only a caller id names, "
    "shared suppliers, known-legitimate identifiers and everything of victims are left out."
)


def bundle(facts: Facts, moment: datetime, run_id: str, tlp: str = DEFAULT_TLP) -> bytes:
    """The bundle of a cluster as JSON in UTF-8, an object a line: the same bytes for the same rows.

    `moment` is the time of the run (its --as-of, or its newest record); it is when every object
    was made and modified. Ids hold the run, so that no object is ever silently another. `tlp` is
    one of `stix_parts.TLP_LEVELS`.

    Raises KeyError for an unknown TLP level.
    """
    tlp_object = marking(tlp)
    author = _author()
    marked = {"object_marking_refs": [tlp_object["id"]]}
    made_at = timestamp(moment, "milliseconds")
    times = {"created": made_at, "modified": made_at}
    made = times | marked | {"created_by_ref": author["id"], "lang": "en"}
    key = Key(run_id, facts.row["cluster_id"], made)
    orgs = [_organisation(one) for one in facts.row["orgs"]]
    people = [one | marked | times for one in (author, *orgs)]
    observables = {one["entity_id"]: observable(one["entity_id"]) for one in facts.members}
    # Two epochs of a number are one observable.
    distinct = {one["id"]: one for one in observables.values()}.values()
    refs = {entity_id: one["id"] for entity_id, one in observables.items()}
    infrastructure = _infrastructure(facts, key)
    observed = [_observed(one, refs, key) for one in facts.members]
    ties = [
        *(
            _member(member, infrastructure["id"], seen["id"], key)
            for member, seen in zip(facts.members, observed, strict=True)
        ),
        *(
            _link(one, refs, key)
            for one in facts.inside
            if one["accepted"] and refs[one["entity_a"]] != refs[one["entity_b"]]
        ),
    ]
    sighting = _sighting(facts, infrastructure["id"], observed, orgs, key)
    said = [infrastructure, *observed, *ties, sighting, _note(infrastructure["id"], key)]
    content = [*people, *(one | marked for one in distinct), *said]
    whole = [tlp_object, *content, _grouping(facts, content, key)]
    return _written(own_id("bundle", key.run_id, key.cluster_id, tlp), whole)


def _written(bundle_id: str, objects: list[Object]) -> bytes:
    lines = b",\n".join(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in objects)
    return b'{"id":"%s","objects":[\n%s\n],"type":"bundle"}\n' % (bundle_id.encode(), lines)


class Key(NamedTuple):
    """Run and cluster, what the ids of a bundle's objects hang on; and what all of them say."""

    run_id: str
    cluster_id: str
    made: Object


def _object(kind: str, key: Key, *parts: str, **properties: object) -> Object:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": own_id(kind, key.run_id, key.cluster_id, *parts),
        **key.made,
        **properties,
    }


def _author() -> Object:
    name = "ringtrace"
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": own_id("identity", "system", name),
        "name": name,
        "identity_class": "system",
        "description": "Software that clusters the infrastructure of impersonation scams.",
    }


def _organisation(slug: str) -> Object:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": own_id("identity", "organization", slug),
        "name": plain(slug),
        "identity_class": "organization",
        "description": "Reported complaints or calls of its customers.",
    }


def _infrastructure(facts: Facts, key: Key) -> Object:
    row = facts.row
    brands = ", ".join(plain(one, 40) for one in row["brands"][:5]) or "none stated"
    return _object(
        "infrastructure",
        key,
        name=plain(row["name"]),
        description=(
            f"Infrastructure of an impersonation scam: {row['size']} identifiers that "
            f"{row['complaints']} complaints and {row['calls']} calls name. Brands claimed: "
            f"{brands}. Status: {row['status']}."
        ),
        infrastructure_types=["phishing"],
        confidence=_percent(row["confidence"]),
        **_interval(row),
        external_references=[
            {"source_name": "ringtrace", "external_id": row["cluster_id"]},
            {"source_name": "ringtrace run", "external_id": key.run_id},
        ],
    )


def _interval(row: Row) -> Object:
    """first_seen and last_seen; a last_seen at the very same moment must be left out."""
    found = {"first_seen": timestamp(row["first_seen"])}
    if row["last_seen"] > row["first_seen"]:
        found["last_seen"] = timestamp(row["last_seen"])
    return found


def _observed(member: Row, refs: dict[str, str], key: Key) -> Object:
    entity_id = member["entity_id"]
    return _object(
        "observed-data",
        key,
        entity_id,
        first_observed=timestamp(member["first_seen"]),
        last_observed=timestamp(member["last_seen"]),
        number_observed=min(member["complaints"] + member["calls"], MOST),
        object_refs=[refs[entity_id]],
    )


def _member(member: Row, infrastructure: str, observed: str, key: Key) -> Object:
    return _object(
        "relationship",
        key,
        "consists-of",
        member["entity_id"],
        relationship_type="consists-of",
        source_ref=infrastructure,
        target_ref=observed,
        description=f"As {member['role']}: {member['complaints']} complaints, "
        f"{member['calls']} calls, seen by {_listed(member['orgs'])}.",
        confidence=_percent(member["confidence"]),
        **_span(member),
    )


def _link(link: Row, refs: dict[str, str], key: Key) -> Object:
    a, b = link["entity_a"], link["entity_b"]
    return _object(
        "relationship",
        key,
        "related-to",
        a,
        b,
        relationship_type="related-to",
        source_ref=refs[a],
        target_ref=refs[b],
        description=f"Named together by {link['complaints']} complaints and {link['calls']} calls "
        f"of {link['victims']} victims, seen by {_listed(link['orgs'])}; {link['strength']} "
        f"evidence, weight {link['weight']:.2f}.",
        **_span(link),
    )


def _span(row: Row) -> Object:
    """start_time and stop_time; a stop must be later than its start (STIX 2.1 section 5.1)."""
    found = {"start_time": timestamp(row["first_seen"])}
    if row["last_seen"] > row["first_seen"]:
        found["stop_time"] = timestamp(row["last_seen"])
    return found


def _sighting(
    facts: Facts, infrastructure: str, observed: list[Object], orgs: list[Object], key: Key
) -> Object:
    return _object(
        "sighting",
        key,
        sighting_of_ref=infrastructure,
        observed_data_refs=[one["id"] for one in observed],
        where_sighted_refs=[one["id"] for one in orgs],
        count=min(facts.row["complaints"] + facts.row["calls"], MOST),
        **_interval(facts.row),
    )


def _note(infrastructure: str, key: Key) -> Object:
    return _object("note", key, abstract="Limits", content=LIMITS, object_refs=[infrastructure])


def _grouping(facts: Facts, content: list[Object], key: Key) -> Object:
    return _object(
        "grouping",
        key,
        name=plain(facts.row["name"]),
        context="suspicious-activity",
        object_refs=[one["id"] for one in content],
    )


def _percent(share: float) -> int:
    return min(max(round(100 * share), 0), 100)


def _listed(orgs: list[str]) -> str:
    return _joined(tuple(orgs))


@lru_cache(maxsize=4_096)
def _joined(orgs: tuple[str, ...]) -> str:
    return ", ".join(plain(one, 40) for one in orgs)
