"""Who may ask: keys, sessions, and the guard in front of every route."""
