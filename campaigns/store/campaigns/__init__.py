"""Campaigns and their revisions."""
