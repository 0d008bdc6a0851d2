"""Kinds of identifiers, a module each."""
