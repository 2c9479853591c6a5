"""Who may do what at the desk and in its API."""
