"""What is a victim's own, and where it stands in other text."""
