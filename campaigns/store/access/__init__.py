"""Idempotency keys, operators, sessions and tokens of the desk."""
