"""Occurrences that come due, and what operators do to a schedule."""
