"""What goes wrong with the database, as one sentence."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be opened, brought up to date or used; the message is one clear sentence."""
