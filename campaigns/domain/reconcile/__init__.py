"""What the vendor's queue proves about an unknown batch."""
