"""``make mutants``: each guard of the product broken once, to see that a test leans on it."""
