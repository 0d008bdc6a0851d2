"""Analysts' decisions: read, checked, and in force or not."""
