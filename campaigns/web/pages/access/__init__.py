"""Pages of access: the login, one's own sessions and tokens, and everybody's for an admin."""
