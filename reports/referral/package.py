"""The files of a package and of counsel's memo, each a sealed BagIt bag (RFC 8493).

The same case and key give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports import signing
from reports.evidence_number import cluster_thing
from reports.export import case_uco, misp, stix, tabular
from reports.referral import exhibits, seal
from reports.referral.blocks import BLANK, Document, Files
from reports.referral.case import Case, Release, SharedVictims
from reports.referral.case_records import format_amount
from reports.referral.counsel import counsel_code, counsel_payload
from reports.referral.document import referral_document, render_html
from reports.referral.language import Language, format_utc
from reports.referral.method import form_files, letter_document
from reports.referral.requests import ad_platform_drafts, request_drafts
from reports.signing import digest_of
from reports.text import plain
from schemas.entity import without_epoch
from transforms.extract import mask_file_name

FACTS_FILE = "data/package.json"

FACTS_FORMAT, FACTS_VERSION = "ringtrace-referral", 1

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

_COMPARED = (
    "status recipient run_id as_of tlp complaints calls victims victims_at_most links".split()
)


class Sealer(NamedTuple):
    """The key that seals, the organisation that it seals for, if known, and the time (UTC)."""

    key: Ed25519PrivateKey
    issuer: str | None
    when: str


def package_files(case: Case, versions: dict[str, str], sealer: Sealer) -> Files:
    """Returns the files of a package by path; its seal names who sealed it.

    Raises:
        stix_check.MissingStixError, MissingPdfError: without the extra `referral`.
    """
    name = case.reference.recipient["name"]
    about = {"supersedes": case.earlier.seal_sha256 if case.earlier else None}
    subject = f"Criminal referral to {name}"
    return _sealed_bag(case, _payload(case, versions), case.code, subject, about, sealer)


def counsel_files(case: Case, versions: dict[str, str], sealer: Sealer, package: Files) -> Files:
    """Returns the files of counsel's memo on a package, by path; its seal names the package's.

    Raises:
        MissingPdfError: without the extra `referral`.
    """
    about = {"about": digest_of(package[seal.SEAL_FILE])}
    memo, payload = counsel_payload(case, package, about["about"], versions)
    code, subject = counsel_code(case), f"Counsel's memo on {case.code}, not to be sent"
    return _sealed_bag(case, payload | _rendered("memo", memo), code, subject, about, sealer)


def _sealed_bag(
    case: Case,
    payload: Files,
    code: str,
    subject: str,
    about: Mapping[str, str | None],
    sealer: Sealer,
) -> Files:
    """Returns a bag of a payload with its seal, which names who sealed it, and when."""
    info = {
        "Source-Organization": ", ".join(plain(org, 60) for org in case.row["orgs"]),
        "Bagging-Date": case.date,
        "External-Identifier": plain(code),
        "External-Description": subject,
        "Bag-Software-Agent": "ringtrace",
    }
    made = payload | bag_tag_files(payload, info)
    facts = {
        "reference": code,
        "issuer": sealer.issuer,
        "key_id": signing.key_id(sealer.key.public_key()),
        "sealed_at": sealer.when,
    }
    sealed = seal.make_seal(made, {**case.marks, **facts, **about})
    return made | {
        seal.SEAL_FILE: sealed,
        seal.SIGNATURE_FILE: signing.sign_detached(sealed, sealer.key),
        seal.QUERY_FILE: seal.time_stamp_query(sealed),
    }


_SHORTEST_VALUE = 6
"""Shorter values are searched for only with their kind: they can be words."""

_PICTURED = {"data/referral.pdf": "data/referral.html"}
"""Files that cannot be searched, and the file that says the same."""


def package_identifiers(case: Case, files: Files) -> dict[str, tuple[str, ...]]:
    """Returns the identifiers that a package names, each with the files that name it.

    The files themselves are searched for every identifier that the case knows, accused or not.
    """
    facts = case.facts
    rows = (*facts.members, *facts.suppliers, *case.not_accused.suppressed)
    known = {row["entity_id"] for row in rows}
    known |= {link[end] for link in (*facts.near, *facts.soft) for end in ("here", "there")}
    texts = {
        path: content.decode("utf-8", "replace")
        for path, content in files.items()
        if path.startswith("data/") and path not in _PICTURED
    }
    naming = {}
    for entity_id in sorted(known):
        whole = without_epoch(entity_id)
        if any(_names(text, whole) for text in texts.values()):
            value = whole.rpartition(":")[2]
            short = value if len(value) >= _SHORTEST_VALUE else whole
            named = {path for path, text in texts.items() if _names(text, short)}
            named |= {path for path, like in _PICTURED.items() if like in named}
            naming[entity_id] = tuple(sorted(named))
    return naming


def _names(text: str, wanted: str) -> bool:
    """Returns whether a text contains `wanted`, and not as the start of a longer number."""
    return wanted in text and re.search(rf"{re.escape(wanted)}(?!\d)", text) is not None


def bag_tag_files(payload: Files, info: Mapping[str, str]) -> Files:
    """Returns the tag files of a bag with its payload below `data/`; `info` is bag-info.txt."""
    total = sum(len(content) for content in payload.values())
    bag_info = {**info, "Payload-Oxum": f"{total}.{len(payload)}"}
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{key}: {value}\n" for key, value in bag_info.items()).encode(),
        "manifest-sha256.txt": bag_manifest(payload),
    }
    return tags | {"tagmanifest-sha256.txt": bag_manifest(tags)}


def bag_manifest(files: Files) -> bytes:
    """Writes a line for each file: SHA-256, two spaces, path."""
    lines = (f"{digest_of(content)}  {path}\n" for path, content in sorted(files.items()))
    return "".join(lines).encode()


def package_facts(case: Case, versions: dict[str, str]) -> dict[str, Any]:
    """Returns the facts of a case, for package.json and for the next referral to compare."""
    row, manifest = case.row, case.manifest
    return case.marks | {
        "format": FACTS_FORMAT,
        "version": FACTS_VERSION,
        "reference": case.code,
        "operation": plain(case.file.values.get("operation", ""), 80),
        "case_numbers": case.numbers_of_case,
        "evidence_numbers": {
            "issuer": case.issuer,
            "cluster": case.number_of(cluster_thing(row["cluster_id"])),
        },
        "confirmed": sorted(
            {
                (str(confirmation.day), plain(confirmation.author))
                for confirmation in case.confirmations
            }
        ),
        "members": {
            member["entity_id"]: {
                "likelihood": case.reference.likelihood_wording(member["confidence"]),
                **{name: member[name] for name in ("role", "tier", "review", "reporters")},
            }
            for member in case.facts.members
        },
        "members_left_out": case.facts.left_out,
        "included": case.answers_by_member,
        "links": len(case.facts.accepted),
        **{name: row[name] for name in ("status", "complaints", "calls", "victims")},
        "victims_at_most": case.victims_at_most,
        "overlaps": {
            overlap.organisation: {
                "by": overlap.by,
                "floor": overlap.floor,
                "shared": overlap.shared,
                "counted_at": overlap.day,
            }
            for overlap in case.shared
        },
        "organisations": row["orgs"],
        "consents": {
            release.organisation: {"issued_at": release.issued_at, "expires_at": release.expires_at}
            for release in case.releases
        },
        "losses": {
            currency: format_amount(amount) for currency, (amount, _) in case.totals.items()
        },
        "inputs": [
            {
                "name": mask_file_name(entry["name"]),
                **{name: entry[name] for name in ("kind", "sha256", "rows")},
            }
            for entry in manifest["inputs"]
        ],
        "reference_files": case.reference.digests,
        "rates": {
            currency: {name: str(getattr(rate, name)) for name in ("day", "to", "rate", "source")}
            for currency, rate in case.rates.items()
        },
        "excerpts": bool(case.excerpts),
        "supersedes": case.earlier.seal_sha256 if case.earlier else None,
        "versions": versions,
    }


def compared_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts of a package that `fact_differences` compares."""
    names = (*_COMPARED, "cluster_id", "losses", "members", "organisations")
    return {name: facts[name] for name in names if name in facts}


def fact_differences(
    before: dict[str, Any], now: dict[str, Any], language: Language
) -> list[tuple[str, str, str]]:
    """Returns the changes from one referral's facts to the next: (what, before, now)."""
    say, none = language.say, language.say("changes.no_loss")
    lost, loses = before.get("losses") or {}, now["losses"]
    was, are = before.get("members") or {}, now["members"]
    members = {member: say("changes.member", member=member) for member in sorted({*was, *are})}
    orgs = (", ".join(facts.get("organisations") or []) for facts in (before, now))
    compared = [
        *((say(f"changes.facts.{name}"), before.get(name), now.get(name)) for name in _COMPARED),
        *(
            (
                say("changes.loss", currency=currency),
                lost.get(currency, none),
                loses.get(currency, none),
            )
            for currency in sorted({*lost, *loses})
        ),
        *(
            (
                words,
                say("changes.not_in_it"),
                say("changes.added", role=language.word("role_words", are[member]["role"])),
            )
            for member, words in members.items()
            if member not in was
        ),
        *(
            (words, say("changes.in_it"), say("changes.removed"))
            for member, words in members.items()
            if member not in are
        ),
        *(
            (say(f"changes.{name}", member=member), was[member].get(name), are[member][name])
            for member in members
            if member in was and member in are
            for name in ("role", "likelihood")
        ),
        (say("changes.facts.organisations"), *orgs),
    ]
    return [(change, str(old), str(new)) for change, old, new in compared if old != new]


def _payload(case: Case, versions: dict[str, str]) -> Files:
    made = exhibits.make_exhibits(case)
    # Machines get the operation's name, not the name of the member with most complaints.
    named_facts = replace(case.facts, row=case.row | {"name": case.subject})
    facts, moment, run_id = case.facts, case.moment, case.manifest["run_id"]
    records = {exhibit.path: exhibits.exhibit_csv(exhibit) for exhibit in made}
    records["data/exhibits/data-dictionary.csv"] = exhibits.data_dictionary(case, made)
    records |= _rendered("referral", referral_document(case, made))
    records["data/cluster.stix.json"] = stix.check_with_stix2(
        stix.stix_bundle(named_facts, moment, run_id, case.tlp, case.number_of)
    )
    named = {
        entity_id: f"No. {number}, {case.number_of(entity_id)}"
        for entity_id, number in case.number.items()
    }
    records["data/cluster.misp.json"] = misp.misp_event(
        facts, moment, run_id, case.title, case.tlp, named
    )
    cases = {plain(who, 60): case_number for who, case_number in case.numbers_of_case.items()}
    records["data/cluster.case.jsonld"] = case_uco.case_bundle(
        facts, moment, run_id, case.title, case.tlp, case.number_of, cases
    )
    records["data/cluster.graphml"] = exhibits.cluster_graphml(case)
    if case.earlier is not None:
        changes = case.earlier.changes
        records["data/changes.csv"] = tabular.csv_bytes(("what", "before", "now"), changes)
    records |= _letters(case) | form_files(case)
    titles = [
        f"{exhibit.number}. {exhibit.title}, {exhibit.path.removeprefix('data/')}"
        for exhibit in made
    ]
    if letter := letter_document(case, titles):
        records |= _rendered("letter", letter)
    readme = case.language.templates["readme.txt"].render(
        code=case.code,
        tlp=case.tlp.upper(),
        parts={record.split("/")[1] for record in records},
        check=seal.OPENSSL_CHECK,
    )
    return (
        records
        | certificate_drafts(case, records, versions.get("ringtrace", ""))
        | request_drafts(case)
        | ad_platform_drafts(case)
        | {
            FACTS_FILE: seal.json_bytes(package_facts(case, versions)),
            "data/README.txt": readme.encode(),
        }
    )


def _rendered(name: str, document: Document) -> Files:
    """Returns a document as HTML and PDF, by path."""
    from reports.referral import pdf  # of the extra `referral`

    page = {f"data/{name}.html": render_html(document)}
    if not pdf.can_print(document, document.title if name == "letter" else document.kind):
        return page  # no font has its script: a browser prints the page
    return page | {f"data/{name}.pdf": pdf.render_pdf(document)}


def certificate_drafts(case: Case, records: Files, version: str) -> Files:
    """Drafts the recipient's certificates, and the hash report of `records`, by path."""
    moment = case.moment
    made = {"data/certificates/hash-report.csv": _hash_report(records, moment)}
    zone = ZoneInfo(case.reference.recipient["time_zone"])
    slug = (case.own_organisations or case.row["orgs"])[0]
    custodian = case.file.organisation(slug).get("custodian", {})
    legal = case.file.organisation(slug).get("legal_name", "")
    for name, template in case.reference.certificates.items():
        text = template.render(
            code=case.code,
            version=version,
            files=len(records),
            local_time=f"{moment.astimezone(zone):%d/%m/%Y %H:%M:%S}",
            custodian=plain(custodian.get("name", ""), 120) or BLANK,
            custodian_title=plain(custodian.get("title", ""), 120) or BLANK,
            organisation=plain(legal, 160) or BLANK,
        )
        made[f"data/certificates/{name}.txt"] = text.encode()
    return made


def _hash_report(records: Files, moment: datetime) -> bytes:
    header = ("file", "bytes", "algorithm", "hash", "as_of_utc", "as_of_ist")
    in_india = moment.astimezone(ZoneInfo("Asia/Kolkata"))
    times = (format_utc(moment), f"{in_india:%d/%m/%Y %H:%M:%S}")
    rows = (
        (path, len(content), "SHA-256", digest_of(content), *times)
        for path, content in sorted(records.items())
    )
    return tabular.csv_bytes(header, rows)


def _letters(case: Case) -> Files:
    """Returns signed counts and consents of partners by path in the package."""
    made: Files = {}
    kinds: dict[str, Sequence[SharedVictims | Release]] = {
        "overlaps/{:02d}-result": case.shared,
        "consents/{:02d}-consent": case.releases,
    }
    for name, letters in kinds.items():
        for number, letter in enumerate(letters, 1):
            path = f"data/{name.format(number)}.json"
            made |= {path: letter.letter, f"{path}.sig": letter.signature}
    return made
