"""Read-only questions of the desk: its operations, and the moment that a list shows."""
