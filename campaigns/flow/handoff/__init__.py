"""Runs that the vendor sends at their own time."""
