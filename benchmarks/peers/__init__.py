"""What else one could run on the same files, side by side: `python -m benchmarks.peers`."""
