"""Makes the plan of a batch run: recognizes files, reads lists, keys and the previous run's index.

All this happens before anything is written, so that wrong usage writes nothing.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from pipelines.batch.options import PARTITIONS_FLAG
from pipelines.batch.pipeline import BatchPlan
from pipelines.key_store import erasures, private_key, register_source
from pipelines.options import Json, UsageError, gives, usage_errors
from pipelines.people import read_people, recorded_people
from pipelines.run_folder import private_store, run_signer
from pipelines.user_files import (
    bind_to_previous,
    check_continues,
    file_digest,
    open_run,
    read_decisions,
    read_known_legitimate,
    read_maps,
    read_passport_keys,
    read_source_rules,
    read_weights,
    recorded_reading,
)
from pipelines.wiring import FOLLOWS_NONE, PreviousRun
from reports.export import NODES_FILE
from reports.run import Run
from reports.tables import check_size
from schemas.manifest import SIMULATED_NAME
from schemas.tables import COMPONENTS, MEMBERS
from transforms.custody import (
    AlteredRunError,
    Erasures,
    PrivateFileError,
    RunError,
    RunSettings,
    check_files,
    current_time,
)
from transforms.engine import MAX_PARTITIONS, PARTITIONS
from transforms.gates import read_bytes
from transforms.graph import read_contested
from transforms.read import InputError, InputFile, ReadOptions, survey_inputs
from transforms.redact import MissingNamesLibraryError, recognizer_version
from transforms.values import SourceRules
from transforms.write import is_local, staging_folder

DEPENDED_ON = ("ringtrace", "apache-beam", "networkx", "phonenumbers", "pyarrow", "tldextract")
"""Packages whose version can change the results of a run."""


PREVIOUS = "--previous "
"""Text before the folder of a previous run in messages."""

BYTES_A_PARTITION = 32 << 20
"""Bytes of input in a partition. A worker needs some ten times as much memory (docs/scale.md).
Many more partitions would cost time, as each batch is split into all of them."""

TINY = 512 << 10
"""Largest input in a single partition, in bytes: some thousand complaints; forks would not pay."""

LEAST_PARTITIONS, SMALL_PARTITION = 5, 10 << 20
"""Fewest partitions of a larger input, and bytes for each further one, up to `PARTITIONS`.

Each costs 0.2 s of CPU, for compiling patterns and calls of Arrow. The number is odd: a local run
times a step's first partition, then two processes share the others equally."""

LARGEST_LIST = 1 << 20
"""Largest list of a simulated world's files, in bytes."""

COMPRESSION_RATIO = 8
"""Bytes that a byte of a compressed file becomes when read: the largest measured ratio."""


def read_options(options: Namespace) -> ReadOptions:
    """Returns the options on the format of records.

    Raises:
        UsageError: for a key or a map that cannot be used.
    """
    return ReadOptions(
        complaints_format=options.complaints_format,
        calls_format=options.calls_format,
        source_org=options.source_org,
        calls_direction=options.calls_direction,
        passport_keys=read_passport_keys(options.passport_keys),
        maps=read_maps(options.map),
        timezone=options.timezone,
        victim_country=options.victim_country,
    )


def recorded_options(options: Namespace, rules: SourceRules, reading: ReadOptions) -> Json:
    """Returns the options of a run that every manifest records."""
    return {
        "calls_direction": options.calls_direction,
        "known_legitimate": [Path(path).name for path in options.known_legitimate],
        "priority_weights": file_digest(options.priority_weights),
        "source_org": options.source_org,
        "sources": {org: str(rule) for org, rule in rules.items()},
        **recorded_people(options),
        **recorded_reading(options.map, reading),
    }


def make_plan(options: Namespace, token: str) -> BatchPlan:
    """Checks every input and returns the plan.

    Args:
        options: options of the run.
        token: name of the folder where the run is until it is published.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    reading = read_options(options)
    try:
        survey = survey_inputs(
            options.complaints, options.calls, reading, skip_unreadable=options.skip_unreadable
        )
    except InputError as error:
        more = f" (and {error.entries - 1:,} more like it)" if error.entries > 1 else ""
        way = f"{more}; --skip-unreadable leaves such out" if error.entries else ""
        raise UsageError(f"{error}{way}") from None
    previous = find_previous(options.previous)
    rules = read_source_rules(options.sources)
    people = read_people(options.people)
    decisions = read_decisions(
        options.decisions, people, two_person=options.two_person, as_of=options.as_of
    )
    check_continues(decisions, options.decisions, options.previous)
    simulated = simulated_digests(survey.files)
    private = private_store(options.output, options.private_output, token)
    return BatchPlan(
        files=tuple(survey.files),
        reading=reading,
        known=read_known_legitimate(options.known_legitimate),
        as_of=options.as_of,
        previous=previous,
        decisions=bind_to_previous(decisions, options.previous),
        simulated=simulated,
        rules=rules,
        weights=read_weights(options.priority_weights),
        shards=options.shards,
        keep_narratives=options.keep_narratives,
        mask_names=options.mask_names,
        erasures=Erasures(erasures(options.register_key)),
        sign=run_signer(),
        private_key=private.key,
        run=RunSettings(
            staging=staging_folder(options.output, token),
            output=options.output,
            versions=package_versions(),
            options={
                "as_of": options.as_of.isoformat() if options.as_of else None,
                "decisions": file_digest(options.decisions),
                "keep_narratives": options.keep_narratives,
                "previous": previous.run_id,
                "shards": options.shards,
                **({"simulated": True} if simulated else {}),
                **({"trial": True} if options.trial else {}),
                **recorded_options(options, rules, reading),
                **_recorded_recognizer(asked=options.mask_names),
            },
            clock=options.now or options.as_of or current_time(),
            entries=survey.entries,
            private=private,
        ),
    )


def simulated_digests(files: Sequence[InputFile]) -> frozenset[str]:
    """Returns the digests of simulated record files, from the simulator's lists near the inputs.

    Nothing but these lists says that records are not real.
    """
    folders = {Path(file.path).parent for file in files if is_local(file.path)}
    digests: set[str] = set()
    for path in {near / SIMULATED_NAME for folder in folders for near in (folder, folder.parent)}:
        with suppress(OSError, UnicodeDecodeError):
            lines = read_bytes(path, LARGEST_LIST).decode().splitlines()
            digests.update(line.partition("  ")[0] for line in lines)
    return frozenset(digests)


def with_register(plan: BatchPlan, options: Namespace) -> BatchPlan:
    """Adds the victim register to a plan; called last, as wrong usage must not make the key.

    Raises:
        UsageError: for a key or a register of the previous run that cannot be used.
    """
    register = register_source(
        options.register_key,
        use=not options.no_register,
        runs=[options.previous] if options.previous else [],
        make=is_local(options.output),
        erased=plan.erasures,
    )
    recorded = {**plan.run.options, "register": register is not None}
    return replace(plan, register=register, run=replace(plan.run, options=recorded))


def flags_for_size(files: Sequence[InputFile], flags: Sequence[str]) -> list[str]:
    """Returns Beam's flag for the number of partitions, by the size of the files.

    Results do not depend on it. Returns nothing if `flags` have it.
    """
    plain = sum(
        file.size * (1 if file.compression == "none" else COMPRESSION_RATIO) for file in files
    )
    if gives(flags, PARTITIONS_FLAG):
        return []
    if plain <= TINY:
        return [f"{PARTITIONS_FLAG}=1"]
    small = min(max(plain // SMALL_PARTITION, LEAST_PARTITIONS), PARTITIONS)
    count = min(max(plain // BYTES_A_PARTITION, small) | 1, MAX_PARTITIONS)
    return [f"{PARTITIONS_FLAG}={count}"]


def _recorded_recognizer(*, asked: bool) -> dict[str, str]:
    """Returns the manifest's entry for --mask-names: the recognizer and its version.

    Raises:
        UsageError: if it is not installed.
    """
    if not asked:
        return {}
    with usage_errors(
        MissingNamesLibraryError, before="--mask-names needs a recognizer of names: "
    ):
        return {"mask_names": recognizer_version()}


def package_versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that a run depends on."""
    versions = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in DEPENDED_ON:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def find_previous(previous: str | Run | None) -> PreviousRun:
    """Reads the manifest of a previous run.

    Args:
        previous: its folder, or the run itself if it is already open for building on.

    Raises:
        UsageError: if the folder is no finished run, has another version of the contract, has a
            changed file, or was signed by an unknown key.
    """
    if previous is None:
        return FOLLOWS_NONE
    folder = os.fspath(previous)
    try:
        run = (
            previous
            if isinstance(previous, Run)
            else open_run(previous, built_on=True, name=PREVIOUS)
        )
        digests = {str(file["name"]): str(file["sha256"]) for file in run.manifest["outputs"]}
    except RunError as error:
        raise UsageError(
            f"--previous {error}; name a finished run of this version, or none"
        ) from None
    except AlteredRunError as error:
        raise UsageError(f"--previous {error}") from None
    names = sorted(digests)
    files = {name: f"{folder.rstrip('/')}/{name}" for name in names}
    paths = [files[name] for name in names if name.startswith(f"{MEMBERS.name}/")]
    if not paths:
        raise UsageError(f"{folder}: --previous has no {MEMBERS.name}/; give a complete run")
    try:
        for _ in read_contested(folder, private_key()):
            continue
    except OSError:
        raise UsageError(
            f"{folder}: --previous has no private/contested; give the run with its private folder"
        ) from None
    except PrivateFileError as error:
        raise UsageError(f"--previous {error}") from None
    of_components = [name for name in names if name.startswith(f"{COMPONENTS.name}/")]
    components = tuple((files[name], digests[name]) for name in of_components)
    # Without the positions of nodes, figures get a new layout; that is no reason to fail.
    nodes = files.get(NODES_FILE)
    drawn = nodes if nodes is not None and FileSystems.exists(nodes) else None
    if drawn is not None:
        listed = (file for file in run.manifest["outputs"] if file["name"] == NODES_FILE)
        check_files(folder, listed)
        check_size(drawn, digests[NODES_FILE])
    return PreviousRun(folder, run.run_id, tuple(paths), components, drawn)
