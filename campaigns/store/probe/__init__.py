"""Probes of accounts, and what they learned."""
