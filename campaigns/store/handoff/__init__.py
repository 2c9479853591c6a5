"""What the vendor sends at a time of its own."""
