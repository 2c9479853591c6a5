"""Vendor accounts: their rows, and what each is bound to."""
