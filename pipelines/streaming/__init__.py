"""The stream: `ringtrace stream`.

Records come in from a watched folder, Kafka or Pub/Sub; alerts, rejects and snapshots of the
clusters go out. `pipeline` runs on every runner; `watch` and its modules run it on one machine,
with its state on disk.
"""
