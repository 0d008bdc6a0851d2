"""Figures of a cluster and of a run, drawn as SVG.

In: `ClusterFacts`, or counts of a run, and node positions in the run before. Out: figures as
plain data (nodes, lines, rows, bars), and SVG of them that needs no script.
"""
