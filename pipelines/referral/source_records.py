"""Finds the source of each record of a run, its input file and row, by reading the inputs again.

The tables have no positions, since they must not depend on how the inputs are split into files. A
file that differs by a byte from what the run read is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipelines.options import UsageError, usage_errors
from reports.link_evidence import RecordKey
from reports.referral import RecordSource, StatedPayment, stated_payment
from reports.text import quantity
from schemas.enums import RecordKind
from schemas.manifest import Manifest
from schemas.mapping import ID_FIELDS
from transforms.arrow import row_tuples
from transforms.extract import Click, clicks, mask_file_name
from transforms.read import (
    TAGS,
    InputError,
    InputFile,
    ReadOptions,
    read_shard,
    scan_file,
    survey_inputs,
)
from transforms.validate import unique_records, validate_calls, validate_complaints

OFFER_KIND = "offer"

OFFERED_RECORD_ID = re.compile(
    r"offer-(?P<offer>[0-9a-f]{12})-(?P<row>[1-9]\d*)-[1-9]\d*(\.\.[1-9]\d*)?"
)
"""The stand-in for a record's id in the evidence of an offer (`transforms.graph.joint`)."""

_Place = tuple[str, int]
"""Input file and position of a row."""


def locate_records(
    manifest: Manifest,
    complaints: Sequence[str],
    calls: Sequence[str],
    wanted: Set[RecordKey],
    reading: ReadOptions,
) -> dict[RecordKey, RecordSource]:
    """Returns the source of every wanted record; for an id given twice, the row that the run kept.

    Raises:
        UsageError: for an input that is missing, or differs from what the run read.
    """
    with usage_errors(InputError):
        # The run may have left files out: its manifest has the digests of the files that it read.
        files = survey_inputs(complaints, calls, reading, skip_unreadable=True).files
    digests = _checked_digests(manifest, files)
    moment = manifest["options"].get("as_of")
    as_of = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    sources = _offered_sources(manifest, wanted)
    for kind in RecordKind:
        of_kind = {
            (org, record)
            for record_kind, org, record in wanted - sources.keys()
            if record_kind == kind
        }
        if of_kind:
            sources |= _input_sources(kind, files, digests, of_kind, reading, as_of)
    if lost := sorted(wanted - sources.keys()):
        raise UsageError(
            f"--complaints, --calls: these files lack {quantity(len(lost), 'record')} of the "
            "cluster; give all files that the run read, and the formats and --source-org that it "
            "was given"
        )
    return sources


def _offered_sources(manifest: Manifest, wanted: Set[RecordKey]) -> dict[RecordKey, RecordSource]:
    """Returns the sources of evidence that comes from the offers of a joint run.

    `exchange join` checked an offer's signature, and the manifest has its digest. An offer counts
    people; only the organisation that sent it can find the records.
    """
    listed: Any = manifest["options"].get("offers") or []
    digests = {(offer["sender"], offer["sha256"][:12]): offer["sha256"] for offer in listed}
    names = {
        file["sha256"]: file["name"] for file in manifest["inputs"] if file["kind"] == OFFER_KIND
    }
    sources = {}
    for key in wanted:
        _, org, record = key
        match = OFFERED_RECORD_ID.fullmatch(record)
        sha256 = digests.get((org, match["offer"])) if match else None
        if match and sha256:
            sources[key] = RecordSource(names.get(sha256, OFFER_KIND), sha256, int(match["row"]), 0)
    return sources


def _checked_digests(manifest: Manifest, files: Sequence[InputFile]) -> dict[tuple[str, str], str]:
    """Returns the files' SHA-256, by kind and label, after comparing them with the manifest."""
    known = Counter((file["kind"], file["sha256"]) for file in manifest["inputs"])
    digests = {}
    for file in files:
        (sha256, _), _ = scan_file(file)
        if not known[str(file.kind), sha256]:
            raise UsageError(
                f"{file.path}: is not what the run read (SHA-256 {sha256}); give the inputs as "
                "they were"
            )
        known[str(file.kind), sha256] -= 1
        digests[str(file.kind), file.label] = sha256
    return digests


def _input_sources(
    kind: RecordKind,
    files: Sequence[InputFile],
    digests: dict[tuple[str, str], str],
    wanted: Set[tuple[str, str]],
    reading: ReadOptions,
    as_of: datetime | None,
) -> dict[RecordKey, RecordSource]:
    paid: dict[_Place, tuple[StatedPayment, ...]] = {}
    batches: list[pa.RecordBatch] = []
    validate = validate_calls if kind is RecordKind.CALL else validate_complaints
    shards = (shard for file in files if file.kind == kind for shard in scan_file(file)[1])
    for tag, batch in (read for shard in shards for read in read_shard(shard, reading)):
        if tag == TAGS[kind]:
            rows = validate(batch, as_of)[0]
            keep = [key in wanted for key in _ids(rows, kind)]
            kept = rows.filter(pa.array(keep, pa.bool_()))
            if kind is RecordKind.COMPLAINT:
                paid |= _stated_payments(batch, kept)
            if kept.num_rows:
                batches.append(kept)
    if not batches:
        return {}
    records = pa.Table.from_batches(batches)
    copies = Counter(_ids(records, kind))
    unique, _ = unique_records(records, kind)
    clicked = _clicks(unique) if kind is RecordKind.COMPLAINT else [()] * unique.num_rows
    return {
        (str(kind), org, record): RecordSource(
            file=mask_file_name(source),
            sha256=digests[str(kind), source],
            position=position,
            copies=copies[org, record] - 1,
            clicks=clicks,
            payments=paid.get((source, position), ()),
        )
        for (org, record), (source, position), clicks in zip(
            _ids(unique, kind), row_tuples(unique, "source", "position"), clicked, strict=True
        )
    }


def _clicks(complaints: Any) -> Iterable[tuple[Click, ...]]:
    """Yields, for each complaint, the distinct values that ad platforms added to its links."""
    for links, narrative in row_tuples(complaints, "urls", "narrative"):
        stated = filter(None, (*(links or ()), narrative))
        yield tuple(dict.fromkeys(click for text in stated for click in clicks(text)))


def _stated_payments(
    read: pa.RecordBatch, kept: pa.RecordBatch
) -> dict[_Place, tuple[StatedPayment, ...]]:
    """Returns, by place of the row, details of payments that no table of a run has."""
    wanted = set(row_tuples(kept, "source", "position"))
    columns = ("source", "position", "victim_country", "payments")
    return {
        (source, position): tuple(
            stated_payment(payment or {}, (country or "").strip().upper() or None)
            for payment in payments
        )
        for source, position, country, payments in row_tuples(read, *columns)
        if payments and (source, position) in wanted
    }


def _ids(rows: Any, kind: RecordKind) -> list[tuple[str, str]]:
    return row_tuples(rows, "source_org", ID_FIELDS[kind])
