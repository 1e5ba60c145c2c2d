"""Terms that were evaluated before, for all addresses: remembered, so that a check only compares."""
