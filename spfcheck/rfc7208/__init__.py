"""RFC 7208 as a library of pure functions: no I/O, no clock, no settings."""
