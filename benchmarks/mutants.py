"""Mutation testing: `python -m benchmarks.mutants [SUBJECT ...]`.

Changes the code in small ways with mutmut (a `<` becomes `<=`, an argument None), and counts how
many of these mutants make a unit test fail. The mutants are a seeded sample of the modules of five
subjects (`SUBJECTS`), the same number of each. The same sources and seed give the same mutants, so
that two states of the tests can be compared. A mutant runs the unit tests that call the changed
function, until one fails. A mutant that no test calls survives, too.

Each subject is run in its copy of the tree, `build/mutants/SUBJECT`; in it, `mutmut show NAME` and
`mutmut run NAME` look at a mutant again.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stdout
from hashlib import sha256
from pathlib import Path

from benchmarks.measured import Parser

ROOT = Path(__file__).resolve().parents[1]

WORK = ROOT / "build" / "mutants"

PACKAGES = ("schemas", "transforms", "reports", "pipelines")
"""Folders that mutmut takes as sources; it copies all else."""

COLUMNS = ("killed", "timeout", "survived", "untested")

OUTCOMES = {0: "survived", 5: "untested", 33: "untested"} | dict.fromkeys(
    (-9, -24, 24, 36, 152), "timeout"
)
"""Outcomes by exit status, as mutmut has them; with any other the mutant was noticed."""


SETTINGS = """
process_isolation = "forkserver"
forkserver_warmup = "import"
preload_modules_file = "mutants/warm_up.txt"
timeout_multiplier = 4.0
timeout_constant = 10.0
track_dependencies = false
use_setproctitle = false
"""
"""Settings of mutmut: each mutant imports ringtrace anew, in a fork that has all else loaded."""


SUBJECTS = {
    "evidence": (
        "transforms/extract/evidence.py",
        "transforms/extract/fields.py",
        "transforms/extract/kinds/*.py",
        "transforms/extract/mention.py",
        "transforms/extract/narrative.py",
        "transforms/graph/incidence.py",
        "transforms/graph/link_weights.py",
        "transforms/graph/links.py",
        "reports/evidence_number.py",
        "reports/link_evidence.py",
    ),
    "trust": (
        "transforms/decisions/in_force.py",
        "transforms/decisions/decisions_file.py",
        "transforms/graph/cluster_summary.py",
        "transforms/graph/cuts.py",
        "transforms/graph/entities.py",
        "transforms/graph/final_status.py",
        "transforms/graph/ownership.py",
        "transforms/graph/robustness.py",
        "transforms/values/reporters.py",
        "reports/signing.py",
    ),
    "redaction": (
        "transforms/decode/readings.py",
        "transforms/write/exit_scan.py",
        "transforms/extract/sensitive_text.py",
        "transforms/redact/*.py",
        "transforms/victims/identifier_matcher.py",
        "transforms/victims/number_index.py",
        "reports/disclosure_control.py",
    ),
    "accounting": (
        "transforms/engine/counters.py",
        "transforms/validate/deduplicate.py",
        "transforms/custody/manifest.py",
        "transforms/read/rejects.py",
        "transforms/redact/rejects.py",
        "transforms/validate/rows.py",
    ),
    "custody": (
        "pipelines/key_store.py",
        "pipelines/private_keys.py",
        "reports/referral/package.py",
        "reports/referral/seal.py",
        "transforms/custody/sealed_files.py",
    ),
}
"""Modules of each subject, as globs of the root."""

TESTS = ("tests/unit/pipelines", "tests/unit/reports", "tests/unit/transforms")
"""The folders of the unit tests; those marked `slow` are left out."""


class MutationError(Exception):
    """A run of mutmut that failed; says where it wrote why."""


def copy_tree(name: str, sources: Sequence[str]) -> Path:
    """Copies the checkout for one subject, with the settings of mutmut for it."""
    tree = WORK / name
    shutil.rmtree(tree, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in filter(None, listed.split("\0")):
        if (ROOT / path).exists():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, tree / path, follow_symlinks=False)
    for path in [*TESTS, *sources]:
        if not list(tree.glob(path)):
            raise MutationError(f"{path}, of the subject {name}, is not there")
    others = [path.name for path in tree.iterdir() if path.name not in PACKAGES]
    values = {
        "source_paths": PACKAGES,
        "only_mutate": sources,
        "also_copy": sorted(others),
        "pytest_add_cli_args_test_selection": TESTS,
        "pytest_add_cli_args": (
            "-p", "tests.support.mutation_plugin", "--hypothesis-profile=mutants",
            "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not (slow or long)",
        ),
    }  # fmt: skip
    lines = [f"{key} = {list(value)!r}" for key, value in values.items()]
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "\n".join(lines) + SETTINGS)
    return tree


@contextmanager
def mutmut_in(tree: Path) -> Iterator[None]:
    """Enters a tree, quietly: mutmut reads its settings from the working folder, once.

    Raises:
        MutationError: mutmut is not installed.
    """
    with chdir(tree), redirect_stdout(io.StringIO()):
        try:
            import mutmut
        except ImportError:
            raise MutationError("mutmut is missing here: `make mutants` brings it") from None
        mutmut._reset_globals()
        yield


def exit_statuses(names: tuple[str, ...] = ()) -> dict[str, int | None]:
    """The status of each mutant of the tree that was entered, or of some; None if not yet run."""
    from mutmut.__main__ import collect_source_file_mutation_data

    mutants, _ = collect_source_file_mutation_data(mutant_names=names)
    return {name: status for _, name, status in mutants}


def sample_mutants(tree: Path, count: int, seed: int) -> list[str]:
    """Writes all mutants of a tree, and chooses some of them; more of them include fewer."""
    with mutmut_in(tree):
        from mutmut.__main__ import create_file_mutants
        from mutmut.utils.file_utils import copy_src_dir, walk_mutatable_files

        copy_src_dir()
        for path in walk_mutatable_files():
            if error := create_file_mutants(path).error:
                raise error
        names = list(exit_statuses())
    return sorted(names, key=lambda name: sha256(f"{seed} {name}".encode()).digest())[:count]


def run_mutants(tree: Path, names: Sequence[str]) -> dict[str, str]:
    """Runs the tests of each mutant.

    Returns:
        The outcome of each, a column of `COLUMNS`.

    Raises:
        MutationError: mutmut failed, such as by a test that fails without any mutant.
    """
    log = tree.with_suffix(".log")
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    command = [mutmut, "run", "--max-children", "1", *names]
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(command, cwd=tree, check=False, stdout=file, stderr=file)
    with mutmut_in(tree):
        statuses = exit_statuses(tuple(names))
    if done.returncode or None in statuses.values():
        raise MutationError(f"mutmut failed on {tree.name}: see the end of {log}")
    return {name: OUTCOMES.get(status or 0, "killed") for name, status in statuses.items()}


def diffs(tree: Path, names: Iterable[str]) -> list[str]:
    """Shows each mutant as what it changes."""
    with mutmut_in(tree):
        from mutmut.mutation.diff_apply import get_diff_for_mutant

        return [get_diff_for_mutant(name) for name in names]


def row(name: str, outcomes: Iterable[str]) -> str:
    """The outcomes of a subject, counted, and the share that was noticed."""
    counts = Counter(outcomes)
    score = (counts["killed"] + counts["timeout"]) / (counts.total() or 1)
    cells = [name, *(str(counts[column]) for column in COLUMNS), f"{score:.3f}"]
    return f"| {' | '.join(cells)} |"


def main(words: list[str] | None = None) -> None:
    """Prints a row for each subject, and the mutants that survived."""
    parser = Parser("benchmarks.mutants", __doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=", ".join(SUBJECTS))
    parser.add_argument("--count", type=int, default=300, help="mutants of all subjects (300)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (1)")
    parser.add_argument("--show-survivors", action="store_true", help="show what they change")
    options = parser.parse_args(words)
    if unknown := set(options.subjects) - SUBJECTS.keys():
        parser.error(f"no subject {', '.join(sorted(unknown))}: there are {', '.join(SUBJECTS)}")
    share = options.count // len(SUBJECTS)
    print(f"| subject | {' | '.join(COLUMNS)} | score |\n|---|{'---|' * (len(COLUMNS) + 1)}")
    every: list[str] = []
    survivors: list[str] = []
    start = time.monotonic()
    for name in options.subjects or SUBJECTS:
        try:
            tree = copy_tree(name, SUBJECTS[name])
            outcomes = run_mutants(tree, sample_mutants(tree, share, options.seed))
        except MutationError as error:
            sys.exit(f"python -m benchmarks.mutants: {error}")
        print(row(name, outcomes.values()), flush=True)
        every += outcomes.values()
        missed = sorted(mutant for mutant in outcomes if outcomes[mutant] in COLUMNS[2:])
        shown = diffs(tree, missed) if options.show_survivors else [""] * len(missed)
        for mutant, diff in zip(missed, shown, strict=True):
            survivors.append(f"{name}, {outcomes[mutant]}: {mutant}\n{diff}".rstrip())
    print(row("all", every))
    print(f"\n{len(every)} mutants in {(time.monotonic() - start) / 60:.0f} minutes. Survivors:\n")
    print(*survivors, sep="\n")


if __name__ == "__main__":
    main()
