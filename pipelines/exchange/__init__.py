"""The exchange with other organisations: `ringtrace exchange`.

In come finished runs and signed files of partners; out go signed offers, revocations and letters
about shared victims, and joint runs. Nothing of a victim leaves in clear.
"""
