"""Signed letters that every command may read: offers, revocations, consents, lists of keys, counts.

A letter is accepted whole, or refused by name. The rooms of `exchange` and `referral` write letters
of their own; a run is joined with offers, and what left is corrected, without these.
"""
