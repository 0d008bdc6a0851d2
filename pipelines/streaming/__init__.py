"""`ringtrace stream --watch`: a folder watched on one machine, with its state on disk."""
