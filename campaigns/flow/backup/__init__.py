"""Recognising a database that was restored."""
