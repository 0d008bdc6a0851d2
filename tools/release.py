"""Builds the release, or checks it: `python -m tools.release build` (or `check`).

Both take the files of HEAD. setuptools packs the clock, the umask and the builder's name, so both
archives are packed again: entries sorted, no owner, two modes, the time of the commit.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
AGAIN = ROOT / "build" / "again"
"""Folder of the second build, which stays there to be compared."""

PACKAGES = ("schemas", "transforms", "reports", "pipelines", "ringtrace.py")


def git(*words: str) -> bytes:
    """Returns the output of a git command in this checkout."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def commit_time() -> int:
    """Returns the time of HEAD, in seconds since 1970."""
    return int(git("log", "-1", "--format=%ct"))


def export_head(folder: Path) -> None:
    """Writes the files of HEAD, and nothing else of this checkout, into a folder."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as archive:
        archive.extractall(folder, filter="data")


def build(tree: Path, folder: Path, epoch: int) -> tuple[Path, Path]:
    """Builds the sdist of a tree, and the wheel from that sdist, into a new folder.

    Args:
        tree: the files to build; setuptools leaves its own there.
        folder: what the two are written to.
        epoch: the time of every entry, in seconds since 1970.

    Returns:
        The sdist and the wheel.

    Raises:
        SystemExit: if the build fails, with its last lines.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = ["-m", "build", "--no-isolation", "--outdir", str(folder.resolve()), str(tree)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        check=False,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit("\n".join(["the build failed:", *done.stdout.splitlines()[-20:]]))
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    repack_sdist(sdist, epoch)
    repack_wheel(wheel, epoch)
    return sdist, wheel


def fixed_mode(mode: int) -> int:
    """Returns 755 for what its owner can execute, folders too, else 644."""
    return 0o755 if mode & 0o100 else 0o644


def repack_sdist(path: Path, epoch: int) -> None:
    """Writes a sdist again, so that its bytes depend on names, contents and epoch alone."""
    packed = io.BytesIO()
    with (
        tarfile.open(path) as old,
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=epoch) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old, key=lambda member: member.name):
            mode = fixed_mode(member.mode)
            entry = member.replace(mtime=epoch, mode=mode, uid=0, gid=0, uname="", gname="")
            entry.pax_headers = {}
            new.addfile(entry, old.extractfile(member) if member.isfile() else None)
    path.write_bytes(packed.getvalue())


def repack_wheel(path: Path, epoch: int) -> None:
    """Writes a wheel again, so that its bytes depend on names, contents and epoch alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w") as new:
        # The wheel format asks for .dist-info at the end of the archive.
        for name in sorted(old.namelist(), key=lambda name: (".dist-info/" in name, name)):
            entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            mode = fixed_mode(old.getinfo(name).external_attr >> 16)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.create_system = 3  # Unix, wherever it is built
            new.writestr(entry, old.read(name), zipfile.ZIP_DEFLATED, 9)
    path.write_bytes(packed.getvalue())


def left_out(tree: Path, wheel: Path) -> list[str]:
    """Returns the files of the packages in a tree that a wheel does not have."""
    files = {
        path.relative_to(tree).as_posix()
        for package in PACKAGES
        for path in [tree / package, *(tree / package).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }
    return sorted(files - set(zipfile.ZipFile(wheel).namelist()))


def age(tree: Path) -> None:
    """Gives a tree the times and modes that another clone of it may have."""
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(path, (1_000_000_000, 1_000_000_000))


def build_head() -> None:
    """Builds HEAD into dist/."""
    with tempfile.TemporaryDirectory() as folder:
        export_head(Path(folder))
        for path in build(Path(folder), DIST, commit_time()):
            print(path.relative_to(ROOT))
    if git("status", "--porcelain", "--untracked-files=no"):
        print("uncommitted changes are not in it")


def check() -> None:
    """Builds HEAD a second time, as another machine would, and compares that with dist/.

    Raises:
        SystemExit: if a file differs, or the wheel lacks a file of its packages.
    """
    os.umask(0o077)
    os.environ |= {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    with tempfile.TemporaryDirectory(prefix="another-clone-") as folder:
        tree = Path(folder) / "in" / "a deeper folder"
        export_head(tree)
        age(tree)
        built = build(tree, AGAIN, commit_time())
        missing = left_out(tree, built[1])
    if sorted(path.name for path in DIST.iterdir()) != sorted(path.name for path in built):
        sys.exit(f"{DIST}: has other files than a second build; run make dist")
    for path in built:
        if path.read_bytes() != (DIST / path.name).read_bytes():
            sys.exit(f"{DIST / path.name} and {path} differ; diffoscope shows where")
        print(f"ok    two builds are equal: {path.name}")
    if missing:
        sys.exit(f"the wheel lacks {', '.join(missing)}; see package-data in pyproject.toml")
    print("ok    the wheel has every file of its packages")


if __name__ == "__main__":
    {"build": build_head, "check": check}[sys.argv[1]]()
