"""Counsel's memo, a bag that stays in the house: open points to settle before sending.

In: a case. Out: the memo as HTML and PDF, an annex that names the identifiers to be verified, and
the facts that the recipient does not get. The package that leaves has none of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from reports.cluster_data import Row
from reports.evidence_number import cluster_thing
from reports.export import tabular
from reports.link_evidence import entity_doubts
from reports.referral.blocks import (
    Block,
    Blocks,
    Document,
    Files,
    Grid,
    Notice,
    Points,
    numbered_sections,
)
from reports.referral.case import Case
from reports.referral.language import AS_WRITTEN, format_utc
from reports.referral.method import withheld_names
from reports.referral.reference import english
from reports.referral.seal import OPENSSL_CHECK, json_bytes
from reports.text import plain
from schemas.enums import Review, Status, Tier

README = """\
Counsel's memo on the criminal referral {code}
Confidential. It stays in the house: nothing in this folder is part of what is sent.

memo.pdf, memo.html    the same text: what is open, what nobody checked, what speaks against it
annex-to-verify.csv    identifiers that the referral counts and does not name
counsel.json           obstacles, overrides, decisions and versions, for machines

To check that nothing was altered: ringtrace verify DIR --key PUBLIC_KEY
or, without ringtrace, in the folder of seal.json, with OpenSSL 1.1.1 or later:

{check}
"""

ANNEX_COLUMNS = """identifier why_not_named role reporters robustness tier review near_miss_of
    complaints calls first_seen last_seen""".split()

EXHIBIT = re.compile(r"data/exhibits/\d\d-.*\.csv")

NOT_STATED = "not stated"

ROW_LIMIT = 200
"""Rows of a table of the memo; the annex has all."""


def counsel_payload(
    case: Case, package: Files, seal_sha256: str, versions: Mapping[str, str]
) -> tuple[Document, Files]:
    """Returns the memo on a sealed package, and the files of its bag but for the memo's own.

    It is in English, whatever the recipient's language: the sender reads it.
    """
    font = case.language.form.get("font")
    case = replace(case, reference=replace(case.reference, language=english()))
    parts = [
        ("Cover", _cover(case, seal_sha256)),
        ("Before it is sent", _open_points(case, package)),
        ("What no lawyer has checked", _unchecked(case)),
        ("Doubts about identifiers that are named", _doubts(case)),
        ("Annex: to be verified, not to be sent", _annex(case)),
        ("Not accused", _not_accused(case)),
        ("Decisions", _decisions(case)),
        ("How it was made", _making(case, versions)),
    ]
    memo = case.document(
        "Counsel's memo: confidential, not to be sent",
        case.title,
        numbered_sections(parts),
        cluster_thing(case.row["cluster_id"]),
    )
    return replace(memo, code=counsel_code(case), tlp="red", font=font), {
        "data/annex-to-verify.csv": _annex_csv(case),
        "data/counsel.json": json_bytes(_facts(case, seal_sha256, versions)),
        "data/README.txt": README.format(code=case.code, check=OPENSSL_CHECK).encode(),
    }


def counsel_code(case: Case) -> str:
    """Returns the reference of the memo on a case."""
    return f"{case.code}/counsel"


def _cover(case: Case, seal_sha256: str) -> Blocks:
    rows = [
        ("About", case.code),
        ("Package", f"SHA-256 of its seal: {seal_sha256}"),
        ("Recipient", case.reference.recipient["name"]),
        ("Compiled as of", english().time(case.moment)),
        ("Handling of the package", f"TLP:{case.tlp.upper()}"),
    ]
    return [
        Grid("This memo", ("", ""), rows, (0.25, 0.75)),
        Notice(
            "Not to be sent.",
            "This memo names identifiers that fewer than two people reported, or that no analyst "
            "reviewed. They may be strangers'. It lists what is open, and is no legal advice.",
        ),
    ]


def _open_points(case: Case, package: Files) -> Blocks:
    """Lists the obstacles to sending it, who answers for them, and the papers to sign."""
    blocks: list[Block] = []
    if case.obstacles:
        rows = [
            (obstacle.code.replace("_", " "), plain(obstacle.text, 500))
            for obstacle in case.obstacles
        ]
        caption = "Obstacles: the package was refused for these reasons, until somebody answered"
        blocks.append(Grid(caption, ("Obstacle", "Why"), rows, (0.2, 0.8)))
    if case.override is not None:
        blocks.append(
            f"{plain(case.override.name)} answers for sending it in spite of them, for this "
            f"reason: {plain(case.override.reason, 500)}"
        )
    blocks += [
        f"{plain(inclusion.name)} answers for naming {plain(inclusion.entity_id, 120)}, which is "
        f"no reviewed core identifier, for this reason: {plain(inclusion.reason, 500)}"
        for inclusion in case.included
    ]
    if case.blanks:
        blocks.append(
            "Blanks to fill: the referral has a line for each, for a case file (--case) to "
            f"fill. Missing: {'; '.join(case.blanks)}."
        )
    if others := case.file.values.get("case_numbers", {}).keys() - case.numbers_of_case.keys():
        blocks.append(
            "Case numbers that stay here, since neither an organisation of the case nor this "
            f"recipient gave them: {plain(', '.join(sorted(others)), 200)}."
        )
    return [*blocks, Points(_papers(case, package))]


def _papers(case: Case, package: Files) -> list[str]:
    """Lists the papers of a package that a person has to check, complete, print or sign."""
    letters = sum(path.startswith("data/requests/") for path in package)
    exhibits = sum(EXHIBIT.fullmatch(path) is not None for path in package)
    papers = [
        f"{english().count('letter', letters)} to providers: for the authority to "
        "complete and sign. Check each provider and its address for service."
    ]
    papers += [
        f"{path.removeprefix('data/')}: to be completed and signed by whoever certifies."
        for path in sorted(package)
        if path.startswith("data/certificates/") and path.endswith(".txt")
    ]
    papers += [
        f"{plain(group.provider.file, 120)}, for "
        f"{plain(case.identifier(group.members[0].member['entity_id']), 120)}: "
        f"{plain(group.provider.doubt, 200)}."
        for group in case.groups
        if group.provider.doubt
    ]
    if case.reference.form and (withheld := withheld_names(case)):
        papers.append(
            "Names of beneficiaries and banks that one person alone states, or of an account that "
            "is not reviewed, are in no file of the package: the records are "
            f"{', '.join(map(str, withheld))} of Exhibit 1."
        )
    if unquoted := len(case.reported_scripts) - len(case.scripts):
        texts = "1 text is" if unquoted == 1 else f"{unquoted} texts are"
        papers.append(
            f"What callers read out: {texts} not quoted, since pseudonyms of one person can put "
            "anybody's name there. Read them in the run's report, then make the package with "
            "--quote-scripts."
        )
    if "data/letter.html" in package and "data/letter.pdf" not in package:
        papers.append("letter.html: to be printed from a browser; the PDF's fonts lack its script.")
    papers.append(
        f"The PDF is to be read to its end by whoever signs it, with exhibits 1 to {exhibits}."
    )
    return papers


def _unchecked(case: Case) -> Blocks:
    """Lists the legal texts used, with their sources and who checked them."""
    reference = case.reference
    used = {group.clock["rule"]: group.clock for group in case.groups}
    rows = [
        ("Recipient and what it is asked", reference.recipient),
        *((offence["statute"], offence) for offence in reference.offences),
        (f"Words for likelihood: {_as_written(reference.scale, 'name')}", reference.scale),
        ("Policy of the package", reference.policy),
        *((f"Retention: {_as_written(clock, 'rule')}", clock) for clock in used.values()),
    ]
    cells = [
        (
            plain(name, 200),
            _source(source),
            source["date"],
            plain(source.get("checked_by"), 80) or "nobody",
        )
        for name, source in rows
    ]
    return [
        Notice(
            "Drafts.",
            "Statutes, periods and forms are data with a public source and a day. They are drafts "
            "for counsel and never legal advice. No lawyer has checked what has no name below: "
            "once checked, put a name into checked_by.",
        ),
        Points(
            [f"{name}.txt: a form of a certificate, not checked" for name in reference.certificates]
        ),
        Grid(
            "Texts of law and custom that the package rests on",
            ("Text", "Source", "As of", "Checked by"),
            cells,
            (0.44, 0.3, 0.12, 0.14),
        ),
    ]


def _as_written(row: Row, name: str) -> str:
    """Returns a text of a row as its file has it, untranslated."""
    return str(row.get(f"{name}{AS_WRITTEN}", row[name]))


def _source(row: Row) -> str:
    """Returns the source of a text, and the place where it was read if that is another."""
    read = plain(row.get("read_at"), 200)
    return f"{row['source']}; not read there, but at {read}" if read else str(row["source"])


def _doubts(case: Case) -> Blocks:
    """Lists for each member what would have to be wrong for its membership to be wrong."""
    rows = []
    for member in case.facts.members:
        entity_id = member["entity_id"]
        links = [
            link
            for link in case.facts.accepted
            if entity_id in (link["entity_a"], link["entity_b"])
        ]
        # Whether a cluster falls apart without a member depends on members that are not named here.
        asked = {"member": member | {"bridge": False}, "roles": case.facts.roles.get(entity_id, {})}
        doubts = [doubt.sentence() for doubt in entity_doubts(member | asked, links)]
        if member["robustness"] < 3:
            doubts.append(f"its place rests on {english().count('person', member['robustness'])}")
        if doubts:
            number = str(case.number[entity_id])
            rows.append((number, plain(entity_id, 60), plain("; ".join(doubts), 400)))
    alarms = [
        f"The run raised an alarm: {plain(alarm['message'], 300)}"
        for alarm in case.manifest["alarms"]
    ]
    return [
        f"{english().count('identifier', len(rows))} of {len(case.number)} that are named have "
        "a weakness of their own. The section 'What speaks against it' of the referral says "
        "what the whole rests on.",
        Grid(
            "Identifiers and what would have to be wrong for their place to be wrong",
            ("No.", "Identifier", "Doubt"),
            rows[:ROW_LIMIT],
            (0.07, 0.33, 0.6),
            ids=(1,),
            numbers=(0,),
        ),
        Points(alarms) if alarms else None,
    ]


def _annex(case: Case) -> Blocks:
    if not case.left_out:
        return ["Every member of the cluster is named."]
    rows = [
        (
            plain(member["entity_id"], 80),
            str(member["role"]).replace("_", " "),
            str(member["reporters"]),
            f"{member['first_seen']:%Y-%m-%d}",
            f"{member['last_seen']:%Y-%m-%d}",
            plain(why_not_named(member), 200),
        )
        for member in case.left_out[:ROW_LIMIT]
    ]
    return [
        "The referral counts these and does not name them. Each may be a stranger's number, "
        "a slip of the pen or a lie. Verify it, decide on it (ringtrace decide), and make the "
        "package again.",
        Grid(
            f"{english().count('identifier', len(case.left_out))} to be verified; "
            "annex-to-verify.csv has all",
            ("Identifier", "Role", "People", "First", "Last", "Why it is not named"),
            rows,
            (0.32, 0.11, 0.08, 0.11, 0.11, 0.27),
            ids=(0,),
            numbers=(2,),
        ),
    ]


def why_not_named(member: Row) -> str:
    """Says why a member of the cluster is not named in what leaves."""
    if member["status"] != Status.INFRASTRUCTURE:
        return f"it is {member['status']}: a decision must resolve it"
    if member["near_miss_of"]:
        return f"one digit off {member['near_miss_of']}, which more people report"
    if member["tier"] != Tier.CORE and member["reporters"] > 1:
        return "its ties to the others rest on fewer than two people, independently"
    if member["tier"] != Tier.CORE:
        return "fewer than two people reported it, and its ties, independently"
    if member["review"] != Review.REVIEWED:
        return "no analyst has reviewed it"
    return "left out"


def _annex_csv(case: Case) -> bytes:
    rows = (
        member
        | {
            "identifier": member["entity_id"],
            "why_not_named": why_not_named(member),
            "first_seen": format_utc(member["first_seen"]),
            "last_seen": format_utc(member["last_seen"]),
        }
        for member in case.left_out
    )
    return tabular.csv_bytes(ANNEX_COLUMNS, ([row[name] for name in ANNEX_COLUMNS] for row in rows))


def _not_accused(case: Case) -> Blocks:
    rows = [
        (plain(identifier["entity_id"], 60), str(identifier["named"]), plain(identifier["reason"]))
        for identifier in case.not_accused.suppressed[:ROW_LIMIT]
    ]
    legitimate = Grid(
        "Identifiers in the same records that are known to be legitimate",
        ("Identifier", "Readings", "Why it is left out"),
        rows,
        (0.36, 0.12, 0.52),
        ids=(0,),
        numbers=(1,),
    )
    return [legitimate] if rows else []


def _decisions(case: Case) -> Blocks:
    decisions = case.manifest["options"].get("decisions")
    file = "no decisions file"
    if isinstance(decisions, dict):
        file = f"{plain(decisions.get('name'))}, SHA-256 {decisions.get('sha256')}"
    rows = [
        (
            confirmation.decision_id,
            plain(confirmation.author),
            english().day(confirmation.day),
            f"No. {case.number[confirmation.entity_id]}"
            if confirmation.entity_id in case.number
            else "not named",
            plain(confirmation.reason, 300),
            confirmation.signed_by[:16] if confirmation.signed_by else "nobody",
        )
        for confirmation in case.confirmations[:ROW_LIMIT]
    ]
    opened = [
        (
            confirmation.decision_id,
            plain(confirmation.opened or NOT_STATED, 3_200),
            confirmation.compared_with or NOT_STATED,
        )
        for confirmation in case.confirmations[:ROW_LIMIT]
    ]
    return [
        f"The run was given {file}. Reasons are as analysts typed them, contacts masked. "
        "Of a decision that nobody signed, the author is whom its writer named.",
        Grid(
            "Decisions that confirm the cluster",
            ("Decision", "By", "On", "Identifier", "Why", "Signed by"),
            rows,
            (0.16, 0.14, 0.14, 0.12, 0.28, 0.16),
        )
        if rows
        else "An analyst's decision confirms the cluster. Who made it is not printed here or in "
        "the referral, since the file was not given with --decisions.",
        Grid(
            "What was open when each was made, as its author's page stated it",
            ("Decision", "Narratives and links", "Its tables were compared with"),
            opened,
            (0.16, 0.62, 0.22),
        )
        if rows
        else None,
    ]


def _making(case: Case, versions: Mapping[str, str]) -> Blocks:
    signer = f"signed by the key {case.run_key_id}" if case.run_key_id else "unsigned"
    rows = [
        ("Run", f"{case.manifest['run_id']}, {signer}"),
        ("Cluster", case.row["cluster_id"]),
        ("Counts withheld below", f"{case.reference.policy['suppress_below']} victims"),
        ("Versions", ", ".join(" ".join(version) for version in sorted(versions.items()))),
    ]
    return [Grid("Run and program", ("", ""), rows, (0.3, 0.7))]


def _facts(case: Case, seal_sha256: str, versions: Mapping[str, str]) -> dict[str, object]:
    override = case.override
    return {
        "format": "ringtrace-counsel",
        "version": 1,
        "reference": case.code,
        "package_seal_sha256": seal_sha256,
        "obstacles": [
            {"code": obstacle.code, "text": obstacle.text} for obstacle in case.obstacles
        ],
        "override": override and {"by": override.name, "reason": override.reason},
        "included": case.answers_by_member,
        "confirmations": [
            {
                "decision": confirmation.decision_id,
                "by": confirmation.author,
                "on": str(confirmation.day),
                "signed_by": confirmation.signed_by,
                "opened": confirmation.opened,
                "compared_with": confirmation.compared_with,
            }
            for confirmation in case.confirmations
        ],
        "to_verify": [member["entity_id"] for member in case.left_out],
        "versions": dict(versions),
    }
