"""What organisations tell each other: offers, and how many victims they share."""
