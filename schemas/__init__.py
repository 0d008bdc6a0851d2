"""The contracts: Arrow schemas and enumerations that every other room builds on.

Nothing in here imports the rest of ringtrace, and nothing in here opens a file.
"""

CONTRACT_VERSION = 1
"""Version of the input and output contracts that these schemas describe."""
