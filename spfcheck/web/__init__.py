"""The support page and the customers' help: rendered here, complete without a script."""
