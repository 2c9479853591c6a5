"""Occurrences: one row for each time of a schedule."""
