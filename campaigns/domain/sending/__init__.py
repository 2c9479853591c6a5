"""How fast a run may go, and when it will end."""
