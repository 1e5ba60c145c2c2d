"""Sending: the second look, the message, its outcome, and the lock of the one sender."""
