"""Who it is sent to, as integer sets."""
