"""What a record names: identifiers, roles, brands."""
