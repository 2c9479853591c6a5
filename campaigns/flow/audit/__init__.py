"""Sealing what happened."""
