"""`accounts` and `limits`."""
