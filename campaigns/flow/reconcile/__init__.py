"""Unknown batches: settling abandoned attempts, searching at the vendor, an operator's decision."""
