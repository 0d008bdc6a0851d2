"""Run every benchmark and print one table: `make bench`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import batch, clusters, impersonation, overlap, phones, report, scripts, survival

batch.main()


clusters.main()


phones.main()


impersonation.main()


scripts.main()


report.main()


survival.main()


overlap.main(100_000)


for module in ("benchmarks.peers", "benchmarks.flame"):
    subprocess.run([sys.executable, "-m", module], check=True)
