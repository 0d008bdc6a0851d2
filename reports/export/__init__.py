"""The graph and its clusters in the formats of other tools."""
