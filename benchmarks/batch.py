"""Costs of a batch run, by step or by module: `python -m benchmarks.batch [N ...]`.

Each N is a simulated world of N complaints (`benchmarks.worlds`). The run is a separate process;
all its processes are sampled every tenth of a second. It notes the start of each stage of Beam's
local runner and the bytes of every encoded batch. For each step, the peak of resident memory that
is not shared and the CPU seconds of the main process are printed. --record prints the costs of an
additional complaint and call instead, from three worlds without and with calls. --stages prints
pipelines/data/batch_steps.toml again, and the start of each stage.

With --by-module py-spy samples the run: the share of CPU by layer, and by module of ringtrace or
part of Beam. This needs `uv sync --inexact --group bench`, and the right to trace child processes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.dataset as ds

from benchmarks import measured
from benchmarks.worlds import inputs, world
from pipelines import runner
from pipelines.batch import __main__, pipeline
from pipelines.progress import WorkDone, batch_steps
from schemas.call import CALL_ACCEPTED, CALL_READ
from schemas.complaint import COMPLAINT_ACCEPTED, COMPLAINT_READ
from schemas.mention import EVIDENCE
from schemas.tables import ALL_TABLES
from transforms.engine import EncodedBatch, batch_codec, shuffle
from transforms.graph.link_weights import PAIR_SUM
from transforms.write import publish

REPORT = "Finish"
"""The step that writes the report."""

CALLS = 4
"""Calls of a complaint in the third world of `--record`."""

COSTS = (
    "CPU, s", "peak memory, bytes", "encoded for shuffles, bytes", "encoded in all, bytes",
    "entities",
)  # fmt: skip

ROWS = {
    tuple(schema.names): name
    for name, schema in {
        "complaints": COMPLAINT_ACCEPTED,
        "complaints with what was read": COMPLAINT_READ,
        "calls": CALL_ACCEPTED,
        "calls with what was read": CALL_READ,
        "evidence": EVIDENCE,
        "pairs": PAIR_SUM,
        **{f"written {table.name}": table.schema for table in ALL_TABLES},
    }.items()
}
"""The content of a batch, by its columns."""

BETWEEN_STEPS = "between steps"

SAMPLES_A_SECOND = 50

MODULES_SHOWN = 25

_FRAME = re.compile(r"\(([\w./<>-]+\.py):\d+\)")

_OURS = re.compile(r"^(?:pipelines|reports|schemas|transforms)/")

_OUTER = ("pipelines/cli.py", "pipelines/batch/__main__.py", "pipelines/batch/pipeline.py")
"""Modules of ringtrace that only call the rest, through Beam."""

Stages = list[tuple[float, float, str]]
"""Clock, CPU seconds of the process, and the step whose stage begins; the last is the end."""


@dataclass
class Step:
    """The peak of one step in bytes, and its CPU seconds without other processes'."""

    name: str
    peak: int = 0
    cpu: float = 0.0


@dataclass(frozen=True)
class Observed:
    """A run: its costs, its stages and steps, and the bytes of its encoded batches.

    `encoded` has the bytes of shuffles by content, and the bytes `BETWEEN_STEPS`. `seconds` has the
    CPU seconds of each call of the timed functions.
    """

    used: measured.Measured
    stages: Stages
    steps: list[Step]
    encoded: Counter[str]
    seconds: list[float]

    @property
    def shuffled(self) -> int:
        """Returns the bytes that the shuffles carried."""
        return self.encoded.total() - self.encoded[BETWEEN_STEPS]


def observe(
    folder: Path, output: Path, *timed: str, report: bool = True, one_processor: bool = False
) -> Observed:
    """Runs the world in `folder` and takes the time of functions, each as MODULE:NAME."""
    with tempfile.TemporaryDirectory(dir=output.parent) as scratch:
        notes = Path(scratch, "notes")
        words = ["--one", folder, output, notes, *timed, *(() if report else ("--no-report",))]
        samples: list[tuple[float, int]] = []
        command = measured.python("benchmarks.batch", *words)
        used = measured.run(command, samples, one_processor=one_processor)
        noted: defaultdict[str, list[Any]] = defaultdict(list)
        for line in notes.read_text().splitlines():
            kind, *cells = json.loads(line)
            noted[kind].append(cells)
    encoded: Counter[str] = Counter()
    for content, size in noted["encoded"]:
        encoded[content] += size
    seconds = [spent for (spent,) in noted["seconds"]]
    return Observed(used, noted["stage"], steps(noted["stage"], samples), encoded, seconds)


def one_run(places: Sequence[str], *, report: bool) -> int:
    """Runs a batch in this process, and notes what happens in it; returns its exit status.

    Args:
        places: folder of the world, output, file of the notes, and functions whose time is taken.
        report: whether the report is written.
    """
    folder, output, notes = map(Path, places[:3])

    def note(*cells: object) -> None:
        with notes.open("a") as file:  # forks of the run write there, too
            file.write(json.dumps(cells) + "\n")

    def note_stage(step: str) -> None:
        note("stage", time.monotonic(), time.process_time(), step)

    begin_stage, run_pipeline, encode_batch = (
        WorkDone.begin, runner.run_pipeline, batch_codec.encode_batch
    )  # fmt: skip

    def begin(work: WorkDone, step: str, now: float) -> None:
        note_stage(step)
        begin_stage(work, step, now)

    def run(*arguments: Any, **named: Any) -> None:
        run_pipeline(*arguments, **named)
        note_stage("end")

    def counted(name: str | None) -> Callable[[pa.RecordBatch, pa.Schema], EncodedBatch]:
        def encode(batch: pa.RecordBatch, schema: pa.Schema) -> EncodedBatch:
            made = encode_batch(batch, schema)
            note("encoded", name or ROWS.get(tuple(schema.names), "other"), len(made.read()))
            return made

        return encode

    busy: list[str] = []

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run_timed(*arguments: Any, **named: Any) -> Any:
            if busy:  # another that is timed calls it
                return function(*arguments, **named)
            busy.append(function.__name__)
            begun = time.process_time()
            result = function(*arguments, **named)
            note("seconds", time.process_time() - begun)
            busy.clear()
            return result

        return run_timed

    changed: list[tuple[Any, str, Any]] = [
        (WorkDone, "begin", begin),
        (runner, "run_pipeline", run),
        (batch_codec, "encode_batch", counted(BETWEEN_STEPS)),
        *((module, "encode_batch", counted(None)) for module in (shuffle, publish)),
    ]
    for function in places[3:]:
        module_name, _, name = function.partition(":")
        module = import_module(module_name)
        changed.append((module, name, timed(getattr(module, name))))
    if not report:
        changed.append((pipeline, "write_report", lambda *_, **__: None))
    with ExitStack() as stack:
        for owner, name, value in changed:
            stack.enter_context(mock.patch.object(owner, name, value))
        status = __main__.main([*inputs(folder), "--output", str(output), "--overwrite"])
    if not report and (output / "report").exists():
        sys.exit("a report was written where none was wanted")
    return status


def steps(stages: Stages, samples: Sequence[tuple[float, int]]) -> list[Step]:
    """Returns the steps of a run in the order in which they began, with the peak of its samples."""
    by_name: dict[str, Step] = {}
    for (clock, cpu, name), (until, cpu_then, _) in pairwise(stages):
        step = by_name.setdefault(name, Step(name))
        step.cpu += cpu_then - cpu
        sizes = (size for when, size in samples if clock <= when < until)
        step.peak = max(step.peak, max(sizes, default=0))
    return list(by_name.values())


def print_steps(runs: dict[int, Observed]) -> None:
    """Prints MiB at the peak of each step, CPU seconds, and MiB encoded."""
    columns = [
        {
            **{step.name: (step.peak / 2**20, f"{step.cpu:,.1f}") for step in run.steps},
            "before the report": (
                max(step.peak for step in run.steps if step.name != REPORT) / 2**20,
                "",
            ),
            "all, the report's processes too": (run.used.peak, f"{run.used.cpu:,.1f}"),
        }
        for run in runs.values()
    ]
    rows = (
        [name, *(f"{column[name][0]:,.0f} | {column[name][1]}" for column in columns)]
        for name in columns[0]
    )
    measured.print_table(["step", *(f"{n:,}: MiB | CPU s" for n in runs)], rows)
    for n, run in runs.items():
        contents = run.encoded.most_common()
        sizes = ", ".join(f"{content} {size / 2**20:,.1f}" for content, size in contents)
        print(f"\n{n:,}: MiB encoded {sizes}")


def record_costs(size: int, folder: Path) -> Iterator[tuple[str, ...]]:
    """Yields what a run, a complaint and a call cost: the straight lines through three runs."""
    runs: list[tuple[float, ...]] = []
    for complaints, calls in ((size, 0), (2 * size, 0), (size, CALLS)):
        counts = f"--complaints {complaints} --operations {max(2, complaints // 165)}"
        options = f"{counts} --calls-per-complaint {calls}"
        made = measured.simulate(folder / f"{complaints}-{calls}", options)
        run = observe(made, made / "run")
        entities = ds.dataset(made / "run" / "entities").count_rows()
        used, encoded = run.used, run.encoded.total()
        runs.append((used.cpu, used.peak * 2**20, run.shuffled, encoded, entities))
    for name, alone, twice, called in zip(COSTS, *runs, strict=True):
        complaint = (twice - alone) / size
        call = (called - alone) / (CALLS * size)
        fixed = alone - complaint * size
        yield name, f"{fixed:,.6g}", f"{complaint:,.4g}", f"{call:,.4g}"


def shares(stages: Stages) -> dict[str, list[float]]:
    """Returns the thousandths of a run's time that each stage of each step takes."""
    whole = (stages[-1][0] - stages[0][0]) / 1000
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for (since, _, step), (until, _, _) in pairwise(stages):
        taken[step].append((until - since) / whole)
    return taken


def step_rows(runs: Sequence[Stages]) -> Iterator[str]:
    """Yields a row for each step: its stages in thousandths, the mean over the runs."""
    of_runs = [shares(stages) for stages in runs]
    for step, own in of_runs[0].items():
        columns = zip_longest(*(taken.get(step, ()) for taken in of_runs), fillvalue=0.0)
        stages = [round(sum(column) / len(runs)) for column in columns][: len(own)]
        known = batch_steps().get(step)
        doing = json.dumps(known.doing if known else "?")
        yield f"[{json.dumps(step)}]\ndoing = {doing}\nstages = {stages}\n"


def stage_lines(observed: dict[int, Observed]) -> Iterator[str]:
    """Yields batch_steps.toml, and the stages of each run."""
    yield from step_rows([run.stages for run in observed.values()])
    for size, run in observed.items():
        first = run.stages[0][0]
        yield f"{size:,} complaints, {run.stages[-1][0] - first:.0f} s"
        yield from (f"{clock - first:.2f},{step}" for clock, _, step in run.stages)


def sample(folder: Path, out: Path) -> None:
    """Runs the world in `folder` under py-spy, which writes its stacks to `out`."""
    py_spy = Path(sys.executable).with_name("py-spy")
    if not py_spy.exists():
        sys.exit("py-spy is not installed: uv sync --inexact --group bench")
    with tempfile.TemporaryDirectory() as scratch:
        flags = ["--rate", str(SAMPLES_A_SECOND), "--format", "raw", "--output", str(out)]
        words = [*inputs(folder), "--output", f"{scratch}/run"]
        command = measured.python("pipelines.cli", "batch", *words)
        measured.run([str(py_spy), "record", *flags, "--subprocesses", "--", *command])


def samples_by_module(stacks: Iterable[str]) -> Counter[str]:
    """Counts samples by who was at work, from py-spy's raw stacks: `frame;frame;... count`."""
    counts: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counts[_at_work(stack.split(";"))] += int(count)
    return counts


def _at_work(frames: list[str]) -> str:
    if any("importlib" in frame for frame in frames):
        return "start-up: imports"
    paths = [match[1] for frame in frames if (match := _FRAME.search(frame))]
    ours = [path for path in paths if _OURS.match(path) and path not in _OUTER]
    if ours:
        return ours[-1]
    if any(path.startswith("apache_beam/runners/") for path in paths):
        return "Beam: running"
    return "Beam: building the pipeline" if "pipelines/batch/pipeline.py" in paths else "other"


def _layer(module: str) -> str:
    package, *rest = module.split("/")
    return f"{package}/{rest[0]}" if package == "transforms" and len(rest) > 1 else package


def print_shares(counts: Counter[str]) -> None:
    """Prints the shares of the layers, and the largest ones of modules."""
    layers: Counter[str] = Counter()
    for module, count in counts.items():
        layers[_layer(module)] += count
    for title, counted in (("layer", layers), ("module", counts)):
        largest = counted.most_common(MODULES_SHOWN)
        rows = ((name, f"{count / counts.total():.1%}") for name, count in largest)
        measured.print_table((title, "share of CPU"), rows)
        print()


def print_modules(size: int) -> None:
    """Prints the CPU of a run by module."""
    folder = world(size)
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch, "stacks")
        sample(folder, raw)
        stacks = raw.read_text().splitlines()
    print(f"{size:,} complaints\n")
    print_shares(samples_by_module(stacks))


def _parser() -> measured.Parser:
    parser = measured.Parser("benchmarks.batch", __doc__)
    parser.add_argument("sizes", metavar="N", type=int, nargs="*", default=[20_000])
    costs = parser.add_mutually_exclusive_group()
    costs.add_argument("--record", action="store_true", help="what a record costs")
    costs.add_argument(
        "--stages", action="store_true", help="what each step costs, as batch_steps.toml"
    )
    costs.add_argument("--by-module", action="store_true", help="the share of CPU of each module")
    parser.add_argument("--no-report", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    return parser


def main(words: list[str] | None = None) -> None:
    """Measures each world and prints the table that was asked for."""
    options = _parser().parse_args(words)
    if options.one:
        sys.exit(one_run(options.one, report=not options.no_report))
    if options.by_module:
        for size in options.sizes:
            print_modules(size)
        return
    with tempfile.TemporaryDirectory() as scratch:
        if options.record:
            costs = (row for size in options.sizes for row in record_costs(size, Path(scratch)))
            measured.print_table(("", "fixed", "a complaint", "a call"), costs)
            return
        runs: dict[int, Observed] = {}
        for size in options.sizes:
            runs[size] = observe(world(size), Path(scratch, "run"))
            used = runs[size].used
            print(f"{size:,}: {used.wall:,.0f} s, {used.peak:,.0f} MiB", flush=True)
    if options.stages:
        print("\n".join(stage_lines(runs)))
    else:
        print_steps(runs)
    for less, more in pairwise(options.sizes):
        slope = (runs[more].used.peak - runs[less].used.peak) * 2**20 / (more - less)
        print(f"from {less:,} to {more:,}: {slope:,.0f} bytes a complaint")


if __name__ == "__main__":
    main()
