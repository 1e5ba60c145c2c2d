"""One check for a caller: our senders as they are now, and check_host() for people."""
