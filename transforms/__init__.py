"""The steps: pure functions on Arrow batches, each with the thin PTransform that applies it."""
