"""Summarizes a run in a few lines, for the demo: `python -m examples.look RUN`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.enums import Status


def summary(run: Path) -> str:
    """Returns the summary."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    count = manifest["counts"]["complaints"]
    entities = ds.dataset(run / "entities").to_table(
        columns=["entity_id", "kind", "complaints", "orgs", "status", "reason"]
    )
    phones = entities.filter(pc.equal(entities["kind"], "phone"))
    infrastructure = phones.filter(pc.equal(phones["status"], str(Status.INFRASTRUCTURE)))
    several = pc.greater(pc.list_value_length(infrastructure["orgs"]), 1)
    shared = infrastructure.filter(several).sort_by("entity_id")
    known = phones.filter(pc.equal(phones["status"], str(Status.SUPPRESSED)))
    lines = [
        "",
        f"{count['read']:,} complaints read: {count['accepted']:,} accepted, "
        f"{count['duplicates']:,} duplicates, {count['rejected']:,} rejected",
        f"{phones.num_rows:,} phone numbers: {infrastructure.num_rows:,} held by a suspect, "
        f"{known.num_rows:,} known legitimate and suppressed, the rest uncorroborated",
        "",
        "Called back from robocall recordings, and complained about by consumers:",
        *(f"  {_number(row)}  in {row['complaints']} reports" for row in shared.to_pylist()),
        "",
        "Spoofed, and never to be referred:",
        *(
            f"  {_number(row)}  in {row['complaints']} reports: {row['reason']}"
            for row in known.sort_by([("complaints", "descending")]).slice(0, 3).to_pylist()
        ),
        "",
        f"Open the report:  {(run / 'report' / 'index.html').resolve()}",
        f"The tables:       {run.resolve()}/ (Parquet; docs/data-contract.md)",
    ]
    return "\n".join(lines)


def _number(row: dict[str, str]) -> str:
    return row["entity_id"].partition(":")[2]


if __name__ == "__main__":
    print(summary(Path(sys.argv[1])))  # noqa: T201
