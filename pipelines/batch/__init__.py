"""The batch run: `ringtrace batch`.

The checked `options` become a `plan`, and the plan a Beam `pipeline`. The pipeline publishes a
run: the tables of the output contract, a report and a manifest.
"""
