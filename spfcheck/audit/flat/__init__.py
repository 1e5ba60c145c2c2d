"""Flat records: plain networks, hosts and remembered includes, so that a record is a list of address ranges."""
