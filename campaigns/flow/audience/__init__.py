"""Who must not be sent to."""
