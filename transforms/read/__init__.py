"""Reading: files of any known format in, loose rows of the contract and rejects out."""
