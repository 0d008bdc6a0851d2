"""The contracts: Arrow schemas, closed vocabularies, and the files that organisations exchange.

In: nothing; no module here imports the rest of ringtrace, and only `contract_docs` writes files.
Out: one contract a module, its key, and in `tables` the tables of a run by name.
"""

CONTRACT_VERSION = 1
"""Version of the input and output contracts that these schemas describe."""
