"""Run every benchmark and print one table: `make bench`."""

from __future__ import annotations

from benchmarks import batch, clusters, impersonation, phones

batch.main()
clusters.main()
phones.main()
impersonation.main()
