"""What a domain's owner needs to know: what is wrong, whom it hurts, and a repair that is proven."""
