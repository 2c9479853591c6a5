"""Probe an account: learn from one scheduled message what no document of the vendor states."""
