"""A case as a package: every file of it by path, the same bytes for the same case and key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reports import signing, spreadsheet, stix, stix_check
from reports.referral import (
    bag,
    certificates,
    changes,
    exhibit,
    exhibits,
    graph,
    html,
    misp,
    pdf,
    requests,
    seal,
    shared_victims,
)
from reports.referral.case import Case
from reports.referral.document import sections
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
    made = payload | bag.tag_files(payload, info)
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
    records = {one.path: exhibit.csv(one) for one in made}
    records["data/exhibits/data-dictionary.csv"] = exhibit.dictionary(made)
    records["data/referral.html"] = html.render(told, row["name"], case.tlp)
    records["data/referral.pdf"] = pdf.render(told, row["name"], case.tlp, case.code)
    records["data/cluster.stix.json"] = stix_check.checked(
        stix.bundle(facts, case.material.moment, case.material.manifest["run_id"], case.tlp)
    )
    records["data/cluster.misp.json"] = misp.event(case)
    records["data/cluster.graphml"] = graph.document(case)
    if case.earlier is not None:
        records["data/changes.csv"] = spreadsheet.write(
            ("what", "before", "now"), case.earlier.changes
        )
    records |= shared_victims.files(case.shared)
    signed = certificates.drafts(case, records, versions.get("ringtrace", ""))
    text = README.format(code=case.code, tlp=case.tlp.upper())
    return (
        records
        | signed
        | requests.drafts(case)
        | {
            changes.FACTS: changes.encoded(changes.facts(case, versions)),
            "data/README.txt": text.encode(),
        }
    )
