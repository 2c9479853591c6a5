"""Recalls of runs, and the requests that unsend their messages."""
