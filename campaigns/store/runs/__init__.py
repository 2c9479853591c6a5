"""Runs: opening, freezing the plan, counting, ending."""
