"""Heartbeats: when each part was last at work, and which vendor the workers serve."""
