"""Searches for unknown batches, ownership of messages, and the sent counts that the vendor reports."""
