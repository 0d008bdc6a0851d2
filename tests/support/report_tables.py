"""Made-up runs: the tables of a finished run, written from plain rows."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.facts import fact, reason_of
from schemas.manifest import Manifest
from schemas.tables import ALL_TABLES

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


ATTESTED = {"reporters": 2, "robustness": 2, "tier": "core", "review": "unreviewed"}
"""A member unless a test says otherwise: two people reported it, none reviewed it."""


def write_run(folder: Path, rows: dict[str, list[dict]], files: int = 1) -> Path:
    """Write every table of a run below `folder`, each cut into `files` files."""
    for table in ALL_TABLES:
        known = {name: value for name, value in ATTESTED.items() if name in table.schema.names}
        made = [known | row for row in rows.get(table.name, [])]
        whole = pa.Table.from_pylist(made, table.schema)
        whole = whole.sort_by([(name, "ascending") for name in table.key])
        (folder / table.name).mkdir(parents=True)
        size = -(-whole.num_rows // files)
        for part in range(files):
            piece = whole.slice(part * size, size)
            pq.write_table(piece, folder / table.name / f"part-{part:05d}.parquet")
    return folder


def listed(folder: Path) -> list[dict]:
    """The lines of a manifest on all files below a folder."""
    files = sorted(path for path in folder.rglob("*.parquet"))
    return [
        {
            "name": str(path.relative_to(folder)),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "rows": pq.read_metadata(path).num_rows,
        }
        for path in files
    ]


def manifest(**changed) -> Manifest:
    counts = {"read": 0, "accepted": 0, "duplicates": 0, "rejected": 0}
    whole = {
        "run_id": "run-made-up",
        "contract_version": 1,
        "versions": {"ringtrace": "0.1.0"},
        "options": {"complaints": ["made-up.jsonl"]},
        "inputs": [],
        "outputs": [],
        "counts": {"complaints": counts, "calls": counts},
        "tallies": {},
        "alarms": [],
    }
    return whole | changed


def told(*facts) -> dict:
    """The reason of a row as a sentence and as facts."""
    return {
        "reason": reason_of(facts),
        "facts": [
            {"code": row_fact.code, "arguments": list(row_fact.arguments)} for row_fact in facts
        ],
    }


def entity(entity_id: str, **changed) -> dict:
    kind, _, value = entity_id.partition(":")
    row = {
        "entity_id": entity_id,
        "kind": kind,
        "value": value,
        "first_seen": START,
        "last_seen": START + timedelta(days=3),
        "complaints": 1,
        "calls": 0,
        "victims": 1,
        "reporters": 2,
        "orgs": ["amazon"],
        "region": "US" if kind == "phone" else None,
        "line_type": "toll_free" if kind == "phone" else None,
        "status": "infrastructure",
        **told(fact("used", 1)),
    }
    return row | changed


def mention(entity_id: str, record_id: str, **changed) -> dict:
    row = {
        "entity_id": entity_id,
        "kind": entity_id.partition(":")[0],
        "role": "callback",
        "source_org": "amazon",
        "record_kind": "complaint",
        "record_id": record_id,
        "observed_at": START,
        "victim_country": "US",
        "field": "phone_numbers[0].raw",
        "confidence": 1.0,
    }
    return row | changed


def cluster(cluster_id: str, **changed) -> dict:
    row = {
        "cluster_id": cluster_id,
        "name": "phone:+18885550100",
        "size": 1,
        "complaints": 1,
        "calls": 0,
        "victims": 1,
        "countries": [{"country": "US", "complaints": 1}],
        "orgs": ["amazon"],
        "brands": ["Amazon"],
        "losses": [],
        "first_seen": START,
        "last_seen": START + timedelta(days=3),
        "status": "candidate",
        "priority": 10.0,
        "confidence": 0.9,
        "weakest_bridges": [],
    }
    return row | changed


def member(entity_id: str, cluster_id: str, **changed) -> dict:
    row = {
        "entity_id": entity_id,
        "cluster_id": cluster_id,
        "role": "callback",
        "confidence": 0.9,
        "bridge": False,
    }
    return ATTESTED | row | changed


def link(entity_a: str, entity_b: str, **changed) -> dict:
    row = {
        "entity_a": min(entity_a, entity_b),
        "entity_b": max(entity_a, entity_b),
        "weight": 2.0,
        "complaints": 2,
        "calls": 0,
        "victims": 2,
        "reporters": 2,
        "orgs": ["amazon"],
        "first_seen": START,
        "last_seen": START + timedelta(days=2),
        "strength": "hard",
        "record_ids": ["amazon|A-1", "amazon|A-2"],
        "records": 2,
        "accepted": True,
        **told(fact("both_used")),
    }
    return row | changed


def lineage(cluster_id: str, **changed) -> dict:
    row = {"cluster_id": cluster_id, "event": "born", "from_ids": [], "to_ids": [cluster_id]}
    return row | {"on_one_reporter": False, "rests_on": []} | changed


def supplier(entity_id: str, cluster_id: str, **changed) -> dict:
    row = {
        "entity_id": entity_id,
        "kind": entity_id.partition(":")[0],
        "cluster_id": cluster_id,
        "records": 3,
        "clusters": 2,
        "status": "uncorroborated",
    }
    return row | changed


def reject(position: int, **changed) -> dict:
    row = {
        "source": "made-up.jsonl",
        "position": position,
        "format": "jsonl",
        "record_kind": "complaint",
        "raw": "{}",
        "raw_encoding": "utf-8",
        "raw_bytes": 2,
        "stage": "validate",
        "code": "missing_field",
        "field": "received_at",
        "message": "a required field is missing",
    }
    return row | changed


def complaint(complaint_id: str, **changed) -> dict:
    row = {
        "complaint_id": complaint_id,
        "source_org": "amazon",
        "received_at": START,
        "numbers_withheld": 0,
        "numbers_unread": 0,
    }
    return row | changed


def call(call_id: str, **changed) -> dict:
    row = {"call_id": call_id, "source_org": "amazon", "started_at": START}
    return row | changed


_WORDS = "amzn refund secure help desk verify msft support renew order care billing".split()

_BRANDS = ("Amazon", "Microsoft", "Norton", "Geek Squad", "PayPal")

_COUNTRIES = ("US", "GB", "DE", "CA", "AU", "ES")

_LINES = ("toll_free", "voip", "mobile", "fixed_line")


def _identifiers(number: int, size: int) -> list[tuple[str, str]]:
    """Ids and roles of the members of the made-up cluster `number`."""
    made = []
    for place in range(size):
        seed = number * 97 + place * 31
        word, second = _WORDS[seed % 12], _WORDS[(seed * 7 + 5) % 12]
        made.append(
            [
                (f"phone:+1888{5550000 + seed:07d}", "callback"),
                (f"domain:{word}-{second}{seed}.support", "lure_site"),
                (f"remote:anydesk:{100000000 + seed * 7919}", "operator"),
                (f"account:upi:{word}{seed}@okbank", "payee"),
                (f"email:{word}.{second}{seed}@mail-{word}.top", "sender"),
            ][(number + place) % 5 if place else 0]
        )
    return made


def world(clusters: int) -> tuple[dict[str, list[dict]], Manifest]:
    """A run of two companies with this many clusters, and its manifest."""
    rows: dict[str, list[dict]] = {table.name: [] for table in ALL_TABLES}
    for number in range(clusters):
        _add_cluster(rows, number, clusters)
    rows["entities"] += [
        entity(
            "phone:+18002801400",
            complaints=412,
            orgs=["amazon", "microsoft"],
            status="suppressed",
            **told(fact("known_legitimate", "Amazon customer service, amazon.com/contact-us")),
        ),
        entity(
            "domain:anydesk.com",
            complaints=388,
            orgs=["amazon", "microsoft"],
            status="suppressed",
            **told(fact("known_legitimate", "remote-access vendor, anydesk.com")),
        ),
        entity(
            "phone:+18008291040",
            complaints=52,
            orgs=["ftc"],
            status="suppressed",
            **told(fact("known_legitimate", "IRS, irs.gov/help/telephone-assistance")),
        ),
    ]
    rows["entities"] += [
        entity(f"phone:+1212555{n:04d}", status="uncorroborated", **told(fact("forgeable")))
        for n in range(140)
    ]
    rows["entities"] += [
        entity(f"phone:withheld-{n}", value=None, status="victim_side", reason="victim's own")
        for n in range(23)
    ]
    codes = ["missing_field"] * 31 + ["bad_timestamp"] * 12 + ["broken_json"] * 4
    rows["rejects"] = [
        reject(n, code=code, field=None if code == "broken_json" else "received_at")
        for n, code in enumerate(codes)
    ]
    rows["complaints"] = [complaint(f"A-{n:05d}") for n in range(1_482)]
    counts = {
        "complaints": {"read": 1_553, "accepted": 1_482, "duplicates": 24, "rejected": 47},
        "calls": {"read": 0, "accepted": 0, "duplicates": 0, "rejected": 0},
    }
    inputs = [
        {
            "name": f"{org}.jsonl",
            "kind": "complaint",
            "format": "jsonl",
            "bytes": 1_048_576 + n,
            "sha256": f"{n:x}" * 64,
            "rows": 776 + n,
        }
        for n, org in enumerate(("amazon", "microsoft"))
    ]
    alarms = [
        {
            "code": "large_cluster",
            "message": "one cluster holds 12 % of all members; look at its bridges first",
        }
    ]
    tallies = {"complaints": {"numbers_unread": 861, "numbers_withheld": 23, "unknown_fields": 2}}
    return rows, manifest(counts=counts, inputs=inputs, alarms=alarms, tallies=tallies)


def _add_cluster(rows: dict[str, list[dict]], number: int, clusters: int) -> None:
    size = 72 if number == 0 else max(1, 16 - number // 2)
    cluster_id = f"c-{number * 2654435761 % 2**32:08x}"
    orgs = [["amazon", "microsoft"], ["amazon"], ["microsoft"]][number % 3]
    members = _identifiers(number, size)
    for place, (entity_id, role) in enumerate(members):
        seen = orgs if place < 2 else orgs[-1:]
        first = START + timedelta(hours=number * 5 + place)
        rows["entities"].append(
            entity(
                entity_id,
                complaints=max(1, 90 - number - place * 3),
                calls=place % 4,
                orgs=seen,
                line_type=_LINES[place % 4] if entity_id.startswith("phone") else None,
                first_seen=first,
                last_seen=first + timedelta(days=9, minutes=place),
            )
        )
        rows["members"].append(
            member(
                entity_id, cluster_id, role=role, bridge=place == 2, confidence=0.97 - place / 99
            )
        )
        if place:
            near = members[(place * 7 + number) % place][0]
            rows["links"].append(link(entity_id, near, weight=0.5 + place % 5, orgs=orgs))
        rows["mentions"] += [
            mention(entity_id, f"{org}-{number}-{place}-{n}", source_org=org, role=role)
            for org in seen
            for n in range(1 + (number + place) % 4)
        ]
    event = ("born", "grew", "merged", "unchanged")[number % 4]
    rows["lineage"].append(lineage(cluster_id, event=event, from_ids=["c-before"]))
    rows["clusters"].append(
        cluster(
            cluster_id,
            name=f"{_BRANDS[number % 5]} at {members[0][0].partition(':')[2]}",
            size=size,
            complaints=max(1, 240 - number * 5),
            calls=number % 7,
            victims=max(1, 220 - number * 5),
            countries=[
                {"country": code, "complaints": max(1, 120 - number * 2 - place * 17)}
                for place, code in enumerate(_COUNTRIES[: 1 + number % 6])
            ],
            orgs=orgs,
            brands=list(_BRANDS[number % 5 : number % 5 + 2]),
            losses=[
                {"currency": "EUR", "amount": Decimal("18250.5"), "complaints": 7},
                {"currency": "USD", "amount": Decimal(1_204_310 // (number + 1)), "complaints": 40},
            ][number % 2 :],
            status="confirmed" if number == 1 else "candidate",
            priority=99.0 - number * 97 / clusters,
            confidence=0.98 - number / 100,
            weakest_bridges=[
                {
                    "entity_a": members[2][0],
                    "entity_b": members[1][0],
                    "weight": 1.25,
                    "smaller_side": 1 + number % 3,
                }
            ]
            if size > 2
            else [],
        )
    )
    if number % 4 == 0:
        rows["suppliers"] += [
            supplier(f"trunk:acme-{number % 8}", cluster_id, records=30 - number // 2, clusters=5),
            supplier(f"orig_id:{number % 8:08x}-6d2c-4f53", cluster_id, records=9, clusters=5),
        ]
