"""What people read and send: built from the tables of a finished run."""
