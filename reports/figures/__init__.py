"""Pictures as SVG: the graph of a cluster, and its timeline."""
