"""`ringtrace erase --record ORG/ID`: takes records out of private files and of later runs.

The erasure list, in the folder of keys, has keyed hashes of the records. Batch runs and streams
leave these records out and count them. The private files of the named runs are rewritten without
the records; their tables stay as sealed. A record that an offer or a package cites is on legal
hold: it stays, unless the offer or package is named and corrected.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from argparse import Namespace
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import key_store, ledger, run_folder
from pipelines.commands.correct import issue_corrections, sender_of_run
from pipelines.ledger import LEDGER_FLAG, OWN_ORG_FLAG, Outstanding, signing_flags
from pipelines.letters import signed_files
from pipelines.options import (
    FailedError,
    UsageError,
    all_of,
    flag,
    say,
    several,
    system_errors,
    usage_errors,
)
from pipelines.safe_files import locked, write_whole
from pipelines.user_files import check_signers, free_folder, open_run
from reports import tables
from reports.run import Run
from reports.signing import canonical_json
from reports.tables import check_size
from reports.text import quantity
from schemas.entity import is_withheld, without_epoch
from schemas.enums import RecordKind
from schemas.field import TEXT
from schemas.manifest import MANIFEST_NAME, PRIVATE_MANIFEST, PRIVATE_SIGNATURE, OutputFile
from schemas.signed_fields import SLUG
from schemas.tables import (
    CALLS,
    COMPLAINTS,
    CONTESTED,
    ENTITIES,
    MENTIONS,
    NARRATIVES,
    PRIVATE_FOLDER,
    VICTIMS,
    WHOLE_REJECTS,
    Table,
)
from transforms.custody import (
    ErasureList,
    PrivateFileError,
    RegisterKey,
    check_private,
    open_private,
    private_files,
    private_root,
    read_private_manifest,
    record_key,
    seal,
)
from transforms.gates import MOST_KEPT_BYTES, open_bytes, read_bytes
from transforms.write import (
    REPLACED_SUFFIX,
    folder_replaced,
    is_local,
    parquet_bytes,
    staging_folder,
    write_output_file,
    write_private_manifest,
)

LONGEST_ID = 256
"""Longest id of a record, in characters, as in the input contract."""

TAKEN_OUT = {
    NARRATIVES: ("narrative", "narratives"),
    CONTESTED: ("contested value", "contested values"),
    VICTIMS: ("entry of the register", "entries of the register"),
    WHOLE_REJECTS: ("rejected row", "rejected rows"),
}
"""The private tables of a run: the words for one row, and for several."""

STREAMS = (
    "a stream on this machine drops it at its next tick: within a second where it runs, else when "
    "it is started; its alerts/ and rejects/ stay. One on an engine has to be started anew, "
    "without its state"
)


class Record(NamedTuple):
    """The name of a record: the organisation's slug, and the id of a complaint or a call."""

    org: str
    record_id: str

    def names(self) -> list[str]:
        """Returns its record key as a complaint, and its record key as a call."""
        return [record_key(kind, *self) for kind in RecordKind]


class Named(NamedTuple):
    """The rows of a run that are about the records; `searched` is false for a snapshot.

    `ids` are the records' ids, `names` their record keys, `entities` the bare ids that they name.
    """

    run: Run
    searched: bool
    ids: pa.Array
    names: frozenset[str]
    entities: frozenset[str]
    rows: dict[str, int]


add_arguments = all_of(
    several(
        "--record",
        "ORG/ID",
        "the record of the person who asks; the calls of a complaint go with it",
        required=True,
    ),
    several(
        "--run",
        "RUN",
        "a run whose private files are written anew without it: the one that --previous will "
        "name, and every other that is kept",
    ),
    flag("--author", "NAME", "who erases", required=True),
    flag("--reason", "TEXT", "why; it is kept, so it names nobody", required=True),
    several(
        "--despite-hold",
        "NAME",
        "an offer or a package that cites the record, such as package-0123456789abcdef: what "
        "the record shows in it is taken back, as `ringtrace correct` does",
    ),
    flag("--output", "DIR", "new folder of the corrections of --despite-hold"),
    OWN_ORG_FLAG,
    LEDGER_FLAG,
    flag(
        "--register-key", "FILE", "32 secret bytes that key the victim register (default: your own)"
    ),
    signing_flags("when it is erased"),
)
"""The flags of `ringtrace erase`."""


def run(arguments: Namespace) -> int:
    """Erases the records and prints what still has them; returns the exit status 0.

    Raises:
        RunError: if a run is no finished run.
        UsageError: for a record that no run has or that is on legal hold, and for a list, a secret
            or private files that cannot be used.
        LedgerError: if the ledger was changed.
    """
    records = [_record(text) for text in dict.fromkeys(arguments.record)]
    if any(record.record_id in arguments.reason for record in records):
        raise UsageError("--reason names the record, which the list must not; say it otherwise")
    now = signed_files.time_of(arguments)
    if arguments.output is not None:
        free_folder(arguments.output)
    if arguments.key is not None:
        key_store.own_key(arguments.key)
    before = key_store.erasures(arguments.register_key)
    named = [_named(_local_run(folder), records) for folder in dict.fromkeys(arguments.run)]
    _check_found(records, named, before)
    holds = _holds(named, arguments)
    key = key_store.register_key(arguments.register_key)
    if holds:
        finished = next(in_run.run for in_run in named if in_run.searched)
        sender = sender_of_run(arguments.sender, finished)
        values = ledger.values_withheld(finished, arguments.register_key, no_register=False)
        issue_corrections(holds, sender, finished, values, arguments, now)
    names = [sorted({*record.names(), *_calls_of(record, named)}) for record in records]
    added = _add_to_list(key, names, arguments, now)
    known = key_store.erasures(arguments.register_key)
    if known is None:
        raise UsageError(f"{key_store.erased_path()}: is gone; put a copy in its place")
    again = "" if added else ", before already"
    say(
        f"{quantity(len(records), 'record')} erased{again}: batch runs and streams with "
        f"the list {key_store.erased_path()} leave it out and count it"
    )
    for in_run in named:
        say(*_rewrite(in_run, known))
    say(f"{STREAMS}")
    return 0


def _record(text: str) -> Record:
    org, _, record_id = (part.strip() for part in text.partition("/"))
    if not record_id or not SLUG.fullmatch(org) or len(record_id) > LONGEST_ID:
        raise UsageError(
            f"--record {text[:80]!a}: is not a record; give ORG/ID, such as amazon/C-1001"
        )
    return Record(org, record_id)


def _local_run(folder: str) -> Run:
    if not is_local(folder):
        raise UsageError(
            f"--run {folder}: is in an object store, where files cannot be replaced; copy "
            "the run here, or remove it"
        )
    run = Run.open(folder)
    _recover_private(Path(private_root(run.folder, run.manifest)))
    run = open_run(folder)
    check_signers(run)
    check_private(run.folder, run.manifest)
    return run


def _named(run: Run, records: Iterable[Record]) -> Named:
    """Finds the rows of a run that are about the records, and the calls of the complaints."""
    asked = {name for record in records for name in record.names()}
    ids = pa.array(sorted({record.record_id for record in records}), TEXT)
    try:
        complaints = _rows(run, COMPLAINTS, "complaint_id", pc.field("complaint_id").isin(ids))
        of_either = pc.field("call_id").isin(ids) | pc.field("complaint_id").isin(ids)
        calls = _rows(run, CALLS, "call_id", of_either)
    except FileNotFoundError:  # a stream's snapshot has only clusters
        return Named(run, False, ids, frozenset(), frozenset(), {})
    names = {record_key(RecordKind.COMPLAINT, *row[:2]) for row in complaints} & asked
    of_calls = {
        record_key(RecordKind.CALL, org, call): record_key(
            RecordKind.COMPLAINT, org, complaint or ""
        )
        for org, call, complaint in calls
    }
    names |= {call for call, complaint in of_calls.items() if {call, complaint} & asked}
    in_calls = len(names & of_calls.keys())
    record_ids = pa.array(sorted({name.split("|", 2)[2] for name in names}), TEXT)
    where = pc.field("record_id").isin(record_ids)
    columns = ["entity_id", "record_kind", "source_org", "record_id"]
    mentions = [
        row["entity_id"]
        for row in tables.read_table(run, MENTIONS, columns, where).to_pylist()
        if record_key(row["record_kind"], row["source_org"], row["record_id"]) in names
    ]
    shown = {without_epoch(entity_id) for entity_id in mentions if not is_withheld(entity_id)}
    rows = {"complaints": len(names) - in_calls, "calls": in_calls, "mentions": len(mentions)}
    return Named(run, True, ids, frozenset(names), frozenset(shown), rows)


def _rows(run: Run, table: Table, id_field: str, where: pc.Expression) -> list[tuple[str, ...]]:
    columns = list(dict.fromkeys(["source_org", id_field, "complaint_id"]))
    rows = tables.read_table(run, table, columns, where)
    return list(zip(*(rows[name].to_pylist() for name in columns), strict=True))


def _check_found(
    records: Iterable[Record], named: Iterable[Named], before: ErasureList | None
) -> None:
    searched = [in_run for in_run in named if in_run.searched]
    there = {name for in_run in searched for name in in_run.names}
    for record in records if searched else ():
        names = record.names()
        erased = before is not None and before.contain(pa.array(names)).any()
        if there.isdisjoint(names) and not erased:
            raise UsageError(
                f"--record {record.org}/{record.record_id}: is in none of the runs of --run; check "
                "the id, or leave --run out"
            )


def _holds(named: list[Named], arguments: Namespace) -> list[Outstanding]:
    """Returns the offers and packages that cite the records and are to be corrected.

    Raises:
        UsageError: if one of them cites a record but is not named.
    """
    entries = ledger.read_ledger(arguments.ledger)
    issued = [entry for entry in entries if entry.kind in ledger.ISSUED]
    if issued and not any(in_run.searched for in_run in named):
        number = quantity(len(issued), "offer or package", "offers or packages")
        raise UsageError(
            f"--run: {number} left here; name a run that has the record, to see if one cites it"
        )
    shown = {entity for in_run in named for entity in in_run.entities}
    holds = {hold.entry.issue_id: hold for hold in ledger.outstanding(entries, shown)}
    if strange := sorted(set(arguments.despite_hold) - holds.keys()):
        raise UsageError(
            f"--despite-hold {strange[0][:80]!a}: does not cite the record; leave it out"
        )
    if left := sorted(holds.keys() - set(arguments.despite_hold)):
        entry = holds[left[0]].entry
        raise UsageError(
            f"legal hold: {left[0]} of {entry.at} to {entry.recipient} cites the record; leave it, "
            f"or take back what it shows: --despite-hold {left[0]} --output DIR"
        )
    if bool(holds) != bool(arguments.output):
        raise UsageError("--output is for the corrections of --despite-hold; give both or neither")
    return list(holds.values())


def _calls_of(record: Record, named: Iterable[Named]) -> Iterator[str]:
    """Yields the keys of a complaint's calls, as the runs link them."""
    asked = set(record.names())
    for in_run in named:
        if asked & in_run.names:
            yield from in_run.names


def _add_to_list(
    key: RegisterKey, names: list[list[str]], arguments: Namespace, now: datetime
) -> int:
    """Adds a line for each record that is not in the list; returns the number of lines added."""
    path = Path(os.path.realpath(key_store.erased_path()))
    about = {
        "at": signed_files.utc_text(now),
        "author": arguments.author,
        "reason": arguments.reason,
        "key_id": key.key_id,
    }
    with system_errors(path, "the list must be written there"), locked(path):
        content = read_bytes(path, MOST_KEPT_BYTES) if path.exists() else b""
        lines = b""
        for keys in names:
            macs = [mac.hex() for mac in key.record_macs(keys)]
            if any(mac.encode() not in content for mac in macs):
                lines += canonical_json(about | {"macs": macs}) + b"\n"
        if lines:
            write_whole(path, content + lines)
    return lines.count(b"\n")


def _rewrite(in_run: Named, known: ErasureList) -> Iterator[str]:
    """Rewrites a run's private files; yields a line on that, and on tables with the records."""
    run, taken = in_run.run, dict.fromkeys(TAKEN_OUT, 0)
    root = private_root(run.folder, run.manifest)
    anew: dict[str, tuple[bytes, int]] = {}
    for table in TAKEN_OUT:
        for path in private_files(run.folder, run.manifest, table):
            if not Path(path).is_file():
                continue
            if not run.is_signed:
                check_size(path, run.run_id)
            rows = _read_private(path, table)
            kept = _without(rows, table, in_run, known)
            if not kept.equals(rows):
                content = _private_content(kept, table)
                anew[path.removeprefix(f"{root}/")] = content, kept.num_rows
            taken[table] += rows.num_rows - kept.num_rows
    if anew:
        _replace_private(Path(root), run, anew)
    gone = ", ".join(
        quantity(number, *TAKEN_OUT[table]) for table, number in taken.items() if number
    )
    yield f"{run.folder}: private/ is without it ({gone or 'had nothing of it'})"
    if not in_run.searched:
        yield f"{run.folder}: is a snapshot, and its tables are as they were; remove it"
    elif any(in_run.rows.values()):
        there = ", ".join(f"{name}/ ({count})" for name, count in in_run.rows.items() if count)
        yield (
            f"{run.folder}: {there} and what is made of them, such as links/ and report/, still "
            "have it, as they are sealed; make a new run with --previous, then remove this one"
        )


def _without(rows: pa.Table, table: Table, in_run: Named, known: ErasureList) -> pa.Table:
    if table is NARRATIVES:
        return rows.filter(pa.array(~known.of_rows(rows.combine_chunks(), RecordKind.COMPLAINT)))
    if table is VICTIMS:
        return known.shorten(rows)
    if table is WHOLE_REJECTS:
        named = rf"\b(?:{'|'.join(map(re.escape, in_run.ids.to_pylist()))})\b"
        return rows.filter(
            pc.invert(pc.fill_null(pc.match_substring_regex(rows["raw"], named), False))
        )
    if not in_run.searched or not rows.num_rows:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["entity_id"], _rest_on_erased(rows, in_run, known))))


def _rest_on_erased(contested: pa.Table, in_run: Named, known: ErasureList) -> pa.Array:
    """Returns the withheld ids of CONTESTED rows that only erased records name.

    An identifier that other records name stays contested: it may be the number of their reporter.
    """
    ids = pc.unique(contested["entity_id"])
    columns = ["entity_id", "record_kind", "source_org", "record_id"]
    where = pc.field("entity_id").isin(ids)
    mentions = tables.read_table(in_run.run, MENTIONS, columns, where)
    named = mentions.group_by(columns, use_threads=False).aggregate([])
    keys = pc.binary_join_element_wise(*(named[name].combine_chunks() for name in columns[1:]), "|")
    gone = named.filter(pa.array(known.contain(keys)))
    counts = pc.value_counts(gone["entity_id"]).to_pylist()
    erased = {row["values"]: row["counts"] for row in counts}
    every = tables.read_table(in_run.run, ENTITIES, ["entity_id", "complaints", "calls"], where)
    alone = [
        row["entity_id"]
        for row in every.to_pylist()
        if row["complaints"] + row["calls"] == erased.get(row["entity_id"])
    ]
    return pa.array(alone, TEXT)


def _read_private(path: str, table: Table) -> pa.Table:
    """Reads a private file; missing columns are null."""
    try:
        with usage_errors(PrivateFileError), open_bytes(path) as file:
            opened = open_private(file, path, table, key_store.private_key())
            rows = pq.read_table(pa.BufferReader(opened.read()))
    except (OSError, pa.ArrowException):
        raise UsageError(
            f"{path}: cannot be read; put a copy in its place, or make the run again"
        ) from None
    columns = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        for field in table.schema
    ]
    return pa.table(columns, schema=table.schema)


def _private_content(rows: pa.Table, table: Table) -> bytes:
    content = parquet_bytes(rows, table).to_pybytes()
    key = key_store.private_key()
    return b"".join(seal([content], table, key)) if key else content


def _replace_private(root: Path, run: Run, anew: dict[str, tuple[bytes, int]]) -> None:
    """Replaces the private folder of a run by one with some new files and a new manifest.

    The run's own manifest keeps its bytes. A kill leaves the old folder, in its place or aside.

    Raises:
        FailedError: if it cannot be written; the folder is unchanged.
    """
    staging = Path(staging_folder(str(root / PRIVATE_FOLDER), str(os.getpid())))
    before = {file["name"]: file for file in _private_lines(root, run)}
    try:
        below = staging / PRIVATE_FOLDER
        below.mkdir(mode=0o700, parents=True)
        for path in sorted((root / PRIVATE_FOLDER).rglob("*")):
            name = str(path.relative_to(root))
            if path.is_dir():
                (staging / name).mkdir(mode=0o700)
            elif name not in (*anew, PRIVATE_MANIFEST, PRIVATE_SIGNATURE):
                shutil.copy2(path, staging / name)
        for name, (content, rows) in anew.items():
            before[name] = write_output_file(content, str(staging), name, rows)
        manifest = read_bytes(Path(run.folder, MANIFEST_NAME))
        sign = run_folder.run_signer()
        write_private_manifest(str(staging), run.run_id, manifest, list(before.values()), sign)
        with folder_replaced(below, root / PRIVATE_FOLDER):
            pass
    except OSError as error:
        raise FailedError(
            f"{root / PRIVATE_FOLDER}: {error.strerror}; nothing was changed: erase again"
        ) from None
    finally:
        _recover_private(root)


def _recover_private(root: Path) -> None:
    """Puts back a private folder that a killed `erase` left aside, and removes the rest."""
    for left in root.glob(f".{PRIVATE_FOLDER}.staging-*"):
        replaced = left / f"{PRIVATE_FOLDER}{REPLACED_SUFFIX}"
        if replaced.exists() and not (root / PRIVATE_FOLDER).exists():
            replaced.rename(root / PRIVATE_FOLDER)
        shutil.rmtree(left, ignore_errors=True)


def _private_lines(root: Path, run: Run) -> list[OutputFile]:
    """Returns the private manifest's lines on a run's files; makes them if it has none."""
    if known := read_private_manifest(str(root)):
        return known["files"]
    lines = []
    for file in run.manifest["private"]:
        path = root / file["name"]
        if path.is_file():
            with open_bytes(path) as opened:
                content = opened.read()
            digest = hashlib.sha256(content).hexdigest()
            line = OutputFile(
                name=file["name"], bytes=len(content), sha256=digest, rows=file["rows"]
            )
            lines.append(line)
    return lines
