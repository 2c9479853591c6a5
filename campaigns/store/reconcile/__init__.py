"""Searches for unknown batches, and the sent counts that the vendor reports."""
