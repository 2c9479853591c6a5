"""Runs that the vendor sends at their time."""
