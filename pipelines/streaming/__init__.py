"""The stream: `ringtrace stream`.

It reads records from a watched folder, Kafka or Pub/Sub, and writes alerts, rejects and snapshots
of the clusters. `pipeline` runs on every runner. `watch` and its modules run it on one machine,
with its state on disk.
"""
