"""Other programs for the same files, side by side: `python -m benchmarks.peers`."""
