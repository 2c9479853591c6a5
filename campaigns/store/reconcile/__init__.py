"""Unknown batches that are searched for."""
