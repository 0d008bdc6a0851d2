"""Referrals to authorities: `ringtrace referral` seals a package, `ringtrace verify` checks one.

Nothing outside imports from here or from `reports.referral`: commands are rows of `COMMANDS`, and
`ringtrace resolve` asks `holding` by a row of `HOLDINGS`.
"""
