"""Run every benchmark and print one table: `make bench`."""

from __future__ import annotations

from benchmarks import batch, clusters

batch.main()
clusters.main()
