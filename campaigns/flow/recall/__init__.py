"""Recalling a run, and unsending its messages."""
