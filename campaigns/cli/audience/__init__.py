"""`suppress` and `who`."""
