"""Read-only questions, with the keys of the documented JSON."""
