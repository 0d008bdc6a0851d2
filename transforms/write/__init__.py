"""A finished run: counted, written aside, and published whole."""
