"""Identifier kinds: a text in, matches with a canonical value out; one module a kind.

A module that searches texts has `HINT` (RE2: without a match of it, a text holds nothing) and
`find(text)`, whose items are `Match`es; one that reads a field has `from_field`. `registry`
declares the kinds, and all that other packages must know of each.
"""
