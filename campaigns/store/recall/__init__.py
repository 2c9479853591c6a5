"""Recalls and their requests."""
