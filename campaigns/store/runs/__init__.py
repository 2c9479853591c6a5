"""Runs: opening one, freezing its plan, counting and ending it, and its content."""
