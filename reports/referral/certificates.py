"""Draft certificates for the person who can sign them, and the hash report that goes with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from reports import spreadsheet
from reports.referral.case import Case
from reports.text import plain

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time, which has no summer time."""

KNOWN = ("us-fre-902", "in-bsa-63")
"""US Federal Rules of Evidence 902(13), (14); Bharatiya Sakshya Adhiniyam, 2023, section 63(4)."""


def drafts(case: Case, records: Mapping[str, bytes], version: str) -> dict[str, bytes]:
    """The recipient's certificates and the hash report of `records`, by path in the package."""
    moment = case.material.moment
    made = {"data/certificates/hash-report.csv": _hash_report(records, moment)}
    for name in case.reference.recipient["certificates"]:
        if name in KNOWN:
            text = _template(name).render(
                code=plain(case.code, 200),
                version=version,
                files=len(records),
                ist=f"{moment.astimezone(IST):%d/%m/%Y %H:%M:%S}",
            )
            made[f"data/certificates/{name}.txt"] = text.encode()
    return made


def _hash_report(records: Mapping[str, bytes], moment: datetime) -> bytes:
    header = ("file", "bytes", "algorithm", "hash", "as_of_utc", "as_of_ist")
    times = (f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment.astimezone(IST):%d/%m/%Y %H:%M:%S}")
    rows = (
        (path, len(content), "SHA-256", hashlib.sha256(content).hexdigest(), *times)
        for path, content in sorted(records.items())
    )
    return spreadsheet.write(header, rows)


@cache
def _template(name: str) -> Template:
    source = files("reports.referral").joinpath("templates", f"{name}.txt")
    # Plain text: nothing to escape for, and all that is filled in was made plain.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    return environment.from_string(source.read_text(encoding="utf-8"))
