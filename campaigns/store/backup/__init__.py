"""A database that was restored from a backup: its fences, its hosts, its incarnation, and its ready batches."""
