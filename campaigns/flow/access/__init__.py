"""Who may act on what, and acts that are done once."""
