"""Validation: loose rows in; each ends accepted, or rejected with the code of its first fault."""
