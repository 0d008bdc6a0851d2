"""Referrals to authorities: `ringtrace referral` seals a package, `ringtrace verify` checks one.

No other package imports this one or `reports.referral`. Its commands are rows of `COMMANDS`, and
`ringtrace resolve` calls `holding` through a row of `HOLDINGS`.
"""
