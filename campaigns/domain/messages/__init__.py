"""The message of a campaign: its fields, its contents in turn, and the bytes of a request."""
