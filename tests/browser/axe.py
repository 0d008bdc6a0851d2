"""axe-core, the accessibility rules engine, from npm into a folder beside the tests' cache."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

VERSION = "4.10.3"


def source(cache: Path) -> str | None:
    """The script, or None where npm cannot bring it."""
    kept = cache / f"axe-core-{VERSION}.js"
    if not kept.exists():
        if not shutil.which("npm"):
            return None
        cache.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", f"axe-core@{VERSION}", "--silent"], cwd=cache, timeout=60, check=False
        )
        archive = cache / f"axe-core-{VERSION}.tgz"
        if packed.returncode or not archive.exists():
            return None
        with tarfile.open(archive) as files:
            kept.write_bytes(files.extractfile("package/axe.min.js").read())
    return kept.read_text(encoding="utf-8")
