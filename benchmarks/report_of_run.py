"""What the report of a finished run takes, with one process and with as many as there are cores.

`python -m benchmarks.report_of_run RUN [PROCESSES...]`; each is a process of its own, and what is
written is compared.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks import measured
from transforms.write.job_pool import local_desk, processors


def written(run: str, processes: int) -> str:
    """Write the report, and give up its files: a digest of each in JSON."""
    from reports.html import site

    manifest = json.loads(Path(run, "manifest.json").read_bytes())
    with (
        tempfile.TemporaryDirectory(dir=Path(run).parent) as out,
        local_desk(out, processes) as desk,
    ):
        site.write(run, manifest, desk)
        found = {one["name"]: [one["sha256"], one["bytes"]] for one in desk.written}
    return json.dumps(found, sort_keys=True)


def main(run: str, counts: list[int]) -> None:
    """Print one table."""
    print("| processes | wall s | CPU s | peak MiB of all | files | MB | load |")
    print("|---|---|---|---|---|---|---|")
    outputs = set()
    for count in counts or sorted({1, processors()}):
        found = measured.run(measured.python("benchmarks.report_of_run", run, "--write", count))
        outputs.add(found.output)
        files = json.loads(found.output)
        size = sum(size for _, size in files.values()) / 1e6
        used = f"{found.wall:.1f} | {found.cpu:.1f} | {found.peak:.0f}"
        print(f"| {count} | {used} | {len(files):,} | {size:.0f} | {os.getloadavg()[0]:.1f} |")
    if len(counts) != 1:
        print("the same bytes" if len(outputs) == 1 else "DIFFERENT BYTES")


if __name__ == "__main__":
    if "--write" in sys.argv:
        sys.stdout.write(written(sys.argv[1], int(sys.argv[3])))
    else:
        main(sys.argv[1], [int(one) for one in sys.argv[2:]])
