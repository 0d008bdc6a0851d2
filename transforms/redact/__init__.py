"""What is the victim's own, kept out of what is kept."""
