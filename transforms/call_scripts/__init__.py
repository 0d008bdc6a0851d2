"""Script families: what many victims were told in nearly the same words."""
