"""The exchange with other organisations: `ringtrace exchange`.

It takes finished runs and partners' signed files, and writes signed offers, revocations, letters
about shared victims, and joint runs. No victim's data leaves in clear.
"""
