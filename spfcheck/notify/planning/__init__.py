"""The plan of a night: checks, evidence, decisions and brakes."""
