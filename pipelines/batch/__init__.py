"""The batch run: `ringtrace batch`.

`options` are checked and become a `plan`, the plan becomes a `pipeline` of Beam, and the pipeline
publishes a run: the tables of the output contract, a report and a manifest.
"""
