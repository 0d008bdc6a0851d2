"""Reads scam complaints and call records, and finds the infrastructure behind them.

A run, as `ringtrace batch` makes it, and what it found:

```python
import ringtrace as rt

run = rt.run_batch(complaints="examples/*.csv", output="runs/api", overwrite=True)
run.clusters.select(["cluster_id", "name", "size", "priority"]).slice(0, 5).to_pylist()
print(run.explain("+1 833 304 1447"))

again = rt.open_run("runs/api")
assert again == run
```

Single values, read as the pipeline reads them:

```python
rt.normalize_phone("(888) 555-0123", "US").e164  # "+18885550123"
rt.extract_identifiers("Pay at hxxps://refund[.]example or call 888 555 0123", "US")
```

The steps of a run in a Beam pipeline of one's own. The elements are Arrow RecordBatches; the names
in capitals below are their schemas, in `schemas.complaint`, `call`, `mention` and `reject`:

```python
import apache_beam as beam
import pyarrow as pa

with beam.Pipeline("DirectRunner") as pipeline:
    found = (
        pipeline
        | rt.ReadRecords(complaints="examples/*.csv")
        | rt.ValidateRecords()
        | rt.ExtractMentions()
        | rt.FindClusters()
    )
    names = (
        found["clusters"]
        | beam.FlatMap(pa.RecordBatch.to_pylist)
        | beam.Map(lambda row: f"{row['cluster_id']}: {row['name']}")
    )
    _ = names | beam.io.WriteToText("runs/clusters.txt", shard_name_template="")
```

Records that are in no file become batches first, and `source` and `position` say where a row is
from:

```python
from schemas.complaint import COMPLAINT_LOOSE

rows = [
    {
        "complaint_id": str(number),
        "source_org": "ours",
        "received_at": "2026-03-01T09:30:00Z",
        "victim_country": "US",
        "narrative": "Amazon refund, call back 888-555-0142. Paid to refunds@amzn-refund.support",
        "source": "our queue",
        "position": number,
        "format": "ours",
        "raw": b"",
    }
    for number in (1, 2)
]
with beam.Pipeline("DirectRunner") as pipeline:
    batches = (
        pipeline
        | beam.Create(rows)
        | beam.BatchElements()
        | beam.Map(lambda several: pa.RecordBatch.from_pylist(several, COMPLAINT_LOOSE))
    )
    found = (
        {"complaints": batches}
        | rt.ValidateRecords()
        | rt.ExtractMentions()
        | rt.FindClusters()
    )
    _ = found["members"] | beam.FlatMap(pa.RecordBatch.to_pylist) | beam.Map(print)
```

`import ringtrace` loads next to nothing: Arrow, Beam and the rest are loaded as they are needed.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace

    from pipelines.composites import ExtractMentions, FindClusters, ReadRecords, ValidateRecords
    from pipelines.options import UsageError
    from reports.run import Run
    from transforms.custody import AlteredRunError, RunError

    __version__: str

__all__ = [
    "AlteredRunError",
    "ExtractMentions",
    "FindClusters",
    "Identifier",
    "PhoneNumber",
    "ReadRecords",
    "Run",
    "RunError",
    "UsageError",
    "ValidateRecords",
    "__version__",
    "extract_identifiers",
    "normalize_phone",
    "open_run",
    "run_batch",
]

_LAZY = {
    "ExtractMentions": "pipelines.composites",
    "FindClusters": "pipelines.composites",
    "ReadRecords": "pipelines.composites",
    "ValidateRecords": "pipelines.composites",
    "UsageError": "pipelines.options",
    "Run": "reports.run",
    "RunError": "reports.run",
    "AlteredRunError": "transforms.custody.manifest",
}
"""The modules of the names that are loaded when they are used."""

_NOT_OF_A_CALL = {
    "no_wait": "it waits for its run; use the command ringtrace batch --no-wait",
    "help": "see help(ringtrace.run_batch)",
}
"""Options of the command that a call has no use for."""

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""A file, folder or glob, or several."""


class PhoneNumber(NamedTuple):
    """A phone number as the pipeline reads it; true if it could be read.

    Attributes:
        e164: The number, such as `+18885550123`, or None if it is not one to rely on.
        region: The region whose number it is, ISO 3166-1 alpha-2; None for one of no country.
        line_type: `fixed_line`, `mobile`, `toll_free`, `voip` and so on.
        method: How it was read: `international`, `national`, `vanity`, `spelled` and so on.
        confidence: That the reading is right, 0 to 1.
        reason: Why it was refused, such as `too_short`, `invalid`, `no_region` or `ambiguous`.
        extension: The extension written behind it.
        also_read_as: Less plausible readings, E.164.
    """

    e164: str | None
    region: str | None
    line_type: str | None
    method: str | None
    confidence: float
    reason: str | None
    extension: str | None
    also_read_as: str | None

    def __bool__(self) -> bool:
        return self.e164 is not None


class Identifier(NamedTuple):
    """An identifier at its place in a text.

    Attributes:
        entity_id: Its canonical id, such as `phone:+18885550123`.
        kind: Its kind: `phone`, `email`, `url`, `wallet` and so on.
        role: Its part in the text, such as `callback`, `payment` or `mentioned`; `victim` for what
            the writer calls their own.
        start: Its first character: `text[start:end]` is `raw`.
        end: The character after its last one.
        raw: The text that was read.
        confidence: That the reading is right, 0 to 1.
        method: How it was read, where there is more than one way.
    """

    entity_id: str
    kind: str
    role: str
    start: int
    end: int
    raw: str
    confidence: float
    method: str | None


def run_batch(
    complaints: Paths = (),
    calls: Paths = (),
    *,
    output: str | os.PathLike[str],
    progress: bool = True,
    **options: Any,
) -> Run:
    """Runs `ringtrace batch` in this process and opens the run that it made.

    Args:
        complaints: Complaint files, folders or globs; one or several.
        calls: The same of call records.
        output: The folder of the run; it must not exist, or hold a run with `overwrite=True`.
        progress: Whether to write on stderr how far the run is.
        options: Other options of the command with underscores, such as `overwrite=True`,
            `known_legitimate=["ours.csv"]`, `previous="runs/monday"` or `as_of`, a datetime with a
            zone; also Beam's, such as `runner="FlinkRunner"`.

    Returns:
        The run. One whose complaints or calls were all rejected comes with a warning.

    Raises:
        TypeError: for an option that is not known, or a value of the wrong type.
        UsageError: for what the command refuses, such as a file that is not there; one line.
        RuntimeError: if the run fails; it names the kind and place of the error, and no data.
            With `debug=True` the error itself is raised instead.
    """
    import gc
    import logging
    from contextlib import nullcontext, redirect_stderr

    from pipelines.batch.__main__ import run
    from pipelines.composites import path_list

    flags = [f"--complaints={path}" for path in path_list("complaints", complaints)]
    flags += [f"--calls={path}" for path in path_list("calls", calls)]
    (folder,) = path_list("output", [output])
    arguments = _batch_arguments([*flags, f"--output={folder}"], options)
    from pipelines.runner import RunFailedError  # with Beam, as wrong usage need not

    root = logging.getLogger()
    level = root.level
    try:
        with nullcontext() if progress else redirect_stderr(io.StringIO()):
            status = run(arguments)
    except RunFailedError as error:
        raise RuntimeError(f"the run failed: {error.problem}; debug=True shows more") from None
    finally:
        root.setLevel(level)  # a run turns the logs off that could show a victim's words
        gc.collect()  # a pipeline refers to itself, and keeps its batches, 12 MB of a small run
    if status:
        warnings.warn(
            "all complaints, or all calls, were rejected; run.table('rejects') has the reasons",
            stacklevel=2,
        )
    return open_run(folder)


def open_run(path: str | os.PathLike[str]) -> Run:
    """Opens a finished run: a folder, or a `gs://` or `s3://` URL.

    Its tables are compared with its manifest as they are read, and its signature, where it has one,
    with your own key and those that you trust; `Run.notes` says what it lacks.

    Raises:
        RunError: if there is no finished run of this version.
        AlteredRunError: if a signature does not fit; so does a read of what the run did not write.
        TypeError: for what is no path.
    """
    from pipelines.user_files import known_keys
    from reports.run import Run

    return Run.open(path, known_keys)


def normalize_phone(raw: str, country: str | None) -> PhoneNumber:
    """Normalizes one phone number to E.164, or refuses it with a reason.

    Args:
        raw: The number as somebody wrote it; one that cannot be read is no error.
        country: The country of the writer, ISO 3166-1 alpha-2, under which a national number is
            read; with None only an international one is.

    Raises:
        TypeError: for anything but a string.
        ValueError: for a country code that does not exist.
    """
    from transforms.phone import normalize_number

    number = normalize_number(_text("raw", raw), _country(country))
    how = str(number.how) if number.how else None
    values = {name: getattr(number, name) for name in PhoneNumber._fields if name != "method"}
    return PhoneNumber(**values, method=how)


def extract_identifiers(text: str, country: str | None) -> list[Identifier]:
    """Extracts the identifiers of a text, as the pipeline does from a complaint's narrative.

    Args:
        text: The text, of at most 12,000 characters: the pipeline reads no further.
        country: The country of the writer, ISO 3166-1 alpha-2, under which national numbers are
            read; with None only international ones are.

    Returns:
        The identifiers by their place.

    Raises:
        TypeError: for anything but a string.
        ValueError: for a text that is too long or not valid Unicode, or a country code that
            does not exist.
    """
    import pyarrow as pa

    from schemas.complaint import COMPLAINT_ACCEPTED
    from transforms.decode import SEARCH_LIMIT
    from transforms.extract import complaint_mentions

    narrative, region = _text("text", text), _country(country)
    if len(narrative) > SEARCH_LIMIT:
        raise ValueError(
            f"text: has {len(narrative):,} characters, of which the pipeline reads the first "
            f"{SEARCH_LIMIT:,}; give it in parts"
        )
    row = {
        "complaint_id": "1",
        "source_org": "asked",
        "received_at": pa.scalar(0, COMPLAINT_ACCEPTED.field("received_at").type).as_py(),
        "source": "",
        "position": 0,
        "format": "",
        "victim_country": region,
        "narrative": narrative,
    }
    mentions = complaint_mentions(pa.RecordBatch.from_pylist([row], COMPLAINT_ACCEPTED))
    columns = ("entity_id", "kind", "role", "start", "end", "raw", "confidence", "how")
    rows = zip(*(mentions[name].to_pylist() for name in columns), strict=True)
    identifiers = [Identifier(*values) for values in rows]
    return sorted(
        identifiers, key=lambda identifier: (identifier.start, identifier.end, identifier.entity_id)
    )


def _batch_arguments(flags: list[str], options: Mapping[str, object]) -> Namespace:
    """Parses the flags of a run, and the options of a call as the command would parse its own."""
    from pipelines.batch.__main__ import add_arguments
    from pipelines.options import (
        StrictParser,
        UsageError,
        beam_flags,
        option_flags,
        parse_with_beam,
    )

    parser = StrictParser(prog="ringtrace batch")
    add_arguments(parser)
    own = parser.options()
    for name, value in options.items():
        if name in _NOT_OF_A_CALL:
            raise TypeError(f"run_batch() takes no {name}: {_NOT_OF_A_CALL[name]}")
        more = list(option_flags(name, value, own.get(name)))
        flags = flags + more
        if name in own:
            continue
        try:
            known = [action.option_strings[0] for action in own.values()]
            beam_flags(more or [f"--{name}"], parser.prog, known)
        except UsageError as error:
            if "unknown option" in str(error):
                near = re.search(r"did you mean --([\w-]+)", str(error))
                meant = f"; did you mean {near[1].replace('-', '_')}?" if near else ""
                raise TypeError(
                    f"run_batch() has no option {name!r:.80}{meant} (see ringtrace batch --help)"
                ) from None
            if more:
                raise
    return parse_with_beam(parser, flags)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}: give a text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name}: half of a surrogate pair at {error.start}, which is not a character"
        ) from None
    return value


def _country(value: object) -> str | None:
    from schemas.enums import COUNTRIES

    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"country: give a code such as 'US', or None, not {type(value).__name__}")
    code = value.strip().upper()
    if code not in COUNTRIES:
        meant = "; the United Kingdom is GB" if code == "UK" else ", such as 'US'"
        raise ValueError(f"country: {value!r:.80} is not an ISO 3166-1 alpha-2 code{meant}")
    return code


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("ringtrace")
        except metadata.PackageNotFoundError:
            return "0+unknown"
    if name not in _LAZY:
        raise AttributeError(f"module 'ringtrace' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
