"""Identifiers in what people wrote: numbers, sites, accounts, brands, each with its place."""
