"""Identifier kinds: a text in, matches with a canonical value out; one module a kind.

A module that searches texts has `HINT` (RE2: without a match of it, a text holds nothing) and
`find(text)`, which returns `Match`es. A module that reads a field has `from_field`. `registry`
declares the kinds and their facts for other packages.
"""
