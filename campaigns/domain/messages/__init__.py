"""What a campaign says: its fields, its contents in turn, and the bytes of a request."""
