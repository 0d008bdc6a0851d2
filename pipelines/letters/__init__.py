"""Signed letters that every command may read: offers, revocations, consents, lists of keys, counts.

A letter is accepted whole, or refused by name. `exchange` and `referral` write their own letters.
Joins and corrections need only this package.
"""
