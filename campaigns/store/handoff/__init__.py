"""Batches that the vendor holds until their own time."""
