"""What you run: batch and the other commands, their options and the command line."""
