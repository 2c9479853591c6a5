"""What beat and workers call: the tick, and serving a lane."""
