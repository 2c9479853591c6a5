"""A database that was restored from a backup: its fences, and what was ready."""
