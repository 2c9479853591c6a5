"""Outcomes that this host keeps while the database is away."""
