"""Imports run one way, files are one idea each, and docstrings say it plainly."""

import ast
import builtins
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.real_data import ROOT

PACKAGES = ("schemas", "transforms", "reports", "pipelines", "ringtrace.py")

QUESTION = re.compile(r"(What|Whether|Where|How|Whose|Which|Who|When|Why)\b")


def modules(package: str) -> list[Path]:
    """The modules of a package; of a module, itself."""
    path = ROOT / package
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_imports_run_one_way():
    lint = Path(sys.executable).with_name("lint-imports")
    if not lint.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [lint, "--no-cache"], check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


@cache
def parsed(path: Path) -> ast.Module:
    """The tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def docstrings(path: Path) -> list[str]:
    """The docstrings of a module, its classes and functions, and those below its constants."""
    expressions = (
        node.value
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )
    return [constant.value for constant in expressions if isinstance(constant.value, str)]


@pytest.mark.parametrize("package", [*PACKAGES, "benchmarks", "tools"])
def test_docstrings_begin_with_a_verb_or_a_noun(package):
    for path in modules(package):
        assert path.read_text(encoding="utf-8").startswith(('"""', 'r"""')), path
        for text in docstrings(path):
            assert not QUESTION.match(text), f"{path}: {text.splitlines()[0]}"


def defined(node: ast.stmt) -> list[str]:
    """The names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    targets = node.targets if isinstance(node, ast.Assign) else []
    parts = (part for target in targets for part in ast.walk(target))
    return [part.id for part in parts if isinstance(part, ast.Name)]


def read(node: ast.AST) -> list[str]:
    """The names that a node reads; the text of a constant is one, as lazy imports have them."""
    if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
        return [node.id if isinstance(node, ast.Name) else node.attr]
    if isinstance(node, ast.ImportFrom):
        return [alias.name for alias in node.names]
    return [str(node.value)] if isinstance(node, ast.Constant) else []


def test_docstrings_name_errors_that_exist():
    every = [path for package in [*PACKAGES, "benchmarks", "tools"] for path in modules(package)]
    nodes = [node for path in every for node in ast.walk(parsed(path))]
    classes = {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    known = {*dir(builtins), *classes, *(name for node in nodes for name in read(node))}
    for path in every:
        for text in docstrings(path):
            raised = re.findall(r"^ +(\w+Error):", text.partition("Raises:")[2], re.MULTILINE)
            assert set(raised) <= known, f"{path}: {text.splitlines()[0]}"


def test_no_function_class_or_constant_is_unused():
    packages = [*PACKAGES, "benchmarks", "tools", "deploy"]
    trees = {path: parsed(path) for package in packages for path in modules(package)}
    used = {name for tree in trees.values() for node in ast.walk(tree) for name in read(node)}
    unused = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees.items()
        if path != ROOT / "ringtrace.py"  # a user reads these
        for node in tree.body
        for name in defined(node)
        if name not in used and not name.startswith("__")
    ]
    assert unused == []


OPENING = re.compile(
    r"open|(os|io|codecs|bz2|lzma|tarfile|wave|shelve|dbm)\.open|os\.popen|FileSystems\.open"
    r"|.*\b(path|file|aside|folder)\.open|(\w+\.)?Path\(.*\)\.open|.*(\)|\]| / \w+)\.open"
    r"|.*\.(read_text|read_bytes|urlopen|urlretrieve|HTTPS?Connection|open_input_\w+|fromfile)"
    r"|urlopen|urlretrieve|(httpx|aiohttp|urllib3|ftplib|smtplib|telnetlib)\.\w+"
    r"|(pq|gzip|zipfile|tarfile|ds|pa|np|pd|pacsv|csv)\.(read_\w+|ParquetFile|open|\w+File"
    r"|dataset|memory_map|load|loadtxt|genfromtxt|memmap)|(ParquetFile|ZipFile|GzipFile)"
    r"|shutil\.(copy\w*|unpack_archive)|socket\.\w+|create_connection|sqlite3\.connect"
    r"|requests\.[a-z]\w+|requests\.Session"
)
"""Calls that open a file or a socket."""

OPENED = re.compile(
    r"(fileobj=)?(pa\.BufferReader|io\.BytesIO|open_raw|open_private)\("
    r"|(file|stream|content|sealed)$"
)
"""First arguments of calls that read what is open already."""

OWN = {
    "pipelines/safe_files.py": "a lock, a new file or a folder, to be written",
    "transforms/write/parquet_files.py": "a new file, to be written",
    "transforms/write/publish.py": "folders and files of the run, for the disk",
    "pipelines/data_files.py": "data of the package",
    "pipelines/journal.py": "the user's own journal, which no other user made; the list of disks",
    "reports/exchange/offer.py": "data of the package",
    "reports/page_script.py": "data of the package",
    "reports/referral/document.py": "data of the package",
    "reports/text.py": "data of the package",
    "transforms/redact/names.py": "the model that the user installed",
    "transforms/decode/text_util.py": "data of the package",
    "pipelines/commands/demo.py": "what the demo has just written",
    "pipelines/commands/report.py": "what the command has just written",
    "pipelines/workbench_state.py": "what the workbench has just written",
    "pipelines/commands/erase.py": "private files, which were compared with what the run wrote",
    "pipelines/commands/serve.py": "the server's own port",
    "pipelines/private_keys.py": "the agent of the person, with a deadline and a bound",
    "pipelines/runner.py": "whether a job server listens; nothing is read",
    "pipelines/simulate/generate.py": "what the simulator has just written",
    "reports/partition.py": "rows that the report has set aside",
    "reports/referral/reference.py": "data of the package",
    "reports/tables.py": "tables, which were compared with what the run wrote",
    "reports/workbench.py": "data of the package",
    "transforms/write/exit_scan.py": "what the run is writing",
    "transforms/gates/reader.py": "the reader",
    "transforms/stream/tick_files.py": "what the tick has just written, for the disk",
}
"""Modules that open files and sockets themselves, and what these are."""


def test_what_others_wrote_is_opened_by_the_reader():
    """Files by gates/reader.py and servers by gates/http.py, which hold the bounds."""
    needed = set()
    for path in [path for package in PACKAGES[1:] for path in modules(package)]:
        name = path.relative_to(ROOT).as_posix()
        for call in [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]:
            function, words = ast.unparse(call.func), [ast.unparse(part) for part in call.args]
            modes = [word for word in words if re.fullmatch(r"'[wax]\+?b?'", word)]
            first = next(iter(words), "") or "".join(map(ast.unparse, call.keywords))
            if OPENING.fullmatch(function) and not modes and not OPENED.match(first):
                assert name in OWN, f"{name}:{call.lineno}: open it by transforms.gates.reader"
                needed.add(name)
    assert needed == set(OWN), "allows what nobody opens"
