"""A case as a package: every file of it by path, the same bytes for the same case and key.

A BagIt bag (RFC 8493) around the payload, the same bytes for the same payload.

What a package says of itself for machines, and what changed since an earlier one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports import signing
from reports.export import spreadsheet, stix
from reports.referral import case as case_module
from reports.referral import drafts, exhibits, exports, html, pdf, seal
from reports.referral.case import Case, at_most
from reports.referral.document import sections
from reports.referral.losses import written
from reports.text import plain

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


def files(case: Case, key: Ed25519PrivateKey, versions: dict[str, str]) -> dict[str, bytes]:
    """Files by path within the package.

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
    made = payload | tag_files(payload, info)
    sealed = seal.make(
        made,
        {
            "reference": case.code,
            "recipient": case.reference.recipient["code"],
            "cluster_id": case.row["cluster_id"],
            "run_id": case.material.manifest["run_id"],
            "as_of": case.material.moment.isoformat(),
            "tlp": case.tlp,
            "supersedes": case.earlier.seal_sha256 if case.earlier else None,
        },
    )
    return made | {
        seal.SEAL: sealed,
        seal.SIGNATURE: signing.sign(sealed, key),
        seal.QUERY: seal.time_stamp_query(sealed),
    }


def _payload(case: Case, versions: dict[str, str]) -> dict[str, bytes]:
    made = exhibits.exhibits(case)
    told = sections(case, made)
    facts, row = case.material.facts, case.row
    records = {one.path: exhibits.csv(one) for one in made}
    records["data/exhibits/data-dictionary.csv"] = exhibits.dictionary(made)
    records["data/referral.html"] = html.render(told, row["name"], case.tlp)
    records["data/referral.pdf"] = pdf.render(told, row["name"], case.tlp, case.code)
    records["data/cluster.stix.json"] = stix.checked(
        stix.bundle(facts, case.material.moment, case.material.manifest["run_id"], case.tlp)
    )
    records["data/cluster.misp.json"] = exports.event(case)
    records["data/cluster.graphml"] = exports.document(case)
    if case.earlier is not None:
        records["data/changes.csv"] = spreadsheet.write(
            ("what", "before", "now"), case.earlier.changes
        )
    records |= case_module.files(case.shared)
    signed = drafts.certificate_drafts(case, records, versions.get("ringtrace", ""))
    text = README.format(code=case.code, tlp=case.tlp.upper())
    return (
        records
        | signed
        | drafts.request_drafts(case)
        | {
            FACTS: encoded(package_facts(case, versions)),
            "data/README.txt": text.encode(),
        }
    )


DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


def tag_files(payload: Mapping[str, bytes], info: Mapping[str, str]) -> dict[str, bytes]:
    """The tag files of a bag whose payload files are below `data/`; `info` is bag-info.txt."""
    total = sum(len(content) for content in payload.values())
    told = {**info, "Payload-Oxum": f"{total}.{len(payload)}"}
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{key}: {value}\n" for key, value in told.items()).encode(),
        "manifest-sha256.txt": manifest(payload),
    }
    return tags | {"tagmanifest-sha256.txt": manifest(tags)}


def manifest(files: Mapping[str, bytes]) -> bytes:
    """A line a file: SHA-256, two spaces, path."""
    lines = (
        f"{hashlib.sha256(content).hexdigest()}  {path}\n"
        for path, content in sorted(files.items())
    )
    return "".join(lines).encode()


FACTS = "data/package.json"


FORMAT, VERSION = "ringtrace-referral", 1


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


def package_facts(case: Case, versions: dict[str, str]) -> dict[str, Any]:
    """The facts of a case, plain data: what package.json holds and the next referral compares."""
    row, manifest = case.row, case.material.manifest
    return {
        "format": FORMAT,
        "version": VERSION,
        "reference": case.code,
        "recipient": case.reference.recipient["code"],
        "cluster_id": row["cluster_id"],
        "run_id": manifest["run_id"],
        "as_of": case.material.moment.isoformat(),
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
                "likelihood": case.reference.word(one["confidence"]),
            }
            for one in case.material.facts.members
        },
        "links": sum(1 for one in case.material.facts.inside if one["accepted"]),
        "complaints": row["complaints"],
        "calls": row["calls"],
        "victims": row["victims"],
        "victims_at_most": at_most(row["victims"], case.shared),
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
        "losses": {currency: written(amount) for currency, (amount, _) in case.totals.items()},
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


def encoded(found: dict[str, Any]) -> bytes:
    """Facts as JSON, sorted."""
    return (json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What changed from one referral's facts to the next: (what, before, now)."""
    found = [
        (name.replace("_", " "), str(before.get(name)), str(now.get(name)))
        for name in _COMPARED
        if before.get(name) != now.get(name)
    ]
    found += _mapped("loss in", before.get("losses"), now["losses"])
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


def _mapped(
    word: str, before: dict[str, str] | None, now: dict[str, str]
) -> list[tuple[str, str, str]]:
    was = before or {}
    return [
        (f"{word} {key}", was.get(key, "none"), now.get(key, "none"))
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key)
    ]
