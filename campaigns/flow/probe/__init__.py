"""Probe an account: ask the vendor, by one scheduled message, what no document says."""
