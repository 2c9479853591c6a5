"""Audience versions and suppressions."""
