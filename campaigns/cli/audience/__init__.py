"""The commands `suppress` and `who`."""
