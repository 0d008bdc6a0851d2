"""A cluster as a STIX 2.1 bundle, for a threat-intelligence platform such as OpenCTI.

The objects of a bundle (docs/referral.md gives the reasons):

- *infrastructure*: the cluster. There is no threat actor or campaign: a cluster says what hangs
  together, not who did it.
- *observed-data*: one per member, with its observable: how often records name it, from when to
  when. The infrastructure `consists-of` observed-data, not of observables: STIX 2.1 (section 4.8.2)
  allows only its own kinds of observables there, and phone numbers are OpenCTI's.
- *relationship* `related-to`: an accepted link between two members, with its evidence; and the tie
  of the cluster to an *attack-pattern*, the technique of MITRE's F3 or ATT&CK for such members.
- *indicator*: a site, a page or a mail address, which `indicates` such a technique. It asks for a
  search or a warning, not to be blocked by itself.
- *sighting*: the organisations that saw the cluster; *identity*: these, and ringtrace itself.
- *note*: the limits of the bundle; *grouping*: all of it, as suspicious activity.

Suppliers, caller ids and victims are not in it: they can be innocent. It holds the members of the
given cluster, and counts the members that were left out.

Objects are plain dicts. The stix2 library, which checks each object as it makes it, took nine
tenths of the time. The tests check every kind of object against the library and the validator of
OASIS, and `check_with_stix2` checks a bundle before it is sealed. Entries of a hub consist of the
same objects.
"""

from __future__ import annotations

import ipaddress
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from reports.cluster_data import ClusterFacts
from reports.evidence_number import cluster_thing, link_thing
from reports.export.graph_tables import ClusterExport
from reports.text import plain
from schemas.entity import without_epoch
from schemas.enums import EntityKind
from schemas.extras import install_command
from schemas.offer import HubEntry
from transforms.decode import load_reference_data
from transforms.extract.impersonation import Technique, techniques_of
from transforms.extract.kinds.registry import lookup_kind

Row = dict[str, Any]

DEFAULT_TLP = "amber"

MAX_COUNT = 999_999_999
"""The largest count that STIX 2.1 knows (sections 4.14 and 5.2)."""

LIMITS = (
    "A cluster is a lead, not proof. Numbers are forged, leased and passed on: establish who held "
    "an identifier at the time before anybody acts on it. Identifiers that only a caller id names, "
    "shared suppliers, known-legitimate identifiers and everything of victims are left out."
)

StixObject = dict[str, Any]

SCO_NAMESPACE = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""Namespace of the ids of cyber-observable objects (STIX 2.1 section 2.9)."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "ringtrace")
"""Namespace of the ids of all other objects: section 2.9 forbids `SCO_NAMESPACE` for them."""

OPENCTI = "extension-definition--f93e2c80-4231-4f9a-af8b-95c9bd566a82"
"""The extension under which OpenCTI defines observables that STIX 2.1 lacks (STIX_EXT_OCTI_SCO)."""

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""TLP 2.0 for STIX 2.1 (OASIS cti-stix-common-objects, extension-definition-specifications)."""

_TLP_IDS = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}

TLP_LEVELS = tuple(_TLP_IDS)
"""TLP 2.0 (FIRST, August 2022), the widest circle first."""

SENTINEL_TYPES = ("identity", "attack-pattern", "indicator", "relationship")
"""Types of objects that Microsoft Sentinel's upload API takes; types that refer to others last."""

SENTINEL_OBJECTS = 100
"""Most objects in a request to that API."""

PATTERNS = {
    EntityKind.DOMAIN: ("domain-name:value", ""),
    EntityKind.URL: ("url:value", "https://"),
    EntityKind.EMAIL: ("email-addr:value", ""),
}
"""By kind of identifier: the property that a pattern compares, and the prefix our ids lack."""

_OPENCTI = ("phone-number", "cryptocurrency-wallet")
"""Types of OpenCTI's observables with a `value`."""

NUMBERS = "ringtrace evidence number"
"""Source of the external reference that holds an object's evidence number."""


def stix_bundle(
    facts: ClusterFacts,
    moment: datetime,
    run_id: str,
    tlp: str = DEFAULT_TLP,
    number_of: Callable[[str], str] | None = None,
) -> bytes:
    """Returns the bundle of a cluster as UTF-8 JSON, an object a line: same rows, same bytes.

    Ids depend on the run, so that no object silently replaces an object of another run.

    Args:
        facts: the cluster.
        moment: the time of the run; every object was created and modified then.
        run_id: the run.
        tlp: one of `TLP_LEVELS`.
        number_of: returns the evidence number of a thing (`reports.evidence_number`), to be put
            into each object of the cluster; observables and identities have no place for it.

    Raises:
        KeyError: for an unknown TLP level.
    """
    tlp_object = tlp_marking(tlp)
    author = _author()
    marked = {"object_marking_refs": [tlp_object["id"]]}
    made_at = stix_timestamp(moment, "milliseconds")
    times = {"created": made_at, "modified": made_at}
    made = times | marked | {"created_by_ref": author["id"], "lang": "en"}
    key = BundleKey(run_id, facts.row["cluster_id"], made, number_of)
    orgs = [_organisation(org) for org in facts.row["orgs"]]
    people = [identity | marked | times for identity in (author, *orgs)]
    observables = {
        member["entity_id"]: stix_observable(member["entity_id"]) for member in facts.members
    }
    # Two epochs of a number are one observable.
    distinct = {observable["id"]: observable for observable in observables.values()}.values()
    refs = {entity_id: observable["id"] for entity_id, observable in observables.items()}
    infrastructure = _infrastructure(facts, key)
    observed = [_observed(member, refs, key) for member in facts.members]
    ties = [
        *(
            _member(member, infrastructure["id"], seen["id"], key)
            for member, seen in zip(facts.members, observed, strict=True)
        ),
        *(
            _link(link, refs, key)
            for link in facts.inside
            if link["accepted"] and refs[link["entity_a"]] != refs[link["entity_b"]]
        ),
    ]
    sighting = _seen_by_orgs(facts, infrastructure["id"], observed, orgs, key)
    patterns = list(_attack_patterns(facts, infrastructure["id"], key))
    indicators = list(_indicators(facts, key))
    note = _note(facts, infrastructure["id"], key)
    own = [infrastructure, *observed, *ties, *patterns, *indicators, sighting, note]
    content = [*people, *(observable | marked for observable in distinct), *own]
    whole = [tlp_object, *content, _grouping(facts, content, key)]
    return _written(stix_id("bundle", key.run_id, key.cluster_id, tlp), whole)


def cluster_stix(export: ClusterExport) -> list[bytes]:
    """Returns the bundle of a cluster: of core members that an analyst reviewed.

    A thin cluster has none.
    """
    return [stix_bundle(export.facts, export.moment, export.run_id, export.tlp)]


def cluster_sentinel(export: ClusterExport) -> list[bytes]:
    """Returns the requests of a cluster to Microsoft Sentinel's upload API, a body a line.

    It takes `SENTINEL_TYPES` alone, `SENTINEL_OBJECTS` at a time
    (learn.microsoft.com/azure/sentinel/stix-objects-api, read on 2026-11-28).
    """
    (bundle,) = cluster_stix(export)
    by_type: defaultdict[str, list[StixObject]] = defaultdict(list)
    for stix_object in orjson.loads(bundle)["objects"]:
        by_type[stix_object["type"]].append(stix_object)
    if not by_type["indicator"]:
        return []
    objects = [stix_object for kind in SENTINEL_TYPES for stix_object in by_type[kind]]
    ids = {stix_object["id"] for stix_object in objects}
    # A relationship may name objects that are not sent; other objects have no ends.
    ends = ("source_ref", "target_ref")
    whole = [each for each in objects if {each[end] for end in ends if end in each} <= ids]
    starts = range(0, len(whole), SENTINEL_OBJECTS)
    return [_request(whole[start : start + SENTINEL_OBJECTS]) for start in starts]


def join_requests(requests: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines of several files of requests as one file."""
    yield from requests


def _request(objects: list[StixObject]) -> bytes:
    body = {"sourcesystem": "ringtrace", "stixobjects": objects}
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS) + b"\n"


def join_bundles(bundles: Iterable[bytes]) -> Iterator[bytes]:
    """Yields one bundle of the objects of several, each once."""
    ids: list[str] = []
    objects: dict[str, StixObject] = {}
    for bundle in map(orjson.loads, bundles):
        ids.append(bundle["id"])
        objects |= {each["id"]: each for each in bundle["objects"] if each["id"] not in objects}
    yield _written(stix_id("bundle", *ids), list(objects.values()))


def _written(bundle_id: str, objects: list[StixObject]) -> bytes:
    lines = b",\n".join(
        orjson.dumps(stix_object, option=orjson.OPT_SORT_KEYS) for stix_object in objects
    )
    return b'{"id":"%s","objects":[\n%s\n],"type":"bundle"}\n' % (bundle_id.encode(), lines)


class BundleKey(NamedTuple):
    """Run and cluster, which objects' ids depend on, and the properties of every object."""

    run_id: str
    cluster_id: str
    made: StixObject
    number_of: Callable[[str], str] | None = None


def _object(
    kind: str, key: BundleKey, *parts: str, referent: str | None = None, **properties: Any
) -> StixObject:
    """Makes an object about a `referent` in the cluster, by default about the cluster itself."""
    references = list(properties.pop("external_references", ()))
    if key.number_of is not None:
        number = key.number_of(referent or cluster_thing(key.cluster_id))
        references.append({"source_name": NUMBERS, "external_id": number})
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": stix_id(kind, key.run_id, key.cluster_id, *parts),
        **key.made,
        **properties,
        **({"external_references": references} if references else {}),
    }


def _identity(identity_id: str, name: str, kind: str, description: str) -> StixObject:
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": identity_id,
        "name": name,
        "identity_class": kind,
        "description": description,
    }


def _author() -> StixObject:
    description = "Software that clusters the infrastructure of impersonation scams."
    return _identity(RINGTRACE_ID, "ringtrace", "system", description)


def _organisation(slug: str) -> StixObject:
    identity_id = stix_id("identity", "organization", slug)
    description = "Reported complaints or calls of its customers."
    return _identity(identity_id, plain(slug), "organization", description)


def _infrastructure(facts: ClusterFacts, key: BundleKey) -> StixObject:
    row = facts.row
    brands = ", ".join(plain(brand, 40) for brand in row["brands"][:5]) or "none stated"
    return _object(
        "infrastructure",
        key,
        name=plain(row["name"]),
        description=(
            f"Infrastructure of a scam that {row['complaints']} complaints and {row['calls']} "
            f"calls report; identifiers of it that are named here: {row['size']}. Brands claimed: "
            f"{brands}. Status: {row['status']}.{_left_out(facts)}"
        ),
        infrastructure_types=["phishing"],
        confidence=percent(row["confidence"]),
        **_interval(row),
        external_references=[
            {"source_name": "ringtrace", "external_id": row["cluster_id"]},
            {"source_name": "ringtrace run", "external_id": key.run_id},
        ],
    )


def _interval(row: Row, first: str = "first_seen", last: str = "last_seen") -> StixObject:
    """Returns two times by these names, without the last if both are the same moment.

    STIX 2.1 (section 5.1) requires the stop to be later than the start.
    """
    interval = {first: stix_timestamp(row["first_seen"])}
    if row["last_seen"] > row["first_seen"]:
        interval[last] = stix_timestamp(row["last_seen"])
    return interval


def _observed(member: Row, refs: dict[str, str], key: BundleKey) -> StixObject:
    entity_id = member["entity_id"]
    return _object(
        "observed-data",
        key,
        entity_id,
        referent=entity_id,
        first_observed=stix_timestamp(member["first_seen"]),
        last_observed=stix_timestamp(member["last_seen"]),
        number_observed=min(member["complaints"] + member["calls"], MAX_COUNT),
        object_refs=[refs[entity_id]],
    )


def _member(member: Row, infrastructure: str, observed: str, key: BundleKey) -> StixObject:
    return _object(
        "relationship",
        key,
        "consists-of",
        member["entity_id"],
        referent=member["entity_id"],
        relationship_type="consists-of",
        source_ref=infrastructure,
        target_ref=observed,
        description=f"As {member['role']}: {member['complaints']} complaints and "
        f"{member['calls']} calls of {member['reporters']} people, seen by "
        f"{_listed(member['orgs'])}; {member['tier']}, {member['review']}.",
        confidence=percent(member["confidence"]),
        **_interval(member, "start_time", "stop_time"),
    )


def _link(link: Row, refs: dict[str, str], key: BundleKey) -> StixObject:
    a, b = link["entity_a"], link["entity_b"]
    return _object(
        "relationship",
        key,
        "related-to",
        a,
        b,
        referent=link_thing(a, b),
        relationship_type="related-to",
        source_ref=refs[a],
        target_ref=refs[b],
        description=f"Named together by {link['complaints']} complaints and {link['calls']} calls "
        f"of {link['reporters']} people, seen by {_listed(link['orgs'])}; {link['strength']} "
        f"evidence, weight {link['weight']:.2f}.",
        **_interval(link, "start_time", "stop_time"),
    )


def _attack_patterns(
    facts: ClusterFacts, infrastructure: str, key: BundleKey
) -> Iterator[StixObject]:
    """Yields the techniques that members' roles show, each with its tie to the infrastructure."""
    roles: dict[Technique, set[str]] = {}
    for member in facts.members:
        for technique in techniques_of("role", member["role"]):
            roles.setdefault(technique, set()).add(member["role"])
    for technique in sorted(roles):
        reference = {"source_name": technique.framework, "external_id": technique.id}
        pattern = _object(
            "attack-pattern",
            key,
            technique.id,
            name=technique.name,
            external_references=[reference],
        )
        yield pattern
        yield _object(
            "relationship",
            key,
            "related-to",
            technique.id,
            relationship_type="related-to",
            source_ref=infrastructure,
            target_ref=pattern["id"],
            description=f"Shown by members that are {', '.join(sorted(roles[technique]))}.",
        )


def _indicators(facts: ClusterFacts, key: BundleKey) -> Iterator[StixObject]:
    """Yields an indicator for each member that STIX has a pattern for, and its `indicates` ties."""
    for member in facts.members:
        entity_id = member["entity_id"]
        confidence = percent(member["confidence"])
        seen = member["first_seen"], member["last_seen"]
        indicator = _indicator(entity_id, seen, confidence, key, entity_id)
        if indicator is None:
            continue
        yield indicator
        for technique in techniques_of("role", member["role"]):
            yield _object(
                "relationship",
                key,
                "indicates",
                entity_id,
                technique.id,
                referent=entity_id,
                relationship_type="indicates",
                source_ref=indicator["id"],
                target_ref=stix_id("attack-pattern", key.run_id, key.cluster_id, technique.id),
            )


def _indicator(
    entity_id: str, seen: tuple[datetime, datetime], confidence: int, key: BundleKey, *parts: str
) -> StixObject | None:
    """Returns the indicator of an identifier; None if STIX has no pattern for its kind.

    It ends when somebody else may hold the identifier, counted from the time it was last `seen`.
    `parts` are the parts of its id.
    """
    kind, _, value = without_epoch(entity_id).partition(":")
    if kind not in PATTERNS:
        return None
    shown, scheme = PATTERNS[EntityKind(kind)]
    escaped = f"{scheme}{value}".replace("\\", "\\\\").replace("'", "\\'")
    life = load_reference_data("lives.toml").get(kind)
    ends = {"valid_until": stix_timestamp(seen[1] + timedelta(life["days"]))} if life else {}
    return _object(
        "indicator",
        key,
        *parts,
        referent=entity_id,
        name=plain(entity_id, 300),
        description="A lead, not proof: for a search or a warning, not to block by itself.",
        indicator_types=["anomalous-activity"],
        pattern=f"[{shown} = '{escaped}']",
        pattern_type="stix",
        pattern_version="2.1",
        valid_from=stix_timestamp(seen[0]),
        **ends,
        confidence=confidence,
    )


def _seen_by_orgs(
    facts: ClusterFacts,
    infrastructure: str,
    observed: list[StixObject],
    orgs: list[StixObject],
    key: BundleKey,
) -> StixObject:
    seen: StixObject = {}
    if observed:
        seen["observed_data_refs"] = [stix_object["id"] for stix_object in observed]
    return _object(
        "sighting",
        key,
        sighting_of_ref=infrastructure,
        **seen,
        where_sighted_refs=[org["id"] for org in orgs],
        count=min(facts.row["complaints"] + facts.row["calls"], MAX_COUNT),
        **_interval(facts.row),
    )


def _note(facts: ClusterFacts, infrastructure: str, key: BundleKey) -> StixObject:
    content = f"{LIMITS}{_left_out(facts)}"
    return _object("note", key, abstract="Limits", content=content, object_refs=[infrastructure])


def _left_out(facts: ClusterFacts) -> str:
    """Returns a sentence on the members left out of the bundle; an empty text if none are."""
    if not facts.left_out:
        return ""
    return (
        f" {facts.left_out} of the identifiers are left out: fewer than two people reported them "
        "independently, or no analyst has reviewed them."
    )


def _grouping(facts: ClusterFacts, content: list[StixObject], key: BundleKey) -> StixObject:
    return _object(
        "grouping",
        key,
        name=plain(facts.row["name"]),
        context="suspicious-activity",
        object_refs=[stix_object["id"] for stix_object in content],
    )


def hub_stix(hub: str, name: str, tlp: str) -> list[StixObject]:
    """Returns the objects that a hub's entries refer to: marking, and identities of both.

    Args:
        hub: SHA-256 of its charter.
        name: of the hub, in place of the contributor of an entry.
        tlp: of the hub, as an offer has it.
    """
    times = dict.fromkeys(("created", "modified"), "2026-01-01T00:00:00.000Z")
    description = "Members who exchange confirmed identifiers, without their names."
    of_hub = _identity(_hub_identity(hub), plain(name), "group", description)
    return [tlp_marking(tlp_level(tlp)), _author() | times, of_hub | times, _withdrawn_observable()]


def entry_stix(
    hub: str, entry: HubEntry, day: date, tlp: str, *, disputed: bool
) -> Iterator[StixObject]:
    """Yields the objects of an entry that is in force, or frozen.

    Their ids depend on the entry's id, not its value: ids stay after the entry is out, and must not
    let anybody guess the value.

    Args:
        hub: SHA-256 of the hub's charter.
        entry: as the log has it.
        day: of the log.
        tlp: of the hub.
        disputed: whether it waits for an answer.
    """
    made_at = f"{day:%Y-%m-%d}T00:00:00.000Z"
    made = {
        "created": made_at,
        "modified": made_at,
        "object_marking_refs": [tlp_marking(tlp_level(tlp))["id"]],
        "created_by_ref": _hub_identity(hub),
        "labels": [entry.role, entry.basis, *(["disputed"] if disputed else [])],
    }
    key = BundleKey(hub, entry.entry, made)
    first, last = _week_start(entry.first), _week_start(entry.last) + timedelta(days=7)
    confidence = 0 if disputed else entry.confidence
    observable = stix_observable(entry.entity_id)
    yield observable
    yield _object(
        "observed-data",
        key,
        first_observed=stix_timestamp(first),
        last_observed=stix_timestamp(last),
        number_observed=min(entry.reporters, MAX_COUNT),
        object_refs=[observable["id"]],
        confidence=confidence,
    )
    if indicator := _indicator(entry.entity_id, (first, last), confidence, key):
        yield indicator


def withdrawn_stix(stix_object: StixObject) -> StixObject:
    """Returns an object of an entry as revoked, which is final, and without its value."""
    kept = ("type", "spec_version", "id", "created", "modified", "created_by_ref",
            "object_marking_refs", "first_observed", "last_observed", "number_observed",
            "valid_from", "pattern_type", "pattern_version")  # fmt: skip
    bare = {name: stix_object[name] for name in kept if name in stix_object} | {"revoked": True}
    nothing = _withdrawn_observable()
    if stix_object["type"] == "indicator":
        return bare | {
            "name": "withdrawn",
            "indicator_types": ["benign"],
            "pattern": f"[domain-name:value = '{nothing['value']}']",
        }
    return bare | {"object_refs": [nothing["id"]]}


def _withdrawn_observable() -> StixObject:
    return stix_observable("domain:withdrawn.invalid")


def _hub_identity(hub: str) -> str:
    return stix_id("identity", "group", hub)


def tlp_level(marking: str) -> str:
    """Returns the TLP 2.0 level of a marking such as TLP:AMBER+STRICT."""
    return marking.lower().removeprefix("tlp:")


def strictest_tlp(markings: Iterable[str]) -> str:
    """Returns the level of the narrowest circle among markings, as `TLP:RED` or as a level."""
    return max(map(tlp_level, markings), key=TLP_LEVELS.index)


def _week_start(week: str) -> datetime:
    year, _, number = week.partition("-W")
    return datetime.fromisocalendar(int(year), int(number), 1).replace(tzinfo=UTC)


def percent(share: float) -> int:
    """Returns a share as a whole percentage."""
    return min(max(round(100 * share), 0), 100)


def _listed(orgs: list[str]) -> str:
    return ", ".join(plain(org, 40) for org in orgs)


class MissingStixError(RuntimeError):
    """The `stix2` library is not installed; the message says how to get it."""


def check_with_stix2(bundle: bytes) -> bytes:
    """Returns the bundle if stix2 accepts every object of it.

    Raises:
        MissingStixError: without the extra `referral`.
        stix2.exceptions.STIXError: for an object that STIX 2.1 does not allow.
    """
    try:
        import stix2
    except ImportError:
        install = install_command("referral")
        raise MissingStixError(f"STIX needs the stix2 library: {install}") from None
    # OpenCTI's observables are custom types to stix2, so that references to them must be allowed.
    stix2.parse(bundle.decode(), allow_custom=True)
    return bundle


def tlp_marking(tlp: str) -> StixObject:
    """Returns the published marking object of a TLP 2.0 level; its id and time are OASIS's."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{_TLP_IDS[tlp]}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{tlp.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": tlp}},
    }


def stix_timestamp(moment: datetime, precision: str = "microseconds") -> str:
    """Returns RFC 3339 in UTC (section 3.2), of one length, so that texts sort as times do.

    `created` and `modified` are to the millisecond (section 3.4).
    """
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


def stix_id(kind: str, *parts: str) -> str:
    """Returns the lasting id of an object that is no observable, from what identifies it."""
    return f"{kind}--{uuid.uuid5(NAMESPACE, json.dumps([kind, *parts]))}"


def stix_observable(entity_id: str) -> StixObject:
    """Returns the cyber-observable of an entity id, with the id that STIX gives it everywhere.

    Phone numbers, wallets and IBANs are OpenCTI's observables, with its extension and, as in
    pycti, their `value` (or `iban`) for id. Accounts with a service (remote-access ids, UPI,
    handles) are user-account objects whose `user_id` keeps the service: `anydesk:123456789`. Their
    account_type is left out: its vocabulary knows none of these services.
    """
    kind, _, value = without_epoch(entity_id).partition(":")
    row = lookup_kind(kind, value)
    stix = row.stix if row else "user-account"
    if stix == "user-account":
        return _sco(stix, {"user_id": value})
    if stix == "ip-addr":
        family = ipaddress.ip_address(value).version
        return _sco(f"ipv{family}-addr", {"value": value})
    if stix == "bank-account":
        iban = value.partition(":")[2]
        return _sco(stix, {"iban": iban}) | {"value": iban} | _new_sco()
    if stix == "cryptocurrency-wallet":
        value = value.partition(":")[2]
    if stix == "url":
        value = f"https://{value}"  # STIX wants a scheme, and an id of ours has none
    return _sco(stix, {"value": value}) | (_new_sco() if stix in _OPENCTI else {})


def _sco(kind: str, contributing: dict[str, str]) -> StixObject:
    """Makes an observable whose id is made of `contributing` in canonical JSON (RFC 8785)."""
    name = orjson.dumps(contributing, option=orjson.OPT_SORT_KEYS).decode()
    sco_id = f"{kind}--{uuid.uuid5(SCO_NAMESPACE, name)}"
    return {"type": kind, "spec_version": "2.1", "id": sco_id, **contributing}


def _new_sco() -> StixObject:
    return {"extensions": {OPENCTI: {"extension_type": "new-sco"}}}


RINGTRACE_ID = stix_id("identity", "system", "ringtrace")
"""Id of the identity that stands for this software."""
