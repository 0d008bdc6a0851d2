"""A small run, made up, and the case and package of its one cluster."""

import csv
import io
import json
import subprocess
import tomllib
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files

from reports import signing
from reports.referral import blocking_checks, package, reference
from reports.referral.case import Filing, build_case
from reports.referral.case_records import RecordSource, collect_case_records, member_record_keys
from tests.support.report_tables import (
    START,
    cluster,
    complaint,
    entity,
    lineage,
    link,
    manifest,
    member,
    mention,
    supplier,
    write_run,
)
from transforms.extract import allowlist

IDS = [
    "phone:+18885550123",
    "account:iban:GB29NWBK60161331926819",
    "domain:amzn-refund.support",
    "remote:anydesk:123456789",
    "email:x@gmail.com",
]

ROLES = ["callback", "payee", "lure_site", "operator", "sender"]

KEY = signing.make_signing_key()


def rows(ids=tuple(IDS), roles=tuple(ROLES), **changed):
    """Makes a run whose three complaints name all members of one cluster; two state a loss."""
    complaints = [
        complaint(
            f"A-{n}",
            victim_id=f"v-{n}",
            victim_country="US",
            received_at=START + timedelta(days=n),
            loss_amount=Decimal("10.10") if n else None,
            loss_currency="USD" if n else None,
            impersonation=[{"what": "brand", "name": "Amazon", "field": "claimed_brand"}],
        )
        for n in range(3)
    ]
    pairs = [(a, b) for at, a in enumerate(ids) for b in ids[at + 1 :]]
    told = {
        "status": "confirmed",
        "size": len(ids),
        "complaints": 3,
        "victims": 3,
        "losses": [{"currency": "USD", "amount": Decimal("20.20"), "complaints": 2}],
    }
    return {
        "complaints": complaints,
        "clusters": [cluster("c-1", **(told | changed))],
        "members": [
            member(one, "c-1", role=role, review="reviewed")
            for one, role in zip(ids, roles, strict=True)
        ],
        "entities": [entity(entity_id, complaints=3, victims=3) for entity_id in ids],
        "links": [link(a, b, record_ids=["amazon|A-0"]) for a, b in pairs],
        "lineage": [lineage("c-1")],
        "suppliers": [supplier("trunk:acme-4", "c-1")],
        "mentions": [
            mention(one, f"A-{n}", role=role, observed_at=START + timedelta(days=n))
            for one, role in zip(ids, roles, strict=True)
            for n in range(3)
        ],
    }


def case_of(folder, tables, recipient="us-fbi-ic3", chosen=None, excerpts=None, **filed):
    """Builds the case of the run's cluster c-1; records lie on the lines of one made-up file."""
    write_run(folder, tables)
    keys = sorted(member_record_keys(folder, "c-1"))
    sources = {key: RecordSource("made-up.jsonl", "a" * 64, n, 0) for n, key in enumerate(keys, 1)}
    found = collect_case_records(folder, manifest(), "c-1", sources, START + timedelta(days=30))
    chosen = chosen or reference.load_reference(recipient)
    stops = blocking_checks.find_obstacles(
        found.facts, allowlist.shipped_allowlist(), chosen.policy
    )
    return build_case(folder, found, chosen, Filing(**filed), stops, excerpts)


SEALER = package.Sealer(KEY, "amazon", "2024-05-01T00:00:00Z")


def package_of(case):
    return package.package_files(case, {"ringtrace": "0"}, SEALER)


RECIPIENT = {
    "recipient.toml": """name = "Fraud Office, Exampland"
unit = "Cyber"
country = "XX"
scale = "ours"
time_zone = "Asia/Kathmandu"
certificates = ["xx-oath", "us-fre-902"]
asks = ["Open a case."]
source = "https://example.org"
date = "2026-01-01"
""",
    "offences.toml": """[[offence]]
statute = "Act 1"
note = ""
elements = [{ text = "a trick", holds = "scheme" }, { text = "a loss", holds = "loss" }]
source = "https://example.org"
date = "2026-01-01"
""",
    "scales.toml": """[ours]
name = "Our own"
words = [{ word = "surely", low = 50, high = 100 }, { word = "hardly", low = 0, high = 49.5 }]
source = "https://example.org"
date = "2026-01-01"
""",
    "xx-oath.txt": "DRAFT. I swear: {{ code }}, {{ files }}, {{ local_time }}, {{ version }}.\n",
}
"""The files of a made-up recipient."""


def printed(folder, content):
    """The text of a PDF as it lies on its pages; leaves the file as a.pdf."""
    (folder / "a.pdf").write_bytes(content)
    words = ["pdftotext", "-layout", str(folder / "a.pdf"), "-"]
    return subprocess.run(words, capture_output=True, check=True, text=True).stdout


def write_recipient(folder):
    """Writes a made-up recipient with a scale and a certificate of its own."""
    return written(folder, {name: text.encode() for name, text in RECIPIENT.items()})


def write_language(folder, change=str):
    """Writes a made-up language: English, each of whose texts `change` alters."""
    home = files("reports.referral") / "languages"
    english = reference.english()
    messages = [
        ".".join(map(json.dumps, key.split("."))) + f" = {json.dumps([*map(change, forms)])}"
        for key, forms in english.messages.items()
    ]
    texts = tomllib.loads((home / "de/texts.toml").read_text())["texts"]
    made = {one.name: change(one.read_text()) for one in (home / "en").iterdir()}
    made |= {
        "language.toml": (home / "en/language.toml").read_text(),
        "messages.toml": "\n".join(messages),
        "texts.toml": "\n".join(
            [
                "[texts]",
                *(f"{json.dumps(sample)} = {json.dumps(change(sample))}" for sample in texts),
            ]
        ),
    }
    return written(folder, {name: text.encode() for name, text in made.items()})


def written(folder, files):
    """Writes files by path into a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def sheet(package, folder, number):
    """The rows of a package's exhibit or form."""
    (path,) = (package / "data" / folder).glob(f"{number:02d}-*.csv")
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
