"""Reports as the service keeps and serves them."""
