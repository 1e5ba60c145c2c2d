"""Terms that were evaluated before, for all addresses: cached, so that a check only compares."""
