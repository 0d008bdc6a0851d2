"""Reads the files that a user names: lists of the known legitimate, decisions and weights."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.key_store import private_key
from pipelines.options import UsageError
from reports import tables
from reports.run import Run, private_table
from schemas.enums import Tier
from schemas.mapping import MapError, RecordMap, parse_map
from schemas.tables import CONTESTED, DECISIONS, ENTITIES, MEMBERS
from transforms.extract import (
    KnownLegitimate,
    LegitimateListError,
    parse_allowlist,
    shipped_allowlist,
)
from transforms.graph import PriorityWeights, PriorityWeightsError, parse_weights, shipped_weights
from transforms.reporters import (
    SourceRules,
    SourceRulesError,
    parse_source_rules,
    shipped_source_rules,
)

if TYPE_CHECKING:
    from transforms.decisions import Decision
    from transforms.read import ReadOptions


MOST_TEXT_BYTES = 32 * 1024 * 1024
"""A longer file than this is no list or setting of a user: it is read whole."""


MOST_RULES_BYTES, MOST_DECISIONS_BYTES = 1024 * 1024, 8 * 1024 * 1024
"""The same of rules of sources, which each process of a run holds, and of analysts' decisions."""


def read_text(path: str, most: int = MOST_TEXT_BYTES) -> str:
    """Reads a UTF-8 file, local or in an object store.

    Raises:
        UsageError: if it cannot be read, or is of over `most` bytes.
    """
    try:
        if "://" not in path:
            with Path(path).open("rb") as local:
                content = local.read(most + 1)
        else:
            from apache_beam.io.filesystems import FileSystems

            with FileSystems.open(path) as stored:
                content = bytes(stored.read(most + 1))
        if len(content) > most:
            raise UsageError(f"{path}: is of over {most >> 20} MiB; give a smaller one")
        return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig").read()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        why = error.strerror or "cannot be opened"
        raise UsageError(f"{path}: {why}; give a file that can be read") from None
    except ValueError:
        # Beam names no file system for the scheme where the library for it is absent.
        raise UsageError(
            f"{path}: no access to such a store; for gs:// pip install '.[gcp]'"
        ) from None


def read_passport_keys(paths: Iterable[str]) -> tuple[str, ...]:
    """Reads public keys in PEM; raises UsageError for a file that holds none."""
    from transforms.read import InputError, ReadOptions, plan_input_files  # with Beam

    texts = []
    for path in paths:
        texts.append(read_text(path))
        try:
            plan_input_files((), (), ReadOptions(passport_keys=(texts[-1],)))
        except InputError as error:
            raise UsageError(f"{path}: {error.problem}; {error.remedy}") from None
    return tuple(texts)


def read_maps(paths: Iterable[str]) -> tuple[RecordMap, ...]:
    """Reads maps of files; raises UsageError for one that cannot be used, or two of a kind."""
    from transforms.read import InputError, ReadOptions, plan_input_files  # with Beam

    maps: list[RecordMap] = []
    for path in paths:
        try:
            maps.append(parse_map(read_text(path), path))
            plan_input_files((), (), ReadOptions(maps=tuple(maps)))
        except (MapError, InputError) as error:
            raise UsageError(str(error)) from None
    return tuple(maps)


def recorded_reading(paths: Iterable[str], reading: ReadOptions) -> dict[str, Any]:
    """Returns what a manifest says of maps and the victims' country; nothing without any.

    `assumed_utc` names the maps by which a time may lack its zone, where no zone is given.
    """
    country = {"victim_country": reading.victim_country} if reading.victim_country else {}
    if not reading.maps:
        return country
    assumed = [Path(one.name).name for one in reading.maps if one.assumes_zone]
    return country | {
        "maps": [file_digest(one) for one in paths],
        "timezone": reading.timezone,
        "assumed_utc": [] if reading.timezone else assumed,
    }


def file_digest(path: str | None) -> dict[str, str] | None:
    """Returns the name and the SHA-256 of a file for the manifest, or None without one."""
    if path is None:
        return None
    digest = hashlib.sha256(read_text(path).encode()).hexdigest()
    return {"name": Path(path).name, "sha256": digest}


def read_known_legitimate(paths: Iterable[str]) -> KnownLegitimate:
    """Reads the shipped list with the user's; raises UsageError for one that cannot be used."""
    known = shipped_allowlist()
    for path in paths:
        try:
            known = known.merged(parse_allowlist(read_text(path), path))
        except LegitimateListError as error:
            raise UsageError(str(error)) from None
    return known


def read_decisions(path: str | None) -> tuple[Decision, ...]:
    """Reads the decisions of a file, if there is one; raises UsageError if it cannot be used."""
    from transforms import decisions_file  # with Beam, which not every command needs

    try:
        if path is None:
            return ()
        return decisions_file.parse_decisions(read_text(path, MOST_DECISIONS_BYTES), path)
    except decisions_file.DecisionError as error:
        raise UsageError(str(error)) from None


def bind_to_previous(decisions: tuple[Decision, ...], folder: str | None) -> tuple[Decision, ...]:
    """Binds decisions to what the finished run in `folder` shows, if there is one.

    One that stands bound in its decisions/ keeps that binding.
    """
    from transforms.decisions import BoundBy, bind, named_to_bind

    known = keep_bindings(decisions, folder)
    named = named_to_bind(known)
    if folder is None or not len(named):
        return known
    run = Run.open(folder)
    shown, interval = shown_entities(run, named)
    return bind(known, shown, interval, run.run_id, BoundBy.PREVIOUS)


def keep_bindings(decisions: tuple[Decision, ...], folder: str | None) -> tuple[Decision, ...]:
    """Gives decisions the bindings that they have in the finished run in `folder`, if any."""
    from transforms.decisions_file import taken_over

    if folder is None or all(one.members is not None for one in decisions):
        return decisions
    run = Run.open(folder)
    before = run_decisions(run)
    return taken_over(decisions, before, contested_values(run)) if before is not None else decisions


def run_decisions(run: Run) -> pa.Table | None:
    """Reads the bound decisions of a run; None for a run from before there were any.

    Those that were bound to that run itself have its id.

    Raises:
        UsageError: if they are not what the run wrote: they would be bound anew.
    """
    from apache_beam.io.filesystems import FileSystems

    listed = {str(one["name"]): one["sha256"] for one in run.manifest["outputs"]}
    files = [name for name in sorted(listed) if name.startswith(f"{DECISIONS.name}/")]
    if not files:
        return None
    for name in files:
        try:
            with FileSystems.open(FileSystems.join(run.folder, *name.split("/"))) as file:
                digest = hashlib.sha256(file.read()).hexdigest()
        except OSError:
            digest = ""
        if digest != listed[name]:
            raise UsageError(
                f"{run.folder}: {name} is not what the run wrote; restore it, or make the run again"
            )
    rows = tables.read_table(run, DECISIONS)
    here = pc.fill_null(rows["run_id"], run.run_id)
    return rows.set_column(rows.schema.get_field_index("run_id"), "run_id", here)


def contested_values(run: Run) -> dict[str, str]:
    """Returns the ids, with epochs, of contested identifiers by the withheld ids that a run shows.

    A copy of a run without its private/ has none.
    """
    from transforms.decisions_file import own_id

    columns = ["entity_id", "kind", "value"]
    rows = private_table(run, CONTESTED, columns, private_key()).to_pylist()
    if any(None in one.values() for one in rows):
        raise UsageError(
            f"{run.folder}: {CONTESTED.name} is not what the run wrote; restore it, or make the "
            "run again"
        )
    return {one["entity_id"]: own_id(one) for one in rows}


def lone_mailboxes(run: Run) -> dict[str, str]:
    """Returns the ids, with epochs, of mailboxes that one reporter alone names, by withheld id.

    A copy of a run without its private/ has none, and so has an older run.
    """
    from transforms.decisions_file import own_id

    unclaimed = pc.field("victim_reporters") == 0
    columns = ["entity_id", "kind", "value"]
    rows = private_table(run, CONTESTED, columns, private_key(), unclaimed).to_pylist()
    return {one["entity_id"]: own_id(one) for one in rows}


def shown_entities(run: Run, named: pa.Array) -> tuple[pa.Table, tuple[datetime, datetime] | None]:
    """Reads what a run shows of these entities and of all members of their clusters.

    What is contested there is shown under a withheld id, which its owner can look up.

    Returns:
        SHOWN rows, and the first and the last record of the run.
    """
    from transforms.decisions import SHOWN

    contested = contested_values(run)
    asked = set(named.to_pylist())
    standing = {value: stands for stands, value in contested.items() if value in asked}
    named = pa.concat_arrays([named, pa.array(standing.values(), pa.string())])
    of_named = pc.field("entity_id").isin(named)
    clusters = tables.read_table(run, MEMBERS, ["cluster_id"], of_named)["cluster_id"].unique()
    members = tables.read_table(
        run, MEMBERS, ["entity_id", "cluster_id", "tier"], pc.field("cluster_id").isin(clusters)
    )
    wanted = pa.concat_arrays([named, members["entity_id"].combine_chunks()]).unique()
    columns = ["entity_id", "first_seen", "first_used", "last_used", "last_seen"]
    entities = tables.read_table(run, ENTITIES, columns)
    shown = entities.filter(pc.is_in(entities["entity_id"], wanted)).select(columns[:-1])
    at = pc.index_in(shown["entity_id"], members["entity_id"].combine_chunks())
    cluster = members["cluster_id"].combine_chunks().take(at.combine_chunks())
    core = pc.equal(members["tier"].combine_chunks(), Tier.CORE).take(at.combine_chunks())
    rows = shown.append_column("cluster_id", cluster)
    rows = rows.append_column("core", pc.fill_null(core, False)).select(SHOWN.names)
    for value, stands in standing.items():
        row = rows.filter(pc.equal(rows["entity_id"], stands))
        own = pa.repeat(value, row.num_rows)
        rows = pa.concat_tables([rows, row.set_column(0, rows.schema.field(0), own)])
    if not entities.num_rows:
        return rows, None
    span = pc.min(entities["first_seen"]).as_py(), pc.max(entities["last_seen"]).as_py()
    return rows, span


def read_source_rules(path: str | None) -> SourceRules:
    """Reads the rules of a file, added to the shipped ones; raises UsageError if it is no good."""
    try:
        given = (
            parse_source_rules(read_text(path, MOST_RULES_BYTES), path) if path is not None else {}
        )
    except SourceRulesError as error:
        raise UsageError(str(error)) from None
    return dict(sorted({**shipped_source_rules(), **given}.items()))


def read_weights(path: str | None) -> PriorityWeights:
    """Reads the weights of a file, or the shipped ones; raises UsageError if it cannot be used."""
    try:
        if path is None:
            return shipped_weights()
        return parse_weights(read_text(path), path)
    except PriorityWeightsError as error:
        remedy = "" if ";" in str(error) else "; copy transforms/data/priority.toml, and change it"
        raise UsageError(f"{error}{remedy}") from None
