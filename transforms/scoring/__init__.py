"""How well a clustering agrees with a known truth."""
