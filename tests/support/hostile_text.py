"""A run whose every text is meant to break the page that shows it."""

from decimal import Decimal

from schemas.tables import ALL_TABLES
from tests.support.report_tables import (
    cluster,
    complaint,
    entity,
    lineage,
    link,
    manifest,
    member,
    mention,
    reject,
    supplier,
    write_run,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\u202e\u2066evil\u2069\x00\x1b[31m",
    '" onmouseover="alert(1)',
    '=HYPERLINK("http://evil.example")',
    "{{ 7 * 7 }}{% raw %}",
    "\\`+alert(1)+`${alert(1)}$`{\u2028\\",
    "x" * 1_000_000,
]


def hostile_run(folder):
    rows = {table.name: [] for table in ALL_TABLES}
    for number, evil in enumerate(HOSTILE):
        entity_id, cluster_id = f"domain:{number}{evil}", f"c-{number}{evil}"
        orgs = [evil, f"other{evil}"]
        rows["entities"] += [
            entity(entity_id, orgs=orgs, region=evil, line_type=evil),
            entity(f"url:{number}{evil}", status="suppressed", reason=evil, orgs=orgs),
        ]
        rows["mentions"] += [mention(entity_id, evil, source_org=org, raw=evil) for org in orgs]
        rows["members"].append(member(entity_id, cluster_id))
        partner_id = f"email:{number}{evil}"
        rows["entities"].append(entity(partner_id, orgs=orgs))
        rows["members"].append(member(partner_id, cluster_id))
        rows["links"].append(link(entity_id, partner_id, orgs=orgs, record_ids=[evil], reason=evil))
        narrative = f"SECRET {evil}"
        rows["complaints"].append(complaint(evil, source_org=evil, narrative=narrative))
        where = {"field": "narrative", "start": 7, "end": 7 + len(evil)}
        rows["mentions"].append(mention(partner_id, evil, source_org=evil, raw=evil, **where))
        rows["mentions"].append(mention(f"script:{evil}", evil, source_org=evil, raw=evil, **where))
        rows["lineage"].append(lineage(cluster_id, event="merged", from_ids=[evil]))
        rows["entities"].append(entity(f"trunk:{evil}", status="uncorroborated"))
        rows["suppliers"].append(supplier(f"trunk:{evil}", cluster_id))
        rows["clusters"].append(
            cluster(
                cluster_id,
                size=2,
                name=evil,
                orgs=orgs,
                brands=[evil] * 9,
                status=evil,
                countries=[{"country": evil, "complaints": 1}],
                losses=[{"currency": evil, "amount": Decimal(1), "complaints": 1}],
                weakest_bridges=[
                    {"entity_a": evil, "entity_b": evil, "weight": 1.0, "smaller_side": 1}
                ],
            )
        )
    rows["complaints"].append(complaint("A-1", narrative="SECRET NARRATIVE " + HOSTILE[-1]))
    rows["rejects"] = [reject(1, field=HOSTILE[0], raw="SECRET ROW", message="m")]
    inputs = [
        {"name": evil, "kind": evil, "format": evil, "bytes": 1, "sha256": "0" * 64, "rows": 1}
        for evil in HOSTILE
    ]
    whole = manifest(
        run_id=HOSTILE[0],
        options={"complaints": HOSTILE},
        inputs=inputs,
        tallies={evil: {evil: 1} for evil in HOSTILE},
        alarms=[{"code": evil, "message": evil} for evil in HOSTILE],
        versions=dict.fromkeys(HOSTILE, HOSTILE[1]),
    )
    return write_run(folder, rows), whole
