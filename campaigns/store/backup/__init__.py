"""A database that was restored from a backup."""
