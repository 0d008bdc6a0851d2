"""The evidence numbers of a package, for `ringtrace resolve`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines import key_store
from pipelines.commands.resolve import Holding
from pipelines.options import Json, UsageError
from reports.evidence_number import (
    EvidenceNumberError,
    evidence_number,
    letter_thing,
    parse_evidence_number,
)
from reports.referral import FACTS_FILE, SEAL_FILE, verify_package
from reports.text import plain
from transforms.gates import open_bytes, read_bytes, read_json


def open_holding(folder: Path) -> Holding | None:
    """Opens a package with a valid seal; returns None for any other folder.

    A partner's sealed package can still have any form.

    Raises:
        UsageError: if it lacks the form of a package, or numbers things in another issuer's name.
    """
    if not (folder / SEAL_FILE).exists():
        return None
    partners = key_store.trusted_keys()
    result = verify_package(folder, key_store.own_public_keys(), [], partners)
    if not result.holds:
        raise UsageError(f"{folder}: is no valid package; see ringtrace verify {folder}")
    try:
        holding = _read_package(folder)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, csv.Error):
        raise UsageError(
            f"{folder}: has no evidence numbers, since an earlier version made it, or is "
            "damaged; make it again, or ask for another"
        ) from None
    if result.signed_for not in ("", holding.issuer):
        raise UsageError(
            f"{folder}: is {result.signed_for}'s and has evidence numbers of another issuer; ask "
            "for another"
        )
    return holding


def _read_package(folder: Path) -> Holding:
    facts: Json = read_json(read_bytes(folder / FACTS_FILE))
    issuer, cluster_id = facts["evidence_numbers"]["issuer"], facts["cluster_id"]
    cases = {"reference": facts["reference"], **facts.get("case_numbers", {})}
    texts = (issuer, cluster_id, *cases.values(), *facts["members"])
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise TypeError
    printed: dict[str, dict[str, list[str]]] = {}
    about: dict[str, str] = {}
    for path in sorted((folder / "data").rglob("*")):
        name = path.relative_to(folder / "data").as_posix()
        if name.startswith("exhibits/") and name != "exhibits/data-dictionary.csv":
            with io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="") as file:
                for row in csv.DictReader(file):
                    number = row.get("evidence_number") or ""
                    rows = printed.setdefault(number, {}).setdefault(name, [])
                    rows.append(plain(row["row"], 12))
                    if "record_id" in row:
                        named = f"{row['organisation']}/{row['record_id']}"
                        about.setdefault(number, f"the {row['kind']} {plain(named, 200)}")
                    elif "identifier_b" in row:
                        ends = f"{row['identifier_a']} and {row['identifier_b']}"
                        about.setdefault(number, f"the link of {plain(ends, 300)}")
        elif path.suffix in (".txt", ".html", ".json", ".jsonld") and path.is_file():
            # A letter also prints the numbers of its identifiers.
            referent = letter_thing(cluster_id, "letter" if name == "letter.html" else name)
            if name.startswith("requests/") or name == "letter.html":
                about[evidence_number(issuer, referent)] = f"the letter {name}"
            for number in _numbers_in(read_bytes(path).decode("utf-8", "replace")):
                printed.setdefault(number, {})[name] = []
    return Holding(
        str(folder),
        f"{plain(facts['reference'], 80)}, to {plain(facts['recipient'], 80)}, as of "
        f"{facts['as_of'][:10]}",
        issuer,
        cluster_id,
        sorted(facts["members"]),
        cases,
        printed,
        about,
    )


def _numbers_in(text: str) -> Iterator[str]:
    for match in re.finditer(r"RT-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}", text):
        try:
            if number := parse_evidence_number(match[0]):
                yield number
        except EvidenceNumberError:
            continue
