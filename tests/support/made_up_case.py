"""A small run, made up, and the case and package of its one cluster."""

from datetime import timedelta
from decimal import Decimal

from reports import signing
from reports.referral import blocking_checks, package, reference
from reports.referral.case import build
from reports.referral.material import Place, collect, wanted
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


KEY = signing.make_key()


def rows(ids=tuple(IDS), roles=tuple(ROLES), **changed):
    """Three complaints name all members of one confirmed cluster; two state a loss."""
    complaints = [
        complaint(
            f"A-{n}",
            victim_id=f"v-{n}",
            victim_country="US",
            received_at=START + timedelta(days=n),
            loss_amount=Decimal("10.10") if n else None,
            loss_currency="USD" if n else None,
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
        "members": [member(one, "c-1", role=role) for one, role in zip(ids, roles, strict=True)],
        "entities": [entity(one, complaints=3, victims=3) for one in ids],
        "links": [link(a, b, record_ids=["amazon|A-0"]) for a, b in pairs],
        "lineage": [lineage("c-1")],
        "suppliers": [supplier("trunk:acme-4", "c-1")],
        "mentions": [
            mention(one, f"A-{n}", role=role, observed_at=START + timedelta(days=n))
            for one, role in zip(ids, roles, strict=True)
            for n in range(3)
        ],
    }


def case_of(folder, tables, recipient="us-fbi-ic3", **given):
    """The case of the run's cluster c-1; records lie on the lines of one made-up file."""
    write_run(folder, tables)
    keys = sorted(wanted(folder, "c-1"))
    places = {key: Place("made-up.jsonl", "a" * 64, n, 0) for n, key in enumerate(keys, 1)}
    found = collect(folder, manifest(), "c-1", places, START + timedelta(days=30))
    chosen = reference.load(recipient)
    stops = blocking_checks.obstacles(found.facts, allowlist.shipped(), 2, 3)
    options = {
        "obstacles": stops,
        "override": None,
        "confirmations": [],
        "rates": {},
        "excerpts": False,
        "earlier": None,
        "shared": [],
    }
    return build(folder, found, chosen, **(options | given))


def package_of(case):
    return package.files(case, KEY, {"ringtrace": "0"})


def written(folder, files):
    """The files of a package in a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder
