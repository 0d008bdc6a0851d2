"""Everything made of a run for people and for other systems, from its tables and manifest alone.

In: `reports.run.Run`. Out: HTML pages, downloads and figures, explanations, signed offers to other
organisations, and sealed referral packages. Nothing here needs Apache Beam.
"""
