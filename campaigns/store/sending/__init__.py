"""Lanes, batches, attempts: the locking writes of the send path."""
