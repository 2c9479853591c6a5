"""The vendor's API over HTTP."""
