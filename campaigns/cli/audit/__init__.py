"""`audit`."""
