"""Events, and the seals over them."""
