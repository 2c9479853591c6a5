"""Taking back what was accepted."""
