"""The files of a package, a sealed BagIt bag (RFC 8493), and the facts of it for machines.

The same case and key give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports import signing
from reports.export import stix, tabular
from reports.referral import case as case_module, drafts, exhibits, pdf, seal
from reports.referral.case import Case, victims_at_most
from reports.referral.document import document_sections, render_html
from reports.referral.losses import format_amount
from reports.text import plain
from schemas.entity import without_epoch

FACTS_FILE = "data/package.json"

FACTS_FORMAT, FACTS_VERSION = "ringtrace-referral", 1

README = """\
Criminal referral package {code}
TLP:{tlp}

Start with referral.pdf or referral.html, which say the same.

exhibits/       numbered tables; data-dictionary.csv explains each column
requests/       drafts to providers, for the recipient's authority to sign
certificates/   drafts for those who can sign them, and the hash report
cluster.stix.json, cluster.misp.json, cluster.graphml
                the same cluster for machines
package.json    what this package is, for machines

To check that nothing was altered: ringtrace verify DIR --key PUBLIC_KEY
or, without ringtrace, the bag with any BagIt tool (RFC 8493) and seal.json against seal.json.sig.

A lead, not proof. No person is named. Drafts are for counsel and never legal advice.
"""

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

_COMPARED = (
    "status",
    "recipient",
    "run_id",
    "as_of",
    "tlp",
    "complaints",
    "calls",
    "victims",
    "victims_at_most",
    "links",
)


def package_files(
    case: Case, key: Ed25519PrivateKey, versions: dict[str, str], issuer: str | None
) -> dict[str, bytes]:
    """Returns the files of a package by path; its seal names the organisation `issuer`, if known.

    Raises:
        stix_check.MissingStixError, pdf.MissingPdfError: without the extra `referral`.
    """
    payload = _payload(case, versions)
    day, name = case.date, case.reference.recipient["name"]
    info = {
        "Source-Organization": ", ".join(plain(one, 60) for one in case.row["orgs"]),
        "Bagging-Date": day,
        "External-Identifier": plain(case.code),
        "External-Description": f"Criminal referral to {name}",
        "Bag-Software-Agent": f"ringtrace {versions.get('ringtrace', '')}".strip(),
    }
    made = payload | bag_tag_files(payload, info)
    sealed = seal.make_seal(
        made,
        {
            "reference": case.code,
            "recipient": case.reference.recipient["code"],
            "cluster_id": case.row["cluster_id"],
            "run_id": case.manifest["run_id"],
            "run_key_id": case.run_key_id,
            "as_of": case.moment.isoformat(),
            "tlp": case.tlp,
            "supersedes": case.earlier.seal_sha256 if case.earlier else None,
            "issuer": issuer,
            "key_id": signing.key_id(key.public_key()),
        },
    )
    return made | {
        seal.SEAL_FILE: sealed,
        seal.SIGNATURE_FILE: signing.sign_detached(sealed, key),
        seal.QUERY_FILE: seal.time_stamp_query(sealed),
    }


_SHORTEST_VALUE = 6
"""Characters of a value below which it is looked for only with its kind: it can be a word."""

_PICTURED = {"data/referral.pdf": "data/referral.html"}
"""Files that say what another one says, and cannot be searched themselves."""


def package_identifiers(case: Case, files: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    """Returns the identifiers that a package names, each with the files that name it.

    The files themselves are searched for every identifier that the case knows, accused or not.
    """
    facts = case.facts
    known = {one["entity_id"] for one in (*facts.members, *facts.suppliers)}
    known |= {one["entity_id"] for one in case.not_accused.suppressed}
    known |= {one[end] for one in (*facts.near, *facts.soft) for end in ("here", "there")}
    texts = {
        path: content.decode("utf-8", "replace")
        for path, content in files.items()
        if path.startswith("data/") and path not in _PICTURED
    }
    found = {}
    for one in sorted(known):
        whole = without_epoch(one)
        if not any(_names(text, whole) for text in texts.values()):
            continue
        value = whole.rpartition(":")[2]
        short = value if len(value) >= _SHORTEST_VALUE else whole
        named = {path for path, text in texts.items() if _names(text, short)}
        found[one] = tuple(sorted(named | {p for p, like in _PICTURED.items() if like in named}))
    return found


def _names(text: str, wanted: str) -> bool:
    """Returns whether a text has `wanted` in it, and not as the start of a longer number."""
    return wanted in text and re.search(rf"{re.escape(wanted)}(?!\d)", text) is not None


def bag_tag_files(payload: Mapping[str, bytes], info: Mapping[str, str]) -> dict[str, bytes]:
    """Returns the tag files of a bag with its payload below `data/`; `info` is bag-info.txt."""
    total = sum(len(content) for content in payload.values())
    bag_info = {**info, "Payload-Oxum": f"{total}.{len(payload)}"}
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{key}: {value}\n" for key, value in bag_info.items()).encode(),
        "manifest-sha256.txt": bag_manifest(payload),
    }
    return tags | {"tagmanifest-sha256.txt": bag_manifest(tags)}


def bag_manifest(files: Mapping[str, bytes]) -> bytes:
    """Writes a line for each file: SHA-256, two spaces, path."""
    lines = (
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(files.items())
    )
    return "".join(lines).encode()


def package_facts(case: Case, versions: dict[str, str]) -> dict[str, Any]:
    """Returns the facts of a case, for package.json and for the next referral to compare."""
    row, manifest = case.row, case.manifest
    return {
        "format": FACTS_FORMAT,
        "version": FACTS_VERSION,
        "reference": case.code,
        "recipient": case.reference.recipient["code"],
        "cluster_id": row["cluster_id"],
        "run_id": manifest["run_id"],
        "run_key_id": case.run_key_id,
        "as_of": case.moment.isoformat(),
        "tlp": case.tlp,
        "status": row["status"],
        "override": None
        if case.override is None
        else {
            "by": case.override.name,
            "reason": case.override.reason,
            "obstacles": [one.text for one in case.obstacles],
        },
        "confirmations": case.confirmations,
        "members": {
            one["entity_id"]: {
                "role": one["role"],
                "likelihood": case.reference.likelihood_wording(one["confidence"]),
                "tier": one["tier"],
                "review": one["review"],
                "reporters": one["reporters"],
            }
            for one in case.facts.members
        },
        "members_left_out": case.facts.left_out,
        "included": {
            one.entity_id: {"by": one.name, "reason": one.reason} for one in case.included
        },
        "links": sum(1 for one in case.facts.inside if one["accepted"]),
        "complaints": row["complaints"],
        "calls": row["calls"],
        "victims": row["victims"],
        "victims_at_most": victims_at_most(row["victims"], case.cluster_victims, case.shared),
        "overlaps": {
            one.organisation: {
                "by": one.by,
                "floor": one.floor,
                "shared": one.shared,
                "counted_at": one.day,
            }
            for one in case.shared
        },
        "organisations": row["orgs"],
        "losses": {
            currency: format_amount(amount) for currency, (amount, _) in case.totals.items()
        },
        "inputs": [
            {name: one[name] for name in ("name", "kind", "sha256", "rows")}
            for one in manifest["inputs"]
        ],
        "reference_files": case.reference.digests,
        "rates": {
            currency: {
                "day": f"{one.day}",
                "to": one.to,
                "rate": str(one.rate),
                "source": one.source,
            }
            for currency, one in sorted(case.rates.items())
        },
        "excerpts": bool(case.excerpts),
        "supersedes": case.earlier.seal_sha256 if case.earlier else None,
        "versions": versions,
    }


def encode_facts(found: dict[str, Any]) -> bytes:
    """Writes facts as JSON, sorted."""
    return (json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def compared_facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns of a package's facts those that `fact_differences` compares."""
    names = (*_COMPARED, "cluster_id", "losses", "members", "organisations")
    return {one: found[one] for one in names if one in found}


def fact_differences(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Returns the changes from one referral's facts to the next: (what, before, now)."""
    found = [
        (name.replace("_", " "), str(before.get(name)), str(now.get(name)))
        for name in _COMPARED
        if before.get(name) != now.get(name)
    ]
    found += _mapping_differences("loss in", before.get("losses"), now["losses"])
    was, are = before.get("members") or {}, now["members"]
    found += [
        (f"member {one}", "not in it", f"added as {are[one]['role']}")
        for one in sorted(are.keys() - was.keys())
    ]
    found += [(f"member {one}", "in it", "removed") for one in sorted(was.keys() - are.keys())]
    found += [
        (f"{name} of {one}", str(was[one].get(name)), str(are[one][name]))
        for one in sorted(are.keys() & was.keys())
        for name in ("role", "likelihood")
        if was[one].get(name) != are[one][name]
    ]
    orgs = (before.get("organisations") or [], now["organisations"])
    if orgs[0] != orgs[1]:
        found.append(("organisations", ", ".join(orgs[0]), ", ".join(orgs[1])))
    return found


def _payload(case: Case, versions: dict[str, str]) -> dict[str, bytes]:
    made = exhibits.make_exhibits(case)
    document = document_sections(case, made)
    facts, row = case.facts, case.row
    records = {one.path: exhibits.exhibit_csv(one) for one in made}
    records["data/exhibits/data-dictionary.csv"] = exhibits.data_dictionary(made)
    records["data/referral.html"] = render_html(document, row["name"], case.tlp)
    records["data/referral.pdf"] = pdf.render_pdf(document, row["name"], case.tlp, case.code)
    records["data/cluster.stix.json"] = stix.check_with_stix2(
        stix.stix_bundle(facts, case.moment, case.manifest["run_id"], case.tlp)
    )
    records["data/cluster.misp.json"] = exhibits.cluster_misp_event(case)
    records["data/cluster.graphml"] = exhibits.cluster_graphml(case)
    if case.earlier is not None:
        records["data/changes.csv"] = tabular.csv_bytes(
            ("what", "before", "now"), case.earlier.changes
        )
    records |= case_module.overlap_files(case.shared)
    signed = drafts.certificate_drafts(case, records, versions.get("ringtrace", ""))
    text = README.format(code=case.code, tlp=case.tlp.upper())
    return (
        records
        | signed
        | drafts.request_drafts(case)
        | drafts.ad_platform_drafts(case)
        | {
            FACTS_FILE: encode_facts(package_facts(case, versions)),
            "data/README.txt": text.encode(),
        }
    )


def _mapping_differences(
    word: str, before: dict[str, str] | None, now: dict[str, str]
) -> list[tuple[str, str, str]]:
    was = before or {}
    return [
        (f"{word} {key}", was.get(key, "none"), now.get(key, "none"))
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key)
    ]
