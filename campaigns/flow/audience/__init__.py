"""Users who must not be sent to."""
