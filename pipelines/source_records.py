"""Where each record of a run lies in its input files, which are read again.

The tables hold no positions, since they are the same however the inputs are cut into files. A file
that is not byte for byte what the run read is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipelines.options import UsageError
from reports.referral.material import Key, Place
from schemas.enums import RecordKind
from schemas.manifest import Manifest
from transforms.deduplicate import unique_calls, unique_complaints
from transforms.read.detect import plan
from transforms.read.files import InputFile
from transforms.read.options import InputError, ReadOptions
from transforms.read.read_records import TAGS, read_shard
from transforms.read.shards import scan
from transforms.validate import validate_calls, validate_complaints

OFFER = "offer"


OFFERED = re.compile(r"offer-(?P<offer>[0-9a-f]{12})-(?P<row>[1-9]\d*)-[1-9]\d*")
"""What stands for a record's id in the evidence of an offer (`transforms.joint`)."""


ID = {RecordKind.COMPLAINT: "complaint_id", RecordKind.CALL: "call_id"}


def locate(
    manifest: Manifest,
    complaints: Sequence[str],
    calls: Sequence[str],
    wanted: Set[Key],
    reading: ReadOptions,
) -> dict[Key, Place]:
    """The place of every wanted record, the one that the run kept where its id is given twice.

    Raises:
        UsageError: for an input that is not byte for byte what the run read, or is missing.
    """
    try:
        files = plan(complaints, calls, reading)
    except InputError as error:
        raise UsageError(str(error)) from None
    digests = _checked(manifest, files)
    given = manifest["options"].get("as_of")
    as_of = datetime.fromisoformat(given) if isinstance(given, str) else None
    found = offered(manifest, wanted)
    for kind in RecordKind:
        of_kind = {(org, record) for one, org, record in wanted - found.keys() if one == kind}
        if of_kind:
            found |= _places(kind, files, digests, of_kind, reading, as_of)
    if lost := sorted(wanted - found.keys()):
        raise UsageError(
            f"--complaints, --calls: {len(lost)} records of the cluster are not in these files; "
            "give all files that the run read, and the formats and --source-org that it was given"
        )
    return found


def offered(manifest: Manifest, wanted: Set[Key]) -> dict[Key, Place]:
    """The places, in the offers of a joint run, of what stands there for records.

    The manifest vouches for an offer, whose signature `exchange join` checked; an offer counts
    people, and the organisation that sent it finds the records.
    """
    listed: Any = manifest["options"].get("offers") or []
    digests = {(one["sender"], one["sha256"][:12]): one["sha256"] for one in listed}
    names = {one["sha256"]: one["name"] for one in manifest["inputs"] if one["kind"] == OFFER}
    found = {}
    for key in wanted:
        _, org, record = key
        told = OFFERED.fullmatch(record)
        sha256 = digests.get((org, told["offer"])) if told else None
        if told and sha256:
            found[key] = Place(names.get(sha256, OFFER), sha256, int(told["row"]), 0)
    return found


def _checked(manifest: Manifest, files: Sequence[InputFile]) -> dict[tuple[str, str], str]:
    """SHA-256 by kind and label of the files, which must be those of the manifest."""
    known = Counter((one["kind"], one["sha256"]) for one in manifest["inputs"])
    digests = {}
    for file in files:
        (sha256, _), _ = scan(file)
        if not known[str(file.kind), sha256]:
            raise UsageError(
                f"{file.path}: is not what the run read (SHA-256 {sha256}); give the inputs as "
                "they were"
            )
        known[str(file.kind), sha256] -= 1
        digests[str(file.kind), file.label] = sha256
    return digests


def _places(
    kind: RecordKind,
    files: Sequence[InputFile],
    digests: dict[tuple[str, str], str],
    wanted: Set[tuple[str, str]],
    reading: ReadOptions,
    as_of: datetime | None,
) -> dict[Key, Place]:
    batches = [
        batch
        for file in files
        if file.kind == kind
        for batch in _accepted(kind, file, reading, as_of, wanted)
        if batch.num_rows
    ]
    if not batches:
        return {}
    rows = pa.Table.from_batches(batches)
    copies = Counter(_ids(rows, kind))
    kept, _ = unique_calls(rows) if kind is RecordKind.CALL else unique_complaints(rows)
    columns = [kept[name].to_pylist() for name in ("source", "position")]
    return {
        (str(kind), org, record): Place(
            file=source,
            sha256=digests[str(kind), source],
            position=position,
            copies=copies[org, record] - 1,
        )
        for (org, record), source, position in zip(_ids(kept, kind), *columns, strict=True)
    }


def _accepted(
    kind: RecordKind,
    file: InputFile,
    reading: ReadOptions,
    as_of: datetime | None,
    wanted: Set[tuple[str, str]],
) -> Iterator[pa.RecordBatch]:
    """Accepted rows of a file that are among the wanted."""
    validate = validate_calls if kind is RecordKind.CALL else validate_complaints
    _, shards = scan(file)
    for shard in shards:
        for tag, batch in read_shard(shard, reading):
            if tag == TAGS[kind]:
                rows = validate(batch, as_of)[0]
                keep = [one in wanted for one in _ids(rows, kind)]
                yield rows.filter(pa.array(keep, pa.bool_()))


def _ids(rows: Any, kind: RecordKind) -> list[tuple[str, str]]:
    return list(zip(rows["source_org"].to_pylist(), rows[ID[kind]].to_pylist(), strict=True))
