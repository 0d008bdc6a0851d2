"""What a package says of itself for machines, and what changed since an earlier one."""

from __future__ import annotations

import json
from typing import Any

from reports.referral.case import Case
from reports.referral.losses import written
from reports.referral.shared_victims import at_most

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


def facts(case: Case, versions: dict[str, str]) -> dict[str, Any]:
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
