"""Checks a run's output folder, locks it for one run at a time, and summarizes it at the end.

The module is long because the summary reads each of its facts from the folder.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io.filesystems import FileSystems

from pipelines import key_store
from pipelines.data_files import read_data
from pipelines.options import Row, UsageError, system_errors, take_notices
from pipelines.private_keys import AgentError, AgentKey, open_private_key
from pipelines.progress import printable
from pipelines.safe_files import locked
from reports import signing, tables
from reports.run import Run
from reports.run_summary import BARE_LOSS
from reports.text import most_first, quantity
from schemas.enums import EntityKind, LineageEvent, RecordKind
from schemas.manifest import (
    MANIFEST_NAME,
    PRIVATE_MANIFEST,
    EntryStatus,
    InputEntries,
    InputFile,
    Manifest,
)
from schemas.tables import (
    CALLS,
    CLUSTERS,
    COMPLAINTS,
    ENTITIES,
    HELD_FOLDER,
    LINEAGE,
    PRIVATE_FOLDER,
    REJECTS,
)
from transforms.arrow import row_tuples
from transforms.custody import PrivateKey, PrivateStore, RunError, RunSettings, faulty_rows
from transforms.decisions import BoundBy
from transforms.engine import KIND_PLURAL
from transforms.phone import normalize_numbers
from transforms.stream import SNAPSHOTS_FOLDER
from transforms.victims import RegisterSource, own_register
from transforms.write import (
    count_in_text,
    is_local,
    recover_output,
    staging_folder,
    withheld_by_run,
)

REPORT_PAGE = "report/index.html"

MOST_REASONS = 4
"""Number of reasons that a line of the summary counts separately; the rest are added up."""

MOST_NAMES = 2
"""Number of files that a line of the summary names; the rest are counted."""

SECONDS_TO_END = 5.0
"""Seconds that a stopped run has to end by itself."""

_WORDS = read_data("words")

REJECT_REASONS: Mapping[str, str] = _WORDS["rejected"]

SKIP_REASONS: Mapping[str, str] = _WORDS["skipped"]

NUMBER_REASONS: Mapping[str, str] = _WORDS["unread"]

WITHHELD = "withheld as a victim's"
"""The reason for numbers that were not read and are no longer in the tables."""

_MAY_BE_SEVERAL = ("too_long", "not_a_number")
"""Reasons by which a field may contain several numbers, each of which was read."""


def check_output(output: str, *, overwrite: bool) -> None:
    """Checks that an output folder is empty, or has a run that may be overwritten.

    Raises:
        UsageError: if not, or if the folder cannot be read.
    """
    whole = _exists(output, MANIFEST_NAME)
    if whole and not overwrite:
        raise UsageError(f"{output}: contains a run already; give --overwrite, or another --output")
    if is_local(output):
        folder = Path(output)
        if folder.exists() and not whole and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{output}: exists and is not a run; give another --output")


def _exists(folder: str, name: str) -> bool:
    """Tests if a folder has a file. Raises UsageError if its file system does not answer."""
    try:
        return bool(FileSystems.exists(FileSystems.join(folder.rstrip("/"), name)))
    except Exception as error:  # each file system raises its own kinds
        problem = " ".join(f"cannot be looked at ({error})".split())[:300]
        raise UsageError(f"{folder}: {problem}; check the address and your access") from None


def private_store(output: str, chosen: str | None, token: str) -> PrivateStore:
    """Returns the place of a run's private files.

    Args:
        output: output folder of the run, or of the stream whose snapshot it is.
        chosen: value of `--private-output`.
        token: name of the folder where they are until the run is published.

    Raises:
        UsageError: for a folder that is, contains or is in the output, or has no file modes.
    """
    key = key_store.private_key()
    if chosen is None:
        return PrivateStore(key, kept=_keeps_modes(output))
    folder = str(Path(chosen).resolve()) if is_local(chosen) else chosen.rstrip("/")
    whole = str(Path(output).resolve()) if is_local(output) else output.rstrip("/")
    if folder == whole or folder.startswith(f"{whole}/") or whole.startswith(f"{folder}/"):
        raise UsageError(
            f"--private-output {chosen}: is --output, or in it, or around it; give a separate "
            "folder"
        )
    if is_local(chosen) and not _keeps_modes(chosen):
        raise UsageError(f"--private-output {chosen}: its disk has no file modes; give another")
    return PrivateStore(key, folder, staging_folder(folder, token))


@dataclass(frozen=True)
class RunSigner:
    """Signs manifests of runs, also on a worker; its text form does not show the key.

    `pem` is the private key, or the public key if an agent holds the private key.
    """

    pem: bytes = field(repr=False)

    def __call__(self, content: bytes) -> bytes | None:
        """Returns the signature file of a manifest; None, with a notice, if an agent refuses.

        A run of hours is not lost for that: it is published unsigned.
        """
        try:
            return signing.sign_detached(content, open_private_key(self.pem, "own.pem"))
        except AgentError as error:
            sys.stderr.write(f"ringtrace: the run is left unsigned: {error}\n")
            return None


def run_signer() -> RunSigner | None:
    """Returns the signer of runs with the own key; None if there is no key. Makes no key.

    Raises:
        UsageError: for a key that cannot be used.
    """
    if not key_store.own_path().exists():
        return None
    key = key_store.own_key(make=False)
    if isinstance(key, AgentKey):
        return RunSigner(signing.public_pem(key.public_key()))
    return RunSigner(signing.private_pem(key))


def check_private_output(
    private: PrivateStore, *, overwrite: bool = False, snapshots: bool = False
) -> None:
    """Makes the parent of the private folder, and restores files that a killed run replaced.

    Raises:
        UsageError: if it cannot be made, or has private files that may not be overwritten, or any
            other file. For `snapshots`, it may have private files of snapshots.
    """
    if private.output is None:
        return
    if not is_local(private.output):
        _exists(private.output, PRIVATE_MANIFEST)
        return
    folder = Path(private.output)
    with system_errors(folder, "give a folder that can be made"):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if snapshots:
        free = folder.is_dir() and all(
            Path(path, PRIVATE_FOLDER).is_dir() or path.name.startswith(".")
            for path in folder.iterdir()
        )
    else:
        recover_output(private.output)
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        free = folder.is_dir() and names <= ({PRIVATE_FOLDER} if overwrite else set())
    if folder.exists() and not free:
        raise UsageError(f"{folder}: exists and is not empty; give another --private-output")


def opening_lines(private: PrivateStore) -> Iterator[str]:
    """Yields the first lines: notices, and a warning if private files are not kept."""
    yield from take_notices()
    if not private.kept:
        yield (
            "warning: narratives, contested values and the victim register are not kept, as the "
            "output has no file modes, and later runs do not know what is contested; "
            "--private-output DIR, a restricted place, keeps them"
        )


def _keeps_modes(folder: str) -> bool:
    """Tests if files made only for their owner beside a folder are closed to others."""
    if not is_local(folder):
        return False
    parents = Path(folder).resolve().parents
    there = next((parent for parent in parents if parent.is_dir()), Path("/"))
    try:
        with TemporaryDirectory(prefix=".modes-", dir=there) as made:
            return not Path(made).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    except OSError:  # writing there will fail with a clearer error
        return True


@contextmanager
def lock_output(output: str) -> Iterator[None]:
    """Locks the output for this run, and removes files that killed runs left beside it.

    This includes runs to other outputs there, since a scheduler may give each run a new name.

    Raises:
        UsageError: if another run holds the lock, or the parent folder cannot be made or written.
    """
    if not is_local(output):
        yield
        return
    whole = Path(output).resolve()
    with _locked(whole), _ended_by_signals(whole):
        staged = whole.parent.glob(".*.staging-*")
        left = {path.name[1:].rpartition(".staging-")[0] for path in staged}
        for name in sorted(left - {"", ".", "..", whole.name}):
            if whole.with_name(f".{name}.lock").is_file():
                with suppress(UsageError, OSError), _locked(whole.with_name(name)):
                    pass
        yield


@contextmanager
def _locked(whole: Path) -> Iterator[None]:
    with system_errors(whole, "give a folder that can be made"):
        whole.parent.mkdir(parents=True, exist_ok=True)
    with locked(whole, wait=0, remedy="give a folder that can be made"):
        recover_output(str(whole))
        yield


@contextmanager
def _ended_by_signals(whole: Path) -> Iterator[None]:
    """Ends a run that a scheduler or a closed terminal stops, and leaves no files.

    The run ends as by Ctrl-C. Beam may lose the signal, or leave a thread that keeps the process
    running, so an alarm ends it for good.
    """
    owner, held, stopped = os.getpid(), True, False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal stopped
        if os.getpid() != owner:  # a fork
            os._exit(1)
        if number != signal.SIGALRM:
            # Start no thread: the signal may have interrupted code that holds the threads' lock.
            stopped = True
            signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_END)
            raise KeyboardInterrupt
        if held:
            recover_output(str(whole))
            whole.with_name(f".{whole.name}.lock").unlink(missing_ok=True)
            os.write(2, b"ringtrace: stopped\n")
        os._exit(1)

    here = threading.current_thread() is threading.main_thread()
    ending = [signal.SIGTERM, signal.SIGHUP, signal.SIGALRM] if here else []
    changed = [sig for sig in ending if signal.getsignal(sig) == signal.SIG_DFL]
    for sig in changed:
        signal.signal(sig, stop)
    try:
        yield
    finally:
        held = False
        for sig in changed:
            if sig != signal.SIGALRM or not stopped:  # else the alarm has still to ring
                signal.signal(sig, signal.SIG_DFL)


def discard_staging(run: RunSettings) -> None:
    """Removes the unfinished folder of a failed run."""
    for staging in (run.staging, run.private.staging):
        if staging is not None and is_local(staging):
            shutil.rmtree(staging, ignore_errors=True)


def has_faults(folder: str) -> bool:
    """Tells whether a run rejected all rows of a kind or of an input, or held files back."""
    manifest = Run.open(folder).manifest
    kinds = any(_is_all_rejected(manifest, records) for records in manifest["counts"])
    return kinds or bool(_rejected_inputs(manifest) or withheld_files(manifest))


def withheld_files(manifest: Manifest) -> dict[str, int]:
    """Returns, by file that a run held back, the number of withheld values in it."""
    begin = f"{HELD_FOLDER}/"
    return {
        file["name"].removeprefix(begin): file["rows"]
        for file in manifest.get("private", [])
        if file["name"].startswith(begin)
    }


def lines_for_log(
    folder: str, lines: Iterable[str], register: RegisterSource | None, key: PrivateKey | None
) -> Iterator[str]:
    """Yields lines on the run in `folder`, except lines with a value that it withheld.

    The name of an input may have such a value. `register` has the key of the run's register, `key`
    opens its private files.
    """
    try:
        manifest = Run.open(folder).manifest
    except RunError:  # `lines` say so already
        yield from lines
        return
    root = str(manifest.get("private_output") or folder)
    own = None if register is None else own_register(register, root, manifest)
    values = withheld_by_run(folder, manifest, own, PrivateStore(key))
    for line in lines:
        number = count_in_text(line, values)
        yield (
            f"warning: a line with {quantity(number, 'withheld value')} left out"
            if number
            else line
        )


def summary_lines(folder: str) -> Iterator[str]:
    """Yields the summary of the run in `folder`.

    The summary says which rows were used, why others were not, which numbers could not be read, how
    many clusters there are, and what to open. Warnings follow.
    """
    try:
        run = Run.open(folder)
    except RunError as error:
        yield f"warning: {error}"
        return
    yield from entry_lines(run.manifest.get("entries"))
    yield from _dialect_lines(run)
    for kind in KIND_PLURAL:
        yield from _record_lines(run, kind)
    yield from rejected_input_lines(run)
    yield from zone_lines(run)
    if (reasons := unread_numbers(run)).total():
        words = _in_words(reasons, NUMBER_REASONS)
        yield f"{quantity(reasons.total(), 'phone number')} could not be read: {words}"
    if number := tables.count_rows(run, COMPLAINTS, BARE_LOSS):
        yield (
            f"{quantity(number, 'loss', 'losses')} without a currency, in no total: give each its "
            "loss_currency, or write the constant loss_currency in the map"
        )
    yield _cluster_line(run)
    yield from decision_lines(run)
    for name, number in list(withheld_files(run.manifest).items())[:MOST_NAMES]:
        yield f"warning: held back: {name} names {quantity(number, 'withheld value')}; see `health`"
    if any(file["name"] == REPORT_PAGE for file in run.manifest["outputs"]):
        yield f"open {folder.rstrip('/')}/{REPORT_PAGE}"
    for alarm in run.manifest["alarms"]:
        if alarm["code"] == "islands_refused":
            yield f"warning: {alarm['message']}"


def entry_lines(entries: InputEntries | None) -> Iterator[str]:
    """Yields a line on files skipped below the inputs, and a line on unreadable files."""
    if entries is None:
        return
    listed = entries["listed"]
    if number := sum(entries["skipped"].values()):
        names = [entry["name"] for entry in listed if entry["status"] == EntryStatus.SKIPPED]
        skipped = f"{quantity(number, 'entry', 'entries')} below the inputs skipped"
        named = (
            printable(", ".join(names)) if number <= MOST_NAMES else "see `entries` in the manifest"
        )
        yield f"{skipped}: {_in_words(entries['skipped'], SKIP_REASONS)} ({named})"
    if number := entries["unreadable"]:
        bad = [
            printable(f"{entry['name']} ({entry['reason']})")
            for entry in listed
            if entry["status"] == EntryStatus.UNREADABLE
        ]
        yield f"warning: not read, and in no cluster: {_some(bad, number)}"


def _some(names: Sequence[str], number: int) -> str:
    """Returns the first names, and how many of `number` are left."""
    shown = names[:MOST_NAMES]
    rest = f" and {number - len(shown):,} more" if number > len(shown) else ""
    return f"{', '.join(shown)}{rest}"


def _dialect_lines(run: Run) -> Iterator[str]:
    """Yields the dialects of the inputs, except UTF-8 with commas."""
    named: dict[str, list[str]] = {}
    for file in run.manifest["inputs"]:
        if dialect := file.get("dialect"):
            named.setdefault(dialect, []).append(printable(file["name"]))
    for dialect, names in sorted(named.items()):
        yield f"read as {dialect}: {_some(names, len(names))}"


def rejected_input_lines(run: Run) -> Iterator[str]:
    """Yields the inputs whose rows were all rejected, each with the first reason."""
    lost = _rejected_inputs(run.manifest)
    for file in lost[:MOST_REASONS]:
        where = (pc.field("source") == file["name"]) & (pc.field("record_kind") == file["kind"])
        rows = run.table(REJECTS, ["position", "code"], where).sort_by("position")
        first = (
            f", the first as {rows['code'][0]} in row {rows['position'][0]}" if len(rows) else ""
        )
        yield (
            f"warning: every row of {printable(file['name'])} was rejected "
            f"({file['rejected']:,} of {file['rows']:,}){first}"
        )
    if len(lost) > MOST_REASONS:
        yield f"warning: every row of {len(lost) - MOST_REASONS:,} more inputs was rejected"


def zone_lines(run: Run) -> Iterator[str]:
    """Yields the maps by which a run took times without a zone as UTC."""
    assumed: Any = run.manifest["options"].get("assumed_utc")
    if assumed:
        yield (
            f"times that name no zone were taken as UTC by {', '.join(map(str, assumed))}: give "
            "--timezone, or write timezone in the map"
        )


def decision_lines(run: Run) -> Iterator[str]:
    """Yields the evidence that decisions were bound to, if this run bound them."""
    counted = run.manifest["tallies"].get("decisions", {})
    if new := counted.get(BoundBy.PREVIOUS, 0):
        yield f"{quantity(new, 'new decision')} bound to what the previous run shows"
    if new := counted.get(BoundBy.HERE, 0):
        yield (
            f"{quantity(new, 'decision')} bound to what this run shows, as no earlier run is "
            "given: give this run as --previous from now on"
        )
    if idle := counted.get("cover_nothing", 0):
        yield (
            f"warning: {quantity(idle, 'confirm or review decision')} cover nothing, as nothing of "
            "it was there when it was made: decide again with `ringtrace decide`"
        )


def stream_summary_lines(output: str) -> Iterator[str]:
    """Yields the summary of a stream that has ended: its latest snapshot, and its rejects."""
    snapshot = latest_snapshot(output)
    if snapshot is None:
        yield f"no snapshot is in {output}/{SNAPSHOTS_FOLDER}: no record was read"
    else:
        try:
            run = Run.open(snapshot)
        except RunError as error:
            yield f"warning: {error}"
            return
        counts = run.manifest["counts"]
        complaints = quantity(counts["complaints"]["accepted"], "complaint")
        expired = run.manifest["tallies"].get("live", {}).get("expired", 0)
        left_out = f", {expired:,} expired" if expired else ""
        yield f"{complaints} and {quantity(counts['calls']['accepted'], 'call')} used{left_out}"
        yield from zone_lines(run)
        yield _cluster_line(run)
    try:
        codes = tables.count_by(output, REJECTS, ["code"])
    except FileNotFoundError:
        codes = None
    if codes is not None and codes.num_rows:
        by_code = dict(row_tuples(codes))
        rows = quantity(sum(by_code.values()), "rejected row")
        yield f"{rows} in {output}/{REJECTS.name}: {_in_words(by_code, REJECT_REASONS)}"
    if snapshot is not None:
        yield f"the latest snapshot is {snapshot}"


def latest_snapshot(output: str) -> str | None:
    """Returns the folder of a stream's latest snapshot, None if there is none."""
    folder = FileSystems.join(output.rstrip("/"), SNAPSHOTS_FOLDER)
    if is_local(output):
        snapshots = [str(path.parent) for path in Path(folder).glob(f"[0-9]*/{MANIFEST_NAME}")]
    else:
        pattern = FileSystems.join(folder, "*", MANIFEST_NAME)
        paths = [
            file.path for match in FileSystems.match([pattern]) for file in match.metadata_list
        ]
        snapshots = [path.removesuffix(f"/{MANIFEST_NAME}") for path in paths]
    return max(snapshots, default=None)


def unread_numbers(run: Run) -> Counter[str]:
    """Counts the phone numbers of a run that could not be read, by reason.

    It counts the numbers of complaints (`numbers_unread`), and the suspects' numbers of calls.
    """
    counts: Counter[str] = Counter()
    wanted = ["phone_numbers", "victim_country", "numbers_unread"]
    for batch in run.batches(COMPLAINTS, wanted, pc.field("numbers_unread") > 0):
        counts.update(_unread_of_complaints(batch))
    # A number that is an entity of the run was read; this skips most calls.
    known = tables.IdIndex(run.table(ENTITIES, ["entity_id"])["entity_id"])
    number = pc.field("suspect_number")
    for batch in run.batches(CALLS, ["suspect_number", "victim_country"], number.is_valid()):
        ids = pc.binary_join_element_wise(EntityKind.PHONE, batch["suspect_number"], ":")
        rest = batch.filter(pa.array(known.places(ids) < 0))
        readings = normalize_numbers(rest["suspect_number"], rest["victim_country"])
        reasons = pc.struct_field(readings, "reason").drop_null()
        counts.update(reasons.to_pylist())
    counts.pop("empty", None)
    return counts


def _unread_of_complaints(batch: pa.RecordBatch) -> Iterator[str]:
    """Yields the reason for each unread number of these complaints.

    Each complaint states how many of its numbers are unread. Fields that may contain several
    numbers count only up to it. If the fields are too few, withheld numbers make up the rest.
    """
    listed = batch["phone_numbers"]
    parents = pc.list_parent_indices(listed)
    raw = pc.struct_field(pc.list_flatten(listed), "raw")
    readings = normalize_numbers(raw, batch["victim_country"].take(parents))
    left = batch["numbers_unread"].to_pylist()
    perhaps: list[tuple[int, str]] = []
    for row, reason in zip(
        parents.to_pylist(), pc.struct_field(readings, "reason").to_pylist(), strict=True
    ):
        if reason in _MAY_BE_SEVERAL:
            perhaps.append((row, reason))
        elif reason not in (None, "empty") and left[row]:
            left[row] -= 1
            yield reason
    for row, reason in perhaps:
        if left[row]:
            left[row] -= 1
            yield reason
    for several in left:
        yield from [WITHHELD] * several


def _record_lines(run: Run, kind: RecordKind) -> Iterator[str]:
    plural = KIND_PLURAL[kind]
    rows = run.manifest["counts"]["complaints" if kind == RecordKind.COMPLAINT else "calls"]
    names = [file["name"] for file in run.manifest["inputs"] if file["kind"] == kind]
    if rows["read"]:
        used = f"{rows['accepted']:,} of {quantity(rows['read'], kind)} used"
        again = quantity(rows["duplicates"], "duplicate")
        erased = f", {rows['erased']:,} erased" if rows.get("erased") else ""
        yield f"{used}, {again}, {rows['rejected']:,} rejected{erased}"
    elif names:
        yield f"no {plural} were read: {_file_list(names)} no rows"
    if rows["rejected"]:
        by_code = run.manifest["tallies"].get(f"{kind}_rejects", {})
        first = f"{plural} rejected"
        if _is_all_rejected(run.manifest, plural):
            first = f"every row of the {plural} was rejected"
        how = f"`ringtrace rejects {shlex.quote(run.folder)} --output DIR` exports them"
        yield f"{first}: {_in_words(by_code, REJECT_REASONS)}; {how}"


def _file_list(names: list[str]) -> str:
    """Returns files as a subject with its verb: "a.csv, b.csv and 3 more have"."""
    several = len(names) > MOST_NAMES
    joined = _some(names, len(names)) if several else " and ".join(names)
    return f"{joined} {'has' if len(names) == 1 else 'have'}"


def _in_words(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    """Returns counts by reason, most first: "200 too short, 112 without a country"."""
    ordered = most_first(counts)
    shown = [f"{number:,} {words.get(code, code)}" for code, number in ordered[:MOST_REASONS]]
    rest = sum(number for _, number in ordered[MOST_REASONS:])
    return ", ".join([*shown, *([f"{rest:,} for other reasons"] if rest else [])])


def _cluster_line(run: Run) -> str:
    clusters = tables.count_rows(run, CLUSTERS, pc.field("size") > 1)
    changed = ""
    if run.manifest["options"].get("previous") is not None:
        moved = pc.field("event") != LineageEvent.UNCHANGED
        components = run.manifest["tallies"].get("islands", {})
        changed = (
            f", {tables.count_rows(run, LINEAGE, moved):,} changed; "
            f"{quantity(components.get('clustered', 0), 'component')} clustered, "
            f"{components.get('taken_over', 0):,} taken over from the previous run"
        )
    return f"{quantity(clusters, 'cluster')} of two or more{changed}"


def _rejected_inputs(manifest: Row) -> list[InputFile]:
    """Lists the inputs of a run that were read in vain, most rows first."""
    vain = [file for file in manifest["inputs"] if 0 < file["rows"] == file.get("rejected")]
    return sorted(vain, key=lambda file: (-file["rows"], file["name"]))


def _is_all_rejected(manifest: Row, records: str) -> bool:
    return 0 < manifest["counts"][records]["read"] == faulty_rows(manifest, records)
