"""Heartbeats: when each part was last at work."""
