"""Schedules of all accounts, as a list and as a calendar."""
