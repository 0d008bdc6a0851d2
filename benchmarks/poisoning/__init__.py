"""The lies that each harm costs: `python -m benchmarks.poisoning`."""
